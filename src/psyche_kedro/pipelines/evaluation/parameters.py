"""Typed view of ``conf/base/parameters/evaluation.yml``; the reasons stand there."""

from typing import Any, Self

from pydantic import Field, PositiveInt, model_validator

from psyche_kedro.answers import ReaderName
from psyche_kedro.parameters import Parameters
from psyche_kedro.pipelines.benchmarks import ProtocolName


class Sampling(Parameters):
    """How a reply is drawn."""

    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)


class Setting(Sampling):
    """How a reply is drawn, and how long it may be."""

    max_tokens: PositiveInt
    """Of ``evaluated_models``; for a trained model its catalog entry's own holds."""


class ProtocolParameters(Parameters):
    """``evaluation.protocols``."""

    enabled: tuple[ProtocolName, ...] = Field(min_length=1)
    ask_unlabelled: bool
    """Whether items that no key can score are asked, for a file to submit."""
    setting: str
    """The one of ``settings`` under which all protocols are asked."""
    settings: dict[str, Setting]
    own_sampling: dict[str, dict[str, Any]]
    """By model, laid over what holds for all."""

    @model_validator(mode="after")
    def _has_its_setting(self) -> Self:
        if self.setting not in self.settings:
            raise ValueError(
                f"`setting` names '{self.setting}', and `settings` has"
                f" {', '.join(self.settings)}"
            )
        return self

    def sampling_of(self, model: str) -> dict[str, Any]:
        """Return the request's sampling fields for one of ``evaluated_models``."""
        shared = self.settings[self.setting].model_dump()
        return shared | self.own_sampling.get(model, {})

    def sampling_of_trained(self, model: str) -> dict[str, Any]:
        """Return the request's sampling fields for a model that training makes."""
        shared = self.settings[self.setting].model_dump(exclude={"max_tokens"})
        return shared | self.own_sampling.get(model, {})


class LimitParameters(Parameters):
    """``evaluation.limit``."""

    per_cell: PositiveInt | None
    """Items asked of each cell of a benchmark; null asks all."""
    seed: int


class ReadingParameters(Parameters):
    """``evaluation.reading``."""

    scored: ReaderName
    """The reader whose answers are marked."""
    compared: tuple[ReaderName, ...]
    """Readers beside it, for the report."""

    @property
    def readers(self) -> tuple[ReaderName, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((self.scored, *self.compared)))


class PeopleParameters(Parameters):
    """``evaluation.judging.people``."""

    names: tuple[str, ...]
    """Who scores replies beside the judges; nobody, where empty."""
    replies: PositiveInt
    """How many each of them is given."""
    seed: int


class JudgingParameters(Parameters):
    """``evaluation.judging``."""

    sampling: Sampling
    repeats: PositiveInt
    """Verdicts of each judge on each reply."""
    pairs: tuple[tuple[str, str], ...]
    """Models whose replies are compared side by side, in either order."""
    people: PeopleParameters


class ScoringParameters(Parameters):
    """``evaluation.scores``."""

    n_resamples: int = Field(ge=100)
    seed: int


class ShownParameters(Parameters):
    """``evaluation.shown``."""

    reply_characters: int = Field(ge=0)
    """Of a reply, from its beginning, on the report's page of items."""


class SplitParameters(Parameters):
    """``evaluation.split``."""

    students: tuple[str, ...]
    """Models under test whose wrong answers make an item hard; none: no split."""
