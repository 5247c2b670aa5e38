"""What overlaps are: checked against the packages they stand for, and by hand."""

import random

import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from psyche_kedro.text import overlaps
from psyche_kedro.text.overlaps import (
    bleu_4,
    rouge_pltrdy,
    rouge_std,
    rouge_zh,
    segment,
)

NOTES = (
    "求助者的主要症状是焦虑和失眠，持续三个月，社会功能轻度受损。",
    "该求助者主要表现为焦虑、失眠，病程三个月，社会功能受损较轻。",
)
NUMBERED = (
    "1.一般心理问题。\n2.依据：由现实因素引起，持续一个月，反应没有泛化。\n"
    "3.社会功能没有受损。",
    "1.诊断为一般心理问题。\n2.诊断依据：现实刺激引起，持续约一个月，"
    "情绪反应没有泛化。\n3.社会功能受损不明显。",
)
COUNSEL = (
    "我听到你这段时间很辛苦。你愿意说说，最难熬的是什么时候吗？我们可以先从睡眠开始。",
    "听起来你这段时间真的很不容易，最难的是哪一刻？我们可以一起从改善睡眠开始。",
)
DAWN = ("上午", "黄昏")


# Computed with rouge==1.0.1, rouge-chinese==1.0.3 and nltk on jieba==0.42.1 words, each
# package in an environment of its own; ours equalled both bit for bit on 417 answers.
@pytest.mark.parametrize(
    ("pair", "pltrdy", "zh", "bleu"),
    [
        (NOTES, (58.8235, 58.8235), (58.8235, 61.1111), 24.5097),
        (NUMBERED, (79.1667, 79.1667), (80.7692, 81.8182), 45.1302),
        (COUNSEL, (58.3333, 58.3333), (58.3333, 54.9020), 8.7948),
        (DAWN, (0, 0), (0, 0), 0),
    ],
)
def test_overlap_equals_the_packages_it_stands_for(pair, pltrdy, zh, bleu):
    def percent(scores):
        return tuple(round(100 * score, 4) for score in scores)

    assert percent(rouge_pltrdy(*map(segment, pair))) == pltrdy
    assert percent(rouge_zh(*map(segment, pair))) == zh
    assert round(100 * bleu_4(*map(segment, pair)), 4) == bleu


@pytest.mark.parametrize("empty", ["", " ", "\n", "..."])
@pytest.mark.parametrize("score", [rouge_pltrdy, rouge_zh, rouge_std, bleu_4])
def test_an_empty_answer_scores_zero_and_raises_nothing(score, empty):
    scores = score(segment(empty), segment("焦虑。"))
    assert scores in (0.0, (0.0, 0.0))
    assert score(segment("焦虑。"), segment(empty)) in (0.0, (0.0, 0.0))


@pytest.mark.parametrize(
    ("candidate", "rouge_l"), [("抑郁焦虑.焦虑", 1.0), ("抑郁焦虑.抑郁", 0.5)]
)
def test_among_equal_subsequences_the_packages_one_is_taken(candidate, rouge_l):
    # Two words in the other order have two longest subsequences, of one word each.
    scores = rouge_pltrdy(segment(candidate), segment("焦虑抑郁"))
    assert scores.rouge_l == pytest.approx(rouge_l, abs=1e-6)


def test_a_long_answer_does_not_exhaust_the_stack():
    # rouge==1.0.1 recurses once per word and dies at about 1,000.
    long = "焦虑使人难以入睡" * 500
    assert rouge_pltrdy(segment(long), segment(long)).rouge_l == pytest.approx(
        1, abs=1e-6
    )


# ---- against the definition --------------------------------------------------------


def drawn(n, words="心理咨询焦虑睡眠.", most=40):
    draw = random.Random(17)
    for _ in range(n):
        yield tuple(draw.choices(words, k=draw.randint(1, most)) for _ in range(2))


def lengths(left, right):
    """The whole table of the lengths of common subsequences."""
    table = [[0] * (len(right) + 1)]
    for word in left:
        above, row = table[-1], [0]
        for j, other in enumerate(right):
            row.append(above[j] + 1 if word == other else max(above[j + 1], row[j]))
        table.append(row)
    return table


def walked_back(left, right):
    """The subsequence that rouge==1.0.1 takes of several, last word first."""
    table, i, j = lengths(left, right), len(left), len(right)
    while i and j:
        if left[i - 1] == right[j - 1]:
            yield left[i - 1]
            i, j = i - 1, j - 1
        elif table[i - 1][j] > table[i][j - 1]:
            i -= 1
        else:
            j -= 1


def test_bits_find_the_length_and_the_subsequence_that_the_whole_table_gives():
    for left, right in drawn(300):
        assert overlaps._common_length(left, right) == lengths(left, right)[-1][-1]
        places = overlaps._places(right)
        found = list(overlaps._common_subsequence(left, right, places))
        assert found == list(walked_back(left, right))


def test_bleu_is_that_of_nltk():
    smoothing = SmoothingFunction().method1
    for left, right in drawn(300):
        expected = sentence_bleu([right], left, smoothing_function=smoothing)
        assert bleu_4(left, right) == pytest.approx(expected, abs=1e-12)


def test_the_standard_counts_a_word_as_often_as_both_have_it():
    scores = rouge_std(["心", "心", "心", "\n"], ["心", "心", "情"])
    assert scores == (pytest.approx(2 / 3), pytest.approx(2 / 3))
