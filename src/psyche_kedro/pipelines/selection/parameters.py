"""Typed view of ``conf/base/parameters/selection.yml``; the reasons stand there."""

from typing import Literal

from pydantic import Field

from psyche_kedro.parameters import Parameters


class StudentParameters(Parameters):
    """``selection.students``."""

    samples: int = Field(ge=1)
    temperature: float = Field(ge=0)
    max_tokens: int = Field(ge=1)


class AuditParameters(Parameters):
    """``selection.audit``."""

    min_agreeing: int = Field(ge=2)
    """Students that must give the same answer against the gold."""


class DifficultyParameters(Parameters):
    """``selection.difficulty``."""

    rule: Literal["all_wrong", "majority_wrong", "pass_rate_below", "random"]
    pass_rate: float = Field(gt=0, le=1)
    """For ``pass_rate_below``."""
    seed: int
    """For ``random``."""
    hold_out_audited: bool
    group_size: int = Field(ge=2)
    """Completions per prompt of GRPO, for the expected share of empty groups."""


class ExemplarParameters(Parameters):
    """``selection.exemplars``."""

    per_cell: int = Field(ge=1)
    seed: int


class DecontaminationParameters(Parameters):
    """``selection.decontamination``."""

    threshold: float = Field(gt=0, le=1)
    min_case_chars: int = Field(ge=1)
    min_question_chars: int = Field(ge=1)
    """Chinese characters of a question that is looked for without its case."""
    drop_hits: bool
    most_lost: float = Field(ge=0, le=1)
    """Share of a part above which its loss stops the run."""


class Variant(Parameters):
    """``selection.variant``: which part of what enters the two sets."""

    name: str
    """What the sets and their models are called."""
    sft: dict[Literal["D_pr", "D_em", "D_ps"], float]
    grpo: dict[Literal["D_pc", "D_cp"], float]
    rationale: Literal["none", "first", "iterated"]

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of which something enters."""
        entering = [*self.sft.items(), *self.grpo.items()]
        return tuple(part for part, share in entering if share)


class SetParameters(Parameters):
    """``selection.sets``."""

    validation_share: float = Field(ge=0, lt=1)
    seed: int


class LengthParameters(Parameters):
    """``selection.lengths``."""

    tokenizer: str | None
    """Folder of the base model; null estimates from characters."""
    sft_limit: int = Field(ge=1)
    grpo_limit: int = Field(ge=1)


class Licence(Parameters):
    """What a source's licence allows."""

    sources: tuple[str, ...]
    """File names as shell patterns, e.g. ``*smilechat*``."""
    name: str
    """As the Hub spells it, e.g. ``cc0-1.0``."""
    redistribute: bool
    url: str = ""


class Force(Parameters):
    """Rows that are released only where named."""

    offline: bool
    rules_only: bool
    unknown_licence: bool

    @property
    def names(self) -> frozenset[str]:
        """What is forced."""
        return frozenset(name for name, forced in self if forced)


class ReleaseParameters(Parameters):
    """``selection.release``."""

    name: str
    force: Force
    licences: tuple[Licence, ...]
    rows_per_shard: int = Field(ge=1)
