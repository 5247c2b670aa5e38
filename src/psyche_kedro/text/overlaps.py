"""How far two texts overlap: ROUGE in three variants, and BLEU-4, on words of jieba.

The paper (§3.1) names ROUGE-1, ROUGE-L and BLEU-4 for open questions and no
implementation. The two that Chinese evaluations use differ by 7 points of ROUGE-L on
one model's published answers (20.37 and 12.95), and neither is the standard:

==============  =============================  =================================
variant         equals                         ROUGE-L is
==============  =============================  =================================
`rouge_pltrdy`  ``rouge==1.0.1`` (PsycoLLM's)  union of LCS words per sentence
`rouge_zh`      ``rouge-chinese==1.0.3``       one LCS over all words
`rouge_std`     ``rouge_score==0.1.2``         the same, and counts repeats in R-1
==============  =============================  =================================

None of them is installed here: ``rouge-chinese`` ships a second ``rouge`` package that
overwrites the first, so that whoever has both computes one and believes it the other.
Most rows of the paper's Table 1 look like the second, PsycoLLM's like the first; every
report therefore prints both.

A longest common subsequence is found with a bit for each word of one text: a row of the
usual table is one whole number, and its zeros are the places where the length grows.

Source: Hyyrö, Bit-parallel LCS-length computation revisited (2004).
"""

import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

Words = Sequence[str]

_ORDERS = 4
_SMALL = 0.1
"""What BLEU's smoothing method 1 takes for no match."""


class Rouge(NamedTuple):
    """F-scores in [0, 1]."""

    rouge_1: float
    rouge_l: float


@lru_cache(maxsize=4096)
def segment(text: str) -> tuple[str, ...]:
    """Return jieba's words of ``text`` without blanks; line breaks stay as words.

    Cached, because one reference meets the answers of every model, and each word is one
    object however often it comes: comparing two is then comparing addresses.

    >>> segment("认知行为 疗法")
    ('认知', '行为', '疗法')
    """
    import jieba  # noqa: PLC0415 - reads its dictionary

    jieba.setLogLevel("WARNING")
    return tuple(map(sys.intern, jieba.cut(text.replace(" ", ""))))


# ---- ROUGE -----------------------------------------------------------------------


def rouge_pltrdy(candidate: Words, reference: Words) -> Rouge:
    """Return ROUGE-1 and ROUGE-L as ``rouge==1.0.1`` has them.

    Words are counted once however often they occur. A sentence ends at an ASCII full
    stop only, so that "1." of a numbered list parts sentences and "。" does not.

    >>> one, other = segment("1.改变想法2.接纳情绪"), segment("1.接纳情绪2.改变想法")
    >>> [round(score, 2) for score in rouge_pltrdy(one, other)]
    [1.0, 1.0]
    """
    left, right = _sentences(candidate), _sentences(reference)
    ours, theirs = set(chain(*left)), set(chain(*right))
    masked = [(words, _places(words)) for words in left]
    common = {
        word
        for sentence in right
        for words, places in masked
        for word in _common_subsequence(sentence, words, places)
    }
    return Rouge(
        _f_score(len(ours & theirs), len(ours), len(theirs)),
        _f_score(len(common), len(ours), len(theirs)),
    )


def rouge_zh(candidate: Words, reference: Words) -> Rouge:
    """Return ROUGE-1 and ROUGE-L as ``rouge-chinese==1.0.3`` has them.

    ROUGE-1 counts words once, ROUGE-L counts every occurrence.

    >>> one, other = segment("1.改变想法2.接纳情绪"), segment("1.接纳情绪2.改变想法")
    >>> [round(score, 2) for score in rouge_zh(one, other)]
    [1.0, 0.5]
    """
    left, right = _words_zh(candidate), _words_zh(reference)
    ours, theirs = set(left), set(right)
    return Rouge(
        _f_score(len(ours & theirs), len(ours), len(theirs)),
        _f_score(_common_length(left, right), len(left), len(right)),
    )


def rouge_std(candidate: Words, reference: Words) -> Rouge:
    """Return ROUGE-1 and ROUGE-L as ``rouge_score==0.1.2`` has them on these words.

    The definition of ROUGE: a word counts as often as both have it. Line breaks and
    other blanks are no words. (The package's own tokeniser sees nothing but digits and
    Latin letters in a Chinese text.)

    >>> [round(score, 2) for score in rouge_std(["心", "心", "情"], ["心", "情"])]
    [0.8, 0.8]
    """
    left, right = ([w for w in words if w.strip()] for words in (candidate, reference))
    counts = Counter(right)
    common = sum(min(n, counts[word]) for word, n in Counter(left).items())
    return Rouge(
        _f_score(common, len(left), len(right), nothing=0.0),
        _f_score(_common_length(left, right), len(left), len(right), nothing=0.0),
    )


def _sentences(words: Words) -> list[list[str]]:
    parts = " ".join(words).split(".")
    return [_as_words(part) for part in parts if part]


def _words_zh(words: Words) -> list[str]:
    spaced = " ".join(words).rstrip()
    parts = re.split(r"(?<=[。！？?])(?= )|\n", spaced)
    return list(chain.from_iterable(_as_words(part) for part in parts if part))


def _as_words(part: str) -> list[str]:
    # A blank part is one empty word, as in both packages: str.split() would lose it.
    return " ".join(part.split()).split(" ")


def _f_score(
    overlap: int, n_candidate: int, n_reference: int, *, nothing: float = 1e-8
) -> float:
    """Return the F-score; ``nothing`` is what two packages add to its denominator."""
    if not overlap:
        return 0.0
    precision, recall = overlap / n_candidate, overlap / n_reference
    return 2 * precision * recall / (precision + recall + nothing)


# ---- longest common subsequences -------------------------------------------------


def _places(words: Words) -> dict[str, int]:
    """Return a number for each word whose bits are the places where it stands."""
    places: dict[str, int] = {}
    bit = 1
    for word in words:
        places[word] = places.get(word, 0) | bit
        bit <<= 1
    return places


def _rows(words: Words, places: Mapping[str, int], width: int) -> Iterator[int]:
    """Yield the rows of the table of lengths, each as its bits: 0 where it grows."""
    whole = (1 << width) - 1
    row = whole
    for word in words:
        if matches := places.get(word):
            kept = row & matches
            row = ((row + kept) | (row - kept)) & whole
        yield row


def _common_length(left: Words, right: Words) -> int:
    width = len(left)
    row = (1 << width) - 1
    for row in _rows(right, _places(left), width):  # noqa: B007 - the last one
        pass
    return width - row.bit_count()


def _common_subsequence(
    left: Words, right: Words, places: Mapping[str, int]
) -> Iterator[str]:
    """Yield the words of one longest common subsequence, last word first.

    Which one matters, because the union of several is counted: among equals
    ``rouge==1.0.1`` steps back in ``right``.

    Args:
        left: Each word is a row.
        right: Each word is a bit.
        places: Of ``right``.
    """
    rows = list(_rows(left, places, len(right)))
    i, j = len(left), len(right)
    while i and j:
        word, row = left[i - 1], rows[i - 1]
        if word == right[j - 1]:
            yield word
            i, j = i - 1, j - 1
        elif not row >> (j - 1) & 1:  # the length grows here: it is that of above
            i -= 1
        else:  # to the next place at which it grows, or the words match
            j = ((~row | places.get(word, 0)) & ((1 << j) - 1)).bit_length()


# ---- BLEU ------------------------------------------------------------------------


def bleu_4(candidate: Words, reference: Words) -> float:
    """Return sentence BLEU-4 in [0, 1], smoothed by method 1, as ``nltk`` has it.

    Source: PsycoLLM's evaluation (equal weights, ``method1``).

    >>> one, other = segment("1.改变想法2.接纳情绪"), segment("1.接纳情绪2.改变想法")
    >>> round(bleu_4(one, other), 2)
    0.27
    """
    matched = list(_matches(candidate, reference))
    if not matched[0]:
        return 0.0
    logs = (
        math.log((hits or _SMALL) / max(1, len(candidate) - order + 1))
        for order, hits in enumerate(matched, 1)
    )
    ratio = len(reference) / len(candidate)
    shortness = 1.0 if ratio < 1 else math.exp(1 - ratio)
    return shortness * math.exp(math.fsum(logs) / _ORDERS)


def _matches(candidate: Words, reference: Words) -> Iterator[int]:
    """Yield, of 1 to 4 words in a row, how many both have, each as often as both.

    A row of n words that the reference has begins with n - 1 that it has: only those
    places are looked at again.
    """
    words, known = tuple(candidate), set(reference)
    places = [k for k, word in enumerate(words) if word in known]
    for order in range(1, _ORDERS + 1):
        shifted = [reference[k:] for k in range(order if places else 0)]
        left = Counter(zip(*shifted, strict=False))
        places = [k for k in places if words[k : k + order] in left]
        hits = 0
        for k in places:
            row = words[k : k + order]
            if left[row]:
                hits += 1
                left[row] -= 1
        yield hits
