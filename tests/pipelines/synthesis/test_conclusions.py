"""What a rationale concludes: by letter or in words, clause by clause."""

from typing import Any

import pytest
from questions_made import question

from psyche_kedro.answers import UNREAD
from psyche_kedro.pipelines.synthesis.rationales.attempts import weakness_of
from psyche_kedro.pipelines.synthesis.rationales.conclusions import conclusion_of

ADAPTATION = question(
    "从亮处走进暗处，起初什么也看不见，后来逐渐看清，这个现象叫做（ ）。",
    texts=("明适应", "暗适应", "后像", "闪光融合"),
    gold=["B"],
)
LEFT_OUT = question(
    "下列不属于气质类型的是（ ）。",
    texts=("胆汁质", "粘液质", "抑郁质", "勇敢"),
    gold=["D"],
)
MULTIPLE = question(
    "知觉的特性有（ ）。",
    type="multiple",
    texts=("选择性", "整体性", "恒常性", "预见性"),
    gold=["A", "B", "C"],
)


def concluded(rationale: str, asked: dict[str, Any] = ADAPTATION) -> str:
    return "".join(sorted(conclusion_of(rationale, asked).labels))


@pytest.mark.parametrize(
    "said",
    [
        "视觉的感受性逐渐提高，这个现象叫做明适应。",
        "感受性的这种变化在心理学上被称为“明适应”。",
        "可见它属于明适应。",
        "因此，题目描述的是明适应现象，A项符合题意。",
        "因此这不是暗适应，而是明适应。",
        "感受性提高了，不断看清细节的过程即明适应。",
        "综合以上分析，应选明适应。",
        "由此可知A的说法最为准确。",
    ],
)
def test_to_name_an_option_at_the_end_is_to_conclude_it(said: str) -> None:
    assert concluded(said) == "A"


@pytest.mark.parametrize(
    "said",
    [
        "因此题目说的不属于明适应。",
        "如果是从暗处走到亮处，那就是明适应。",
        "有人认为这就是明适应。",
        "在亮处看清叫明适应，在暗处看清叫暗适应。",
        "在暗处感受性提高，叫做暗适应。在亮处感受性降低，叫做明适应。",
        "它与明适应的区别在于方向。",
        "暗适应又叫明适应的反面。",
    ],
)
def test_what_a_clause_denies_supposes_or_defines_is_not_concluded(said: str) -> None:
    assert conclusion_of(said, ADAPTATION) == UNREAD


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        ("所以不属于气质类型的是粘液质。", "B"),
        ("粘液质是性格特征，因此B项不属于气质类型。", "B"),
        ("它不是气质类型，故选粘液质。", "B"),
        ("因此胆汁质属于气质类型。", ""),
        ("胆汁质是气质类型，故不选胆汁质。", ""),
        ("勇敢不属于气质，所以答案是D。", "D"),
    ],
)
def test_where_the_stem_asks_for_what_fails_the_failing_one_is_concluded(
    said: str, labels: str
) -> None:
    assert concluded(said, LEFT_OUT) == labels


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        ("综上，A、B、D符合题意。", "ABD"),
        ("因此知觉的特性包括选择性、整体性和预见性。", "ABD"),
        ("由此可见，知觉的特性有选择性。", "A"),
    ],
)
def test_several_options_are_concluded_together(said: str, labels: str) -> None:
    assert concluded(said, MULTIPLE) == labels


def test_of_several_right_options_words_may_name_one_and_no_other() -> None:
    for last, weakness in (("选择性", None), ("预见性", "argues_for_another")):
        said = f"知觉有几个特性。由此可见，知觉的特性有{last}。"
        assert weakness_of(said, MULTIPLE, min_characters=10) == weakness


def test_a_closing_word_after_the_conclusion_changes_nothing() -> None:
    assert concluded("感受性提高，称为明适应。以上就是完整的分析。") == "A"


def test_characters_of_private_use_are_no_options() -> None:
    assert concluded("因此这是\ue00e\ue000现象，称为明适应。") == "A"


def test_an_endless_list_is_read_in_linear_time() -> None:
    assert conclusion_of("因此是" + "明适应、后像和" * 20_000, ADAPTATION) == UNREAD
