"""A question as it is read line by line."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from psyche_kedro.pipelines.ingestion.banks.answers import (
    LETTERS_ONLY,
    letters_of,
    truth_of,
)
from psyche_kedro.pipelines.ingestion.banks.doubts import FOREIGN
from psyche_kedro.pipelines.ingestion.banks.fields import FAULTS
from psyche_kedro.pipelines.ingestion.banks.keys import bare
from psyche_kedro.pipelines.ingestion.banks.options import Pair, follows

_PLACES = re.compile(r"[1-9](?:[\s,，、]*[1-9])*")
_LETTER_OF = str.maketrans("123456789", "ABCDEFGHI")
_FIRST_OF_LIST = re.compile(r"^\s*[（(]?1\s*[)）.、．]\s*\D")
_RARE = 0.02
"""Of the questions with as many options as most: so few have fewer by mistake."""
_ENOUGH = 2
"""Questions that show how many options are usual."""
_CONCLUSION = re.compile(
    r"(?:故|因此|所以)[,，]?(?:本题|正确)*(?:答案)?(?:应?选择?|为|是)\s*[:：]?\s*"
    r"([A-H](?:[、，,]?[A-H])*)(?:选?项)?(?![A-Za-z\u4e00-\u9fff])"
)
_ANSWER = re.compile(
    r"^[（(]?\s*选?([A-ZＡ-Ｚ](?:[ 、,，/;；]*[A-ZＡ-Ｚ])*(?![A-Za-z])"
    r"|√|×|对|错|正确|错误)\s*[)）]?(?:$|[\s。；;，]+(.*)$|(?=[（(])(.*)$)"
)


@dataclass
class Item:
    """A question of a text, as far as it is read.

    Attributes:
        number: As the text has it.
        line: 1-based, where it begins.
        chapter: Heading above it.
        kind: Type that a section or the question itself names, as it stands there.
        case: Text that it shares with others.
        stem: What is asked.
        options: Its own, letters perhaps twice.
        shared: Those that it shares with others.
        faults: What is known to be wrong, as slugs.
        inner: Last number of the list that stands inside its stem or explanation.
        is_counted: Whether its number is none of the text's, but counted here.
    """

    number: int
    line: int
    chapter: str
    kind: str | None
    case: str
    stem: str
    options: list[Pair] = field(default_factory=list)
    shared: list[Pair] = field(default_factory=list)
    answer: str = ""
    explanation: str = ""
    subject: str = ""
    faults: list[str] = field(default_factory=list)
    inner: int = 0
    is_counted: bool = False

    @property
    def has_options(self) -> bool:
        """Whether it is a choice by what is read of it."""
        return bool(self.options or self.shared)

    def answered(self, said: str) -> bool:
        """Take an answer, and return whether an explanation stood behind it.

        One that differs from the first leaves no gold.
        """
        letters, more = split_answer(said) if self.has_options else (said, "")
        if self.answer and bare(self.answer) != bare(letters):
            self.faults.append("answers_differ")
        self.answer = self.answer or letters
        self.explanation = self.explanation or more
        self.inner = begins_list(said)
        return bool(more)

    def is_answered_whole(self) -> bool:
        """Return whether the answer is whole: what follows explains it."""
        letters = LETTERS_ONLY.fullmatch(letters_of(self.answer))
        return self.has_options or bool(letters) or truth_of(self.answer) is not None

    def record(self) -> dict[str, Any]:
        """Return the question as a record of a bank; its faults are a field."""
        pairs = self.options or self.shared
        record: dict[str, Any] = {
            "stem": self.stem,
            "options": [{"label": label, "text": text} for label, text in pairs],
            "answer": self._lettered(pairs) or self._concluded(),
            "explanation": self.explanation,
            "type": self.kind,
            "case_text": self.case,
            "subject": self.subject,
        }
        odd = [FOREIGN.search(text) is not None for _, text in self.options]
        faults = self.faults + ["unclear_option"] * (sum(odd) == 1)
        return record | ({FAULTS: faults} if faults else {})

    def _concluded(self) -> str:
        """Return B where a choice has no answer but an explanation: ``…，故选B。``."""
        said = _CONCLUSION.findall(self.explanation) if self.has_options else []
        return said[0] if len(said) == 1 else ""

    def _lettered(self, pairs: list[Pair]) -> str:
        """Return the answer, ``2`` as B where no option says 2: people count from 1."""
        is_place = pairs and _PLACES.fullmatch(self.answer)
        if is_place and self.answer not in {text for _, text in pairs}:
            return self.answer.translate(_LETTER_OF)
        return self.answer


def doubt_lost_options(items: Sequence[Item], taken_for_text: Sequence[int]) -> None:
    """Mark the questions of which a line of options may have gone, or come to another.

    Args:
        items: In the order of the text.
        taken_for_text: Lines of options that no question took.
    """
    alike = defaultdict(list)
    for item in items:
        if item.options:
            alike[item.kind, len(letters_of(item.answer)) > 1].append(item)
    for same in alike.values():
        _doubt_few_options(same)
    for before, item in pairwise(items):
        if _may_have_taken(item, before, taken_for_text):
            before.faults.append("unclear_option")


def _doubt_few_options(items: Sequence[Item]) -> None:
    """Mark the few of a kind that have fewer options than all the others."""
    counts = Counter(len(item.options) for item in items)
    ((usual, times),) = counts.most_common(1)
    if times < _ENOUGH or len(items) - times > max(1, _RARE * times):
        return
    for item in items:
        is_truth = truth_of(item.options[0][1]) is not None
        if 1 < len(item.options) < usual and not is_truth:
            item.faults.append("options_missing")


def _may_have_taken(item: Item, before: Item, taken_for_text: Sequence[int]) -> bool:
    """Return whether options of ``before`` may stand in ``item``, or in its text."""
    is_choice = item.options or LETTERS_ONLY.fullmatch(letters_of(item.answer))
    first = item.options[0][0] if item.options else "A" * bool(item.shared)
    if not is_choice or not before.options or first == "A":
        return False
    taken = any(before.line < line < item.line for line in taken_for_text)
    return taken or (first != "" and follows(first, before.options[-1][0]))


def split_answer(said: str) -> tuple[str, str]:
    """Return the letters or verdict of ``B。米勒提出`` and what stands behind them."""
    match = _ANSWER.match(said)
    return (match[1], match[2] or match[3] or "") if match else (said, "")


def is_answer(text: str) -> bool:
    """Return whether a text begins with letters or a verdict, and no sentence."""
    return _ANSWER.match(text) is not None


def begins_list(text: str) -> int:
    """Return 1 where a text begins with the first item of a list, else 0."""
    return int(_FIRST_OF_LIST.match(text) is not None)


def more(text: str, line: str) -> str:
    """Return a text with one more line."""
    return f"{text}\n{line}".strip()
