"""The funnel, the reasons and the writers: from accounts, never guessed."""

import polars as pl
from corpus_rows import account, counted

from psyche_kedro.pipelines.reporting import funnel
from psyche_kedro.pipelines.reporting.funnel import (
    collect_accounts,
    count_funnel,
    list_rejections,
    list_writers,
)
from psyche_kedro.tables import (
    Accounts,
    ChapterAccount,
    Funnel,
    RejectionCounts,
    WriterCounts,
    frame,
)


def told(**stages):
    rows = [{"stage": s, "kind": "kept", "rows": n} for s, n in stages.items()]
    return {"account": frame(ChapterAccount, rows)}


def refused(stage, reason, rows, **changes):
    return counted(stage, "rejected", rows, reason=reason, **changes)


def test_accounts_stand_chapter_by_chapter_and_a_missing_one_is_named():
    chapters = dict.fromkeys(funnel.CHAPTERS, told()) | {
        "selection": told(sft_set=5),
        "cleaning": told(clean_posts=0),
    }
    accounts = Accounts.validate(collect_accounts(**chapters))
    assert accounts["chapter"].to_list() == ["cleaning", "selection"]
    assert funnel.missing_chapters(accounts) == [
        *("ingestion", "synthesis", "training", "evaluation")
    ]


def test_the_funnel_counts_kept_and_rejected_beside_the_paper():
    rows = [
        counted("screened_questions", "kept", 7),
        refused("screened_questions", "vague", 2),
        refused("screened_questions", "no_gold", 1),
        counted("reviewed_questions", "kept", 6),
        counted("removed_text", "beside", 9),
    ]
    counts = Funnel.validate(count_funnel(account(*rows)))
    assert counts.rows() == [
        ("screened_questions", 7, 3, None),
        ("reviewed_questions", 6, 0, "~90k"),
    ]


def test_a_stage_told_in_groups_is_one_row_of_the_funnel():
    rows = [counted("sft_set", "kept", n, group=part) for part, n in PARTS.items()]
    assert count_funnel(account(*rows))["rows"].to_list() == [8]


PARTS = {"D_pr": 5, "D_em": 3}


def test_rejections_are_counted_by_node_and_reason_the_most_first():
    rows = [
        refused("screened_questions", "no_gold", 1, node="screen_questions"),
        refused("screened_questions", "vague", 2, node="screen_questions"),
        refused("sft_set", "contaminated", 1, node="build_sft_set", group="D_pr"),
        refused("sft_set", "contaminated", 2, node="build_sft_set", group="D_em"),
        refused("withheld_examples", "offline", 3) | {"kind": "withheld"},
    ]
    counts = RejectionCounts.validate(list_rejections(account(*rows)))
    assert counts.rows() == [
        ("build_sft_set", "contaminated", 3),
        ("screen_questions", "vague", 2),
        ("screen_questions", "no_gold", 1),
    ]


def test_writers_are_counted_by_table_model_and_wording():
    said = {"model": "offline-teacher-1", "prompt_digest": "d"}
    rows = [
        counted("rationales", "written", 2, **said),
        counted("predictions", "written", 1, model="local-sft"),
    ]
    writers = WriterCounts.validate(list_writers(account(*rows)))
    assert writers.rows() == [
        ("rationales", "offline-teacher-1", "d", 2),
        ("predictions", "local-sft", None, 1),
    ]


def test_without_any_chapter_every_count_is_empty():
    accounts = collect_accounts(**dict.fromkeys(funnel.CHAPTERS, told()))
    counts = (count_funnel, list_rejections, list_writers)
    assert [count(accounts).height for count in counts] == [0, 0, 0]
    assert isinstance(accounts, pl.DataFrame)
