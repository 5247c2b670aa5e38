"""A key at the end of a paper, read token by token, then given to its questions."""

import re
from collections.abc import Sequence

from psyche_kedro.pipelines.ingestion.banks.answers import LETTERS_FIRST
from psyche_kedro.pipelines.ingestion.banks.fields import type_of
from psyche_kedro.pipelines.ingestion.banks.items import (
    Item,
    is_answer,
    more,
    split_answer,
)
from psyche_kedro.pipelines.ingestion.banks.keys import (
    Asked,
    KeyEntry,
    KeyPart,
    bare,
    key_answers,
    match_key,
)
from psyche_kedro.pipelines.ingestion.banks.lines import Token


class KeyReader:
    """Reads the entries of a key.

    Attributes:
        is_open: Whether what comes next may be an entry.
        stray: Lines of entries that answer no question.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.stray: list[int] = []
        self._parts: list[KeyPart] = []
        self._field = ""

    def open(self, chapter: str = "", kind: str | None = None) -> None:
        """Begin a key, or a part of it below a heading."""
        self.is_open, self._field = True, ""
        self._parts.append(KeyPart(chapter, kind))

    def take_heading(self, token: Token) -> None:
        """Begin the part of a chapter."""
        self.open(title(token.text))

    def take_section(self, token: Token) -> None:
        """Begin the part of a section, in the chapter of the part before."""
        self.open(self._parts[-1].chapter, token.type)

    def take_entries(self, token: Token) -> None:
        """Take a line of nothing but entries."""
        if not self.is_open:
            self.open()
        self._parts[-1].entries += [
            KeyEntry(entry.number, token.line, entry.answer)
            for entry in key_answers(token.text)
        ]
        self._field = ""

    def take_number(self, token: Token) -> None:
        """Take a numbered line: an entry, with what explains it."""
        answer, explanation = split_answer(token.body)
        entry = KeyEntry(token.number, token.line, answer, explanation)
        self._parts[-1].entries.append(entry)
        self._field = "explanation" if explanation else "answer"

    def take_answer(self, token: Token) -> None:
        """Take ``【答案】B`` behind the number of an entry."""
        entry = self._last()
        if entry is None or entry.answer:
            self.stray.append(token.line)
            return
        entry.answer, entry.explanation = split_answer(token.body)
        self._field = "answer"

    def take_explanation(self, token: Token) -> None:
        """Take what explains the last entry."""
        if entry := self._last():
            entry.explanation = more(entry.explanation, token.body)
            self._field = "explanation"

    def take_text(self, token: Token) -> None:
        """Take a line that goes on with the last entry."""
        entry = self._last()
        if entry is None or not (self._field or LETTERS_FIRST.match(token.text)):
            return
        if not self._field or (self._field == "answer" and not is_answer(entry.answer)):
            entry.answer = more(entry.answer, token.text)
        else:
            entry.explanation = more(entry.explanation, token.text)

    def close(self, items: Sequence[Item]) -> None:
        """Give the entries to the questions before the key.

        A key that does not fit them answers none, and each says so; one that has more
        entries than questions none whose number was counted here.
        """
        parts, self._parts, self.is_open = self._parts, [], False
        asked = [Asked(i.number, title(i.chapter), type_of(i.kind)) for i in items]
        match = match_key(asked, parts)
        self.stray += [entry.line for entry in match.unused]
        for index, item in enumerate(items):
            entry = match.entries.get(index)
            is_unclear = match.unclear or (item.is_counted and bool(match.unused))
            if entry and not is_unclear:
                _answer(item, entry)
            elif is_unclear and not item.answer:
                item.faults.append("key_unclear")

    def _last(self) -> KeyEntry | None:
        entries = self._parts[-1].entries if self._parts else []
        return entries[-1] if entries else None


def _answer(item: Item, entry: KeyEntry) -> None:
    if item.answer and bare(item.answer) != bare(entry.answer):
        item.faults.append("answers_differ")
    item.answer = item.answer or entry.answer
    item.explanation = item.explanation or entry.explanation


def title(heading: str) -> str:
    """Return a heading as it is compared with that of a key."""
    return re.sub(r"[\s:：【】]|参考|标准|答案|解析|及|与", "", heading)
