"""What a mark is: accuracies on sets, overlap of texts.

The paper (§3.1) takes *standard* and *elastic* accuracy from PsycoLLM for choice
questions, and ROUGE-1, ROUGE-L and BLEU-4 for open ones. It names no implementation of
ROUGE, and the two that Chinese evaluations use differ by 7 points of ROUGE-L on one
model's published answers (20.37 and 12.95):

==============  =============================  =================================
variant         equals                         ROUGE-L is
==============  =============================  =================================
`rouge_pltrdy`  ``rouge==1.0.1`` (PsycoLLM's)  union of LCS words per sentence
`rouge_zh`      ``rouge-chinese==1.0.3``       one LCS over all words
==============  =============================  =================================

Neither is installed here: ``rouge-chinese`` ships a second ``rouge`` package that
overwrites the first, so that whoever has both computes one and believes it the other.
Most rows of the paper's Table 1 look like the second, PsycoLLM's like the first; every
report therefore prints both.
"""

import re
from collections.abc import Sequence, Set
from functools import lru_cache
from itertools import chain
from typing import NamedTuple


class Rouge(NamedTuple):
    """F-scores in [0, 1]."""

    rouge_1: float
    rouge_l: float


# ---- choice questions ------------------------------------------------------------


def standard_credit(prediction: Set[str], gold: Set[str]) -> float:
    """Return 1 if the labels are exactly the gold ones, else 0.

    Sets, not strings: the public evaluation code compares strings and so fails ``BA``
    against ``AB``.

    Source: §3.1; PsycoLLM (Hu et al., 2024).

    >>> [standard_credit(set(chosen), set("AB")) for chosen in ("BA", "A", "AC", "")]
    [1.0, 0.0, 0.0, 0.0]
    """
    return float(bool(gold) and prediction == gold)


def elastic_credit(prediction: Set[str], gold: Set[str]) -> float:
    """Return ``|prediction| / |gold|`` for a subset of the gold labels, else 0.

    One wrong label forfeits all credit; no label earns none.

    Source: §3.1; PsycoLLM (Hu et al., 2024).

    >>> [elastic_credit(set(chosen), set("AB")) for chosen in ("BA", "A", "AC", "")]
    [1.0, 0.5, 0.0, 0.0]
    """
    return len(prediction) / len(gold) if gold and prediction <= gold else 0.0


def official_credit(said: Sequence[str], gold: Sequence[str]) -> float:
    """Return ``standard_credit`` as PsycoLLM's public code has it: of strings.

    Source: MACLAB-HFUT/Evaluation at 8ff40f3, ``main.py``.

    >>> official_credit("BA", "AB")
    0.0
    """
    return float("".join(said) == "".join(gold))


def official_elastic_credit(said: Sequence[str], gold: Sequence[str]) -> float:
    """Return ``elastic_credit`` as PsycoLLM's public code has it.

    >>> official_elastic_credit("BA", "AB")
    1.0
    """
    return official_credit(said, gold) or elastic_credit(set(said), set(gold))


# ---- open questions --------------------------------------------------------------


@lru_cache(maxsize=4096)
def segment(text: str) -> tuple[str, ...]:
    """Return jieba's words of ``text`` without blanks; line breaks stay as words.

    Cached, because one reference meets the answers of every model.

    >>> segment("认知行为 疗法")
    ('认知', '行为', '疗法')
    """
    import jieba  # noqa: PLC0415 - reads its dictionary

    jieba.setLogLevel("WARNING")
    return tuple(jieba.cut(text.replace(" ", "")))


def rouge_pltrdy(candidate: str, reference: str) -> Rouge:
    """Return ROUGE-1 and ROUGE-L as ``rouge==1.0.1`` has them on jieba words.

    Words are counted once however often they occur. A sentence ends at an ASCII full
    stop only, so that "1." of a numbered list parts sentences and "。" does not.

    >>> swapped = rouge_pltrdy("1.改变想法2.接纳情绪", "1.接纳情绪2.改变想法")
    >>> [round(score, 2) for score in swapped]
    [1.0, 1.0]
    """
    left, right = _sentences_pltrdy(candidate), _sentences_pltrdy(reference)
    ours, theirs = set(chain(*left)), set(chain(*right))
    common = {
        word
        for sentence in right
        for other in left
        for word in _common_subsequence(sentence, other)
    }
    return Rouge(
        _f_score(len(ours & theirs), len(ours), len(theirs)),
        _f_score(len(common), len(ours), len(theirs)),
    )


def rouge_zh(candidate: str, reference: str) -> Rouge:
    """Return ROUGE-1 and ROUGE-L as ``rouge-chinese==1.0.3`` has them on jieba words.

    ROUGE-1 counts words once, ROUGE-L counts every occurrence.

    >>> swapped = rouge_zh("1.改变想法2.接纳情绪", "1.接纳情绪2.改变想法")
    >>> [round(score, 2) for score in swapped]
    [1.0, 0.5]
    """
    from rapidfuzz.distance import LCSseq  # noqa: PLC0415 - used here alone

    left, right = _words_zh(candidate), _words_zh(reference)
    ours, theirs = set(left), set(right)
    return Rouge(
        _f_score(len(ours & theirs), len(ours), len(theirs)),
        _f_score(LCSseq.similarity(left, right), len(left), len(right)),
    )


def bleu_4(candidate: str, reference: str) -> float:
    """Return sentence BLEU-4 in [0, 1] on jieba words, smoothed by method 1.

    Source: PsycoLLM's evaluation (``nltk``, equal weights, ``method1``).

    >>> round(bleu_4("1.改变想法2.接纳情绪", "1.接纳情绪2.改变想法"), 2)
    0.27
    """
    from nltk.translate.bleu_score import (  # noqa: PLC0415 - a second to import
        SmoothingFunction,
        sentence_bleu,
    )

    hypothesis = segment(candidate)
    if not hypothesis:
        return 0.0
    smoothing = SmoothingFunction().method1
    return float(
        sentence_bleu([segment(reference)], hypothesis, smoothing_function=smoothing)
    )


def _sentences_pltrdy(text: str) -> list[list[str]]:
    parts = " ".join(segment(text)).split(".")
    return [_words(part) for part in parts if part]


def _words_zh(text: str) -> list[str]:
    spaced = " ".join(segment(text)).rstrip()
    parts = re.split(r"(?<=[。！？?])(?= )|\n", spaced)
    return list(chain.from_iterable(_words(part) for part in parts if part))


def _words(part: str) -> list[str]:
    # A blank part is one empty word, as in both packages: str.split() would lose it.
    return " ".join(part.split()).split(" ")


def _f_score(overlap: int, n_candidate: int, n_reference: int) -> float:
    if not overlap:
        return 0.0
    precision, recall = overlap / n_candidate, overlap / n_reference
    # The 1e-8 is the packages' own; without it the last digits differ.
    return 2 * precision * recall / (precision + recall + 1e-8)


def _common_subsequence(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """Return the words of one longest common subsequence, last word first.

    Which one matters, because the union of several is counted: among equals
    ``rouge==1.0.1`` steps back in ``right``.
    """
    lengths = _lcs_lengths(left, right)
    i, j = len(left), len(right)
    words = []
    while i and j:
        if left[i - 1] == right[j - 1]:
            words.append(left[i - 1])
            i, j = i - 1, j - 1
        elif lengths[i - 1][j] > lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return words


def _lcs_lengths(left: Sequence[str], right: Sequence[str]) -> list[list[int]]:
    """Return ``[len(left) + 1][len(right) + 1]`` lengths of the prefixes' LCS."""
    lengths = [[0] * (len(right) + 1)]
    for word in left:
        above, row = lengths[-1], [0]
        for j, other in enumerate(right):
            row.append(above[j] + 1 if word == other else max(above[j + 1], row[j]))
        lengths.append(row)
    return lengths
