"""The funnel, the reasons and the writers: counted, never guessed."""

from importlib import import_module

import polars as pl
import pytest
import yaml
from exam_rows import ROOT

from psyche_kedro.pipelines.evaluation import accounts
from psyche_kedro.pipelines.evaluation.nodes import (
    count_funnel,
    list_rejections,
    list_writers,
)
from psyche_kedro.tables import (
    Funnel,
    Provenance,
    RejectionCounts,
    WriterCounts,
    content_id,
)

STAGED = {*accounts.STAGES, *(t for ts in accounts.STAGES.values() for t in ts)}


def rows(n):
    ids = [content_id(str(i)) for i in range(n)]
    return pl.DataFrame({"row_id": ids}).with_columns(
        detail=pl.lit(None, dtype=pl.String)
    )


def rejected(*reasons, stage="screen_questions"):
    return pl.DataFrame(
        {"stage": [stage] * len(reasons), "reason": list(reasons)},
        schema={"stage": pl.String, "reason": pl.String},
    )


def test_the_funnel_counts_kept_and_rejected_beside_the_paper():
    tables = dict.fromkeys(STAGED, rows(0)) | {
        "screened_questions": rows(7),
        "rejected_questions": rows(3),
        "reviewed_questions": rows(6),
    }
    funnel = Funnel.validate(count_funnel(**tables))
    assert funnel["stage"].to_list() == list(accounts.STAGES)
    by_stage = {row["stage"]: row for row in funnel.iter_rows(named=True)}
    assert by_stage["screened_questions"] == {
        "stage": "screened_questions",
        "rows": 7,
        "rejected": 3,
        "paper": None,
    }
    assert by_stage["reviewed_questions"]["paper"] == "~90k"


def test_examples_rejected_from_one_table_count_for_the_set_they_were_meant_for():
    parts = pl.DataFrame({"detail": ["D_pr", "D_cp twin of D_pr 1", "D_em", "D_ps"]})
    tables = dict.fromkeys(STAGED, rows(0)) | {"rejected_examples": parts}
    rejected = dict(count_funnel(**tables).select("stage", "rejected").iter_rows())
    assert (rejected["sft_set"], rejected["grpo_set"]) == (3, 1)


def test_rejections_are_counted_by_stage_and_reason():
    tables = {
        "rejected_questions": rejected("vague", "vague", "no_gold"),
        "unreadable_sources": pl.DataFrame({"chapter": ["posts"], "reason": ["empty"]}),
        "duplicate_questions": pl.DataFrame({"reason": ["near_duplicate"] * 2}),
        "unsolved_questions": rows(4),
        "rejected_posts": rejected(),
    }
    counts = RejectionCounts.validate(list_rejections(**tables))
    assert set(counts.rows()) == {
        ("screen_questions", "vague", 2),
        ("screen_questions", "no_gold", 1),
        ("read_sources", "empty", 1),
        ("pick_representatives", "near_duplicate", 2),
        ("write_rationales", "no_verified_rationale", 4),
    }


def test_every_rejected_row_is_counted_once():
    tables = {name: rejected("reason") for name in accounts.REJECTING}
    assert list_rejections(**tables)["rows"].sum() == len(accounts.REJECTING)


def test_writers_are_counted_by_table_model_and_wording():
    def written(*models):
        return pl.DataFrame(
            {"model": list(models), "prompt_digest": ["d"] * len(models)},
            schema={"model": pl.String, "prompt_digest": pl.String},
        )

    writers = WriterCounts.validate(
        list_writers(
            rationales=written("offline-teacher-1", "offline-teacher-1", None),
            predictions=written("local-sft"),
        )
    )
    assert writers.rows() == [
        ("rationales", "offline-teacher-1", "d", 2),
        ("predictions", "local-sft", "d", 1),
    ]


@pytest.mark.parametrize("table", accounts.WRITTEN)
def test_every_table_that_a_model_writes_says_which(table):
    entries = {}
    for path in (ROOT / "conf/base/catalog").glob("*.yml"):
        entries |= yaml.safe_load(path.read_text(encoding="utf-8"))
    module, _, name = entries[table]["validator"].rpartition(".")
    assert issubclass(getattr(import_module(module), name), Provenance)


def test_every_table_of_rejected_rows_in_the_catalog_is_counted():
    rejecting = {
        name
        for path in (ROOT / "conf/base/catalog").glob("*.yml")
        for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items()
        if entry.get("validator") == "psyche_kedro.tables.Rejections"
    }
    assert rejecting
    assert rejecting <= {*accounts.REJECTING}
