"""benchmark_items + models → predictions → answers → judgements → scores.

Of ``base``, ``sft`` and ``grpo`` it asks the chat model; training writes the
checkpoint. They are one entry, and so an edge of the graph: as a free input, Kedro
would be at liberty to evaluate before training.
"""

from collections.abc import Mapping

import polars as pl
from kedro.pipeline import Node, Pipeline

from psyche_kedro.datasets.bundle_dataset import taking
from psyche_kedro.pipelines.accounts import account_node, beside, written
from psyche_kedro.pipelines.evaluation.nodes import (
    answer_benchmarks,
    compare_readers,
    compare_replies,
    judge_counselling,
    read_answers,
    score_by_difficulty,
    score_predictions,
    show_answers,
    summarise_agreement,
    summarise_answers,
    summarise_exams,
    summarise_judgements,
    write_exam_papers,
    write_judging_batch,
    write_submissions,
)
from psyche_kedro.pipelines.evaluation.people import read_human_scores

TRAINED = {"base": "base_model", "sft": "sft_model", "grpo": "grpo_model"}
ACCOUNT = (
    written("predictions"),
    written("judgements"),
    written("preferences"),
    beside("exemplars", by=pl.format("{}/{}", "benchmark", "cell")),
    beside("answers", by=pl.format("{}/{}", "reader", "outcome")),
    beside("answer_summary"),
    beside("judgement_summary"),
    beside("judge_agreement"),
    beside("reader_agreement"),
    beside("exam_summary"),
    beside("scores"),
    beside("score_differences"),
    beside("difficulty_scores", by="subset"),
    beside("shown_items"),
    beside("shown_answers"),
)
PROMPTS = ("exam_case", "exam_knowledge", "exam_direct", "essay", "counselling")

_ITEMS = {"benchmark_items": "clean_benchmark_items"}
_SAID = {"predictions": "predictions", "answers": "answers"}
_READ = _SAID | _ITEMS | {"reading": "params:evaluation.reading"}
_MARKED = _READ | {"benchmarks": "params:benchmarks"}


def create_pipeline() -> Pipeline:
    """Wire evaluation."""
    account = account_node("evaluation", ACCOUNT)
    judged = [*_judgements(), *_beside_judges()]
    answered = [*_answers(), *_shown()]
    return Pipeline([*_exams(), *answered, *judged, *_scores(), account])


def _exams() -> list[Node]:
    return [
        Node(
            summarise_exams,
            inputs=_ITEMS,
            outputs="exam_summary",
            name="summarise_exams",
        ),
        Node(
            write_exam_papers,
            inputs=_ITEMS
            | {
                "exemplars": "exemplars",
                "params": "params:evaluation.protocols",
                "limit": "params:evaluation.limit",
                "benchmarks": "params:benchmarks",
            }
            | {name: f"params:prompts.{name}" for name in PROMPTS},
            outputs="exam_papers",
            name="write_exam_papers",
        ),
        answering_node(TRAINED, models="evaluated_models"),
    ]


def answering_node(trained: Mapping[str, str], **others: str) -> Node:
    """Return the node that asks models what stands in the exam papers.

    Args:
        trained: The datasets of models that training makes, by their roles.
        **others: Further inputs of ``answer_benchmarks``.
    """
    return Node(
        taking(answer_benchmarks, **dict.fromkeys(trained, "chat")),
        inputs={
            "exam_papers": "exam_papers",
            "params": "params:evaluation.protocols",
            **others,
            **trained,
        },
        outputs="predictions",
        name="answer_benchmarks",
    )


def _answers() -> list[Node]:
    params = {"params": "params:evaluation.reading"}
    return [
        Node(
            read_answers,
            inputs=_ITEMS | params | {"predictions": "predictions"},
            outputs="answers",
            name="read_answers",
        ),
        Node(
            summarise_answers,
            inputs=_SAID | params,
            outputs="answer_summary",
            name="summarise_answers",
        ),
        Node(
            compare_readers,
            inputs=_SAID | params,
            outputs="reader_agreement",
            name="compare_readers",
        ),
    ]


def _shown() -> list[Node]:
    return [
        Node(
            taking(show_answers, taught="taught"),
            inputs=_READ
            | {
                "taught": TRAINED["sft"],
                "params": "params:evaluation.shown",
                "repeats": "params:training.memorised",
            },
            outputs=["shown_items", "shown_answers"],
            name="show_answers",
        ),
        Node(
            write_submissions,
            inputs=_MARKED,
            outputs="submissions",
            name="write_submissions",
        ),
    ]


def _judgements() -> list[Node]:
    params = {"params": "params:evaluation.judging"}
    judges = {"judges": "counselling_judges"}
    prompt = {"prompt": "params:prompts.counselling_judge"}
    rubric = {"rubric_prompt": "params:prompts.rubric_judge"}
    pairwise = {"prompt": "params:prompts.pairwise_judge"}
    return [
        Node(
            judge_counselling,
            inputs=_MARKED | params | judges | prompt | rubric,
            outputs="judgements",
            name="judge_counselling",
        ),
        Node(
            compare_replies,
            inputs=_MARKED | params | judges | pairwise,
            outputs="preferences",
            name="compare_replies",
        ),
        Node(
            write_judging_batch,
            inputs=_MARKED | params | prompt,
            outputs="judging_batch",
            name="write_judging_batch",
        ),
    ]


def _beside_judges() -> list[Node]:
    judged = {"judgements": "judgements"}
    return [
        Node(
            summarise_judgements,
            inputs=judged,
            outputs="judgement_summary",
            name="summarise_judgements",
        ),
        Node(
            taking(read_human_scores, judging_files="judgings"),
            inputs=judged | {"judging_files": "raw_files"},
            outputs="human_scores",
            name="read_human_scores",
        ),
        Node(
            summarise_agreement,
            inputs=judged
            | {"preferences": "preferences", "human_scores": "human_scores"},
            outputs="judge_agreement",
            name="summarise_agreement",
        ),
    ]


def _scores() -> list[Node]:
    marked = _MARKED | {"params": "params:evaluation.scores"}
    return [
        Node(
            score_predictions,
            inputs=marked
            | {"judgements": "judgements", "selection": "selection_account"},
            outputs=["scores", "score_differences"],
            name="score_predictions",
        ),
        Node(
            score_by_difficulty,
            inputs=marked
            | {
                "split": "params:evaluation.split",
                "difficulty": "params:selection.difficulty",
            },
            outputs="difficulty_scores",
            name="score_by_difficulty",
        ),
    ]
