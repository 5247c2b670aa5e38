"""The report's drawing: consistency of every model against its gain."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from psyche_kedro.pipelines.cedar.alignment.benchmark_sections import Found
from psyche_kedro.pipelines.cedar.alignment.figures import points
from psyche_kedro.pipelines.cedar.alignment.scoring import REFERENCE
from psyche_kedro.pipelines.reporting.figures import Span, Tick

WIDTH, HEIGHT, _EDGE = 720, 360, 46


class Dot(NamedTuple):
    """A model in one way, in pixels."""

    x: float
    y: float
    name: str
    label: str
    """What stands beside it: models where they are asked natively, and references."""
    kind: str


class Scatter(NamedTuple):
    """Consistency against gain, ready to draw."""

    title: str
    dots: list[Dot]
    x_labels: list[Tick]
    y_labels: list[Tick]
    ways: list[str]


def scatter(benchmark: str, found: Found) -> Scatter:
    """Return a dot for people and every model, in pixels.

    Args:
        benchmark: Whose.
        found: Scores and reference are drawn.
    """
    known = points(found.scores, found.reference, benchmark).to_dicts()
    known.sort(key=lambda row: row["way"] == "native")  # drawn last, on top
    gains = [0.0, 0.1, *(row["gain"] for row in known)]
    bottom, top = min(gains), max(gains)
    x = Span(0, 1, _EDGE, WIDTH - _EDGE)
    y = Span(bottom, top, HEIGHT - _EDGE, _EDGE)
    return Scatter(
        "Consistency across languages (right) against gain in alignment (up)",
        [_dot(row, x, y) for row in known],
        [Tick(x.at(at), f"{at:g}") for at in (0.0, 0.25, 0.5, 0.75, 1.0)],
        [Tick(y.at(at), f"{at:.2f}") for at in (bottom, (top + bottom) / 2, top)],
        list(dict.fromkeys(row["way"] for row in known)),
    )


def _dot(row: Mapping[str, Any], x: Span, y: Span) -> Dot:
    subject, way = row["subject"], row["way"]
    return Dot(
        x.at(row["consistency"]),
        y.at(row["gain"]),
        f"{subject}, {way}",
        subject if way in ("native", REFERENCE) else "",
        way,
    )
