"""Typed view of ``conf/base/parameters/evaluation.yml``; the reasons stand there."""

from typing import Any, Literal

from pydantic import Field, PositiveInt

from psyche_kedro.parameters import Parameters

Role = Literal["teacher", "student_a", "base", "sft", "grpo"]
ProtocolName = Literal["reasoned", "essay", "zero_shot", "five_shot", "counselling"]


class Sampling(Parameters):
    """How a reply is drawn."""

    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)


class ProtocolParameters(Parameters):
    """``evaluation.protocols``."""

    enabled: tuple[ProtocolName, ...] = Field(min_length=1)
    ask_unlabelled: bool
    """Whether items that no key can score are asked, for a file to submit."""
    sampling: Sampling
    max_tokens: dict[Role, PositiveInt]
    """By role; where a role is not named, the model's own limit holds."""

    def sampling_of(self, role: Role) -> dict[str, Any]:
        """Return the request's sampling fields for a model of this role."""
        limit = self.max_tokens.get(role)
        return self.sampling.model_dump() | ({"max_tokens": limit} if limit else {})


class LimitParameters(Parameters):
    """``evaluation.limit``."""

    per_cell: PositiveInt | None
    """Items asked of each cell of a benchmark; null asks all."""
    seed: int


class JudgingParameters(Parameters):
    """``evaluation.judging``."""

    sampling: Sampling


class ScoringParameters(Parameters):
    """``evaluation.scores``."""

    n_resamples: int = Field(ge=100)
    seed: int
    averaged: dict[str, tuple[str, ...]]
    """Per benchmark, the cells whose unweighted mean is the paper's average."""
