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
    """Return the spans in order; of two that overlap, the one that came first.

    Names are joined: 室友李霖 of which one finder sees 李 and the other 李霖 is 李霖.
    """
    kept: list[Span] = []
    for span in spans:
        rivals = [k for k in kept if span.start < k.end and k.start < span.end]
        if {"name"} >= {k.kind for k in [span, *rivals]}:
            together = [span, *rivals]
            kept = [k for k in kept if k not in rivals]
            kept.append(
                Span(
                    min(s.start for s in together), max(s.end for s in together), "name"
                )
            )
        elif not rivals:
            kept.append(span)
    return sorted(kept)
