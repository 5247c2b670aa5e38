"""What the paper prints, as data: ``published.yml`` beside this file.

What it prints of an exam stands on the benchmark's card (``conf/base/benchmarks``).
"""

from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class _Published(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AblationRow(_Published):
    """A row of Table 3 or 4."""

    setting: str
    scores: dict[str, float]
    """By category or cell."""
    change: dict[str, float] = {}
    """Printed Δ of each category, in percent of the base."""
    same_as: str | None = None
    """The model of Table 1 that this is."""


class BaselineModel(_Published):
    """A row of Table 7."""

    name: str
    size: str | None
    """Null where the paper says UNK."""
    version: str


class Claim(_Published):
    """A sentence of the text that its tables can check."""

    place: str
    text: str
    says: Literal["sum", "at_least", "relative_change", "falls"]
    printed: float | None = None
    table: int | None = None
    model: str | None = None
    cells: tuple[str, ...] = ()
    """Of that model's row, under every protocol."""
    numbers: dict[str, float] = {}
    """Where no table holds them."""


class Published(_Published):
    """The paper's other figures that a report shows or a test audits."""

    counts: dict[str, str]
    """Corpus counts by the stage of the funnel they belong to."""
    ablation_exam: str
    """The benchmark of Tables 3 and 4 and Figure 3."""
    ablation: tuple[AblationRow, ...]
    """Table 3."""
    compositions: tuple[AblationRow, ...]
    """Table 4."""
    models: tuple[BaselineModel, ...]
    """Table 7."""
    claims: tuple[Claim, ...]


@cache
def read_published() -> Published:
    """Return the published figures."""
    import yaml  # noqa: PLC0415 - read once per report

    text = (files(__package__) / "published.yml").read_text(encoding="utf-8")
    fields: dict[str, Any] = yaml.safe_load(text)
    return Published(**fields)
