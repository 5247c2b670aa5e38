"""The nodes of rationales one after the other, asking in the shipped prompts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from prompt_set import shipped
from psyche_kedro.llm import ChatModel
from psyche_kedro.pipelines.synthesis.parameters import RationaleParameters
from psyche_kedro.pipelines.synthesis.rationales.nodes import (
    choose_best_rationales,
    refine_rationales,
    write_rationales,
)
from psyche_kedro.pipelines.synthesis.rationales.summary import summarise_rounds


class Made(NamedTuple):
    attempts: pl.DataFrame
    unsolved: pl.DataFrame
    rounds: pl.DataFrame
    samples: pl.DataFrame
    summary: pl.DataFrame


def make_rationales(
    questions: pl.DataFrame,
    teacher: ChatModel,
    judge: ChatModel,
    params: RationaleParameters,
    prices: Mapping[str, Any],
) -> Made:
    asked = {"teachers": {"teacher": teacher}, "params": params}
    attempts, unsolved = write_rationales(
        questions, prompt=shipped("rationale"), **asked
    )
    rounds = refine_rationales(
        questions,
        attempts,
        rationale_prompt=shipped("rationale"),
        refinement_prompt=shipped("refinement"),
        revision_prompt=shipped("revision"),
        **asked,
    )
    samples = choose_best_rationales(
        questions, rounds, prompt=shipped("choice"), judge=judge, params=params
    )
    summary = summarise_rounds(
        rationales=attempts,
        rationale_rounds=rounds,
        reasoning_samples=samples,
        prices=dict(prices),
    )
    return Made(attempts, unsolved, rounds, samples, summary)
