"""Who is asked what: people of a culture, scenarios in an order of each one's own."""

from collections.abc import Iterator, Sequence
from math import ceil

import polars as pl

from psyche_kedro.datasets.language_packs import Packs
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.pipelines.cedar.parameters import AnnotationParameters
from psyche_kedro.pipelines.cedar.tables import AnnotationTasks
from psyche_kedro.tables import Row, content_id, frame


def deal_annotation_tasks(
    isolated_scenarios: pl.DataFrame,
    divergence: pl.DataFrame,
    packs: Packs,
    params: AnnotationParameters,
) -> pl.DataFrame:
    """Return the tasks of every seat, checks among them, each seat's in its own order.

    A check is a scenario of which every labeller says the same in every culture: it
    costs nothing, and who does not say so was not reading.

    Args:
        isolated_scenarios: ``Scenarios``.
        divergence: ``Divergence``.
        packs: Languages, by culture.
        params: ``cedar.annotation``.

    Returns:
        ``AnnotationTasks``.

    Raises:
        ConfigurationError: If a culture has no seats.
    """
    if missing := [culture for culture in packs if culture not in params.seats]:
        raise ConfigurationError(
            f"cedar.annotation.seats has none for {', '.join(missing)}: give each"
            f" culture at least {params.per_item} pseudonyms."
        )
    scenarios = sorted(
        isolated_scenarios["scenario_id"], key=lambda key: content_id("deal", key)
    )
    checks = dict(
        divergence.filter(
            pl.col("reason").is_in(["no_divergence", "one_label"]),
            pl.col("universal_share") >= params.check_agreement,
        )
        .select("scenario_id", "universal_label")
        .iter_rows()
    )
    rows = (
        row | {"culture": culture}
        for culture in packs
        for row in _of_culture(scenarios, checks, params.seats[culture], params)
    )
    return frame(AnnotationTasks, rows)


def _of_culture(
    scenarios: Sequence[str],
    checks: dict[str, str],
    seats: Sequence[str],
    params: AnnotationParameters,
) -> Iterator[Row]:
    """Yield the tasks of every seat; each scenario goes to the next ``per_item``."""
    dealt: dict[str, list[str]] = {seat: [] for seat in seats}
    for n, scenario in enumerate(scenarios):
        for k in range(params.per_item):
            dealt[seats[(n * params.per_item + k) % len(seats)]].append(scenario)
    for seat, own in dealt.items():
        known = _drawn(list(checks), seat, ceil(params.check_share * len(own)))
        expected = {scenario: checks[scenario] for scenario in known}
        for scenario in _drawn([*own, *known], seat, len(own) + len(known)):
            yield {
                "scenario_id": scenario,
                "seat": seat,
                "kind": "check" if scenario in expected else "item",
                "expected": expected.get(scenario),
            }


def _drawn(scenarios: Sequence[str], seat: str, n: int) -> list[str]:
    return sorted(scenarios, key=lambda key: content_id("seat", seat, key))[:n]
