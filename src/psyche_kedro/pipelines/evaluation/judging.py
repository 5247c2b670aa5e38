"""Replies before judges: one call per dimension, or per rubric.

The paper (§3.4, Table 5) follows PsyDT: 200 conversations, GPT-4o, four dimensions. One
call per dimension keeps the impression of one from colouring the next. Definitions and
levels are ours, because the public material has none; scores from another judge or
another wording cannot be compared. A card may bring its own dimensions, or have answers
marked by the rubric of each item.

The judge sees conversation, reference and reply, never which model wrote the reply. A
verdict that cannot be read is null, never 0: it says nothing about the reply; why it is
null stands beside it. Several judges, and several verdicts of each, are rows of their
own; a reply's score is the mean of those that were read.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from statistics import fmean
from typing import Any, Final, NamedTuple

from psyche_kedro.answers import plain_text, read_verdicts
from psyche_kedro.llm.chat_model import ChatRequest, Failure, Outcome, Reply
from psyche_kedro.llm.schemas import TEXT, Schema, an_object, from_to
from psyche_kedro.pipelines.benchmarks import (
    JUDGED_PROTOCOLS,
    Benchmarks,
    Exam,
    JudgedExam,
    RubricExam,
)
from psyche_kedro.pipelines.evaluation.parameters import JudgingParameters
from psyche_kedro.pipelines.evaluation.rubrics import (
    points_of,
    read_marks,
    read_rubric,
    schema_of,
)
from psyche_kedro.prompts import Dimension, Prompt, render_dialogue
from psyche_kedro.tables import grouped
from psyche_kedro.text.numerals import DIGITS
from psyche_kedro.text.thoughts import part_thought

Row = Mapping[str, Any]

_TASK: Final = "judge_counselling"
_RUBRIC: Final = "rubric"


class Prompts(NamedTuple):
    """What judges are asked with, by what they judge."""

    dimension: Prompt
    rubric: Prompt


class Case(NamedTuple):
    """A reply to judge, on a dimension, or by its item's rubric where that is None."""

    prediction: Row
    item: Row
    dimension: Dimension | None

    @property
    def name(self) -> str:
        """What is judged, as the tables have it."""
        return self.dimension.name if self.dimension else _RUBRIC


def cases_to_judge(
    predictions: Iterable[Row],
    items: Mapping[str, Row],
    benchmarks: Benchmarks,
    shared: Sequence[Dimension],
) -> list[Case]:
    """Return every prediction that is judged, with every dimension of its exam.

    Args:
        predictions: Rows of ``predictions``, each with its answer.
        items: Rows of ``benchmark_items`` by id.
        benchmarks: The cards.
        shared: The dimensions that the judge's words name.
    """
    return [
        Case(prediction, item, dimension)
        for prediction in predictions
        if prediction["protocol"] in JUDGED_PROTOCOLS
        for item in [items[prediction["item_id"]]]
        for dimension in judged_on(benchmarks.exam_of(item), shared)
    ]


def judged_on(
    exam: Exam | None, shared: Sequence[Dimension]
) -> Sequence[Dimension | None]:
    """Return what a reply of an exam is judged on: its rubric is ``None``.

    Args:
        exam: None where no card tells of it.
        shared: The dimensions that the judge's words name.
    """
    if isinstance(exam, JudgedExam):
        return exam.judged_on(shared)
    return [None] if isinstance(exam, RubricExam) else []


def has_reply(case: Case) -> bool:
    """Return whether there is anything to judge; a model may have failed to answer."""
    return bool((case.prediction["text"] or "").strip())


def judge_requests(
    cases: Iterable[Case], prompts: Prompts, params: JudgingParameters
) -> Iterator[ChatRequest]:
    """Yield what a judge is asked of each case that has a reply, as often as is set.

    Args:
        cases: What is judged.
        prompts: The judge's.
        params: ``evaluation.judging``.
    """
    for case in filter(has_reply, cases):
        messages, schema = (
            _on_dimension(case, case.dimension, prompts.dimension)
            if case.dimension
            else _by_rubric(case, prompts.rubric)
        )
        for repeat in range(params.repeats):
            yield ChatRequest(
                messages,
                task=_TASK,
                sampling=params.sampling.model_dump(),
                sample=repeat,
                schema=schema,
            )


def _on_dimension(
    case: Case, dimension: Dimension, prompt: Prompt
) -> tuple[list[dict[str, str]], Schema]:
    levels = "\n".join(
        prompt.words.say("level", score=n, text=text)
        for n, text in enumerate(dimension.levels)
    )
    messages = prompt.render(
        dimension=dimension.label,
        definition=dimension.definition,
        levels=levels,
        history=render_dialogue(case.item["messages"], prompt.words),
        reference=case.item["answer_text"] or "",
        reply=case.prediction["text"],
    )
    score = from_to(0, len(dimension.levels) - 1)
    return messages, an_object(analysis=TEXT, score=score)


def _by_rubric(case: Case, prompt: Prompt) -> tuple[list[dict[str, str]], Schema]:
    lines = read_rubric(case.item["answer_text"])
    messages = prompt.render(
        question=case.item["stem"],
        lines=[f"{line.name}：{line.text}" for line in lines],
        names=[line.name for line in lines],
        reply=case.prediction["text"],
    )
    return messages, schema_of(lines)


def judgements(
    cases: Iterable[Case],
    verdicts: Mapping[str, Sequence[Outcome]],
    prompts: Prompts,
    params: JudgingParameters,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``judgements`` that the verdicts of all judges become.

    Args:
        cases: What was judged, or had no reply to judge.
        verdicts: By judge, in the order of ``judge_requests``.
        prompts: The judge's.
        params: ``evaluation.judging``.
    """
    for judge, outcomes in verdicts.items():
        left = iter(outcomes)
        for case in cases:
            asked = params.repeats if has_reply(case) else 1
            for repeat in range(asked):
                outcome = next(left) if has_reply(case) else None
                score, how = _read(outcome, case)
                prompt = prompts.dimension if case.dimension else prompts.rubric
                yield {
                    "item_id": case.prediction["item_id"],
                    "role": case.prediction["role"],
                    "dimension": case.name,
                    "judge": judge,
                    "repeat": repeat,
                    "score": score,
                    "outcome": how,
                    "model": outcome.model if outcome else None,
                    "reply_key": outcome.key if outcome else None,
                    "prompt_digest": prompt.digest if outcome else None,
                }


def gates(
    judgements: Iterable[Row], items: Mapping[str, Row], benchmarks: Benchmarks
) -> Iterator[dict[str, Any]]:
    """Yield of each reply whether it passes its exam's gate: 100, or 0.

    One verdict at the lowest level of the gate is enough to fail it; of a reply with no
    verdict that was read nothing is known.

    Args:
        judgements: Rows of ``judgements``, of all judges.
        items: Rows of ``benchmark_items`` by id.
        benchmarks: The cards, which name the gate.
    """
    for place, scores in _scores_by_reply(judgements).items():
        exam = benchmarks.exam_of(items[place.item_id])
        if isinstance(exam, JudgedExam) and exam.gate == place.dimension:
            passed = 100.0 * (min(scores) > 0) if scores else None
            name = f"{place.dimension}_passed"
            yield {**place._asdict(), "dimension": name, "score": passed}


def averaged(judgements: Iterable[Row]) -> list[dict[str, Any]]:
    """Return one row per (reply, dimension): the mean of the verdicts that were read.

    Args:
        judgements: Rows of ``judgements``, of all judges.
    """
    return [
        {**place._asdict(), "score": fmean(scores) if scores else None}
        for place, scores in _scores_by_reply(judgements).items()
    ]


class _Judged(NamedTuple):
    role: str
    item_id: str
    dimension: str


def _scores_by_reply(judgements: Iterable[Row]) -> dict[_Judged, list[float]]:
    """Return the verdicts that were read, by what they are on; none where none was."""
    groups: dict[_Judged, list[float]] = {}
    for row in judgements:
        place = _Judged(row["role"], row["item_id"], row["dimension"])
        scores = groups.setdefault(place, [])
        if row["score"] is not None:
            scores.append(row["score"])
    return groups


class Score(NamedTuple):
    """What a judge gave: null where its ``outcome`` is any but ``read``."""

    value: float | None
    outcome: str


def _read(outcome: Outcome | None, case: Case) -> Score:
    if case.dimension is not None:
        return read_score(outcome, n_levels=len(case.dimension.levels))
    return read_points(outcome, case.item["answer_text"])


def read_points(outcome: Outcome | None, rubric: str) -> Score:
    """Return what a judge's verdict on every line of a rubric comes to, in percent.

    Args:
        outcome: The judge's; ``None`` where there was no reply to judge.
        rubric: Of the item.
    """
    if not isinstance(outcome, Reply):
        return Score(None, "no_reply" if outcome is None else "failed")
    lines = read_rubric(rubric)
    marks = read_marks(part_thought(outcome.text).answer)
    if any(len(said) > 1 for said in marks.values()):
        return Score(None, "several_scores")
    if not lines or any(line.name not in marks for line in lines):
        return Score(None, "no_score")
    return Score(points_of(lines, marks), "read")


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
    found = {read_number(said) for said in _scores_said(outcome.text)} - {None}
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
    if "{" in text or "｛" in text:
        return []  # blanks that were left in, a quotation, or JSON that was cut off
    text = plain_text(part_thought(text).answer)
    return ["".join(found) for found in _SCORED.findall(text)] or [text]


def read_number(said: str) -> float | None:
    """Return the number that a score is: ``2``, ``2.0``, ``2分``, ``二``, ``2/3``."""
    found = _POINTS.fullmatch(said.strip())
    if found is None:
        return None
    return float(DIGITS[found[1]] if found[1] in DIGITS else found[1])


def summarise(judgements: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Yield what each judge made of each dimension, and how often it says the same.

    Args:
        judgements: Rows of ``judgements``.
    """
    given = (row for row in judgements if row["outcome"] != "no_reply")
    groups = grouped(given, itemgetter("judge", "model", "dimension"))
    for (judge, model, dimension), rows in groups.items():
        ended = Counter(row["outcome"] for row in rows)
        scores = Counter(row["score"] for row in rows if row["score"] is not None)
        commonest, n = scores.most_common(1)[0] if scores else (None, 0)
        yield {
            "judge": judge,
            "model": model,
            "dimension": dimension,
            "n": len(rows),
            **{f"n_{name}": ended[name] for name in _OUTCOMES},
            "commonest_score": commonest,
            "n_commonest": n,
        }


_OUTCOMES = ("read", "no_score", "out_of_range", "several_scores", "failed")
