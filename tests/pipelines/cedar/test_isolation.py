"""Texts in every language, labels of every labeller, and what isolates."""

import json

import numpy as np
import polars as pl
import pytest
from cedar_rows import ISOLATION, LABELLING, NO_PICTURES, changed, key, scenarios, texts

from packs import CULTURES, EMOTIONS, PACKS
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.llm.pictures import pictures_of
from psyche_kedro.pipelines.cedar import tables
from psyche_kedro.pipelines.cedar.isolation.divergence import (
    isolate_scenarios,
    measure_divergence,
)
from psyche_kedro.pipelines.cedar.isolation.labelling import label_provisionally
from psyche_kedro.pipelines.cedar.isolation.translations import (
    check_translations,
    translate_scenarios,
)
from psyche_kedro.pipelines.cedar.parameters import TranslationParameters
from psyche_kedro.pipelines.cedar.permutations import (
    divergence_bits,
    permutation_test,
)
from psyche_kedro.tables import frame
from scripted import ScriptedChatModel, fail

TRANSLATION = TranslationParameters(min_fidelity=4, max_tokens=256)
WORDS = {"zh": "你在2号车站。", "ar": "أنت في المحطة 2.", "hi": "आप स्टेशन 2 पर हैं।"}
WORDS |= {"ja": "あなたは2番の駅にいます。", "es": "Estás en la estación 2."}
WORDS |= {"sw": "Uko kituo cha 2."}


# ---- translations ----------------------------------------------------------------


def given() -> pl.DataFrame:
    rows = {"en": "You are at station 2."} | {
        c: w for c, w in WORDS.items() if c != "zh"
    }
    return frame(
        tables.GivenTexts,
        [
            {"scenario_id": key(0), "language": c, "narrative": w, "question": w}
            for c, w in rows.items()
        ],
    )


def said(narrative: str, question: str) -> str:
    return json.dumps({"narrative": narrative, "question": question})


def translator(forth: str, back: str = said("You are at station 2.", "How?")):
    return ScriptedChatModel([("译成地道的中文", forth), ("逐字译成English", back)])


def checked(forth: str, fidelity: str = '{"fidelity": 5}'):
    whole = scenarios(1, narrative="You are at station 2.")
    rows, lost = translate_scenarios(
        whole, given(), PACKS, translator(forth), TRANSLATION
    )
    judge = ScriptedChatModel([("say the same", fidelity)])
    kept, gone = check_translations(whole, rows, PACKS, judge, TRANSLATION)
    assert kept.height + gone.height == rows.height
    return kept, pl.concat([lost, gone])


def test_what_no_file_gives_is_translated_and_translated_back():
    kept, lost = checked(said(WORDS["zh"], "你呢？"))
    assert lost.is_empty()
    row = kept.filter(language="zh").row(0, named=True)
    assert (row["origin"], row["fidelity"]) == ("translated", 5)
    assert row["back_translation"] == "You are at station 2.\nHow?"
    assert kept.filter(origin="given").height == len(CULTURES) - 1


@pytest.mark.parametrize(
    ("forth", "fidelity", "reason"),
    [
        ("I cannot.", '{"fidelity": 5}', "no_translation:zh"),
        (said("You are at station 2.", "How?"), '{"fidelity": 5}', "wrong_script:zh"),
        (said("你在3号车站。", "你呢？"), '{"fidelity": 5}', "numbers_differ:zh"),
        (said(f"{'9' * 5000}号。", "你呢？"), '{"fidelity": 5}', "numbers_differ:zh"),
        (said(WORDS["zh"], "你呢？"), '{"fidelity": 3}', "low_fidelity:zh"),
        (said(WORDS["zh"], "你呢？"), "I cannot say.", "not_judged:zh"),
    ],
)
def test_a_scenario_that_lacks_one_language_is_out_whole(forth, fidelity, reason):
    kept, lost = checked(forth, fidelity)
    assert kept.is_empty()
    assert reason in lost["reason"].to_list()
    assert set(lost["reason"]) <= {reason, "incomplete"}


def test_an_empty_narrative_stays_empty_whatever_the_translator_adds():
    whole = scenarios(1, narrative="")
    forth = said("一个句子。", "你呢？")
    rows, _ = translate_scenarios(whole, given(), PACKS, translator(forth), TRANSLATION)
    assert rows.filter(language="zh")["narrative"].to_list() == [""]


# ---- labels ----------------------------------------------------------------------


def labelled(models=None, params=LABELLING, n=2, pictures=NO_PICTURES, **values):
    models = models or {
        name: ScriptedChatModel([("", "relief")], name) for name in "abc"
    }
    rows = label_provisionally(
        scenarios=scenarios(n, **values),
        scenario_texts=texts(n),
        pictures=pictures,
        packs=PACKS,
        labellers=models,
        params=params,
    )
    return rows, models


def test_every_labeller_answers_every_scenario_in_every_culture():
    rows, models = labelled()
    assert rows.height == 3 * 2 * 7 * LABELLING.samples
    assert {r.sample for r in models["a"].requests} == set(range(LABELLING.samples))
    assert rows["outcome"].unique().to_list() == ["read"]


def test_the_words_stand_in_one_order_for_all_cultures_and_labellers():
    rows, models = labelled()
    orders = rows.group_by("scenario_id", "sample").agg(pl.col("order").n_unique())
    assert orders["order"].unique().to_list() == [1]
    assert rows["order"].n_unique() == 2 * LABELLING.samples
    english = models["a"].requests[0].messages[0]["content"]
    offered = english.split("Words: ")[1].split("\n")[0].split(", ")
    assert sorted(offered) == sorted(EMOTIONS) and offered != EMOTIONS


@pytest.mark.parametrize(
    ("elicitation", "frame_of_zh", "persona"),
    [
        ("language", "请选出", ""),
        ("both", "请选出", "你在中国"),
        ("persona", "Choose", "China"),
    ],
)
def test_how_a_culture_is_asked(elicitation, frame_of_zh, persona):
    _, models = labelled(params=changed(LABELLING, elicitation=elicitation))
    zh = models["a"].requests[1].messages[0]["content"]
    assert frame_of_zh in zh and persona in zh
    assert ("中国" in zh or "China" in zh) is bool(persona)


def test_a_picture_goes_to_every_labeller():
    row = {"picture_id": "a" * 16, "sources": ["a"], "sha256": "a" * 64, "kind": "png"}
    pictures = frame(
        tables.Pictures, [row | {"width": 9, "height": 9, "jpeg": b"jpeg"}]
    )
    _, models = labelled(n=1, pictures=pictures, picture_id="a" * 16)
    assert all(pictures_of(r.messages[0]) for r in models["b"].requests)


def test_what_cannot_be_read_or_failed_says_why():
    read = ("en 0", "relief")
    models = {
        "a": ScriptedChatModel([("", "relief")], "a"),
        "b": ScriptedChatModel([read, ("", "relief or pain")], "b"),
        "c": ScriptedChatModel([read, ("", fail("content_filter"))], "c"),
    }
    rows, _ = labelled(models)
    rows = rows.filter(scenario_id=key(1))
    told = rows.group_by("labeller", "outcome", "rule").len().sort("labeller")
    assert told.select("outcome", "rule").rows() == [
        ("read", "whole"),
        ("unread", "several"),
        ("failed", "content_filter"),
    ]


@pytest.mark.parametrize("said", ["", fail("bad_request"), "I see no picture."])
def test_a_labeller_of_whom_nothing_can_be_read_is_named(said):
    models = {name: ScriptedChatModel([("", "relief")], name) for name in "ab"}
    blind = ScriptedChatModel([("", said)], "blind")
    with pytest.raises(ConfigurationError, match="labeller 'blind' none can be read"):
        labelled(models | {"blind": blind})


def test_two_labellers_are_too_few_to_tell_a_culture_from_noise():
    two = {name: ScriptedChatModel([("", "relief")], name) for name in "ab"}
    with pytest.raises(ConfigurationError, match="has 2 models"):
        labelled(two)


# ---- divergence ------------------------------------------------------------------


def labels(answer, n=1, labellers="abc", samples=4) -> pl.DataFrame:
    """Rows of what ``answer(scenario, culture, labeller, sample)`` says."""
    return frame(
        tables.ProvisionalLabels,
        [
            {
                "scenario_id": key(i),
                "culture": culture,
                "labeller": labeller,
                "sample": sample,
                "label": (label := answer(i, culture, labeller, sample)),
                "outcome": "read" if label else "unread",
                "rule": "whole",
                "order": "0",
            }
            for i in range(n)
            for culture in CULTURES
            for labeller in labellers
            for sample in range(samples)
        ],
    )


def measured(answer, n=1, params=ISOLATION, asked=None, **sizes) -> pl.DataFrame:
    said = labels(answer, asked if asked is not None else n, **sizes)
    return measure_divergence(scenarios(n), said, PACKS, LABELLING, params)


def test_two_cultures_that_all_labellers_tell_apart_isolate():
    east = {"zh", "ja", "hi"}
    row = measured(lambda i, c, *_: "awe" if c in east else "relief").row(0, named=True)
    assert (row["verdict"], row["n_clear"], row["p"]) == ("isolated", 2, 0.001)
    assert {s["culture"]: s["label"] for s in row["labels"]}["zh"] == "awe"


def test_what_all_say_everywhere_is_universal():
    row = measured(lambda *_: "fear").row(0, named=True)
    assert (row["reason"], row["universal_label"]) == ("no_divergence", "fear")
    assert (row["statistic"], row["p"], row["universal_share"]) == (0.0, 1.0, 1.0)


def test_a_habit_of_one_labeller_is_no_culture():
    # Sure of itself, sample by sample, and alone.
    alone = measured(
        lambda i, c, who, _: "awe" if (who, c) == ("a", "zh") else "relief"
    )
    assert alone["reason"].to_list() == ["no_divergence"]


def test_unsure_labellers_of_one_language_are_no_second_label():
    def unsure(i, culture, labeller, sample):
        return EMOTIONS[sample] if culture == "sw" else "relief"

    row = measured(unsure).row(0, named=True)
    assert row["n_clear"] == 1
    assert row["verdict"] == "rejected"


def test_a_culture_of_which_too_little_is_read_is_not_judged():
    row = measured(lambda i, c, who, k: None if c == "hi" and k < 2 else "relief").row(
        0, named=True
    )
    assert (row["reason"], row["p"], row["labels"]) == ("too_few_read", None, [])


def test_a_rule_that_takes_any_difference_is_there_to_compare():
    rule = changed(ISOLATION, rule="labels_differ")
    habit = measured(
        lambda i, c, who, _: "awe" if c == "zh" and who != "c" else "relief",
        params=rule,
    )
    assert habit["verdict"].to_list() == ["isolated"]


def test_every_scenario_has_a_row_and_a_fate():
    east = {"zh", "ja", "hi"}
    rows = measured(
        lambda i, c, *_: "awe" if c in east and i == 0 else "relief", n=3, asked=2
    )
    lost = frame(
        tables.CedarRejections,
        [{"row_id": key(2), "stage": "s", "reason": "no_translation:sw"}],
    )
    kept, gone = isolate_scenarios(scenarios(3), rows, lost, lost.clear())
    assert kept["scenario_id"].to_list() == [key(0)]
    assert gone["reason"].to_list() == ["no_divergence", "untranslated:sw"]


def test_the_result_of_a_scenario_does_not_hang_on_the_others_order():
    east = {"zh", "ja"}

    def answer(i, c, who, k):
        return "awe" if c in east and k < 3 else EMOTIONS[(k + i) % 3]

    rows = measured(answer, n=4)
    again = measured(answer, n=4)
    assert rows.equals(again)


def test_the_divergence_of_seven_disjoint_cultures_is_log2_of_seven():
    assert divergence_bits(np.eye(7)) == pytest.approx(np.log2(7))
    assert divergence_bits(np.full((7, 14), 1 / 14)) == pytest.approx(0)


def test_what_stands_at_the_floor_alone_is_permuted_on():
    asked = []

    def draw(of: int):
        def count(permutations: int, seed: int) -> tuple[float, int]:
            asked.append((of, permutations))
            return 1.0, 0 if of == 0 else permutations // 2

        return count

    draws = [draw(n) for n in range(300)]
    tested = permutation_test(draws, permutations=99, fdr=0.1, seed=0)
    assert [a for a in asked if a[1] != 99] == [(0, 3000)]
    assert tested.p[0] == pytest.approx(1 / 3001)
    assert tested.q[0] < 0.1 < tested.q[1]
