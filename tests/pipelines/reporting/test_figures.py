"""Charts as pixels."""

import pytest

from psyche_kedro.pipelines.reporting.figures import HEIGHT, WIDTH, line_chart


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
