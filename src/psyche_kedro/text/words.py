"""Word lists: files beside the modules that use them, words apart by white space."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

import yaml


@cache
def word_list(package: str, name: str) -> frozenset[str]:
    """Return the words of a ``.txt`` of a package; lines of ``#`` are notes.

    Args:
        package: ``__package__`` of the module that asks.
        name: Of the file.
    """
    lines = (files(package) / name).read_text("utf-8").split("\n")
    return frozenset(
        word for line in lines if not line.startswith("#") for word in line.split()
    )


@cache
def word_lists(package: str, name: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the lists of a ``.yml`` of a package by section and name, in order.

    Args:
        package: ``__package__`` of the module that asks.
        name: Of the file.
    """
    sections = yaml.safe_load((files(package) / name).read_text("utf-8"))
    return {
        section: {name: tuple(words.split()) for name, words in lists.items()}
        for section, lists in sections.items()
    }


def name_of_word(lists: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the name of the list that each word stands in."""
    return {word: name for name, words in lists.items() for word in words}
