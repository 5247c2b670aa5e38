"""Spans of a text that give a person away."""

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """A piece of a text; what it says is never stored.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last.
        kind: ``phone``, ``name`` …; see ``deidentify.PLACEHOLDERS``.
    """

    start: int
    end: int
    kind: str


def without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order; of two that overlap, the one that came first."""
    kept: list[Span] = []
    for span in spans:
        if all(span.end <= k.start or k.end <= span.start for k in kept):
            kept.append(span)
    return sorted(kept)
