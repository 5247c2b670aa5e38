"""What answers say of a model, held against what is known of the public items."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cedar_rows import ALIGNMENT, NO_PICTURES, PICTURES, changed, key, source

from packs import CULTURES, EMOTIONS, PACKS
from psyche_kedro.datasets import SourceFilesDataset
from psyche_kedro.llm.pictures import words_of
from psyche_kedro.pipelines.cedar import tables
from psyche_kedro.pipelines.cedar.alignment import measures
from psyche_kedro.pipelines.cedar.alignment.answering import answer_items
from psyche_kedro.pipelines.cedar.alignment.given import read_given_benchmarks
from psyche_kedro.pipelines.cedar.alignment.scoring import score_alignment
from psyche_kedro.pipelines.cedar.annotation.release import benchmark_files
from psyche_kedro.tables import content_id, frame
from scripted import ScriptedChatModel, fail

PROJECT = Path(__file__).parents[3]
DATA = Path(os.environ.get("PSYCHE_REAL_DATA", PROJECT.parent / "shared" / "data"))
PUBLIC = DATA / "cedar/multimodal_25_sample"
QUICK = changed(ALIGNMENT, n_resamples=200, permutations=199)
NATIVE = changed(QUICK, ways=("native",))
EAST = {"zh", "ja", "hi"}


# ---- measures --------------------------------------------------------------------


def numbers(*rows: str) -> np.ndarray:
    """``"AAB"`` is three cultures, of which two have one answer."""
    return np.array([[ord(c) - ord("A") if c != "-" else -1 for c in r] for r in rows])


def measured(answers, golds, english=0):
    of = measures.measure(answers, golds, english)
    means = {name: float(getattr(of, name).mean()) for name in (*of._fields, "gain")}
    return means | {"efficiency": measures.efficiency(of)}


def test_the_golds_themselves_have_all_there_is_to_gain():
    golds = numbers("AAB", "ABC")
    found = measured(golds, golds)
    assert (found["alignment"], found["best"], found["efficiency"]) == (1, 1, 1)
    assert found["consistency"] == pytest.approx((1 / 3 + 0) / 2)
    assert found["shuffled"] == pytest.approx((5 / 9 + 3 / 9) / 2)


def test_a_model_that_answers_alike_gains_nothing_however_often_it_is_right():
    golds = numbers("AAB", "BBB", "ACB")
    found = measured(measures.plurality_everywhere(golds), golds)
    assert found["consistency"] == 1
    assert found["gain"] == pytest.approx(0)
    assert found["efficiency"] is None


def test_right_answers_in_the_wrong_places_are_the_best_that_was_missed():
    found = measured(numbers("BAA"), numbers("AAB"))
    assert found["alignment"] == pytest.approx(1 / 3)
    assert found["best"] == 1
    assert found["gain"] < 0


def test_an_unread_answer_matches_nothing_and_agrees_with_nothing():
    found = measured(numbers("--A"), numbers("AAA"))
    assert (found["consistency"], found["alignment"]) == (0, pytest.approx(1 / 3))


def test_pull_counts_english_golds_in_other_languages():
    assert measured(numbers("AAB"), numbers("ABB"))["pull"] == pytest.approx(1 / 2)


def test_the_p_of_a_gain_tells_golds_from_chance():
    rng = np.random.default_rng(0)
    golds = rng.integers(4, size=(60, 7))
    p = {"permutations": 199, "seed": 0}
    assert measures.gain_p(golds, golds, **p) == pytest.approx(1 / 200)
    chance = [
        measures.gain_p(rng.integers(4, size=golds.shape), golds, **p)
        for _ in range(60)
    ]
    assert np.mean(np.array(chance) <= 0.1) < 0.25
    assert 0.3 < np.mean(chance) < 0.7


def test_macro_f1_is_over_the_golds_emotions():
    golds, answers = np.array([0, 0, 1, 1]), np.array([0, 2, 1, -1])
    assert measures.macro_f1(answers, golds) == pytest.approx(2 / 3)


# ---- the public items ------------------------------------------------------------

needs_public = pytest.mark.skipif(not PUBLIC.exists(), reason="no public items here")


@pytest.fixture(scope="module")
def public():
    files = SourceFilesDataset(path=str(PUBLIC.parent)).load()
    return read_given_benchmarks(files, PACKS, PICTURES)


def golds_of(items: pl.DataFrame) -> np.ndarray:
    wide = items.pivot("language", index="scenario_id", values="gold").select(CULTURES)
    return np.array(
        [[EMOTIONS.index(gold) for gold in row] for row in wide.iter_rows()]
    )


@needs_public
def test_the_public_items_are_read_whole(public):
    assert (public.items.height, public.pictures.height) == (175, 25)
    assert public.rejected.is_empty()
    assert public.items["modality"].unique().to_list() == ["multimodal"]
    assert sorted(public.pictures["kind"].value_counts()["count"]) == [2, 23]
    words = (
        PACKS[c].emotions[g] for c, g in public.items.select("language", "gold").rows()
    )
    assert public.items["gold_word"].to_list() == list(words)


def answers_of(golds):
    """Every row of reference answers: a model's name, and what it says."""
    zh, ja = CULTURES.index("zh"), CULTURES.index("ja")
    swapped = golds.copy()
    swapped[:, [zh, ja]] = golds[:, [ja, zh]]
    alike = {c: np.repeat(golds[:, [n]], 7, 1) for n, c in enumerate(CULTURES)}
    return alike | {
        "golds": golds,
        "plurality": measures.plurality_everywhere(golds),
        "contentment": np.full_like(golds, EMOTIONS.index("contentment")),
        "swapped": swapped,
    }


KNOWN = {
    "golds": [0.5086, 1.0, 0.5788, 1.0, 0.4212, 1.0],
    "swapped": [0.5086, 0.8971, 0.5788, 1.0, 0.3184, 0.7558],
}
RIGHT = {"en": 0.6, "zh": 0.5486, "ar": 0.5543, "hi": 0.5771, "ja": 0.5657}
RIGHT |= {"es": 0.6, "sw": 0.6057, "plurality": 0.6914, "contentment": 0.2114}
KNOWN |= {name: [1.0, n, n, n, 0.0, None] for name, n in RIGHT.items()}
METRICS = ("consistency", "alignment", "shuffled", "best", "gain", "efficiency")


@pytest.fixture(scope="module")
def sat(public):
    """The public items answered by models that say the reference answers."""
    rows = list(public.items.iter_rows(named=True))
    scenarios = list(dict.fromkeys(row["scenario_id"] for row in rows))
    place = {
        asked_as(row): (scenarios.index(row["scenario_id"]), row["language"])
        for row in rows
    }

    def model_of(said):
        def reply(request):
            n, code = place[words_of(request.messages[0])]
            return PACKS[code].emotions[EMOTIONS[said[n, CULTURES.index(code)]]]

        return ScriptedChatModel([("", reply)])

    subjects = {
        name: model_of(said)
        for name, said in answers_of(golds_of(public.items)).items()
    }
    predictions = answer_items(
        cedar_items=public.items.clear(),
        given_items=public.items,
        pictures=NO_PICTURES,
        given_pictures=public.pictures,
        packs=PACKS,
        subjects=subjects,
        params=NATIVE,
    )
    none = public.items.clear()
    return score_alignment(predictions, none, public.items, PACKS, NATIVE)


def asked_as(item) -> str:
    pack = PACKS[item["language"]]
    words = pack.words(EMOTIONS)
    said = {name: item[name] for name in ("narrative", "question")}
    return pack.say("answer", options=words, picture=True, persona="", **said)


@needs_public
@pytest.mark.parametrize("name", KNOWN)
def test_the_nodes_score_reference_answers_as_they_are_known(sat, name):
    rows = sat.scores.filter(subject=name, slice="multimodal")
    found = dict(rows.select("metric", "value").iter_rows())
    assert [found[m] for m in METRICS] == pytest.approx(KNOWN[name], abs=5.1e-5)


@needs_public
def test_the_lines_of_reference_are_those_of_the_public_golds(sat):
    found = sat.reference.rows_by_key(["line", "metric"], named=True, unique=True)
    assert round(found["people", "consistency"]["value"], 4) == 0.5086
    assert round(found["people", "alpha"]["value"], 3) == 0.439
    assert round(found["ceiling", "alignment"]["value"], 4) == 0.6914
    assert found["chance", "alignment"]["value"] == 1 / 14
    for code in CULTURES:
        right = found[code, "alignment"]["value"]
        assert right == pytest.approx(KNOWN[code][1], abs=5e-5)
    assert {row["n"] for row in found.values()} == {25}


@needs_public
def test_the_public_items_are_released_byte_for_byte(public):
    found = benchmark_files(public.items, public.pictures, PACKS)
    for pack in PACKS.values():
        theirs = PUBLIC / f"multilingual/{pack.file_name}_inq_sample_25.json"
        ours = found[f"multimodal/multilingual/{pack.file_name}_inq.json"]
        assert ours.encode() == theirs.read_bytes()
    original = (PUBLIC / "original/ori_inq_sample_25.json").read_bytes()
    assert found["multimodal/original/ori_inq.json"].encode() == original
    images = {name for name in found if name.startswith("multimodal/images/")}
    assert images == {
        f"multimodal/images/{p.name}" for p in (PUBLIC / "images").iterdir()
    }


# ---- given benchmarks ------------------------------------------------------------


def layout(**golds: str):
    """One item of a benchmark, its golds by language code."""
    for code, gold in golds.items():
        word = PACKS[code].emotions.get(gold, gold)
        item = {"id": 1, "narrative": f"{code}.", "question": "?", "answer": word}
        text = json.dumps([item | {"english_ver_answer": gold}])
        yield source(f"set/multilingual/{PACKS[code].file_name}_inq.json", text)


ALL = dict.fromkeys(CULTURES, "awe")


@pytest.mark.parametrize(
    ("golds", "reason"),
    [
        ({c: "awe" for c in CULTURES if c != "sw"}, "missing:sw"),
        (ALL | {"hi": "joy"}, "unknown_gold:hi"),
        (ALL | {"hi": PACKS["hi"].emotions["awe"]}, "unknown_gold:hi"),
    ],
)
def test_an_item_that_lacks_something_is_out_in_all_languages(golds, reason):
    found = read_given_benchmarks(list(layout(**golds)), PACKS, PICTURES)
    assert found.items.is_empty()
    assert found.rejected["reason"].to_list() == [reason]


def hindi(*words: str):
    """The item with these words for its Hindi gold, an item for each."""
    items = [
        {"id": 1, "narrative": "n", "question": "?", "answer": word}
        | {"english_ver_answer": "amusement"}
        for word in words
    ]
    others = {c: "amusement" for c in CULTURES if c != "hi"}
    own = source("set/multilingual/hindi_inq.json", json.dumps(items))
    return read_given_benchmarks([*layout(**others), own], PACKS, PICTURES)


def test_a_gold_is_the_same_word_in_whatever_unicode_form():
    composed, taken_apart = "म\u095bा", "म\u091c\u093cा"
    assert composed != taken_apart
    for word in (composed, taken_apart):
        assert hindi(word).items.height == 7


def test_a_gold_in_two_languages_that_differ_is_no_gold():
    for word in (PACKS["hi"].emotions["awe"], PACKS["ja"].emotions["amusement"], "x"):
        assert hindi(word).rejected["reason"].to_list() == ["golds_differ:hi"]


def test_an_id_that_stands_twice_in_a_file_is_no_item():
    word = PACKS["hi"].emotions["amusement"]
    assert hindi(word, word).rejected["reason"].to_list() == ["duplicate_id:hi"]


def test_an_item_whose_picture_is_gone_is_not_asked_as_text():
    files = [*layout(**ALL), source("set/images/2.png", b"no picture")]
    found = read_given_benchmarks(files, PACKS, PICTURES)
    assert sorted(found.rejected["reason"]) == ["no_picture", "picture_missing"]


# ---- answers and scores ----------------------------------------------------------


def gold_of(n: int, culture: str) -> str:
    return EMOTIONS[n % 7 + 7] if culture in EAST else EMOTIONS[n % 7]


def items(n=10, modality="text") -> pl.DataFrame:
    picture = "a" * 16 if modality == "multimodal" else None
    return frame(
        tables.Items,
        [
            {
                "item_id": content_id(modality, str(i), code),
                "scenario_id": content_id(modality, key(i)),
                "benchmark": "b",
                "number": i,
                "modality": modality,
                "language": code,
                "narrative": f"{code} {i};",
                "question": "?",
                "picture_id": picture,
                "gold": gold_of(i, code),
                "gold_word": pack.emotions[gold_of(i, code)],
                "votes": [
                    {"label": gold_of(i, code), "n": 4},
                    {"label": "none_fits", "n": 1},
                ],
            }
            for i in range(n)
            for code, pack in PACKS.items()
        ],
    )


PICTURE = frame(
    tables.Pictures,
    [
        {
            "picture_id": "a" * 16,
            "sources": ["a"],
            "sha256": "a" * 64,
            "kind": "png",
            "width": 9,
            "height": 9,
            "jpeg": b"jpeg",
        }
    ],
)


def model(name, answer):
    """A model that answers ``answer(number, language)`` in the words it is asked in."""

    def reply(request):
        text = words_of(request.messages[0])
        code, number = text.split("<narrative>")[1].split(";")[0].split()
        said = answer(int(number), code)
        asked = next(p for p in PACKS.values() if f"{p.emotions['anger']}" in text)
        return said if not isinstance(said, str) else asked.emotions.get(said, said)

    return ScriptedChatModel([("", reply)], name)


def answered(subjects, table=None, params=QUICK):
    return answer_items(
        cedar_items=items() if table is None else table,
        given_items=items().clear(),
        pictures=PICTURE,
        given_pictures=NO_PICTURES,
        packs=PACKS,
        subjects=subjects,
        params=params,
    )


def scored(subjects, table=None, params=QUICK):
    table = items() if table is None else table
    rows = answered(subjects, table, params)
    return score_alignment(rows, table, items().clear(), PACKS, params)


KNOWING = model("knowing", gold_of)
ALIKE = model("alike", lambda n, code: gold_of(n, "en"))
HALF = model("half", lambda n, code: gold_of(n, code if n % 2 else "en"))


def value(scores, **where):
    return scores.filter(**where)["value"].item()


def test_the_ways_to_ask():
    rows = answered({"m": (subject := ScriptedChatModel([("", "awe")], "m"))})
    assert rows.height == 4 * 70
    zh = {
        way: words_of(subject.requests[n * 70 + 1].messages[0])
        for n, way in enumerate(QUICK.ways)
    }
    assert "愤怒、厌恶、恐惧" in zh["native"] and "zh 0;" in zh["native"]
    assert "anger, disgust, fear" in zh["english_instructions"]
    assert "zh 0;" in zh["english_instructions"]
    assert "You grew up in China" in zh["english_persona"]
    assert "en 0;" in zh["english_persona"]
    assert "愤怒、厌恶、恐惧" not in zh["reordered"] and "情绪：" in zh["reordered"]
    assert dict(subject.requests[0].sampling) == QUICK.sampling


def test_a_text_model_is_asked_text_alone():
    both = pl.concat([items(2), items(2, "multimodal")])
    cards = {"m": {"size": "1B", "release": "2025", "vision": False}}
    params = changed(NATIVE, cards=cards)
    found = scored({"m": ALIKE, "all": KNOWING}, both, params)
    own = found.scores.filter(subject="m", metric="gain")
    assert own["slice"].to_list() == ["text"]
    assert found.scores.filter(subject="all", metric="gain")["slice"].to_list() == [
        "all",
        "multimodal",
        "text",
    ]


def test_gain_tells_a_model_that_knows_cultures_from_one_that_is_merely_right():
    subjects = {"knowing": KNOWING, "alike": ALIKE, "half": HALF}
    found = scored(subjects, params=NATIVE)
    scores = found.scores
    gain = {
        s: value(scores, subject=s, metric="gain") for s in ("knowing", "half", "alike")
    }
    assert gain["knowing"] > gain["half"] > gain["alike"] == pytest.approx(0)
    people = value(found.reference, line="people", metric="consistency")
    assert value(scores, subject="knowing", metric="consistency") == people
    related = scores.filter(metric="spearman:consistency~gain").row(0, named=True)
    assert (related["value"], related["n"]) == (pytest.approx(-1), 3)


def test_an_unread_answer_counts_as_wrong_and_is_shown():
    silent = model("s", lambda n, code: gold_of(n, code) if n < 5 else "I cannot say")
    scores = scored({"s": silent}, params=NATIVE).scores.filter(slice="ar/text")
    row = scores.filter(metric="accuracy").row(0, named=True)
    assert (row["value"], row["n"], row["n_missing"]) == (0.5, 10, 5)
    assert value(scores, metric="accuracy_of_read") == 1.0
    assert value(scores, metric="vote_share") == pytest.approx(0.4)
    assert row["low"] < 0.5 < row["high"]


def test_a_picture_that_a_model_refuses_is_a_failure_and_no_end():
    refusing = ScriptedChatModel([("", fail("bad_request"))], "r")
    rows = answered({"r": refusing}, items(2, "multimodal"), NATIVE)
    assert rows.select("outcome", "rule").unique().rows() == [("failed", "bad_request")]


def test_a_reply_is_kept_with_what_the_official_code_reads_of_it():
    hedging = model("h", lambda n, code: "Not sadness but relief")
    rows = answered({"h": hedging}, params=NATIVE).filter(pl.col("rule") == "negated")
    assert rows["label"].null_count() == rows.height > 0
    assert set(rows["official_label"]) == {"sadness"}


def test_models_are_compared_in_pairs_after_holm():
    pairs = scored({"a": KNOWING, "b": ALIKE, "c": ALIKE}, params=NATIVE).model_pairs
    gains = pairs.filter(metric="gain").rows_by_key(
        ["subject", "other"], named=True, unique=True
    )
    assert gains["a", "b"]["p"] < 0.05 < gains["b", "c"]["p"]
    assert gains["a", "b"]["low"] > 0


def test_matrix_and_confusions_add_up():
    found = scored({"a": KNOWING}, params=NATIVE)
    matrix = found.culture_matrix.filter(subject="a")
    assert (
        matrix.filter(pl.col("language") == pl.col("culture"))["share"].to_list()
        == [1.0] * 7
    )
    assert found.emotion_confusion["n"].sum() == 70
    assert (
        found.emotion_confusion["gold"] == found.emotion_confusion["predicted"]
    ).all()


def test_order_effects_are_measured():
    found = scored({"a": KNOWING}, params=changed(QUICK, ways=("native", "reordered")))
    assert value(found.scores, metric="same_as_native") == 1.0
