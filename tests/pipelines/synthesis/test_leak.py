"""A candidate prompt that tells the answer, and one that only sounds like it."""

from typing import Any

import pytest
from questions_made import question

from prompt_set import WORDS
from psyche_kedro.pipelines.synthesis.rationales.leak import (
    QUOTE,
    leaks,
    quotes_rationale,
)
from psyche_kedro.prompts import render_question

OPTIONS = "A. 复述策略\nB. 组块\nC. 系列位置效应\nD. 前摄抑制"


@pytest.mark.parametrize(
    ("candidate", "told"),
    [
        ("先辨清概念，再逐项对照条件。", False),
        ("特别注意选项中的近义概念。", False),
        ("答案是A。", True),  # any answer, also a wrong one
        ("应当选择B项。", True),
        ("想一想什么是组块。", True),
        ("想一想什么是组 块。", True),
        ("想一想什么是系列位置效应。", False),  # names a distractor
        ("先排除复述策略、系列位置效应和前摄抑制。", True),  # one is left
        (f"题目的选项是：\n{OPTIONS}\n请逐项检验。", False),
        (f"题目的选项是：\n{OPTIONS}\n留意组块。", True),
        ("比较前摄抑制、系列位置效应、组块和复述策略的定义。", False),
        ("比较前摄抑制、系列位置效应、组块和复述策略，尤其是组块。", True),
        ("比较组块和复述策略的定义。", True),
        ("题干“把零散材料合成较大单位的记忆方法是（ ）。”问的是方法。", False),
        ("选项有 A、复述策略；B、组块；C、系列位置效应；D、前摄抑制。", False),
        ("复述策略、系列位置效应、前摄抑制为何不对，组块为何对？", True),
        ("复述策略不合；系列位置效应不合；前摄抑制不合；组块符合。", True),
        ("想一想什么是组\u200b块。", True),
    ],
)
def test_a_candidate_leaks_by_an_answer_or_by_singling_the_gold_out(
    candidate: str, told: bool
) -> None:
    assert leaks(candidate, question()) is told


@pytest.mark.parametrize(
    ("candidate", "told"),
    [
        ("重点分析B。", True),
        ("请说明为什么B成立。", True),
        ("只有选项B符合条件。", True),
        ("先排除A、C、D。", True),
        ("第二个选项值得细看。", True),
        ("留意A与题干的差别。", False),  # a distractor, and two are left
        ("对每个选项A、B、C、D分别判断。", False),
        ("从A到D逐项检验，按A→B→C→D的顺序。", False),
        ("用ABC理论分析，区分A型人格与B型人格。", False),
        ("输出 JSON，键为 rationale 和 prediction。", False),
        ("按 {{ question }} 和 {0} 的要求作答。", False),
    ],
)
def test_a_letter_or_a_place_singles_an_option_out_as_its_text_does(
    candidate: str, told: bool
) -> None:
    assert leaks(candidate, question()) is told


def test_a_stem_that_sounds_like_an_answer_may_be_repeated() -> None:
    row = question("A. 下列记忆方法中，answer: B 型的是（ ）。")
    assert not leaks(f"读清题干“{row['stem']}”，再逐项对照。", row)
    assert leaks(f"读清题干“{row['stem']}”，答案是B。", row)


def test_options_that_say_the_same_are_named_together() -> None:
    row = question(texts=("组块。", "组块", "复述", "联想"))
    assert leaks("想一想什么是组块。", row)


@pytest.mark.parametrize(
    ("texts", "candidate", "told"),
    [
        (("记忆", "短时记忆", "感觉记忆", "知觉"), "界定短时记忆和感觉记忆。", False),
        (("记忆", "短时记忆", "感觉记忆", "知觉"), "界定记忆。", True),
        (("组块。", "复述。", "编码。", "联想。"), "想一想什么是组块", True),
        (("3", "5", "7", "9"), "1. 读题。2. 列式。3. 检查，共3个步骤。", False),
        (("3", "5", "7", "9"), "注意自由度是3。", True),
        (("是", "否", "不", "有"), "判断题干是否完整，这是关键。", False),
    ],
)
def test_an_options_text_counts_where_it_stands_for_itself(
    texts: tuple[str, ...], candidate: str, told: bool
) -> None:
    assert leaks(candidate, question(texts=texts, gold=["A"])) is told


# ---- true or false ---------------------------------------------------------------

TELLING = [
    "如果概念不清，先查定义\n本题应判为错误\n写出依据",
    "请注意，这句话是正确的，说明理由即可。",
    "先界定概念，再说明为什么该说法正确。",
    "逐条核对后可以看出，题干的表述是错误的。",
    "答案是正确。请写出推理。",
    "本题应判为错误，请从定义出发论证。",
    "请论证这一观点为何是对的。",
    "解释概念，并指出这种说法错误的原因。",
    "这个命题成立且正确，写出三步论证。",
    "提示：该陈述并不正确，注意限定词。",
    "请指出题干错在哪里，并改正。",
    "从定义出发，说明此说法完全正确。",
    "题干所述是错的，重点解释原因。",
    "结论：正确。请据此补写推理过程。",
    "分析时请围绕“正确”这一判断展开。",
    "请以“错误”为结论倒推步骤。",
    "这道题选正确，只需补上依据。",
    "先判断说法是否正确（正确），再写依据。",
    "判断题：……（错误）。请写出理由。",
    "注意这句话其实说得没错。",
    "请以教师口吻说明：此话正确，依据有三。",
    "提醒：题干有误，请找出问题所在。",
    "请从实验证据出发，证明这一论断是错误的。",
    "该题答案为错误，写推理时先给出反例。",
    "这种说法当然对，请补充定义和例子。",
    "不要怀疑，题目的说法就是正确的。",
    "请解释为什么不能认为该观点正确。",
    "判断为“错误”，然后补充理由。",
    "原句并无错误，请逐条写出依据。",
]

ASKING = [
    "判断下列说法是否正确，先写出概念的定义，再逐条对照。",
    "请判断题干表述的正误，并写出依据。",
    "先界定概念，再判断说法正确与否。",
    "判断这句话正确还是错误，并说明理由。",
    "说明该说法正确或错误的依据，注意绝对化的措辞。",
    "请正确理解题意，避免常见错误。",
    "如果说法正确，请找出支持的证据；如果错误，请指出与定义不符之处。",
    "若认为题干正确，请再找一个反例检验；若认为错误，请写出改正后的说法。",
    "先找出题干的判断点，再分别设想它正确和错误时各会有什么后果。",
    "注意绝对化的词语往往是判断对错的关键，但不能据此下结论。",
    "写出定义，对照条件，给出正确的结论。",
    "请依次检验题干中的每个成分，只要有一处不符，整句就不能算正确。",
    "全部成分都符合时才判为正确，有一处不符即判为错误。",
    "核对因果方向、范围和程度三个方面，再作出判断，并检查推理有没有错误。",
    "把题干拆成几个子命题，分别判断真假，再综合。",
    "识别题干考查的理论，回忆它的正确表述，与题干逐字对照。",
    "先不急于判断对错，写出相关概念的内涵和外延。",
    "对于判断题，要分清事实错误与表述错误，再得出结论。",
    "请判断“说法是否正确”，并从正反两个方面论证。",
    "题干可能把相近概念混为一谈，也可能完全正确，请逐一核对。",
    "区分相近概念，检查题干有没有张冠李戴、以偏概全。",
    "请给出推理过程，最后写明你认为正确还是错误，以及把握有多大。",
    "先复述题干，再查教材定义，最后对说法的正误作出裁决。",
    "请检查题干是否存在错误，若存在，指出是概念错误还是逻辑错误。",
    "请先列出能说明该说法正确的证据，再列出能说明该说法错误的证据，权衡后下结论。",
    "判断时注意：部分正确不等于整体正确，请覆盖题干的每一个成分。",
    "说明你判断的依据，避免出现事实性错误。",
    "请确认你对题干的理解正确，再开始推理。",
    "正确的说法应当与定义一致，错误的说法往往扩大或缩小了范围。",
    "逐字阅读题干，找出最可能出错的词，并与理论原文比较。",
    "这类判断题常把两个理论的结论互换，请核对每个结论的归属，再决定对还是错。",
    "请评估题干说法的正确性，给出支持与反对的理由。",
    "先假定题干正确，推出它的结果，看是否与已知事实矛盾；再反过来检验。",
    "结论只有正确和错误两种，请在写完依据之后再选。",
]

PARAPHRASES = [
    "该说法站得住脚，请给出依据。",
    "小心题干里的陷阱，这里把两个概念说反了。",
    "这一说法与教材的结论一致，请写出教材的依据。",
    "应当得出错误的判断，请据此组织步骤。",
    "请写一段论证，支持题干。",
    "题干把原因当成了结果，请据此展开。",
]


def statement(gold: str) -> dict[str, Any]:
    texts = ("正确", "错误")
    return question("负强化会使行为增加。", type="true_false", texts=texts, gold=[gold])


@pytest.mark.parametrize("candidate", TELLING)
def test_a_verdict_on_the_statement_leaks(candidate: str) -> None:
    assert leaks(candidate, statement("A")) and leaks(candidate, statement("B"))


@pytest.mark.parametrize("candidate", ASKING)
def test_asking_whether_a_statement_is_right_gives_nothing_away(candidate: str) -> None:
    assert not leaks(candidate, statement("A"))
    assert not leaks(candidate, statement("B"))


@pytest.mark.parametrize("candidate", PARAPHRASES)
def test_a_hint_in_other_words_is_beyond_the_rule(candidate: str) -> None:
    assert not leaks(candidate, statement("A"))


def test_a_verdict_says_nothing_of_a_question_with_other_options() -> None:
    assert not leaks("有的教材认为这种说法是错误的，请先界定概念。", question())


# ---- the rationale's words -------------------------------------------------------

REASON = "要看哪一种能扩大单位：复述只是重复，组块把材料合成单位，其余不符。"


def test_words_of_the_question_are_no_quotation() -> None:
    row = question("把零散的材料合成较大的单位以便记忆，这种记忆方法称为（ ）。")
    stem = "把零散的材料合成较大的单位以便记忆"
    shown = render_question(row, WORDS)
    assert not quotes_rationale(f"读清：{stem}", f"题目说{stem}，所以", shown)
    assert quotes_rationale(f"先想{REASON[:20]}", REASON, shown)


@pytest.mark.parametrize("before", range(QUOTE))
@pytest.mark.parametrize("after", range(QUOTE))
def test_a_stretch_is_a_quotation_wherever_it_stands(before: int, after: int) -> None:
    def prompt(copied: str) -> str:
        return "〇" * before + copied + "〇" * after

    shown = render_question(question(), WORDS)
    assert quotes_rationale(prompt(REASON[3 : 3 + QUOTE]), REASON, shown)
    assert not quotes_rationale(prompt(REASON[3 : 2 + QUOTE]), REASON, shown)
