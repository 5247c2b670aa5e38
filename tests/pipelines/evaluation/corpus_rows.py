"""A small corpus as the report reads it, with a person's words wherever text stands."""

from typing import Any

import polars as pl
import yaml
from exam_rows import ROOT

from psyche_kedro.pipelines.evaluation.sections import Corpus
from psyche_kedro.pipelines.selection.parameters import DifficultyParameters
from psyche_kedro.tables import (
    AnswerKeyAudit,
    ContaminationHits,
    CostEstimate,
    DifficultySummary,
    GrpoExamples,
    HeldOutQuestions,
    JudgedQuestions,
    LengthAccount,
    ModelCalls,
    ReasoningSamples,
    Rejections,
    ReviewSummary,
    RoundSummary,
    SftExamples,
    StudentAgreement,
    TrainedModels,
    WithheldExamples,
    content_id,
    frame,
)

PRIVATE = "我叫王小明"
DIFFICULTY = DifficultyParameters(
    **yaml.safe_load(
        (ROOT / "conf/base/parameters/selection.yml").read_text(encoding="utf-8")
    )["selection"]["difficulty"]
)
TEXT = [{"role": "user", "content": PRIVATE}]
Q1, Q2, ITEM = content_id("q1"), content_id("q2"), content_id("item")


def measure(measure: str, group: str, value: float | None, n: int) -> dict[str, Any]:
    return {"measure": measure, "group": group, "value": value, "n": n}


def sample(chosen_by: str, votes_agree: bool | None = None) -> dict[str, Any]:
    said = {"stem": PRIVATE, "rationale": PRIVATE, "choice_reason": PRIVATE}
    return said | {"chosen_by": chosen_by, "votes_agree": votes_agree}


def hit(row_id: str, set_name: str = "D_p", **changes: str) -> dict[str, Any]:
    row = {"row_id": row_id, "set_name": set_name, "item_id": ITEM}
    row |= {"benchmark": "pceb"}
    return row | {"split": "test", "kind": "exact", "score": 1.0} | changes


def example(part: str, parent_id: str, variant: str = "ED-PRD-APD") -> dict[str, Any]:
    text = {"prompt" if part in {"D_pc", "D_cp"} else "messages": TEXT}
    return text | {"part": part, "parent_id": parent_id, "variant": variant}


def dropped(reason: str, part: str) -> dict[str, Any]:
    return {"row_id": Q1, "stage": "stage", "reason": reason, "detail": part}


def hard(n_right: int, n_answers: int = 3) -> dict[str, Any]:
    rate = n_right / n_answers
    return {"stem": PRIVATE, "pass_rate": rate, "n_answers": n_answers}


def difficult(dimension: str, value: str, n: int, hard: int) -> dict[str, Any]:
    figures = {"n_challenging": hard, "pass_rate": 0.25, "zero_variance": 0.3125}
    return {"dimension": dimension, "value": value, "n": n, **figures}


def corpus(**changes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Every table of the report's corpus, by name."""
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
        "cost_estimate": frame(CostEstimate, [expected("write_rationales", 1500)]),
        "model_calls": frame(
            ModelCalls, [called("teacher", "write_rationales", 1600, stored=100)]
        ),
        "reasoning_samples": frame(
            ReasoningSamples,
            [sample("only"), *[sample("judge", True)] * 2, sample("rule", False)],
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
        "answer_key_audit": frame(
            AnswerKeyAudit,
            [
                {"question_id": q, "stem": PRIVATE, "n_agreeing": n, "n_students": 3}
                for q, n in ((Q1, 2), (Q2, 3))
            ],
        ),
        "difficulty_summary": frame(
            DifficultySummary,
            [
                difficult("all", "all", 1160, 290),
                difficult("type", "multiple", 24, 15),
                difficult("source", "exam.json", 60, 0),
            ],
        ),
        "challenging": frame(JudgedQuestions, [hard(0), hard(0)]),
        "held_out_questions": frame(HeldOutQuestions, []),
        "contamination_hits": frame(
            ContaminationHits, [hit(Q1), hit(Q1, item_id=content_id("other"))]
        ),
        "sft_set": frame(SftExamples, [example("D_pr", Q2)]),
        "grpo_set": frame(GrpoExamples, [example("D_pc", content_id("q3"))]),
        "rejected_examples": frame(
            Rejections,
            [dropped("contaminated", "D_pr"), dropped("not_in_variant", "D_em")],
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
        "withheld_examples": frame(WithheldExamples, [dropped("offline", "D_pr")]),
        "trained_models": frame(
            TrainedModels,
            [
                trained("base", made_from=None, steps=None, seconds=None),
                trained("sft"),
                trained("grpo", steps=1026, seconds=8100.0),
            ],
        ),
    }
    assert tables.keys() == set(Corpus._fields)
    return tables | changes


def trained(role: str, **changes: Any) -> dict[str, Any]:
    """A row of ``trained_models``."""
    digests = {"weights": content_id(role), "made_from": content_id(f"before {role}")}
    figures = {"parameters": 155_712, "steps": 200, "seconds": 74.4}
    return {"role": role, **digests, **figures, **changes}


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
    given = {"calls": calls, "input_tokens": 100 * calls, "output_tokens": 50 * calls}
    bounds = {"low": 0.5, "mid": 1, "high": 1.5}
    return {
        "node": node,
        "role": "teacher_model",
        "model": "qwen",
        **{f"{n}_{b}": v * f for n, v in given.items() for b, f in bounds.items()},
        "in_store": 0,
        "rests_on": "last_run",
        **changes,
    }


def called(role: str, task: str, calls: int, **changes: Any) -> dict[str, Any]:
    """A row of ``model_calls``."""
    tokens = {"input_tokens": 80 * calls, "output_tokens": 45 * calls}
    row = {"chapter": "synthesis", "role": role, "task": task, "calls": calls}
    return row | tokens | {"stored": 0, "failures": 0, "money": 0.0} | changes
