"""Words that names are made of, and those that stand beside them."""

from collections.abc import Collection
from functools import cache, partial
from importlib.resources import files
from typing import NamedTuple

from psyche_kedro.text import words

word_list = partial(words.word_list, __package__)
"""The words of a ``.txt`` beside this module."""
_BESIDE = words.word_lists(__package__, "words.yml")["beside_a_name"]
ROLES = (*_BESIDE["kin"], "家的", "村的", "班的")
"""What a name stands behind."""


def _any_of(words: Collection[str]) -> str:
    """Return words as a regular expression that looks at a first character first."""
    longest_first = "|".join(sorted(words, key=len, reverse=True))
    return f"(?=[{''.join({word[0] for word in words})}])(?>{longest_first})"


TITLES, KIN, GREETINGS, PETS, _OTHER_DEEDS, ACTS = map(_any_of, _BESIDE.values())
DEEDS = f"(?:{_OTHER_DEEDS}|{ACTS})"
NO_NAME = (
    "的了在是有和也就都很不我你您他她它们这那什么怎么吗呢吧啊把被让给跟与到"
    "说想要会能没去来从对"
)
NO_TITLED = "向有那从和于时常任连"
"""Family names which before a title are words: 向老师求助, 有医生说."""


class Surnames(NamedTuple):
    """Family names.

    Attributes:
        sure: Common ones that are rarely another word, the commonest first.
        doubtful: Those that are often another word.
        double: Those of two characters.
    """

    sure: tuple[str, ...]
    doubtful: tuple[str, ...]
    double: tuple[str, ...]


@cache
def surnames() -> Surnames:
    """Return the family names by how sure they are."""
    text = (files(__package__) / "surnames.txt").read_text("utf-8")
    sure, doubtful, double = [x for x in text.split("\n") if x[:1] not in ("#", "")]
    return Surnames(tuple(sure), tuple(doubtful), tuple(double.split()))


def is_listed(word: str) -> bool:
    """Return whether a word is none that is masked: a scholar, or no name at all."""
    return word in word_list("no_names.txt") or word in word_list("known_persons.txt")
