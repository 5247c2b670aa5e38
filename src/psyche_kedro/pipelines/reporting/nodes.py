"""A run is summed up: the funnel, the rejections, the writers, the report.

The chapter reads what each chapter before it says of itself (``…_account``: its
account, its summaries, its logs, its scores), the calls that models needed, and what
the paper prints; no table of the corpus. A chapter that has not run has an empty
account, and the report says so.
"""

from typing import Any

import polars as pl

from psyche_kedro.pipelines.benchmarks import Benchmarks
from psyche_kedro.pipelines.reporting import figures
from psyche_kedro.pipelines.reporting.funnel import Told, missing_chapters
from psyche_kedro.pipelines.reporting.parameters import ReportParameters, RunFacts
from psyche_kedro.pipelines.reporting.report import Report, render_report
from psyche_kedro.pipelines.reporting.sections import Findings, Summaries
from psyche_kedro.pipelines.selection.parameters import DifficultyParameters


def write_report(  # noqa: PLR0913 - the node's inputs
    *,
    accounts: pl.DataFrame,
    funnel: pl.DataFrame,
    rejections: pl.DataFrame,
    writers: pl.DataFrame,
    model_calls: pl.DataFrame,
    ingestion: Told,
    cleaning: Told,
    synthesis: Told,
    selection: Told,
    training: Told,
    evaluation: Told,
    ablation: Told,
    prompts: dict[str, Any],
    benchmarks: Benchmarks,
    params: ReportParameters,
    run_facts: RunFacts,
    difficulty: DifficultyParameters,
) -> Report:
    """Return the report: one self-contained page, in Markdown, and for the terminal.

    Of each chapter it takes what that says of itself; ``run_facts`` say which run it
    is, ``benchmarks`` which exams there are and what the paper prints of them.
    """
    findings = Findings(
        accounts=accounts,
        missing=missing_chapters(accounts),
        funnel=funnel,
        rejections=rejections,
        writers=writers,
        **{field: evaluation[table] for field, table in _OF_EVALUATION.items()},
        summaries=_summaries({**synthesis, **selection, **evaluation}, model_calls),
        difficulty=difficulty,
        toys=_toys(training, ablation, params.toy_below),
        **{field: training[table] for field, table in _OF_TRAINING.items()},
        ablation=ablation,
        charts=figures.training_charts(_log(training), params.curves),
        examples=_examples(ingestion, cleaning, synthesis, selection),
        prompts=prompts,
        benchmarks=benchmarks,
        printed_as=params.printed_as,
        run=run_facts,
    )
    return render_report(findings)


_OF_TRAINING = {
    "trained_models": "trained_models",
    "training_plan": "training_plan",
    "completions": "shown_completions",
}
_OF_EVALUATION = {
    "scores": "scores",
    "differences": "score_differences",
    "exams": "exam_summary",
    "answers": "answer_summary",
    "judges": "judgement_summary",
    "readers": "reader_agreement",
    "by_difficulty": "difficulty_scores",
    "shown_items": "shown_items",
    "shown_answers": "shown_answers",
}


def _examples(*chapters: Told) -> pl.DataFrame:
    return pl.concat(told["examples"] for told in chapters)


def _summaries(told: Told, model_calls: pl.DataFrame) -> Summaries:
    told = {**told, "model_calls": model_calls}
    return Summaries(**{name: told[name] for name in Summaries._fields})


def _toys(training: Told, ablation: Told, below: int) -> list[str]:
    models = pl.concat([training["trained_models"], ablation["ablation_models"]])
    return models.filter(pl.col("parameters") < below)["role"].to_list()


def draw_training(training: Told, params: ReportParameters) -> Any:
    """Return the training curves as a plotly figure, for Kedro-Viz.

    Args:
        training: Logs of both stages.
        params: ``reporting``.
    """
    return figures.training_figure(_log(training), params.curves)


def _log(training: Told) -> pl.DataFrame:
    return pl.concat([training["sft_log"], training["grpo_log"]])
