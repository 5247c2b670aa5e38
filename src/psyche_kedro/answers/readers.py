"""Readers of choices by name: the project's own, and those of two public evaluations.

The official ones are for parity with published figures, faults included: they read a
term's letters (ABC理论) and those of a question that is repeated. What they read stands
in the order of the reply, because the public code compares strings.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from psyche_kedro.answers.choices import Choice, read_choice_of
from psyche_kedro.answers.records import read_objects
from psyche_kedro.answers.rules import CORRECTION
from psyche_kedro.questions import option_texts


class Reading(NamedTuple):
    """What a reader read: letters as said, empty where none; and by which rule."""

    letters: tuple[str, ...]
    rule: str | None


Reader = Callable[[str, Mapping[str, Any]], Reading]
"""Reads the choice of a reply among the options of a question."""
ReaderName = Literal["default", "official_psycollm", "official_cpsyexam"]

NOTHING = Reading((), None)


def read_by_default(text: str, question: Mapping[str, Any]) -> Reading:
    """Return what ``read_choice_of`` reads, in the order of the options."""
    choice: Choice = read_choice_of(text, question)
    return (
        Reading(tuple(sorted(choice.labels)), choice.rule) if choice.labels else NOTHING
    )


# Nothing that repeats gives back: three gaps would share out blanks in every way.
_GAP = r"['\"]?\s*+[、,，和]?\s*+[选项]*+['\"]?"
_LAST_OF_FOUR = re.compile(rf"(?:[ABCD]?{_GAP}){{3}}[ABCD]\Z")
_FAR = 200
"""Characters before the last letter in which those that belong to it are looked for."""


def read_as_psycollm(text: str, question: Mapping[str, Any]) -> Reading:
    """Return what PsycoLLM's public evaluation reads: the last letters of a reply.

    Of a question with one answer and no case the last of A to D that stands anywhere;
    of any other the last up to four that only quotes, blanks, commas and 选项 part.

    Source: MACLAB-HFUT/Evaluation at 8ff40f3, ``QuestionHandler.py``.

    >>> read_as_psycollm("答案：A。解释：ABC理论", {"type": "multiple"}).letters
    ('A', 'B', 'C')
    """
    end = max(map(text.rfind, "ABCD"))
    if end < 0:
        return NOTHING
    if question["type"] == "single" and not question.get("case_text"):
        return Reading((text[end],), "last")
    found = _LAST_OF_FOUR.search(text[max(0, end - _FAR) : end + 1])
    letters = re.findall("[ABCD]", found[0]) if found else [text[end]]
    return Reading(tuple(letters), "last")


def read_as_cpsyexam(text: str, question: Mapping[str, Any]) -> Reading:
    """Return what CPsyExam's public evaluation reads: ``ans`` in JSON, else a letter.

    Source: CAS-SIAT-XinHai/CPsyExam at 2cb3af8, ``evaluate_api.py``.

    >>> asked = {"type": "multiple", "options": [{"label": "A", "text": "焦虑"}]}
    >>> read_as_cpsyexam('{"ans": "A"}', asked)
    Reading(letters=('A',), rule='json')
    """
    labels = option_texts(question)
    for said in read_objects(text):
        answer = str(said.get("ans", ""))
        if question["type"] == "single" and answer in labels:
            return Reading((answer,), "json")
        if question["type"] != "single" and (
            found := [c for c in answer if c in labels]
        ):
            return Reading(tuple(found), "json")
    first = re.search("[A-Z]", text)
    return Reading((first[0],), "first") if first else NOTHING


READERS: dict[ReaderName, Reader] = {
    "default": read_by_default,
    "official_psycollm": read_as_psycollm,
    "official_cpsyexam": read_as_cpsyexam,
}

_FIRM = frozenset({"json", "boxed", "declared", "bare", "last", "first"})
"""Rules of what is declared, and not weighed."""


def read_cut_off(text: str, question: Mapping[str, Any], reader: Reader) -> Reading:
    r"""Return the choice declared before a reply was cut off by the token limit.

    The sentence that was cut says nothing: 答案：A may have gone on, and a reply may
    have been about to take back what it said. Of a reply that was still weighing the
    options only what it declares in so many words counts.

    Args:
        text: The reply until the cut.
        question: A row with ``options``.
        reader: What reads it.

    >>> options = [{"label": "A", "text": "焦虑"}, {"label": "B", "text": "抑郁"}]
    >>> read_cut_off("答案：A\n解析：焦虑是", {"options": options}, read_by_default)
    Reading(letters=('A',), rule='declared')
    >>> read_cut_off("答案：A", {"options": options}, read_by_default) == NOTHING
    True
    """
    end = max(map(text.rfind, "\n。！？!?"))
    if end < 0 or CORRECTION.search(text[end + 1 :]):
        return NOTHING
    read = reader(text[: end + 1], question)
    return read if read.rule in _FIRM else NOTHING
