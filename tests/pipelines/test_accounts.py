"""A chapter's account: each row of each table once, as the chapter's list says."""

import polars as pl
import pytest

from psyche_kedro.pipelines.accounts import (
    account_node,
    beside,
    count_rows,
    kept,
    rejected,
    withheld,
    written,
)
from psyche_kedro.tables import ChapterAccount, Rejections, content_id, frame


def refusals(*reasons, node="screen_questions", detail=None):
    return frame(
        Rejections,
        [
            {"row_id": content_id(str(n)), "stage": node, "reason": r, "detail": detail}
            for n, r in enumerate(reasons)
        ],
    )


def rows(line, table):
    account = ChapterAccount.validate(count_rows([line], {line.table: table}))
    return [
        {key: value for key, value in row.items() if value is not None}
        for row in account.to_dicts()
    ]


def test_a_stage_is_counted():
    table = pl.DataFrame({"x": [1, 2, 3]})
    assert rows(kept("chunks"), table) == [
        {"stage": "chunks", "kind": "kept", "rows": 3}
    ]


@pytest.mark.parametrize("line", [kept("t", by="part"), beside("t", by="part")])
def test_a_table_without_rows_is_counted_all_the_same(line):
    empty = pl.DataFrame(schema={"part": pl.String})
    assert rows(line, empty) == [{"stage": "t", "kind": line.kind, "rows": 0}]


def test_a_stage_may_be_divided_in_the_order_of_its_rows():
    parts = pl.DataFrame({"part": ["D_pr", "D_em", "D_pr"]})
    counts = rows(kept("sft_set", by="part"), parts)
    assert [(r["group"], r["rows"]) for r in counts] == [("D_pr", 2), ("D_em", 1)]


def test_rejected_rows_say_who_dropped_them_and_why():
    line = rejected("rejected_questions", of="screened_questions")
    assert rows(line, refusals("vague", "no_gold", "vague")) == [
        {
            "stage": "screened_questions",
            "kind": "rejected",
            "node": "screen_questions",
            "reason": reason,
            "rows": n,
        }
        for reason, n in (("vague", 2), ("no_gold", 1))
    ]


def test_what_a_table_does_not_say_of_its_rows_the_line_says():
    line = rejected("unsolved", of="samples", node="write", reason="no_rationale")
    (row,) = rows(line, pl.DataFrame({"question_id": ["a", "b"]}))
    assert (row["node"], row["reason"], row["rows"]) == ("write", "no_rationale", 2)


def test_one_table_may_hold_the_rejected_rows_of_two_stages():
    of = pl.col("detail").replace_strict({"D_pc": "grpo_set"}, default="sft_set")
    dropped = pl.concat(
        [refusals("hit", detail="D_pc"), refusals("hit", detail="D_pr")]
    )
    counts = rows(rejected("rejected_sft_examples", of=of, by="detail"), dropped)
    assert [(r["stage"], r["group"]) for r in counts] == [
        ("grpo_set", "D_pc"),
        ("sft_set", "D_pr"),
    ]


def test_no_rejected_row_leaves_no_line():
    assert (
        rows(rejected("rejected_questions", of="screened_questions"), refusals()) == []
    )


def test_withheld_rows_are_not_rejected():
    (row,) = rows(withheld("withheld_examples", by="detail"), refusals("offline"))
    assert (row["kind"], row["reason"]) == ("withheld", "offline")


def test_writers_are_counted_by_model_and_wording_and_rows_of_no_model_left_out():
    schema = {"model": pl.String, "prompt_digest": pl.String}
    said = {"model": ["m", "m", None, "n"], "prompt_digest": ["d", "d", "d", None]}
    counts = rows(written("rationales"), pl.DataFrame(said, schema))
    assert [(r["model"], r.get("prompt_digest"), r["rows"]) for r in counts] == [
        ("m", "d", 2),
        ("n", None, 1),
    ]


def test_a_table_may_be_divided_in_two_ways():
    lines = [kept("samples"), beside("samples", called="votes_agree", by="agree")]
    table = pl.DataFrame({"agree": [True, None, False]})
    counts = count_rows(lines, {"samples": table}).rows_by_key("stage", named=True)
    assert [r["rows"] for r in counts["samples"]] == [3]
    assert [r["group"] for r in counts["votes_agree"]] == ["true", None, "false"]


def test_the_node_reads_each_table_of_the_list_and_writes_the_account():
    node = account_node("cleaning", [kept("a"), rejected("b", of="a"), written("a")])
    assert (node.name, node.inputs) == ("account_for_cleaning", ["a", "b"])
    assert node.outputs == ["cleaning_account"]
