r"""The only reader of an emotion out of a reply, and the official one beside it.

A reply is the label, or says it after a marker ("Answer: relief"), or has one label
among other words. Two labels without a marker, or one that is taken back ("not
sadness"), is unread: an unread answer costs a model one item, a misread one costs the
benchmark its meaning.

The evaluation that CEDAR's authors publish takes the first label of the list that
occurs anywhere in the reply. It reads "Not sadness but relief" as sadness and
"painting" as pain; ``read_official`` does the same, for comparison alone.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from psyche_kedro.datasets.language_packs import LanguagePack
from psyche_kedro.text.bare import nfkc
from psyche_kedro.text.thoughts import part_thought

_OPTIONAL = re.compile(
    "[\u0300-\u036f\u0640\u064b-\u065f\u0670\u093c\u200b-\u200f\ufeff]"
)
"""What the same word is written with or without: accents, vowel signs, tatweel, nukta,
marks of no width."""
_SAME = str.maketrans({"’": "'", "ٱ": "ا"})
_MARKS = "".join(
    mark
    for mark in map(chr, range(0x300, 0x1100))
    if unicodedata.category(mark)[0] == "M"
)
"""They belong to a word, though ``\\w`` does not know it: half of Hindi's vowels."""
_LETTER = rf"[\w{_MARKS}]"
_CLAUSES = re.compile(r"[,.;:!?()،؛؟。、，；：！？।\n—…]+")
_SENTENCES = re.compile(r"[.;!?؛؟。；！？।\n]+")
_UNSPACED = frozenset(
    {"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"}
)
"""Scripts that put no blank between words."""
_REACH = 60
"""Characters in which a negation stands beside what it takes back."""
_ARABIC_WORD = r"[وف]?[بكل]?(?:ال|ل)?%sا?"
"""A noun with or without conjunction, preposition, article and the ending of a case."""


class LabelReading(NamedTuple):
    """What a reply says.

    Attributes:
        label: The emotion; None where it cannot be told.
        rule: ``whole``, ``marker`` or ``only``; ``several``, ``negated`` or ``none``
            where it cannot be told.
    """

    label: str | None
    rule: str


class _Mention(NamedTuple):
    emotion: str
    negated: bool


class LabelReader:
    """Reads the emotion that a reply names.

    >>> reader.read("**Relief.**")
    LabelReading(label='relief', rule='whole')
    >>> reader.read("Not sadness but relief")
    LabelReading(label=None, rule='negated')

    Args:
        *packs: Languages whose words are looked for, in this order: the first that has
            any of its words in the reply decides.
    """

    def __init__(self, *packs: LanguagePack) -> None:
        self._packs = packs
        self._languages = [_Language(pack) for pack in packs]

    def read(self, reply: str) -> LabelReading:
        """Return what ``reply`` says, as it came."""
        text = plain(part_thought(reply).answer)
        readings = (language.read(text) for language in self._languages)
        return next(
            (r for r in readings if r.rule != "none"), LabelReading(None, "none")
        )

    def read_official(self, reply: str) -> str | None:
        """Return what the official code reads: the first label that occurs."""
        lowered = reply.strip().lower()
        found = (
            emotion
            for pack in self._packs
            for emotion, word in pack.emotions.items()
            if word.lower() in lowered
        )
        return next(found, None)


def plain(text: str) -> str:
    """Return ``text`` as words are compared: what may be left out is left out."""
    parts = unicodedata.normalize("NFD", nfkc(text).casefold().translate(_SAME))
    return unicodedata.normalize("NFC", _OPTIONAL.sub("", parts))


def words_in(text: str, words: Iterable[str], script: Sequence[str]) -> list[str]:
    """Return which of ``words`` stand in a text, as whole words of its script."""
    searched = plain(text)
    return [word for word in words if _words([word], script).search(searched)]


class _Language:
    """The patterns of one language."""

    def __init__(self, pack: LanguagePack) -> None:
        self._emotions = {plain(word): name for name, word in pack.emotions.items()}
        self._labels = _words(pack.emotions.values(), pack.script)
        self._markers = _words(pack.markers, pack.script, ending=r"(?:\s*\W)?")
        between = (
            r"\w{0,2}" if _is_unspaced(pack.script) else rf"(?:\s+{_LETTER}+){{0,2}}\s+"
        )
        before, after = pack.negations.before, pack.negations.after
        self._before = re.compile(_words(before, pack.script).pattern + rf"{between}\Z")
        self._after = re.compile(
            rf"(?:{between}|\s*)" + _words(after, pack.script).pattern
        )

    def read(self, text: str) -> LabelReading:
        if label := self._emotions.get(_without_edges(text)):
            return LabelReading(label, "whole")
        return self._after_marker(text) or self._only(text)

    def _after_marker(self, text: str) -> LabelReading | None:
        """Return what the sentence after the last marker says; None if no emotion."""
        ends = [match.end() for match in self._markers.finditer(text)]
        said = _without_edges(text[ends[-1] :]) if ends else ""
        sentence = _SENTENCES.split(said, maxsplit=1)[0]
        mentions = list(self._mentions(sentence))
        if not mentions:
            return None
        meant = {m.emotion for m in mentions if not m.negated}
        leads = self._labels.match(sentence) and not mentions[0].negated
        if len(meant) == 1 and (leads or not any(m.negated for m in mentions)):
            return LabelReading(meant.pop(), "marker")
        return LabelReading(None, "several" if len(meant) > 1 else "negated")

    def _only(self, text: str) -> LabelReading:
        mentions = list(self._mentions(text))
        if any(mention.negated for mention in mentions):
            return LabelReading(None, "negated")
        named = {mention.emotion for mention in mentions}
        if len(named) == 1:
            return LabelReading(named.pop(), "only")
        return LabelReading(None, "several" if named else "none")

    def _mentions(self, text: str) -> Iterator[_Mention]:
        for clause in _CLAUSES.split(text):
            for match in self._labels.finditer(clause):
                start, end = match.span()
                negated = (
                    self._before.search(clause[max(0, start - _REACH) : start])
                    or self._after.match(clause[end : end + _REACH])
                )  # fmt: skip
                yield _Mention(self._emotions[match["word"]], bool(negated))


def _words(
    words: Iterable[str], script: Sequence[str], ending: str = ""
) -> re.Pattern[str]:
    """Return the pattern of one of ``words``, the longest first, as ``word``."""
    forms = sorted(map(plain, words), key=len, reverse=True)
    either = rf"(?P<word>{'|'.join(map(re.escape, forms)) or '(?!)'})"
    if "ARABIC" in script:
        either = _ARABIC_WORD % either
    if _is_unspaced(script):
        return re.compile(either + ending)
    return re.compile(rf"(?<!{_LETTER}){either}(?!{_LETTER}){ending}")


def _is_unspaced(script: Iterable[str]) -> bool:
    return not _UNSPACED.isdisjoint(script)


def _without_edges(text: str) -> str:
    """Return ``text`` from its first letter to its last."""
    letters = [unicodedata.category(character)[0] in "LM" for character in text]
    if True not in letters:
        return ""
    return text[letters.index(True) : len(text) - letters[::-1].index(True)]
