"""A batch goes out, people say what they think, and it counts."""

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from functools import reduce
from io import BytesIO
from operator import getitem
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from defusedxml import ElementTree
from xlsxwriter import Workbook

from pipelines.synthesis.questions_made import pooled, question
from prompt_set import WORDS
from psyche_kedro.datasets import ReviewWorkbookDataset, SourceFile
from psyche_kedro.datasets.review_workbook_dataset import Look, write_workbook
from psyche_kedro.errors import ReviewError
from psyche_kedro.review.form import REASONS, VERDICTS, labelling_config
from psyche_kedro.review.krippendorff import krippendorff_alpha
from psyche_kedro.review.parameters import ReviewParameters
from psyche_kedro.review.verdicts import (
    apply_review,
    export_review_batch,
    read_review_verdicts,
    summarise_review,
)

PARAMS = ReviewParameters(sample_size=None, shared_share=0.5, reviewers=("甲", "乙"))
FIRST, SECOND, THIRD, FOURTH = (
    question(f"关于记忆方法的第{c}道题（ ）。") for c in "一二三四"
)
ALL = pooled(FIRST, SECOND, THIRD, FOURTH)


def csv_file(*rows: str, name: str = "a.csv") -> SourceFile:
    head = "question_id,reviewer,verdict,reason,stem,options,gold\n"
    return SourceFile(name, (head + "\n".join(rows)).encode)


def said(of: dict[str, Any], verdict: str, reviewer: str = "甲", **edits: str) -> str:
    cells = [edits.get(key, "") for key in ("reason", "stem", "options", "gold")]
    return ",".join([of["question_id"], reviewer, verdict, *cells])


def reviewed(*rows: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    kept, lost = apply_review(ALL, read_review_verdicts([csv_file(*rows)]))
    assert kept.height + lost.height == ALL.height
    return kept, lost


def review_of(of: dict[str, Any], *rows: str) -> str:
    kept, lost = reviewed(*rows)
    row = kept.filter(question_id=of["question_id"])
    if row.is_empty():
        (reason,) = lost.filter(row_id=of["question_id"])["reason"]
        return str(reason)
    return str(row["review"][0])


# ---- out -------------------------------------------------------------------------


def test_shared_questions_go_to_everyone_and_the_rest_is_dealt() -> None:
    batch = export_review_batch(ALL, PARAMS, WORDS)
    assert batch.sheet.group_by("审题人").len().sort("审题人").rows() == [
        ("乙", 3),
        ("甲", 3),
    ]
    assert sorted(t["data"]["reviewers"] for t in batch.tasks) == [
        "乙", "甲", "甲、乙", "甲、乙",
    ]  # fmt: skip


def test_a_sample_takes_its_share_of_every_kind() -> None:
    many = [question(f"第{n}道关于记忆的题（ ）。") for n in range(30)]
    several = [
        question(f"第{n}道关于记忆的题（ ）。", type="multiple", gold=["A", "B"])
        for n in range(10)
    ]
    params = PARAMS.model_copy(update={"sample_size": 8, "shared_share": 0.0})
    batch = export_review_batch(pooled(*many, *several), params, WORDS)
    kinds = batch.sheet["题目"].str.contains("多项").sum()
    assert (batch.sheet.height, kinds) == (8, 2)


def test_the_workbook_offers_the_verdicts_and_comes_back_as_it_went(
    tmp_path: Path,
) -> None:
    path = tmp_path / "batch.xlsx"
    book = ReviewWorkbookDataset(
        filepath=str(path), choices={"结论": list(VERDICTS)}, wide=["题目"]
    )
    batch = export_review_batch(ALL, PARAMS, WORDS).sheet
    book.save(batch)
    assert book.load()["题目"].to_list() == batch["题目"].to_list()
    filled = batch.with_columns(结论=pl.lit("删除"), 理由=pl.lit("重复"))
    book.save(filled)
    verdicts = read_review_verdicts([SourceFile("batch.xlsx", path.read_bytes)])
    assert verdicts["verdict"].to_list() == ["reject"] * 6
    assert set(verdicts["reason"]) == {"duplicate"}
    assert set(verdicts["reviewer"]) == {"甲", "乙"}


def test_no_cell_of_the_workbook_is_left_out(tmp_path: Path) -> None:
    texts = ["http://x.cn/" + "a" * 3_000, "x" * 40_000, "a\x00b", "=1+1", "123", None]
    book = ReviewWorkbookDataset(filepath=str(tmp_path / "batch.xlsx"))
    book.save(pl.DataFrame({"题目": texts, "n": list("123456")}))
    link, long, null, formula, number, nothing = book.load()["题目"]
    assert (link, long) == (texts[0], "x" * 32_766 + "…")
    assert (formula, number, nothing) == ("=1+1", "123", None)
    assert null.startswith("a") and null.endswith("b")


def test_the_workbook_has_drop_downs(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "batch.xlsx"
    book = ReviewWorkbookDataset(filepath=str(path), choices={"结论": list(VERDICTS)})
    book.save(export_review_batch(ALL, PARAMS, WORDS).sheet)
    with zipfile.ZipFile(path) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert '<dataValidation type="list"' in sheet and "保留,修改,删除" in sheet


def test_the_labelling_configuration_asks_what_the_sheet_asks() -> None:
    view = ElementTree.fromstring(labelling_config())
    names = {e.get("name") for e in view if e.tag in {"Choices", "TextArea"}}
    assert names == {"verdict", "reason", "stem", "options", "gold"}
    values = [choice.get("value") for choice in view.iter("Choice")]
    assert values == [*VERDICTS, *REASONS]


# ---- in --------------------------------------------------------------------------


def annotation(result: dict[str, str], user: int = 1, seconds: float = 30) -> dict:
    kinds = {"verdict": "choices", "reason": "choices"}
    return {
        "completed_by": user,
        "lead_time": seconds,
        "was_cancelled": False,
        "result": [
            {"from_name": key, "value": {kinds.get(key, "text"): [value]}}
            for key, value in result.items()
        ],
    }


def export_of(*annotations: dict, **data: str) -> SourceFile:
    task = export_review_batch(ALL, PARAMS, WORDS).tasks[0]
    tasks = [{"data": task["data"] | data, "annotations": list(annotations)}]
    return SourceFile("export.json", json.dumps(tasks).encode)


def test_a_label_studio_export_is_read_like_a_sheet() -> None:
    skipped = annotation({"verdict": "删除"}) | {"was_cancelled": True}
    file = export_of(
        annotation({"verdict": "修改", "reason": "表述不清", "gold": "C"}, user=7),
        skipped,
    )
    (row,) = read_review_verdicts([file]).iter_rows(named=True)
    assert (row["verdict"], row["reason"], row["gold"]) == ("fix", "unclear", ["C"])
    assert (row["reviewer"], row["seconds"], row["source"]) == (
        "user 7",
        30.0,
        "export.json",
    )


SHEET = "题目编号,审题人,结论\n{},甲,保留\n"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_a_sheet_is_read_as_any_excel_saves_it(encoding: str, separator: str) -> None:
    text = SHEET.format(FIRST["question_id"]).replace(",", separator)
    file = SourceFile("审题.CSV", lambda: text.encode(encoding))
    (row,) = read_review_verdicts([file]).iter_rows(named=True)
    assert (row["question_id"], row["verdict"]) == (FIRST["question_id"], "keep")
    assert row["reviewer"] == "甲"


def test_a_label_studio_csv_is_read_like_its_json() -> None:
    head = "annotation_id,annotator,lead_time,question_id,verdict"
    rows = f"{head}\n1,7,30.5,{FIRST['question_id']},保留\n2,,x,x,"
    (row,) = read_review_verdicts([SourceFile("e.csv", rows.encode)]).rows(named=True)
    assert (row["reviewer"], row["seconds"]) == ("user 7", 30.5)


def test_a_task_that_no_one_annotated_is_none() -> None:
    task = {"data": {"question_id": FIRST["question_id"]}, "annotations": None}
    half = task | {"annotations": [{"completed_by": 1, "result": None}]}
    file = SourceFile("e.json", json.dumps([task, half]).encode)
    assert read_review_verdicts([file]).is_empty()


def test_no_address_of_a_reviewer_stands_in_a_table() -> None:
    by_mail = annotation({"verdict": "保留"}) | {"completed_by": {"email": "a@b.cn"}}
    by_id = annotation({"verdict": "保留"}) | {
        "completed_by": {"id": 7, "email": "a@b.cn"}
    }
    verdicts = read_review_verdicts(
        [csv_file(said(FIRST, "保留", "a@b.cn")), export_of(by_mail, by_id)]
    )
    assert "@" not in str(verdicts.rows())
    one, again, other = verdicts["reviewer"]
    assert one == again, "the same person"
    assert other == "user 7"


def far_cell() -> bytes:
    """Return a workbook whose reader makes room for a cell in its last corner."""
    made = BytesIO()
    with Workbook(made) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "题目编号")
        sheet.write(1_048_575, 16_383, "x")
    return made.getvalue()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            SourceFile("e.xlsx", lambda: b"no workbook"),
            r"e\.xlsx cannot be read",
        ),
        (SourceFile("f.csv", bytes), r"f\.csv cannot be read"),
        (SourceFile("i.xlsx", far_cell), r"i\.xlsx cannot be read .*died of it"),
        (
            csv_file(said({"question_id": "\x1b[2J"}, "x\x1b[31m" * 99)),
            r"'x\\x1b\[31mx[^\x1b]{1,60} of question '\\x1b\[2J'",
        ),
        (
            SourceFile("g.csv", "a,b\n1,2,3\n".encode),
            r"g\.csv cannot be read",
        ),
        (
            SourceFile("h.json", lambda: b"[" * 100_000),
            r"h\.json is no Label",
        ),
        (
            csv_file(said(FIRST, "maybe")),
            r"a\.csv, row 2, says 'maybe' of question .* one of",
        ),
        (SourceFile("b.csv", "x,y\n1,2\n".encode), r"b\.csv is no review: it lacks"),
        (SourceFile("c.json", lambda: b"{}[]"), r"c\.json is no Label Studio export"),
        (
            SourceFile("d.json", lambda: b'[{"id": 1}]'),
            r"d\.json is no Label Studio export",
        ),
    ],
)
def test_what_is_no_review_stops_the_run_in_one_sentence(
    file: SourceFile, message: str
) -> None:
    with pytest.raises(ReviewError, match=message):
        read_review_verdicts([file])


ANYTHING = [None, 5, True, "x", "\ud800", [], {}, [[]], [None], [{}], 10**400]


@pytest.mark.parametrize("value", ANYTHING, ids=repr)
def test_an_export_that_holds_anything_anywhere_is_verdicts_or_a_sentence(
    value,
) -> None:
    whole = json.loads(export_of(annotation({"verdict": "保留"})).read())
    for place in places_in(whole):
        spoilt = {"all": deepcopy(whole)}
        *above, last = ("all", *place)
        reduce(getitem, above, spoilt)[last] = value
        file = SourceFile("e.json", json.dumps(spoilt["all"]).encode)
        with suppress(ReviewError):
            read_review_verdicts([file])


def places_in(value: object, above: tuple = ()) -> Iterator[tuple]:
    yield above
    named = dict(enumerate(value)) if isinstance(value, list) else value
    for key, inner in named.items() if isinstance(named, dict) else ():
        yield from places_in(inner, (*above, key))


# ---- applied ---------------------------------------------------------------------


def test_without_a_review_everything_goes_on_marked_so() -> None:
    kept, lost = apply_review(ALL, read_review_verdicts([]))
    assert (set(kept["review"]), lost.height) == ({"not_reviewed"}, 0)
    assert summarise_review(ALL, read_review_verdicts([])).is_empty()


def test_what_most_say_counts_and_between_equals_the_strictest() -> None:
    keep = said(FIRST, "保留")
    assert review_of(FIRST, keep) == "kept"
    assert review_of(FIRST, keep, said(FIRST, "删除", "乙", reason="重复")) == (
        "people_duplicate"
    )
    two = (said(FIRST, "keep", "乙"), said(FIRST, "reject", "丙"))
    assert review_of(FIRST, keep, *two) == "kept"
    assert review_of(FIRST, said(FIRST, "")) == "not_reviewed"


def test_a_reason_in_a_persons_own_words_stays_with_their_verdict() -> None:
    private = "我表姐王小红的病历里就有这道题"
    verdicts = read_review_verdicts([csv_file(said(FIRST, "删除", reason=private))])
    assert verdicts.select("reason", "words").row(0) == ("own_words", private)
    _, lost = apply_review(ALL, verdicts)
    assert lost["reason"].to_list() == ["people_own_words"]
    for table in (lost, summarise_review(ALL, verdicts)):
        assert private not in table.write_ndjson()


@pytest.mark.parametrize(
    ("cell", "reason"), [("重复", "duplicate"), ("duplicate", "duplicate"), ("", None)]
)
def test_a_reason_of_ours_needs_no_words(cell: str, reason: str | None) -> None:
    verdicts = read_review_verdicts([csv_file(said(FIRST, "删除", reason=cell))])
    assert verdicts.select("reason", "words").row(0) == (reason, None)


def test_a_rejection_does_not_name_the_reviewer() -> None:
    _, lost = reviewed(said(FIRST, "删除", "wang.xiaohong@example.org", reason="重复"))
    assert "wang" not in lost.write_ndjson()


def test_a_fixed_question_carries_both_versions() -> None:
    kept, _ = reviewed(
        said(
            FIRST,
            "修改",
            stem="改过的题干（ ）。",
            options="A. 甲　B. 乙　C. 丙",
            gold="AC",
        )
    )
    row = kept.filter(question_id=FIRST["question_id"]).row(0, named=True)
    assert (row["stem"], row["gold"]) == ("改过的题干（ ）。", ["A", "C"])
    assert [o["text"] for o in row["options"]] == ["甲", "乙", "丙"]
    assert (row["original_stem"], row["original_gold"]) == (FIRST["stem"], ["B"])
    assert row["original_options"] == FIRST["options"]


def test_a_fix_may_change_one_thing() -> None:
    kept, _ = reviewed(said(FIRST, "修改", gold="C"))
    row = kept.filter(question_id=FIRST["question_id"]).row(0, named=True)
    assert (row["stem"], row["gold"], row["review"]) == (FIRST["stem"], ["C"], "fixed")


def test_a_fix_whose_answer_is_no_option_is_rejected() -> None:
    assert review_of(FIRST, said(FIRST, "修改", gold="H")) == "invalid_fix"


# ---- measured --------------------------------------------------------------------


def test_alpha_is_krippendorffs() -> None:
    # Krippendorff (2011), section C: nominal data, any number of observers.
    units = [
        [1, 1, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2],
        [1, 2, 3, 4], [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [5, 5, 5], [1, 1], [3],
    ]  # fmt: skip
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha([[1, 1], [2, 2]]) == 1
    assert krippendorff_alpha([[1], [2]]) is None
    assert krippendorff_alpha([[1, 1], [1, 1]]) is None


def test_the_summary_measures_agreement_speed_and_what_was_overturned() -> None:
    rows = [
        said(FIRST, "保留"),
        said(FIRST, "保留", "乙"),
        said(SECOND, "删除", reason="重复"),
        said(SECOND, "删除", "乙", reason="重复"),
        said(THIRD, "保留"),
    ]
    verdicts = read_review_verdicts(
        [csv_file(*rows), export_of(annotation({"verdict": "保留"}, seconds=36))]
    )
    summary = summarise_review(ALL, verdicts)
    value = {
        (row["measure"], row["group"]): row["value"]
        for row in summary.iter_rows(named=True)
    }
    assert value["throughput", "user 1"] == 100
    assert value["throughput", "甲"] is None
    assert value["overturned", "duplicate"] == pytest.approx(2 / 6)
    assert value["agreement", "duplicate"] is not None


def test_a_workbook_shows_pictures_and_runs_from_right_to_left(tmp_path):
    from io import BytesIO
    from zipfile import ZipFile

    from PIL import Image

    shown = BytesIO()
    Image.new("RGB", (40, 30)).save(shown, "PNG")
    path = tmp_path / "batch.xlsx"
    rows = {"رقم": ["1", "2"], "صورة": [shown.getvalue(), None]}
    look = Look(pictures=frozenset({"صورة"}), right_to_left=True)
    with path.open("wb") as file:
        write_workbook(file, pl.DataFrame(rows), look)
    with ZipFile(path) as inside:
        assert "xl/media/image1.png" in inside.namelist()
        assert 'rightToLeft="1"' in inside.read("xl/worksheets/sheet1.xml").decode()
    book = ReviewWorkbookDataset(filepath=str(path))
    assert book.load()["رقم"].to_list() == ["1", "2"]
