"""Charts as pixels."""

from itertools import pairwise

import pytest

from psyche_kedro.pipelines.reporting.figures import (
    HEIGHT,
    WIDE,
    WIDTH,
    line_chart,
    scatter,
)


def test_a_chart_runs_from_edge_to_edge_and_upwards():
    chart = line_chart("loss", [(0, 10.0), (5, 2.0), (10, 0.0)])
    points = [tuple(map(float, p.split(","))) for p in chart.line.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    xs, ys = zip(*points, strict=True)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys)  # a falling loss goes down: y grows downwards
    assert chart.last == "0"


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        ([(0, 0.0), (1, 1.0)], ["0", "0.5", "1"]),
        ([(0, -1.0), (1, 2.25)], ["-1", "0", "1", "2"]),
        ([(0, 0.91), (1, 0.94)], ["0.91", "0.92", "0.93", "0.94"]),
    ],
)
def test_ticks_stand_at_round_values_within_the_chart(points, labels):
    assert [tick.label for tick in line_chart("y", points).y_ticks] == labels


@pytest.mark.parametrize("points", [[(3, 1.5)], [(1, 0.0), (2, 0.0)]])
def test_a_single_point_or_a_flat_line_can_be_drawn(points):
    chart = line_chart("flat", points)
    assert chart.y_ticks
    assert "nan" not in chart.line


@pytest.mark.parametrize("x", [0.0, 9.9])
def test_names_of_near_points_stand_below_one_another_within_the_chart(x):
    near = [(x, 50.0), (x + 0.1, 50.1), (x, 50.2)]
    chart = scatter(
        "size",
        [(0.0, 0.0), *near, (10.0, 100.0)],
        names="abcde",
        marked=[False] * 5,
        label=str,
    )
    feet = sorted(point.label.y for point in chart.points[1:4])
    assert all(low - high >= 11 for high, low in pairwise(feet))
    for point in chart.points:
        away = -130 if point.label.anchor == "end" else 130
        assert 0 < point.label.x + away < WIDE
