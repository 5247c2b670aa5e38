"""Typed view of ``conf/base/parameters/synthesis.yml``; the reasons stand there."""

from typing import Literal

from pydantic import Field, model_validator

from psyche_kedro.parameters import Parameters

Score = Literal[1, 2, 3, 4, 5]


class ChunkParameters(Parameters):
    """``synthesis.chunks``."""

    max_length: int = Field(ge=1)
    min_length: int = Field(ge=1)
    floor_length: int = Field(ge=0)
    measure: str = Field(pattern=r"^(characters|tokenizer:.+)$")

    @model_validator(mode="after")
    def _ordered(self) -> "ChunkParameters":
        if not self.floor_length <= self.min_length <= self.max_length:
            raise ValueError(
                "synthesis.chunks wants floor_length <= min_length <= max_length, got "
                f"{self.floor_length}, {self.min_length}, {self.max_length}"
            )
        return self


class TopicParameters(Parameters):
    """``synthesis.topics``."""

    min_density: float = Field(ge=0)
    """Words of the taxonomy per 100 characters."""
    min_characters: int = Field(ge=0)
    """A shorter chapter goes with its book."""
    off_topic: Literal["list", "drop"]


class Ask(Parameters):
    """One kind of question, and how many of it one request asks for."""

    type: Literal["single", "multiple", "true_false"]
    count: int = Field(ge=1)


class QuestionParameters(Parameters):
    """``synthesis.questions``."""

    asks: tuple[Ask, ...]


class Subfield(Parameters):
    """One branch of psychology and the words that place a question in it."""

    name: str
    words: tuple[str, ...] = Field(min_length=1)


class DistillationParameters(Parameters):
    """``synthesis.distillation``."""

    target: int = Field(ge=0)
    asks: tuple[Ask, ...] = Field(min_length=1)
    taxonomy: tuple[Subfield, ...]


class DeduplicationParameters(Parameters):
    """``synthesis.deduplication``."""

    ngram: int = Field(ge=1, le=16)
    threshold: float = Field(gt=0, le=1)
    permutations: int = Field(ge=16)
    target_recall: float = Field(gt=0, lt=1)
    seed: int = Field(ge=0)
    threads: int = Field(ge=1)


class RationaleParameters(Parameters):
    """``synthesis.rationales``."""

    regenerations: int = Field(ge=0)
    regeneration_temperature: float = Field(ge=0, le=2)
    rounds: int = Field(ge=0)
    min_characters: int = Field(ge=0)
    refinement_input: Literal["rationale", "question"]
    votes: Literal[1, 2]


class DialogueParameters(Parameters):
    """``synthesis.dialogues``."""

    min_opening: int = Field(ge=1)
    min_score: Score
    aims: Literal["combined", "separate"]
