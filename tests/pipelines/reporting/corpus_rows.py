"""What the chapters of a small run say of themselves."""

from pathlib import Path
from typing import Any

import polars as pl

from psyche_kedro.pipelines.reporting.sections import Summaries
from psyche_kedro.pipelines.selection.parameters import DifficultyParameters
from psyche_kedro.tables import (
    Accounts,
    ContaminationSummary,
    CostEstimate,
    DifficultySummary,
    JudgeAgreement,
    LengthAccount,
    ModelCalls,
    ReviewSummary,
    RoundSummary,
    SetSummary,
    StudentAgreement,
    content_id,
    frame,
)

ROOT = Path(__file__).parents[3]
PRIVATE = "我叫王小明"
DIFFICULTY = DifficultyParameters(
    rule="all_wrong", pass_rate=0.5, seed=42, hold_out_audited=False, group_size=5
)


def measure(measure: str, group: str, value: float | None, n: int) -> dict[str, Any]:
    return {"measure": measure, "group": group, "value": value, "n": n}


def counted(stage: str, kind: str, rows: int, **changes: str | None) -> dict[str, Any]:
    """A row of an account."""
    row = {"chapter": "selection", "stage": stage, "kind": kind, "rows": rows}
    return row | changes


def grouped(stage: str, kind: str, **groups: int) -> list[dict[str, Any]]:
    return [counted(stage, kind, n, group=group) for group, n in groups.items()]


def barred(reason: str, part: str, rows: int = 1) -> dict[str, Any]:
    return counted("sft_set", "rejected", rows, reason=reason, group=part)


def kept_back(reason: str, part: str, rows: int = 1) -> dict[str, Any]:
    return counted("withheld_examples", "withheld", rows, reason=reason, group=part)


CHOSEN = grouped("reasoning_samples", "kept", judge=2, only=1, rule=1)
VOTES = grouped("votes_agree", "beside", true=2, false=1)
AUDITED = [
    counted("answer_key_audit", "beside", 1, group="2 of 3 students"),
    counted("answer_key_audit", "beside", 1, group="3 of 3 students"),
]
SHOWN = [counted("exemplars", "beside", 1, group="cpsyexam/knowledge_single")]
ACCOUNT = [
    *(*CHOSEN, *VOTES, *AUDITED, *SHOWN),
    barred("contaminated", "D_pr"),
    barred("not_in_variant", "D_em"),
    kept_back("offline", "D_pr"),
]


def account(*rows: dict[str, Any]) -> pl.DataFrame:
    return frame(Accounts, rows)


def matched(set_name: str, kind: str, *counts: int) -> dict[str, Any]:
    figures = dict(zip(("rows", "items", "pairs"), counts, strict=True))
    row = {"set_name": set_name, "benchmark": "pceb", "split": "test", "kind": kind}
    return row | figures


def made_of(part: str, n: int, hit: int, variant: str = "ED-PRD-APD") -> dict[str, Any]:
    row = {"set_name": "sft_set", "part": part, "variant": variant}
    return row | {"n": n, "n_contaminated": hit}


def difficult(dimension: str, value: str, n: int, hard: int) -> dict[str, Any]:
    figures = {"n_challenging": hard, "pass_rate": 0.25, "zero_variance": 0.3125}
    return {"dimension": dimension, "value": value, "n": n, **figures}


def summaries(**changes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Every summary that the report reads, by name."""
    tables = {
        "review_summary": frame(
            ReviewSummary,
            [
                measure("agreement", "verdict", 0.8125, 12),
                measure("throughput", PRIVATE, 95.5, 40),
                measure("overturned", "wrong_answer", 0.125, 5),
                measure("overturned", PRIVATE, 0.025, 1),
                measure("verdicts", "share_of_screened", 0.5, 40),
            ],
        ),
        "round_summary": frame(
            RoundSummary,
            [
                played(0, 1200, 1200, won=7, characters=166.4, reverted_because=""),
                played(1, 1200, 900, won=1193, input_tokens=54321, output_tokens=999),
            ],
        ),
        "judge_agreement": frame(JudgeAgreement, []),
        "cost_estimate": frame(CostEstimate, [expected("write_rationales", 1500)]),
        "model_calls": frame(
            ModelCalls, [called("teacher", "write_rationales", 1600, stored=100)]
        ),
        "student_agreement": frame(
            StudentAgreement,
            [
                {
                    "student": "a",
                    "student_other": "b",
                    "n": 116,
                    "agreement": 0.371,
                    "n_both_wrong": 52,
                    "agreement_when_wrong": 0.481,
                }
            ],
        ),
        "difficulty_summary": frame(
            DifficultySummary,
            [
                difficult("all", "all", 1160, 290),
                difficult("set", "challenging", 290, 290) | {"zero_variance": 0.452},
                difficult("set", "non_challenging", 870, 0),
                difficult("type", "multiple", 24, 15),
                difficult("source", "exam.json", 60, 0),
            ],
        ),
        "contamination_summary": frame(
            ContaminationSummary, [matched("D_p", "exact", 1, 2, 2)]
        ),
        "set_summary": frame(
            SetSummary, [made_of("D_pr", 1, 0), made_of("D_em", 1, 0)]
        ),
        "length_account": frame(
            LengthAccount,
            [
                {
                    "set_name": "sft_set",
                    "part": "D_pr",
                    "split": "train",
                    "measure": "tokens (estimated)",
                    "n": 79,
                    "median": 297.5,
                    "p95": 456.0,
                    "longest": 1569,
                    "total": 25223,
                    "limit": 1024,
                    "n_over": 2,
                }
            ],
        ),
    }
    assert tables.keys() == set(Summaries._fields)
    return tables | changes


def trained(role: str, **changes: Any) -> dict[str, Any]:
    """A row of ``trained_models``."""
    digests = {"weights": content_id(role), "made_from": content_id(f"before {role}")}
    figures = {"parameters": 155_712, "steps": 200, "seconds": 74.4}
    return {"role": role, **digests, **figures, **changes}


TRAINED = [
    trained("base", made_from=None, steps=None, seconds=None),
    trained("sft"),
    trained("grpo", steps=1026, seconds=8100.0),
]


def played(round_: int, played: int, accepted: int, **changes: Any) -> dict[str, Any]:
    """A row of ``round_summary``."""
    return {
        "round": round_,
        "played": played,
        "accepted": accepted,
        "acceptance": accepted / played,
        "reverted_because": "wrong 288, leak 12",
        "characters": None,
        "calls": 2 * played,
        **changes,
    }


def expected(node: str, calls: float, **changes: Any) -> dict[str, Any]:
    """A row of ``cost_estimate``."""
    return {
        "node": node,
        "role": "teacher",
        "model": "qwen",
        "calls_mid": calls,
        "calls_spread": 0.5,
        "input_tokens_mid": 100 * calls,
        "output_tokens_mid": 50 * calls,
        "tokens_spread": 0.6,
        "in_store": 0,
        "rests_on": "last_run",
        **changes,
    }


def called(role: str, task: str, calls: int, **changes: Any) -> dict[str, Any]:
    """A row of ``model_calls``."""
    tokens = {"input_tokens": 80 * calls, "output_tokens": 45 * calls}
    row = {"chapter": "synthesis", "role": role, "task": task, "calls": calls}
    return row | tokens | {"stored": 0, "failures": 0, "money": 0.0} | changes
