"""Typed view of ``conf/base/parameters/cedar.yml``; the reasons stand there."""

from typing import Any, Literal

from pydantic import Field, model_validator

from psyche_kedro.parameters import Parameters
from psyche_kedro.pipelines.selection.parameters import Licence

# ---- isolation -------------------------------------------------------------------


class PictureParameters(Parameters):
    """``cedar.pictures``."""

    longest_side: int = Field(ge=64)
    quality: int = Field(ge=1, le=95)
    min_side: int = Field(ge=1)


class ScenarioParameters(Parameters):
    """``cedar.scenarios``."""

    max_characters: int = Field(ge=1)


class TranslationParameters(Parameters):
    """``cedar.translation``."""

    min_fidelity: int = Field(ge=1, le=5)
    max_tokens: int = Field(ge=1)


class LabellingParameters(Parameters):
    """``cedar.labelling``."""

    samples: int = Field(ge=1)
    temperature: float = Field(ge=0)
    max_tokens: int = Field(ge=1)
    min_read: float = Field(ge=0, le=1)
    elicitation: Literal["language", "persona", "both"]
    """Asked in the culture's language, as a person of it in English, or as a person of
    it in its language."""
    min_labellers: int = Field(ge=3)


class IsolationParameters(Parameters):
    """``cedar.isolation``."""

    rule: Literal["permutation", "labels_differ"]
    permutations: int = Field(ge=1)
    fdr: float = Field(gt=0, lt=1)
    min_labels: int = Field(ge=1)
    clear_share: float = Field(gt=0, le=1)
    seed: int


# ---- annotation ------------------------------------------------------------------


class AnnotationParameters(Parameters):
    """``cedar.annotation``."""

    per_item: int = Field(ge=1)
    seats: dict[str, tuple[str, ...]]
    """Pseudonyms by culture; who they are stands nowhere here."""
    check_share: float = Field(ge=0, lt=1)
    check_agreement: float = Field(gt=0, le=1)
    """Share that every labeller must give a label in every culture to make a check."""
    min_checks_passed: float = Field(ge=0, le=1)
    min_annotators: int = Field(ge=1)
    posterior: float = Field(gt=0, le=1)
    distinct: Literal["permutation", "labels_differ"]
    permutations: int = Field(ge=1)
    fdr: float = Field(gt=0, lt=1)
    seed: int

    @model_validator(mode="after")
    def _enough_seats(self) -> "AnnotationParameters":
        for culture, seats in self.seats.items():
            if len(set(seats)) < max(len(seats), self.per_item):
                raise ValueError(
                    f"cedar.annotation.seats.{culture} has {len(set(seats))} seats of"
                    f" their own: per_item needs {self.per_item}, each named once"
                )
        return self


class Quota(Parameters):
    """Scenarios of each modality that enter the benchmark."""

    multimodal: int = Field(ge=0)
    text: int = Field(ge=0)


class BenchmarkParameters(Parameters):
    """``cedar.benchmark``."""

    name: str
    quota: Quota | None


class CedarReleaseParameters(Parameters):
    """``cedar.release``."""

    name: str
    licences: tuple[Licence, ...]
    """Of scenario files and pictures, by name."""
    no_people: tuple[str, ...]
    """Annotation files, as shell patterns, that no people wrote."""


# ---- alignment -------------------------------------------------------------------


class ModelCard(Parameters):
    """What is known of a model under test."""

    size: str
    release: str
    vision: bool
    """Whether it takes pictures; one that does not is asked text alone."""


Way = Literal["native", "english_instructions", "english_persona", "reordered"]


class AlignmentParameters(Parameters):
    """``cedar.alignment``."""

    ways: tuple[Way, ...] = Field(min_length=1)
    sampling: dict[str, Any]
    cards: dict[str, ModelCard]
    """By the model's name in ``cedar_subjects``; without a card it is asked all."""
    n_resamples: int = Field(ge=1)
    permutations: int = Field(ge=1)
    seed: int
