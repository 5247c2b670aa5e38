"""What stands behind a token: a line is a stem by what follows it."""

import re
from collections.abc import Sequence

from psyche_kedro.pipelines.ingestion.banks.lines import Token

_SECOND = re.compile(r"[（(]\s*2\s*[)）]|(?<!\d)2\s*[.．、)）](?!\d)|②")
_NO_MARKS = ("text", "note", "numeral")
_BEGINNINGS = frozenset(["number", "section", "heading", "case", "shared", "key"])
"""What begins something new."""


class Lookahead:
    """The tokens of a text, each with the mark that follows it.

    A mark is a token that is no plain text. All is found in one pass from the end.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._next = self._marks()
        self._own_numbers = self._numbers()

    def mark_after(self, index: int) -> Token | None:
        """Return the next mark, or None at the end."""
        at = self._next[index]
        return None if at is None else self._tokens[at]

    def token_after(self, index: int) -> Token | None:
        """Return the next token, or None at the end."""
        return self._tokens[index + 1] if index + 1 < len(self._tokens) else None

    def ends_here(self, index: int) -> bool:
        """Return whether something new begins behind the text that follows."""
        mark = self.mark_after(index)
        return mark is None or mark.kind in _BEGINNINGS

    def has_own_mark(self, index: int) -> bool:
        """Return whether options or an answer follow a numbered line: it asks."""
        mark = self.mark_after(index)
        has_answer = mark is not None and mark.kind == "answer"
        return has_answer or self.has_options(index)

    def has_options(self, index: int) -> bool:
        """Return whether options from A on stand in a line or follow it."""
        mark = self.mark_after(index)
        follow = mark is not None and mark.kind == "options" and mark.letter == "A"
        return follow or bool(self._tokens[index].options)

    def next_own_number(self, index: int) -> int | None:
        """Return the number of the next line that asks."""
        return self._own_numbers[index]

    def is_followed_by(self, index: int, letter: str) -> bool:
        """Return whether the next mark is the option of a letter."""
        mark = self.mark_after(index)
        return mark is not None and mark.kind == "options" and mark.letter == letter

    def is_answered(self, index: int) -> bool:
        """Return whether an answer follows the options that begin here."""
        at: int | None = index
        while at is not None and self._tokens[at].kind == "options":
            at = self._next[at]
        return at is not None and self._tokens[at].kind == "answer"

    def begins_list(self, index: int) -> bool:
        """Return whether ``1. 2. 3.`` from here on is a list above options."""
        number, at = 1, index
        mark = self.mark_after(index)
        if _SECOND.search(self._tokens[index].body) and mark and mark.kind == "options":
            return True
        while not self._tokens[at].options:
            following = self._next[at]
            if following is None:
                return False
            mark = self._tokens[following]
            if mark.kind == "options":
                return number > 1
            if mark.kind != "number" or mark.number != number + 1:
                return False
            number, at = number + 1, following
        return False

    def _marks(self) -> list[int | None]:
        following: list[int | None] = []
        mark: int | None = None
        for index in range(len(self._tokens) - 1, -1, -1):
            following.append(mark)
            if self._tokens[index].kind not in _NO_MARKS:
                mark = index
        return following[::-1]

    def _numbers(self) -> list[int | None]:
        following: list[int | None] = []
        number: int | None = None
        for index in range(len(self._tokens) - 1, -1, -1):
            following.append(number)
            if self._tokens[index].kind == "number" and self.has_own_mark(index):
                number = self._tokens[index].number
        return following[::-1]
