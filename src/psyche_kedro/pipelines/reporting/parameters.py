"""Typed view of ``conf/base/parameters/reporting.yml``; the reasons stand there."""

from typing import Literal

from psyche_kedro.parameters import Parameters


class Curve(Parameters):
    """One line of the report's training charts."""

    stage: Literal["sft", "grpo"]
    metric: str
    title: str


class ReportParameters(Parameters):
    """``reporting``."""

    curves: tuple[Curve, ...]
    toy_below: int
    """Parameters below which a trained model is too small for its scores to mean
    anything."""
    printed_as: dict[str, str]
    """The paper's name of a model of ours, by its role."""


class RunFacts(Parameters):
    """``run_facts``: which run the report is of."""

    run: str = ""
    began: str = ""
    commit: str = ""
    environment: str = ""
    pipelines: tuple[str, ...] = ()
    raw: str = ""
    data: str = ""
    changed: tuple[tuple[str, str], ...] = ()
    """Name and value of settings that are not those of ``conf/base``."""
    stale: tuple[str, ...] = ()
    """A sentence for each table that has been overtaken."""
