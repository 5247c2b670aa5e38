"""Counselling replies before a judge: one call per dimension.

The paper (§3.4, Table 5) follows PsyDT: 200 conversations, GPT-4o, four dimensions. One
call per dimension keeps the impression of one from colouring the next. Definitions and
levels are ours, because the public material has none; scores from another judge or
another wording cannot be compared.

The judge sees conversation, reference and reply, never which model wrote the reply. A
verdict that cannot be read is null, never 0: it says nothing about the reply.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psyche_kedro.answers import read_verdicts
from psyche_kedro.llm.chat_model import ChatRequest, Outcome, Reply
from psyche_kedro.llm.schemas import TEXT, an_object, from_to
from psyche_kedro.pipelines.benchmarks import JUDGED_PROTOCOLS
from psyche_kedro.pipelines.evaluation.parameters import JudgingParameters
from psyche_kedro.prompts import Dimension, Prompt, render_dialogue

Row = Mapping[str, Any]

_WHOLE = re.compile(r"\d{1,9}")


class Case(NamedTuple):
    """One reply to judge on one dimension."""

    prediction: Row
    item: Row
    dimension: Dimension


def cases_to_judge(
    predictions: Sequence[Row],
    items: Mapping[str, Row],
    dimensions: Sequence[Dimension],
) -> list[Case]:
    """Return every prediction that is judged, with every dimension.

    Args:
        predictions: Rows of ``predictions``, each with its answer.
        items: Rows of ``benchmark_items`` by id.
        dimensions: What the judge's words name.
    """
    return [
        Case(prediction, items[prediction["item_id"]], dimension)
        for prediction in predictions
        if prediction["protocol"] in JUDGED_PROTOCOLS
        for dimension in dimensions
    ]


def has_reply(case: Case) -> bool:
    """Return whether there is anything to judge; a model may have failed to answer."""
    return bool((case.prediction["text"] or "").strip())


def judge_request(case: Case, prompt: Prompt, params: JudgingParameters) -> ChatRequest:
    """Return what the judge is asked about a case."""
    levels = "\n".join(
        prompt.words.say("level", score=n, text=text)
        for n, text in enumerate(case.dimension.levels)
    )
    messages = prompt.render(
        dimension=case.dimension.label,
        definition=case.dimension.definition,
        levels=levels,
        history=render_dialogue(case.item["messages"], prompt.words),
        reference=case.item["answer_text"] or "",
        reply=case.prediction["text"],
    )
    return ChatRequest(
        messages,
        task="judge_counselling",
        sampling=params.sampling.model_dump(),
        schema=an_object(
            analysis=TEXT, score=from_to(0, len(case.dimension.levels) - 1)
        ),
    )


def judgement(case: Case, outcome: Outcome | None, prompt: Prompt) -> dict[str, Any]:
    """Return the row of ``judgements`` that a verdict becomes.

    Args:
        case: What was judged.
        outcome: The judge's; ``None`` where there was no reply to judge.
        prompt: The judge's.
    """
    return {
        "item_id": case.prediction["item_id"],
        "role": case.prediction["role"],
        "dimension": case.dimension.name,
        "score": read_score(outcome, n_levels=len(case.dimension.levels)),
        "model": outcome.model if outcome else None,
        "reply_key": outcome.key if outcome else None,
        "prompt_digest": prompt.digest if outcome else None,
    }


def read_score(outcome: Outcome | None, *, n_levels: int) -> float | None:
    """Return the whole score in range that the one verdict gives, else ``None``."""
    verdicts = read_verdicts(outcome.text) if isinstance(outcome, Reply) else []
    if len(verdicts) != 1:
        return None
    score = str(verdicts[0].get("score", "")).strip()
    if not _WHOLE.fullmatch(score) or int(score) >= n_levels:
        return None
    return float(score)
