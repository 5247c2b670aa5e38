r"""Read what a model chose out of its reply.

Precision comes first: a wrong reading is worse than none. The rules stand in the order
of ``RULES``; the first that recognises a declaration decides. A reply that declares
two different answers without taking one back has none, nor has one that hedges (可能是
B, 不能排除D). Nothing is read inside a thought, whatever its form, nor in what a reply
repeats of its question; the letters of ``ABC理论``, ``A型人格`` or ``DSM-5`` are no
options. Where the stem asks for what does not hold, what is called right is not the
answer.

Example::

    >>> reply = "<think>先看B……</think>答案是A。等等，正确答案应为C、D。"
    >>> sorted(read_choice(reply, "ABCD").labels), read_choice(reply, "ABCD").rule
    (['C', 'D'], 'declared')
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psyche_kedro.answers.rules import (
    RULES,
    RULES_IN_WORDS,
    Declared,
    letters_in_slot,
    within,
)
from psyche_kedro.answers.said import Question, question_of, question_with, said_in

_OPEN, _CLOSE = "<think>", "</think>"


class Choice(NamedTuple):
    """The final choice of a reply.

    Attributes:
        labels: The labels chosen; empty if and only if none could be read.
        rule: The rule that read them, or ``unread``.
    """

    labels: frozenset[str]
    rule: str


class Thought(NamedTuple):
    """A reply of the form ``<think>reasoning</think>answer``, both stripped."""

    reasoning: str
    answer: str


UNREAD = Choice(frozenset(), "unread")
_MOST_MINDS = 2
_LETTER = re.compile("[A-Za-z]")


def split_thought(text: str) -> Thought | None:
    """Return the two parts of a well-formed reasoning reply, or ``None``.

    Args:
        text: The whole completion.

    Returns:
        ``None`` unless the text is one ``<think>…</think>`` at the start, with
        something in it and something after it.

    Source: §2.5 (format reward).

    >>> split_thought("<think>题干问的是定义。</think>答案：A")
    Thought(reasoning='题干问的是定义。', answer='答案：A')
    """
    text = text.strip()
    if (text.count(_OPEN), text.count(_CLOSE)) != (1, 1) or not text.startswith(_OPEN):
        return None
    reasoning, answer = text.removeprefix(_OPEN).split(_CLOSE)
    if not (reasoning.strip() and answer.strip()):
        return None
    return Thought(reasoning.strip(), answer.strip())


def read_choice(
    text: str, labels: Sequence[str], *, texts: Mapping[str, str] | None = None
) -> Choice:
    """Return the final choice declared in ``text``.

    Args:
        text: The reply, with or without its reasoning.
        labels: Labels of the question's options, capital letters.
        texts: Text by label; with it, an answer in words (``抑郁``, ``以上都是``) is
            read too, and a repeated list of options is no answer.

    Returns:
        A subset of ``labels`` and the rule that read it; ``UNREAD`` where the reply
        declares nothing, hedges, contradicts itself or names a letter outside
        ``labels``.

    >>> read_choice("答案是A。答案是B。", "ABCD") == UNREAD
    True
    """
    question = question_with(texts) if texts else Question(frozenset(labels))
    return _read(text, question._replace(labels=frozenset(labels)))


def read_choice_of(text: str, question: Mapping[str, Any]) -> Choice:
    """Return the final choice that ``text`` makes among the options of a question.

    Args:
        text: The reply, with or without its reasoning.
        question: A row with ``options``, and ``stem`` and ``type`` where it has them.

    >>> options = [{"label": "A", "text": "焦虑"}, {"label": "B", "text": "抑郁"}]
    >>> read_choice_of("应诊断为抑郁", {"options": options})
    Choice(labels=frozenset({'B'}), rule='text')
    """
    return _read(text, question_of(question))


def _read(text: str, question: Question) -> Choice:
    said = said_in(text, question)
    rules = RULES if _LETTER.search(said.raw) else RULES_IN_WORDS
    for name, rule in rules.items():
        declared = list(rule(said, question))
        if declared:
            found = _resolve(declared)
            return Choice(found, name) if found else UNREAD
    return UNREAD


def read_field(
    value: object, labels: Sequence[str], *, texts: Mapping[str, str] | None = None
) -> Choice:
    """Return the choice in a field made for it: ``"ac"``, ``["A. 焦虑", "C. 强迫"]``.

    Args:
        value: As JSON gives it; the items of a list are one answer.
        labels: Labels of the question's options, capital letters.
        texts: Text by label.

    Returns:
        ``UNREAD`` where any part cannot be read.

    >>> sorted(read_field(["A. 焦虑", "C. 强迫"], "ABCD").labels)
    ['A', 'C']
    """
    parts = (
        value if isinstance(value, list | tuple) else re.split("[;；\n]", str(value))
    )
    said = dict.fromkeys(str(part) for part in parts if str(part).strip())
    if len(said) > _MOST_PARTS:
        return UNREAD
    read = [_read_part(part, labels, texts) for part in said]
    if not read or UNREAD in read:
        return UNREAD
    return Choice(frozenset().union(*(part.labels for part in read)), read[0].rule)


_MOST_PARTS = 16
"""Of a field: eight options, each by its letter and by its text."""


def _read_part(
    text: str, labels: Sequence[str], texts: Mapping[str, str] | None
) -> Choice:
    letters = letters_in_slot(text)
    if not letters:
        return read_choice(text, labels, texts=texts)
    found = within(letters, Question(frozenset(labels)))
    return Choice(found, "field") if found else UNREAD


def _resolve(declared: list[Declared]) -> frozenset[str]:
    """Return what all declarations agree on, else what the last one corrects to.

    A hedge that comes before a declaration is settled by it, one that follows is not.
    """
    *_, last = declared
    firm = {d.labels for d in declared if not d.is_hedge}
    # Who changes it twice goes round in a circle, or speaks of each option.
    is_settled = len(firm) == 1 or (last.final and len(firm) <= _MOST_MINDS)
    return last.labels if is_settled else frozenset()
