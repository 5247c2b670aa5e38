"""Typed view of ``conf/base/parameters/selection.yml``; the reasons stand there."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Parameters(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StudentParameters(_Parameters):
    """``selection.students.<a|b|c>``."""

    name: str
    samples: int = Field(ge=1)
    temperature: float = Field(ge=0)
    max_tokens: int = Field(ge=1)


class DifficultyParameters(_Parameters):
    """``selection.difficulty``."""

    rule: Literal["all_wrong"]


class DecontaminationParameters(_Parameters):
    """``selection.decontamination``."""

    threshold: float = Field(gt=0, le=1)
    min_case_chars: int = Field(ge=1)


class SetParameters(_Parameters):
    """``selection.sets``."""

    validation_share: float = Field(ge=0, lt=1)
