"""Line charts: as coordinates for the report's inline SVG, as plotly for Kedro-Viz."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.pipelines.reporting.parameters import Curve

SIZE = WIDTH, HEIGHT = 360, 190
"""Of one chart, in pixels."""
BIG = WIDE, HIGH = 900, 420
"""Of a scatter chart, whose points have names."""
LEFT, _RIGHT, _TOP, _BOTTOM = 48, 14, 12, 28
_NAME_WIDTH, _NAME_HEIGHT, _MIDDLE, _GAP = 130, 12, 4, 7
"""A point's name at its longest; from its foot to its middle, and to its point."""
_WANTED_TICKS = 4
_EDGE = 1e-6


class Tick(NamedTuple):
    """A grid line: where in pixels, and what it says."""

    at: float
    label: str


class Chart(NamedTuple):
    """A line chart in pixels, ready to draw."""

    title: str
    line: str
    """``x,y x,y …`` of an SVG polyline."""
    end: tuple[float, float]
    first_step: str
    last_step: str
    last: str
    """The last value."""
    x_ticks: list[Tick]
    y_ticks: list[Tick]


class Place(NamedTuple):
    """Where a name stands, in pixels, and with which end (``start`` or ``end``)."""

    x: float
    y: float
    anchor: str


class Point(NamedTuple):
    """A named point of a scatter chart, in pixels."""

    x: float
    y: float
    name: str
    is_marked: bool
    label: Place
    """Of its name: within the chart, and no two on each other."""


class Scatter(NamedTuple):
    """A scatter chart in pixels, ready to draw."""

    title: str
    points: list[Point]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


class Span(NamedTuple):
    """An axis: what it runs over, and the pixels it runs along."""

    low: float
    high: float
    first: float
    last: float

    def at(self, value: float) -> float:
        """Return the pixel of ``value``."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.first + share * (self.last - self.first), 1)


def line_chart(title: str, points: Sequence[tuple[float, float]]) -> Chart:
    """Return a chart of ``[n]`` points ``(x, y)``, at least one.

    Args:
        title: What the line is.
        points: In the order of ``x``; no value may be infinite or NaN.
    """
    xs, ys = zip(*points, strict=True)
    across = _span(xs, LEFT, WIDTH - _RIGHT)
    up = _span(ys, HEIGHT - _BOTTOM, _TOP)
    pixels = [(across.at(x), up.at(y)) for x, y in points]
    return Chart(
        title=title,
        line=" ".join(f"{x},{y}" for x, y in pixels),
        end=pixels[-1],
        first_step=f"{xs[0]:g}",
        last_step=f"{xs[-1]:g}",
        last=f"{ys[-1]:.4g}",
        x_ticks=_ticks(across),
        y_ticks=_ticks(up),
    )


def scatter(
    title: str,
    points: Sequence[tuple[float, float]],
    *,
    names: Sequence[str],
    marked: Sequence[bool],
    label: Callable[[float], str],
) -> Scatter:
    """Return a chart of ``[n]`` named points, at least one.

    Args:
        title: What the points are.
        points: ``(x, y)`` of each.
        names: Of the points.
        marked: Which of them stand out.
        label: What a tick of the x axis says.
    """
    xs, ys = zip(*points, strict=True)
    across = _span(xs, LEFT, WIDE - _RIGHT)
    up = _span(ys, HIGH - _BOTTOM, _TOP)
    pixels = [(across.at(x), up.at(y)) for x, y in points]
    told = zip(pixels, names, marked, _name_places(pixels), strict=True)
    return Scatter(
        title=title,
        points=[Point(x, y, name, m, place) for (x, y), name, m, place in told],
        x_ticks=[Tick(at, label(float(said))) for at, said in _ticks(across)],
        y_ticks=_ticks(up),
    )


def _name_places(pixels: Sequence[tuple[float, float]]) -> Iterator[Place]:
    """Yield where the name of each point stands: beside it, below those it meets."""
    is_left = [x > WIDE - _NAME_WIDTH for x, _ in pixels]
    starts = [
        x - _GAP - _NAME_WIDTH if left else x + _GAP
        for (x, _), left in zip(pixels, is_left, strict=True)
    ]
    lows: dict[int, float] = {}  # from the top down
    for place in sorted(range(len(pixels)), key=lambda n: pixels[n][1]):
        met = [n for n in lows if abs(starts[n] - starts[place]) < _NAME_WIDTH]
        lowest = max((lows[n] + _NAME_HEIGHT for n in met), default=0.0)
        lows[place] = round(max(pixels[place][1] + _MIDDLE, lowest), 1)
    for place, left in enumerate(is_left):
        x, anchor = (-_GAP, "end") if left else (_GAP, "start")
        yield Place(pixels[place][0] + x, lows[place], anchor)


def training_charts(log: pl.DataFrame, curves: Sequence[Curve]) -> list[Chart]:
    """Return a chart per curve that ``log`` has finite values of.

    Args:
        log: Rows of ``training_log``.
        curves: What to draw, in order.
    """
    drawn = ((curve, _curve_points(log, curve)) for curve in curves)
    return [line_chart(curve.title, points) for curve, points in drawn if points]


_CLEAR, _GREY, _GRID = "rgba(0,0,0,0)", "#8391a1", "rgba(131,145,161,0.3)"


def on_any_ground(figure: Any) -> Any:
    """Return a plotly figure that is read on Kedro-Viz's dark ground as on a light."""
    figure.update_xaxes(gridcolor=_GRID).update_yaxes(gridcolor=_GRID, automargin=True)
    return figure.update_layout(
        template="none",
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        font={"color": _GREY},
        colorway=["#2a9d8f", "#e07a5f", _GREY],
    )


def training_figure(log: pl.DataFrame, curves: Sequence[Curve]) -> Any:
    """Return the same curves as one interactive plotly figure."""
    from plotly.subplots import make_subplots  # noqa: PLC0415 - dear to import

    drawn = [(c, p) for c in curves if (p := _curve_points(log, c))]
    figure = make_subplots(
        rows=1, cols=max(1, len(drawn)), subplot_titles=[c.title for c, _ in drawn]
    )
    for column, (curve, points) in enumerate(drawn, start=1):
        x, y = zip(*points, strict=True)
        figure.add_scatter(x=x, y=y, name=curve.title, row=1, col=column)
    figure.update_layout(showlegend=False, xaxis_title="step")
    return on_any_ground(figure)


def draw_funnel(funnel: pl.DataFrame) -> Any:
    """Return rows kept and rejected per stage as stacked bars, in reading order.

    Args:
        funnel: ``Funnel``.
    """
    from plotly.graph_objects import Bar, Figure  # noqa: PLC0415 - dear to import

    stages = funnel["stage"].to_list()
    bars = [
        Bar(name=name, y=stages, x=funnel[column].to_list(), orientation="h")
        for name, column in (("kept", "rows"), ("rejected", "rejected"))
    ]
    figure = Figure(bars).update_layout(barmode="stack", xaxis_title="rows")
    return on_any_ground(figure.update_yaxes(autorange="reversed"))


def _curve_points(log: pl.DataFrame, curve: Curve) -> list[tuple[float, float]]:
    rows = log.filter(
        pl.col("stage") == curve.stage,
        pl.col("metric") == curve.metric,
        pl.col("value").is_finite(),
    ).sort("step")
    return list(rows.select("step", "value").iter_rows())


def _span(values: Sequence[float], first: float, last: float) -> Span:
    low, high = min(values), max(values)
    if low == high:  # a flat line still needs a height to stand at
        low, high = low - 1, high + 1
    return Span(low, high, first, last)


def _ticks(span: Span) -> list[Tick]:
    """Return about four ticks at round values (1, 2 or 5 times a power of ten)."""
    rough = (span.high - span.low) / _WANTED_TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough)
    # 0.94 / 0.01 is 93.999…: a tick on the edge must not be lost to rounding.
    first = math.ceil(span.low / step - _EDGE)
    values = (n * step for n in range(first, math.floor(span.high / step + _EDGE) + 1))
    return [Tick(span.at(value), f"{value:.4g}") for value in values]
