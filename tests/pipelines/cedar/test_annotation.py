"""What people are asked, what they give back, and what becomes gold."""

import csv
import io
import json
import re
import zipfile

import polars as pl
import pytest
from cedar_rows import (
    ANNOTATION,
    BENCHMARK,
    NO_PICTURES,
    RELEASE,
    changed,
    key,
    scenarios,
    source,
    texts,
)

from packs import CULTURES, EMOTIONS, PACKS
from psyche_kedro.errors import ConfigurationError, ReviewError
from psyche_kedro.pipelines.cedar import tables
from psyche_kedro.pipelines.cedar.annotation.answers import read_annotations
from psyche_kedro.pipelines.cedar.annotation.batch import (
    export_adjudication,
    export_annotation_batch,
)
from psyche_kedro.pipelines.cedar.annotation.benchmark import assemble_benchmark
from psyche_kedro.pipelines.cedar.annotation.golds import (
    decide_ground_truth,
    weigh_annotators,
)
from psyche_kedro.pipelines.cedar.annotation.release import release_cedar
from psyche_kedro.pipelines.cedar.annotation.summary import summarise_annotation
from psyche_kedro.pipelines.cedar.annotation.tasks import deal_annotation_tasks
from psyche_kedro.pipelines.cedar.parameters import Quota
from psyche_kedro.tables import content_id, frame

EAST = {"zh", "ja", "hi"}
N = 6  # scenarios, of which the last two are universal


def divergence() -> pl.DataFrame:
    universal = {"universal_label": "fear", "universal_share": 1.0}
    return frame(
        tables.Divergence,
        [
            {
                "scenario_id": key(i),
                "n_labellers": 3,
                "n_read": 84,
                "labels": [],
                "n_clear": 1,
                "plurality_differs": False,
                "verdict": "rejected" if i >= N - 2 else "isolated",
                "reason": "no_divergence" if i >= N - 2 else None,
                **(universal if i >= N - 2 else {}),
            }
            for i in range(N)
        ],
    )


ISOLATED = scenarios(N).head(N - 2)
TASKS = deal_annotation_tasks(ISOLATED, divergence(), PACKS, ANNOTATION)


def feels(task) -> str:
    """What the people of the tests say: the east otherwise than the rest."""
    return task["expected"] or ("awe" if task["culture"] in EAST else "relief")


def files(said=feels, tasks=TASKS):
    """What people give back, a CSV file for each culture."""
    found = []
    for culture, pack in PACKS.items():
        words = pack.emotions | {"none_fits": pack.none_fits}
        heads = [pack.sheet[name] for name in ("item", "seat", "answer", "note")]
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(heads)
        for task in tasks.filter(culture=culture).iter_rows(named=True):
            if answer := said(task):
                row = [task["scenario_id"], task["seat"], words.get(answer, answer), ""]
                writer.writerow(row)
        found.append(source(f"{culture}/answers.csv", text.getvalue()))
    return found


def truth(*given, params=ANNOTATION):
    annotations = read_annotations(list(given), TASKS, PACKS)
    people = weigh_annotators(annotations, TASKS, PACKS, params)
    golds = decide_ground_truth(annotations, people, TASKS, PACKS, params)
    return annotations, people, golds


def assembled(golds, params=ANNOTATION, benchmark=BENCHMARK):
    return assemble_benchmark(
        isolated_scenarios=ISOLATED,
        scenario_texts=texts(N),
        ground_truth=golds,
        packs=PACKS,
        params=params,
        benchmark=benchmark,
    )


# ---- out -------------------------------------------------------------------------


def test_every_scenario_goes_to_as_many_people_of_each_culture_as_asked():
    dealt = TASKS.filter(kind="item").group_by("scenario_id", "culture").len()
    assert dealt.height == (N - 2) * 7
    assert dealt["len"].unique().to_list() == [ANNOTATION.per_item]


def test_more_seats_than_needed_share_the_work_evenly():
    seats = dict.fromkeys(CULTURES, tuple(f"s{n}" for n in range(10)))
    tasks = deal_annotation_tasks(
        ISOLATED, divergence(), PACKS, changed(ANNOTATION, seats=seats)
    )
    work = tasks.filter(kind="item").group_by("culture", "seat").len()
    assert work["len"].unique().to_list() == [2]


def test_every_seat_has_a_check_and_an_order_of_its_own():
    checks = TASKS.filter(kind="check")
    assert checks.group_by("culture", "seat").len()["len"].unique().to_list() == [1]
    assert set(checks["expected"]) == {"fear"}
    orders = TASKS.filter(kind="item").group_by("seat", maintain_order=True)
    assert len({tuple(own["scenario_id"]) for _, own in orders}) > 3


def test_a_culture_without_seats_stops_the_run():
    few = changed(ANNOTATION, seats={"en": ANNOTATION.seats["en"]})
    with pytest.raises(ConfigurationError, match="none for zh, ar"):
        deal_annotation_tasks(ISOLATED, divergence(), PACKS, few)


@pytest.mark.parametrize("seats", [("a", "b"), ("a", "a", "b", "c", "d")])
def test_seats_must_be_enough_and_each_its_own(seats):
    with pytest.raises(ValueError, match="per_item needs 5"):
        changed(ANNOTATION, seats={"en": seats})


BATCH = export_annotation_batch(TASKS, scenarios(N), texts(N), NO_PICTURES, PACKS)


def test_people_see_their_own_language_and_no_label():
    guide = BATCH["ar/guide.md"]
    assert all(word in guide for word in PACKS["ar"].emotions.values())
    tasks = json.loads(BATCH["ar/label_studio_text.json"])
    assert {t["data"]["narrative"][:2] for t in tasks} == {"ar"}
    assert all(t.keys() == {"data"} for t in tasks)
    assert "direction: rtl" in BATCH["ar/label_studio_text.xml"]
    assert 'alias="awe"' in BATCH["ar/label_studio_text.xml"]


def test_a_workbook_is_locked_but_for_the_answers_and_reads_right_to_left():
    book = zipfile.ZipFile(io.BytesIO(BATCH["ar/ar-01.xlsx"]))
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    [protection] = re.findall(r"<sheetProtection[^>]*>", sheet)
    assert 'sheet="1"' in protection
    assert "sort" not in protection  # not allowed: a picture would stay behind
    assert 'rightToLeft="1"' in sheet
    assert "<dataValidation" in sheet
    assert 'protection locked="0"' in book.read("xl/styles.xml").decode()


def test_a_picture_stands_in_its_cell_and_in_its_task():
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (300, 200)).save(file, "JPEG")
    shown = frame(
        tables.Pictures,
        [
            {
                "picture_id": "a" * 16,
                "sources": ["a"],
                "sha256": "a" * 64,
                "kind": "png",
                "width": 300,
                "height": 200,
                "jpeg": file.getvalue(),
            }
        ],
    )
    whole = scenarios(N, picture_id="a" * 16)
    batch = export_annotation_batch(TASKS, whole, texts(N), shown, PACKS)
    book = zipfile.ZipFile(io.BytesIO(batch["ja/ja-01.xlsx"]))
    assert any(name.startswith("xl/media/") for name in book.namelist())
    drawing = book.read("xl/drawings/drawing1.xml").decode()
    assert drawing.count("<xdr:twoCellAnchor") == len(
        TASKS.filter(culture="ja", seat="ja-01")
    )
    task = json.loads(batch["ja/label_studio_pictures.json"])[0]
    assert task["data"]["picture"].startswith("data:image/jpeg;base64,")


def test_equal_batches_are_equal_bytes():
    again = export_annotation_batch(TASKS, scenarios(N), texts(N), NO_PICTURES, PACKS)
    assert again == BATCH


# ---- in --------------------------------------------------------------------------


@pytest.mark.parametrize("code", CULTURES)
def test_a_workbook_comes_back_as_it_went_out(code):
    from filled_workbook import filled

    name = f"{code}/{code}-01.xlsx"
    pack = PACKS[code]
    answers = dict.fromkeys(range(2), pack.emotions["relief"]) | {2: pack.none_fits}
    file = filled(BATCH[name], pack.sheet["answer"], answers)
    read = read_annotations([source(name, file)], TASKS, PACKS)
    assert read["label"].to_list() == ["relief", "relief", None]
    assert read["seat"].unique().to_list() == [f"{code}-01"]


def test_label_studio_gives_back_the_alias_and_the_time():
    tasks = json.loads(BATCH["ja/label_studio_text.json"])[:3]
    said = [
        {"choices": ["awe"]},
        {"choices": [PACKS["ja"].emotions["awe"]]},
        {"choices": ["none_fits"]},
    ]
    for task, value in zip(tasks, said, strict=True):
        result = {"from_name": "answer", "value": value}
        task["annotations"] = [{"result": [result], "lead_time": 7.5}]
    tasks[0]["annotations"].append({"was_cancelled": True, "result": []})
    read = read_annotations([source("ja/export.json", json.dumps(tasks))], TASKS, PACKS)
    assert read["label"].to_list() == ["awe", "awe", None]
    assert read["seconds"].to_list() == [7.5] * 3


def test_an_empty_answer_is_none():
    assert read_annotations(files(lambda task: ""), TASKS, PACKS).is_empty()


def one(culture="en", seat="en-01", item=None, answer="relief", folder=""):
    pack = PACKS[culture]
    heads = ",".join(pack.sheet[name] for name in ("item", "seat", "answer"))
    item = item or key(0)
    return source(f"{culture}/{folder}a.csv", f"{heads}\n{item},{seat},{answer}\n")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (one(answer="joy"), "en/a.csv, row 2 answers 'joy' in 'Emotion'"),
        (one(seat="en-77"), "row 2 answers item"),
        (one(item="f" * 16), "which nobody of 'en' was asked"),
        (source("en/a.csv", "x,y\n1,2\n"), "lacks the columns"),
        (source("en/a.json", "{}"), "is no Label Studio export"),
        (source("en/a.xlsx", b"no workbook"), "en/a.xlsx cannot be read"),
        (source("en/a.csv", ""), "lacks the columns"),
        (source("fr/a.csv", ""), "lies in no culture's folder"),
        (one(folder="adjudication/"), "none may adjudicate"),
    ],
)
def test_what_cannot_be_read_stops_the_run_and_names_the_cell(given, said):
    with pytest.raises(ReviewError, match=said):
        read_annotations([given], TASKS, PACKS)


def test_a_sheet_may_lack_rows_and_have_columns_more_and_says_a_word_in_any_form():
    pack = PACKS["hi"]
    heads = ",".join([*(pack.sheet[n] for n in ("item", "seat", "answer")), "हमारा"])
    row = f"{key(0)},hi-01,म\u095bा,x"
    read = read_annotations([source("hi/a.csv", f"{heads}\n{row}\n")], TASKS, PACKS)
    assert read.select("label", "seat").rows() == [("amusement", "hi-01")]


def test_a_sheet_with_headings_of_another_language_is_named():
    heads = ",".join(PACKS["en"].sheet[name] for name in ("item", "seat", "answer"))
    given = source("ar/a.csv", f"{heads}\n{key(0)},ar-01,x\n")
    with pytest.raises(ReviewError, match=r"ar/a\.csv lacks the columns"):
        read_annotations([given], TASKS, PACKS)


def test_the_same_seat_twice_names_both_files():
    other = source("en/b.csv", one(answer="awe").read())
    with pytest.raises(ReviewError, match=r"en/b\.csv and en/a\.csv"):
        read_annotations([one(), other], TASKS, PACKS)


def test_two_answers_of_one_seat_must_agree():
    same = [one(), source("en/b.csv", one().read())]
    assert read_annotations(same, TASKS, PACKS).height == 1
    other = source("en/b.csv", one(answer="awe").read())
    with pytest.raises(ReviewError, match="differently from seat en-01"):
        read_annotations([one(), other], TASKS, PACKS)


# ---- gold ------------------------------------------------------------------------


def test_what_people_agree_on_is_gold_and_cultures_that_differ_make_an_item():
    _, _, golds = truth(*files())
    assert set(golds["decided_by"]) == {"majority"}
    items, lost = assembled(golds)
    assert lost.is_empty()
    assert items.height == (N - 2) * 7
    zh = items.filter(language="zh")
    assert zh.select("gold", "gold_word").row(0) == ("awe", "敬畏")
    assert zh["votes"][0].to_list() == [{"label": "awe", "n": 5}]


def test_who_fails_the_checks_is_not_counted():
    def careless(task):
        return "pain" if task["seat"] == "es-03" else feels(task)

    _, people, golds = truth(*files(careless))
    assert people.filter(~pl.col("counted")).select("seat", "reason").rows() == [
        ("es-03", "failed_checks")
    ]
    assert golds.filter(culture="es")["n_people"].unique().to_list() == [4]


def test_a_culture_all_of_whose_people_are_excluded_has_no_gold():
    def careless(task):
        return "pain" if task["culture"] == "es" else feels(task)

    annotations, people, golds = truth(*files(careless))
    assert not people.filter(culture="es")["counted"].any()
    items, lost = assembled(golds)
    assert items.is_empty()
    assert lost["reason"].unique().to_list() == ["too_few:es"]
    summary = summarise_annotation(TASKS, annotations, people, golds)
    assert summary.filter(measure="alpha", group="es")["value"].to_list() == [None]


def test_a_split_waits_for_an_adjudicator_who_was_not_asked_before():
    def split(task):
        if (task["scenario_id"], task["culture"]) != (key(0), "hi"):
            return feels(task)
        return EMOTIONS[int(task["seat"][-1])]

    given = files(split)
    _, _, golds = truth(*given)
    row = golds.filter(scenario_id=key(0), culture="hi").row(0, named=True)
    assert (row["gold"], row["reason"]) == (None, "undecided")
    assert assembled(golds)[1]["reason"].to_list() == ["undecided:hi"]
    batch = export_adjudication(golds, scenarios(N), texts(N), NO_PICTURES, PACKS)
    assert [name for name in batch if name.endswith(".xlsx")] == [
        "hi/hi-adjudicator.xlsx"
    ]
    word = one("hi", "hi-adjudicator", answer="awe", folder="adjudication/")
    _, _, golds = truth(*given, word)
    row = golds.filter(scenario_id=key(0), culture="hi").row(0, named=True)
    assert (row["gold"], row["decided_by"]) == ("awe", "adjudicated")


def is_item(task, culture):
    return task["kind"] == "item" and task["culture"] == culture


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (lambda t: "relief" if t["kind"] == "item" else "fear", "one_gold"),
        (lambda t: "none_fits" if is_item(t, "sw") else feels(t), "none_fits:sw"),
        (lambda t: "" if "ja-02" < t["seat"] < "jb" else feels(t), "too_few:ja"),
    ],
)
def test_what_is_no_item_says_why(said, reason):
    _, _, golds = truth(*files(said))
    items, lost = assembled(golds)
    assert items.is_empty()
    assert set(lost["reason"]) == {reason}
    assert lost.height == N - 2


def test_golds_that_merely_differ_are_no_evidence():
    def barely(task):
        drawn = int(content_id(task["scenario_id"], task["seat"]), 16) % 4
        return task["expected"] or ["awe", "relief", "pain", "fear"][drawn]

    loose = changed(ANNOTATION, posterior=0.01)
    _, _, golds = truth(*files(barely), params=loose)
    _, lost = assembled(golds, loose)
    assert "not_distinct" in set(lost["reason"])
    differ = changed(loose, distinct="labels_differ")
    kept, _ = assembled(golds, differ)
    assert kept.height > 0


def test_without_answers_nothing_is_gold_and_the_tasks_wait(caplog):
    annotations, people, golds = truth()
    items, lost = assembled(golds)
    summary = summarise_annotation(TASKS, annotations, people, golds)
    assert items.is_empty()
    assert lost["reason"].unique().to_list() == ["too_few:en"]
    waiting = summary.filter(measure="waiting")
    assert waiting["value"].sum() == TASKS.height
    assert f"{TASKS.height} of {TASKS.height} annotation tasks wait" in caplog.text


def test_a_quota_draws_evenly_over_emotions():
    _, _, golds = truth(*files())
    quota = changed(BENCHMARK, quota=Quota(multimodal=0, text=3))
    items, lost = assembled(golds, benchmark=quota)
    assert items["scenario_id"].n_unique() == 3
    assert lost["reason"].to_list() == ["over_quota"]


# ---- release ---------------------------------------------------------------------


def released(params, given):
    annotations, people, golds = truth(*given)
    items, _ = assembled(golds)
    summary = summarise_annotation(TASKS, annotations, people, golds)
    return release_cedar(
        cedar_items=items,
        isolated_scenarios=ISOLATED,
        pictures=NO_PICTURES,
        annotations=annotations,
        annotators=people,
        annotation_summary=summary,
        packs=PACKS,
        params=params,
    )


FREE = [{"sources": ["scenes*"], "name": "cc0-1.0", "redistribute": True}]


def test_a_release_has_cedars_files_the_votes_and_a_card_and_no_seat():
    found, withheld = released(changed(RELEASE, licences=FREE), files())
    assert withheld.is_empty()
    chinese = json.loads(found["text-only/multilingual/chinese_inq.json"])
    fields = ["id", "narrative", "question", "answer", "english_ver_answer"]
    assert [list(item) for item in chinese] == [fields] * (N - 2)
    original = json.loads(found["text-only/original/ori_inq.json"])
    assert original[0]["answers"]["chinese"] == "awe"
    assert found["data/items.parquet"].height == (N - 2) * 7
    assert "| zh | 5 | 5 | – |" in found["README.md"]
    assert not any("en-01" in str(content) for content in found.values())


@pytest.mark.parametrize(
    ("licences", "name", "reason"),
    [
        ([], "{}/answers.csv", "unknown_licence"),
        ([FREE[0] | {"redistribute": False}], "{}/answers.csv", "licence_forbids"),
        (FREE, "{}/written_for_the_sample.csv", "no_people"),
    ],
)
def test_what_may_not_leave_is_withheld_with_its_reason(licences, name, reason):
    given = [source(name.format(f.name[:2]), f.read()) for f in files()]
    found, withheld = released(changed(RELEASE, licences=licences), given)
    assert list(found) == ["README.md"]
    assert withheld["reason"].to_list() == [reason] * (N - 2)
