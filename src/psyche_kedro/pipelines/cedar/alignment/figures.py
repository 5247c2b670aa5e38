"""What a glance should show: consistency against gain, and whose gold an answer is."""

from typing import Any

import polars as pl

from psyche_kedro.pipelines.cedar.alignment.scoring import (
    ALL_MODELS,
    PEOPLE,
    REFERENCE,
)
from psyche_kedro.pipelines.reporting.figures import on_any_ground

_WIDEST = 3
"""Matrices side by side."""


def points(
    scores: pl.DataFrame, reference: pl.DataFrame, benchmark: str
) -> pl.DataFrame:
    """Return consistency, gain and its interval of people, and of every model and way.

    Args:
        scores: ``CedarScores``; of a model, the slice of all it sat.
        reference: ``CedarReference``.
        benchmark: Whose.
    """
    people, models = _of_people(reference, benchmark), _of_models(scores, benchmark)
    rows = pl.concat([people, models.select(people.columns)])
    consistency = rows.filter(metric="consistency").select(
        "subject", "way", "slice", consistency="value"
    )
    gains = rows.filter(metric="gain").select(
        "subject", "way", "low", "high", "p", gain="value"
    )
    return consistency.join(gains, on=["subject", "way"], maintain_order="left")


def _of_people(reference: pl.DataFrame, benchmark: str) -> pl.DataFrame:
    return reference.filter(benchmark=benchmark, line=PEOPLE).select(
        "metric",
        "value",
        "low",
        "high",
        subject="line",
        way=pl.lit(REFERENCE),
        slice=pl.lit("all"),
        p=pl.lit(None, pl.Float64),
    )


def _of_models(scores: pl.DataFrame, benchmark: str) -> pl.DataFrame:
    """Return what each said of all it sat: of one modality, where that is all."""
    whole = scores.filter(
        pl.col("benchmark") == benchmark,
        pl.col("subject") != ALL_MODELS,
        pl.col("slice").str.contains("/").not_(),
    )
    first = whole.group_by("subject", "way", maintain_order=True).agg(
        pl.col("slice").first()
    )
    return whole.join(first, on=["subject", "way", "slice"], how="semi")


def draw_dissociation(cedar_scores: pl.DataFrame, cedar_reference: pl.DataFrame) -> Any:
    """Return consistency against gain, a point for people and every model and way.

    Args:
        cedar_scores: ``CedarScores``.
        cedar_reference: ``CedarReference``.
    """
    from plotly.graph_objects import Figure  # noqa: PLC0415 - dear to import

    figure = Figure()
    for benchmark in cedar_scores["benchmark"].unique(maintain_order=True):
        found = points(cedar_scores, cedar_reference, benchmark)
        for (way,), own in found.group_by("way", maintain_order=True):
            figure.add_scatter(
                x=own["consistency"].to_list(),
                y=own["gain"].to_list(),
                text=own["subject"].to_list(),
                mode="markers+text",
                textposition="top center",
                name=f"{benchmark}: {way}",
            )
    figure.update_layout(
        xaxis_title="consistency across languages", yaxis_title="gain in alignment"
    )
    return on_any_ground(figure)


def draw_culture_matrix(culture_matrix: pl.DataFrame) -> Any:
    """Return, for every model asked natively, answers in a language against golds.

    Args:
        culture_matrix: ``CultureMatrix``.
    """
    from plotly.graph_objects import Heatmap  # noqa: PLC0415 - dear to import
    from plotly.subplots import make_subplots  # noqa: PLC0415

    native = culture_matrix.filter(pl.col("way").is_in(["native", REFERENCE]))
    groups = list(native.group_by("benchmark", "subject", maintain_order=True))
    titles = [f"{benchmark}: {subject}" for (benchmark, subject), _ in groups]
    across = max(1, min(_WIDEST, len(groups)))
    down = max(1, -(-len(groups) // across))
    figure = make_subplots(rows=down, cols=across, subplot_titles=titles)
    for n, (_, own) in enumerate(groups):
        wide = own.pivot("culture", index="language", values="share")
        cells = Heatmap(
            z=wide.drop("language").rows(),
            x=wide.columns[1:],
            y=wide["language"].to_list(),
            coloraxis="coloraxis",
        )
        figure.add_trace(cells, row=n // across + 1, col=n % across + 1)
    figure.update_yaxes(autorange="reversed", title="answers in")
    figure.update_xaxes(title="golds of")
    figure.update_layout(coloraxis={"cmin": 0, "cmax": 1}, height=360 * down)
    return on_any_ground(figure)
