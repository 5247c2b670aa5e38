"""Disguises of contacts undone: ①③⑨, 壹叁玖, ➕Ⓥ, Ｑ, 🐧, l39 0OOO.

Only for looking: what is found is masked in the text itself, by the offsets kept here.
"""

import re
import unicodedata
from typing import NamedTuple

from psyche_kedro.text.words import word_lists

_SPOKEN = "零一二三四五六七八九"
_FORMAL = "〇幺贰叁肆伍陆柒捌玖"
_ONES = dict.fromkeys("壹弌么", "1")
_SAID = {
    sign: word
    for word, signs in word_lists(__package__, "words.yml")["signs"].items()
    for sign in signs
}
_LETTER = re.compile(r"(?:CIRCLED|SQUARED|INDICATOR).* LETTER ([A-Z])$")
_DROPPED = frozenset({"So", "Sk", "Cf", "Mn", "Me"})
"""Categories of emojis, of what joins them, and of what is invisible."""
_PLAIN = re.compile(
    "[\n -/:-?\\[-`{|}~\u2014\u2018-\u201d\u2026\u3001-\u3011\u4e00-\u9fff"
    "\uff01-\uff0e\uff1a-\uff1f]*"
)
"""Han and punctuation: without digits, letters and @ there is no contact."""
_NUMERALS = re.compile(f"[{_SPOKEN}{_FORMAL}壹][^\\w\n]{{0,3}}[{_SPOKEN}{_FORMAL}壹]")
_LOOKALIKES = re.compile(
    r"(?<![A-Za-z0-9])[\dlIoO](?:[ -]?[\dlIoO]){10,18}(?![A-Za-z0-9])"
)
_AS_DIGITS = str.maketrans("lIoO", "1100")
_MOST_LETTERS = 8
_NO_DIGIT = -1.0


class Plain(NamedTuple):
    """A text without disguises.

    Attributes:
        text: It.
        places: ``[n + 1]`` where each of its characters stood, and the end.
    """

    text: str
    places: list[int]


def undisguised(text: str) -> Plain | None:
    """Return a text as it reads, or None where it holds no sign of a contact."""
    if _PLAIN.fullmatch(text) and not _NUMERALS.search(text):
        return None
    pieces = [_CHARACTERS[character] for character in text]
    places = [n for n, piece in enumerate(pieces) for _ in piece]
    plain = _LOOKALIKES.sub(_as_digits, "".join(pieces))
    return Plain(plain, [*places, len(text)])


def _as_digits(match: re.Match[str]) -> str:
    n_letters = sum(map(match[0].count, "lIoO"))
    return match[0].translate(_AS_DIGITS) if n_letters <= _MOST_LETTERS else match[0]


class _Characters(dict[str, str]):
    """What each character reads as, worked out when it is met first."""

    def __missing__(self, character: str) -> str:
        self[character] = _reading(character)
        return self[character]


def _reading(character: str) -> str:
    number = unicodedata.numeric(character, _NO_DIGIT)
    if number in range(10):
        return str(int(number))
    letter = _LETTER.search(unicodedata.name(character, ""))
    if letter:
        return letter[1]
    if unicodedata.category(character) in _DROPPED:
        return ""
    plain = unicodedata.normalize("NFKC", character)
    return "".join(_CHARACTERS.get(c, c) for c in plain)


_CHARACTERS = _Characters(
    {c: str(n) for digits in (_SPOKEN, _FORMAL) for n, c in enumerate(digits)}
    | _ONES
    | _SAID
)
