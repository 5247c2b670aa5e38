"""Counselling replies before a judge: one call per dimension.

The paper (§3.4, Table 5) follows PsyDT: 200 conversations, GPT-4o, four dimensions. One
call per dimension keeps the impression of one from colouring the next. Definitions and
levels are ours, because the public material has none; scores from another judge or
another wording cannot be compared.

The judge sees conversation, reference and reply, never which model wrote the reply. A
verdict that cannot be read is null, never 0: it says nothing about the reply; why it is
null stands beside it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from psyche_kedro.answers import plain_text, read_verdicts
from psyche_kedro.llm.chat_model import ChatRequest, Failure, Outcome
from psyche_kedro.llm.schemas import TEXT, an_object, from_to
from psyche_kedro.pipelines.benchmarks import JUDGED_PROTOCOLS
from psyche_kedro.pipelines.evaluation.parameters import JudgingParameters
from psyche_kedro.prompts import Dimension, Prompt, render_dialogue
from psyche_kedro.text.numerals import DIGITS
from psyche_kedro.text.thoughts import part_thought

Row = Mapping[str, Any]


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
    score, how = read_score(outcome, n_levels=len(case.dimension.levels))
    return {
        "item_id": case.prediction["item_id"],
        "role": case.prediction["role"],
        "dimension": case.dimension.name,
        "score": score,
        "outcome": how,
        "model": outcome.model if outcome else None,
        "reply_key": outcome.key if outcome else None,
        "prompt_digest": prompt.digest if outcome else None,
    }


class Score(NamedTuple):
    """What a judge gave: null where its ``outcome`` is any but ``read``."""

    value: float | None
    outcome: str


def read_score(outcome: Outcome | None, *, n_levels: int) -> Score:
    """Return the one score that a judge gives, in JSON or in words.

    Args:
        outcome: The judge's; ``None`` where there was no reply to judge.
        n_levels: Scores go from 0 to one less; no score lies between two levels.

    >>> read_score(Reply('{"score": 2.0}', "judge", "key"), n_levels=4)
    Score(value=2.0, outcome='read')
    >>> read_score(Reply("评分：五分", "judge", "key"), n_levels=4).outcome
    'out_of_range'
    """
    if outcome is None:
        return Score(None, "no_reply")
    if isinstance(outcome, Failure):
        return Score(None, "failed")
    found = {_number(said) for said in _scores_said(outcome.text)} - {None}
    if len(found) != 1:
        return Score(None, "several_scores" if found else "no_score")
    (score,) = found
    if score is None or score not in range(n_levels):
        return Score(None, "out_of_range")
    return Score(float(score), "read")


_NUMERALS = "".join(DIGITS)
_NUMBER = rf"(?:-?\d{{1,9}}(?:\.\d{{1,9}})?|[{_NUMERALS}])"
_POINTS = re.compile(rf"({_NUMBER})\s*(?:分|/\s*\d+|points?)?[。.]?", re.IGNORECASE)
_SCORED = re.compile(
    rf"(?:评分|得分|打分|分数|评为|\bscore|\brating)\s*(?:[:为是=]|is|of)?\s*({_NUMBER})"
    rf"(?![\d.]|\s*(?:到|至|-|~)\s*{_NUMBER})|({_NUMBER})\s*分[。.]?\Z",
    re.IGNORECASE,
)


def _scores_said(text: str) -> list[str]:
    """Return every score of a reply: of its JSON alone where it has any."""
    if verdicts := read_verdicts(text):
        return [str(verdict.get("score", "")) for verdict in verdicts]
    if "{" in text:
        return []  # blanks that were left in, a quotation, or JSON that was cut off
    text = plain_text(part_thought(text).answer)
    return ["".join(found) for found in _SCORED.findall(text)] or [text]


def _number(said: str) -> float | None:
    found = _POINTS.fullmatch(said.strip())
    if found is None:
        return None
    return float(DIGITS[found[1]] if found[1] in DIGITS else found[1])


def summarise(judgements: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Yield what each judge made of each dimension, and how often it says the same.

    Args:
        judgements: Rows of ``judgements``.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in judgements:
        if row["outcome"] != "no_reply":
            groups.setdefault((row["model"], row["dimension"]), []).append(row)
    for (model, dimension), rows in groups.items():
        ended = Counter(row["outcome"] for row in rows)
        scores = Counter(row["score"] for row in rows if row["score"] is not None)
        commonest, n = scores.most_common(1)[0] if scores else (None, 0)
        yield {
            "model": model,
            "dimension": dimension,
            "n": len(rows),
            **{f"n_{name}": ended[name] for name in _OUTCOMES},
            "commonest_score": commonest,
            "n_commonest": n,
        }


_OUTCOMES = ("read", "no_score", "out_of_range", "several_scores", "failed")
