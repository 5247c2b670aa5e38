"""What the scores are: checked against the packages they stand for."""

import pytest

from psyche_kedro import metrics

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


@pytest.mark.parametrize(
    ("prediction", "gold", "standard", "elastic"),
    [
        ("BA", "AB", 1, 1),
        ("A", "AB", 0, 1 / 2),
        ("AC", "ABCD", 0, 1 / 2),
        ("AC", "AB", 0, 0),
        ("ABC", "AB", 0, 0),
        ("", "AB", 0, 0),
        ("B", "A", 0, 0),
        ("", "", 0, 0),
        ("A", "", 0, 0),
    ],
)
def test_accuracies_compare_sets_and_a_wrong_label_forfeits_all(
    prediction, gold, standard, elastic
):
    assert metrics.standard_credit(set(prediction), set(gold)) == standard
    assert metrics.elastic_credit(set(prediction), set(gold)) == elastic


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

    assert percent(metrics.rouge_pltrdy(*pair)) == pltrdy
    assert percent(metrics.rouge_zh(*pair)) == zh
    assert round(100 * metrics.bleu_4(*pair), 4) == bleu


@pytest.mark.parametrize("empty", ["", " ", "\n", "..."])
@pytest.mark.parametrize(
    "score", [metrics.rouge_pltrdy, metrics.rouge_zh, metrics.bleu_4]
)
def test_an_empty_answer_scores_zero_and_raises_nothing(score, empty):
    scores = score(empty, "焦虑。")
    assert scores in (0.0, (0.0, 0.0))
    assert score("焦虑。", empty) in (0.0, (0.0, 0.0))


@pytest.mark.parametrize(
    ("candidate", "rouge_l"), [("抑郁焦虑.焦虑", 1.0), ("抑郁焦虑.抑郁", 0.5)]
)
def test_among_equal_subsequences_the_packages_one_is_taken(candidate, rouge_l):
    # Two words in the other order have two longest subsequences, of one word each.
    scores = metrics.rouge_pltrdy(candidate, "焦虑抑郁")
    assert scores.rouge_l == pytest.approx(rouge_l, abs=1e-6)


def test_a_long_answer_does_not_exhaust_the_stack():
    # rouge==1.0.1 recurses once per word and dies at about 1,000.
    long = "焦虑使人难以入睡" * 500
    assert metrics.rouge_pltrdy(long, long).rouge_l == pytest.approx(1, abs=1e-6)
