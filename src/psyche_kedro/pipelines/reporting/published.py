"""What the paper prints, as data: ``published.yml`` beside this file."""

from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

Cells = dict[str, float]


class _Published(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PcebRow(_Published):
    """A row of Table 1."""

    model: str
    size: str | None
    group: str
    standard: Cells
    elastic: Cells
    average: float
    elastic_average: float
    open: Cells


class CpsyexamRow(_Published):
    """A row of Table 2."""

    model: str
    zero_shot: Cells
    five_shot: Cells
    average: float


class CounsellingRow(_Published):
    """A row of Table 5."""

    model: str
    EmoE: float
    CogE: float
    Con: float
    Sta: float


class AblationRow(_Published):
    """A row of Table 3."""

    setting: str
    case: float
    moral: float
    theory: float


class Published(_Published):
    """Every figure of the paper that a report shows or a test audits."""

    counts: dict[str, str]
    """Corpus counts by the stage of the funnel they belong to."""
    pceb_items: dict[str, int]
    cpsyexam_items: dict[str, int]
    pceb: tuple[PcebRow, ...]
    cpsyexam: tuple[CpsyexamRow, ...]
    counselling: tuple[CounsellingRow, ...]
    ablation: tuple[AblationRow, ...]


@cache
def read_published() -> Published:
    """Return the published figures."""
    import yaml  # noqa: PLC0415 - read once per report

    text = (files(__package__) / "published.yml").read_text(encoding="utf-8")
    fields: dict[str, Any] = yaml.safe_load(text)
    return Published(**fields)
