import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_kedro.answers import (
    UNREAD,
    read_choice,
    read_choice_of,
    rules,
    split_thought,
)
from psyche_kedro.answers.said import question_with, said_in

THREE = {
    "options": [
        {"label": "A", "text": "焦虑"},
        {"label": "B", "text": "抑郁"},
        {"label": "C", "text": "以上都是"},
    ]
}
SYMPTOMS = {"A": "焦虑", "B": "抑郁", "C": "强迫", "D": "以上都是"}
VERDICTS = {"A": "正确", "B": "错误"}

DECLARED = [
    ("答案：ABD", "ABD"),
    ("综上所述，应选择选项A、C。", "AC"),
    ("正确的是A和C", "AC"),
    ("综上所述，选项B和选项C是正确的答案。", "BC"),
    ("根据分析，B、C正确", "BC"),
    ("综上，A、C符合题意。", "AC"),
    ("综上，A和C都正确。", "AC"),
    ("答案是C，B项正确描述了另一概念。", "C"),
    ("答案：ＡＣＤ", "ACD"),
    ("【答案】（Ａ）、（Ｃ）", "AC"),
    ("正确答案为A、B以及D。", "ABD"),
    ("所以，正确的选项应该是：A、B、C三项", "ABC"),
    ("最终答案\nA、B、D", "ABD"),
    ("正确选项有：A、C", "AC"),
    ("应当选择“B”", "B"),
    ("我认为是B", "B"),
    ("结论：选C", "C"),
    ("故选（C）。", "C"),
    ("答案：CAA", "AC"),
    ("答案：b", "B"),
    ("ANSWER: A,B,D", "ABD"),
    ("Answer: Let me think. The correct answer is (C).", "C"),
    ("**答案：** **B、D**", "BD"),
    ("BCD", "BCD"),
    ("A、C", "AC"),
    ("A\nC", "AC"),
    ("分析如上。\n\nB", "B"),
    ("B. 保密原则", "B"),
    ("答案：A. 焦虑、C. 强迫", "AC"),
    ("正确答案：\nA. 内脏器官\nB. 腺体器官", "AB"),
    (r"因此最终答案为 $\boxed{A, C}$。", "AC"),
    (r"\boxed{\text{BD}}", "BD"),
    ('{"answer": ["A","C"]}', "AC"),
    ('```json\n{"reasoning": "B不符合", "answer": "A,D"}\n```', "AD"),
    ('{"ans":"d"}', "D"),
    ("{'答案': 'B、C'}", "BC"),
    ('{"answer": "A. 焦虑"}', "A"),
    ("A. 正确。\nB. 错误。\nC. 正确。\nD. 错误。", "AC"),
    ("A √\nB ×\nC √\nD ×", "AC"),
    ("Ⅰ. A 对\nⅡ. B 错\nⅢ. C 对\nⅣ. D 错", "AC"),
    ("以上选项都是正确的，应全选。", "ABCD"),
    ("错误的是C", "C"),
    ("答案：A、B", "AB"),
    ("本小题的正确答案应选D项。", "D"),
    ("因此，A、D两个选项都符合题意。所以答案为AD", "AD"),
    ("我的选择是 B", "B"),
    ("答案: A/B/D", "ABD"),
    ("题干描述的是选择性注意，对应选项B。", "B"),
    ("选项C最符合题意", "C"),
    ("答：B", "B"),
    ("A和D都不符合题意，故排除；剩下B、C，因此答案为BC。", "BC"),
    ("首先排除D，再看A和B，A说法绝对，故B正确。", "B"),
    ("我选A，但C也有道理", "A"),
    ("艾森克的E量表得分高说明外向，选A", "A"),
]

TRAPS = [
    ("正确答案是 A。B 错误，因为它混淆了概念。", "A"),
    ("答案是C，不选B。", "C"),
    ("答案是C，D选项错误", "C"),
    ("答案选C，B错误，A也不对", "C"),
    ("选A不选B", "A"),
    ("排除A、B、C，因此选择D", "D"),
    ("如果选A则忽略了共情，因此答案为B、C", "BC"),
    ("从ABCD四个选项中，我认为正确的选项是B。", "B"),
    ("正确答案：B。（从ABCD四个选项中选出）", "B"),
    ("根据艾利斯的ABC理论，信念B才是关键。答案：D", "D"),
    ("答案是D。这体现了ABC理论的观点。", "D"),
    ("答案：D（A-B-C理论认为信念是中介）", "D"),
    ("答案：C。A型人格与冠心病有关。", "C"),
    ("本题考查B型行为，选择C项", "C"),
    ("答案：AB。参考DSM-5与CBT的原则。", "AB"),
    ("答案：C（CBT 疗法）", "C"),
    ("VitaminA与此无关，本题选B。", "B"),
    ("答案是A。等等，重新考虑，正确答案应为B。", "B"),
    ("答案是A吗？不，答案是B", "B"),
    ("答案：AC\n\n解析：\nB选项错误，原因……\nD选项错误，原因……", "AC"),
    ("A选项正确；B选项错误；C选项正确；D选项正确。故选ACD。", "ACD"),
    ("题目问不正确的一项。A正确，B正确，C正确，D不正确，因此答案是D。", "D"),
    ("1. 分析：略\n2. 结论：选C", "C"),
    ("<think>可能是A……答案是B？不对</think>\n答案：C", "C"),
    ("先考虑B，答案应该是B</think>正确答案为D", "D"),
    ("【答案】B\n【解析】A项说反了，C项偷换概念。", "B"),
]

OF_MANY_KINDS = [
    ("除了A都对", "BCD"),
    ("除B外全选", "ACD"),
    ("[正确答案]A<eoa>", "A"),
    ("A<eoa>", "A"),
    ("[答案]A", "A"),
    ("<answer>A</answer>", "A"),
    ("A、B都是正确的", "AB"),
    ("答案：A、B、C、D都是正确的", "ABCD"),
    ("答案：A.B.D", "ABD"),
    ("A．B", "AB"),
    ("A·B", "AB"),
    ("答案：\nA\nB\nD", "ABD"),
    ("答案：A-D", "ABCD"),
    ("答案是A，B和C错误", "A"),
    ("答案：A、B，C错误", "AB"),
    ("答案：A（注意）、C（意志）", "AC"),
    ("B. 马斯洛\n弗洛伊德是精神分析的创始人。", "B"),
    ("B. Maslow\n\nHe proposed the hierarchy of needs.", "B"),
    ("The answer is A. Wait, it is B.", "B"),
    ("C is correct", "C"),
    ("The letter is B", "B"),
    ("I think it's B.", "B"),
    ("选项A的可能性最大", "A"),
    ("除D外均正确", "ABC"),
    ("除了A，其余选项都正确", "BCD"),
    ('{"answer": "B", "reasoning": "A不符合', "B"),
    ('{"选项": ["A", "C"]}', "AC"),
    ("B错误\n答案是A", "A"),
    ("B不正确，A也不对，所以答案为C", "C"),
    ("答案：B\n\n问题：下一题\n答案：C", "B"),
    ("答案：A\n<|im_end|>\n<|im_start|>user\n答案：C", "A"),
    ("不是A，而是B", "B"),
    ("请写在[正确答案]和<eoa>之间。先看A。所以，正确答案是D。", "D"),
    ("正确答案：B\n\n【单选题】\n下列合法的是\n正确答案：D", "B"),
    ("Answer: A, B, and D", "ABD"),
    ("A isn't correct. The correct option is C.", "C"),
]
NO_ANSWER = [
    "答案：A以外的都对",
    "选A就错了",
    "答案：A→B",
    "选除A外的全部选项",
    "以上选项都是错误的",
    "以上都不对",
    "答案可能是B，但不能排除D",
    "答案可能是B",
    "The answer is probably B.",
    "A，或者AC",
    "答案：A，或者AC",
    '{"reasoning": "A选项描述的是注意，B选项',
    '{"analysis": "应选A", "answer": "',
    "A. 注意\nB. 记忆\nC. 情绪\nD. 意志",
    "下列正确的是：A. 注意 B. 记忆 C. 情绪 D. 意志",
    "A和B不都正确",
    "A、B、C、D均不正确",
    "答案：A，B，C错误",
    "选A吗？",
    "如果选A，就忽略了D。",
    "例如[正确答案]A<eoa>。请你严格按照这个格式回答。",
]


@pytest.mark.parametrize(("text", "labels"), OF_MANY_KINDS)
def test_reads_slots_lists_verdicts_and_corrections(text, labels):
    assert read_choice(text, "ABCD").labels == set(labels)


@pytest.mark.parametrize("text", NO_ANSWER)
def test_hedges_denials_echoes_and_cut_json_are_no_answer(text):
    assert read_choice(text, "ABCD") == UNREAD


ASKS_WHAT_FAILS = {
    "type": "single",
    "stem": "下列说法错误的是（ ）。",
    "options": [{"label": k, "text": f"说法{k}"} for k in "ABCD"],
}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("A、B、D都是正确的，C是错误的。", "C"),
        ("正确的是A、B、D，因此错误的是C", "C"),
        ("A正确，B正确，C错误，D正确", "C"),
        ("C项说法有误。", "C"),
        ("A、B、D都是正确的。", ""),
        ("答案：C", "C"),
    ],
)
def test_where_the_stem_asks_for_what_fails_what_is_right_is_not_the_answer(
    text, labels
):
    assert read_choice_of(text, ASKS_WHAT_FAILS).labels == set(labels)


UNREADABLE = {
    "empty": "",
    "refusal": "抱歉，我无法提供心理诊断，请寻求专业人士帮助。",
    "thought cut off": "<think>题目问的是……A选项不对，答案是B",
    "thought only": "<think>答案是A</think>",
    "letter that is no option": "答案：E",
    "one letter too many": "答案：ABE",
    "negated": "不选A",
    "negated answer": "正确答案不是A",
    "negated in English": "The answer is not A",
    "hedged": "可能是A，也可能是B",
    "hedged answer": "答案可能是A，也可能是B",
    "A or B": "答案是A或B",
    "contradiction": "答案：A。也可能答案：B",
    "two boxes": r"\boxed{A} 或 \boxed{B}",
    "two objects": '{"answer":"A"} {"answer":"B"}',
    "theory": "A-B-C理论和A型人格都是重要的概念",
    "abbreviation": "答案：DSM-5中有说明",
    "vitamin": "维生素A缺乏",
    "English article": "Answer: a good question",
    "molecule": "DNA 是遗传物质",
    "no letter": "我认为保密重要",
    "verdicts on some": "A.正确 B.错误",
    "verdicts where the wrong one is asked": "不正确的是哪项？A对，B对，C错，D对",
    "all, negated": "不能全选",
    "wrong ones only": "A、B都不对",
    "A or C": "我会选A或者C",
}


@pytest.mark.parametrize(("text", "labels"), DECLARED)
def test_reads_what_a_reply_declares(text, labels):
    assert read_choice(text, "ABCD").labels == set(labels)


@pytest.mark.parametrize(("text", "labels"), TRAPS)
def test_is_not_misled_by_other_letters(text, labels):
    assert read_choice(text, "ABCD").labels == set(labels)


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_invents_no_answer(text):
    assert read_choice(text, "ABCD") == UNREAD


@pytest.mark.parametrize(
    ("text", "texts", "labels"),
    [
        ("正确答案是“以上都是”。", SYMPTOMS, "D"),
        ("该求助者的主要症状是抑郁。", SYMPTOMS, "B"),
        ("不是抑郁。", SYMPTOMS, ""),
        ("焦虑和抑郁", SYMPTOMS, ""),
        ("正确", VERDICTS, "A"),
        ("该说法错误。", VERDICTS, "B"),
        ("该说法不正确。", VERDICTS, ""),
        ("工作记忆", {"A": "记忆", "B": "工作记忆"}, "B"),
        ("答案是抑郁。", SYMPTOMS, "B"),
        ("答案是焦虑、抑郁。", SYMPTOMS, ""),
        ("故选焦虑和抑郁。", SYMPTOMS, ""),
    ],
)
def test_reads_an_option_said_in_words_where_the_texts_are_known(text, texts, labels):
    assert read_choice(text, list(texts), texts=texts).labels == set(labels)


def test_reads_five_options_and_names_the_rule():
    assert read_choice("答案：ACE", "ABCDE") == (frozenset("ACE"), "declared")


LABELS = st.sampled_from(["AB", "ABC", "ABCD", "ABCDE", "ABCDEFGH"])
TEMPLATES = st.sampled_from(
    [
        "答案：{}",
        "正确答案是{}。",
        "故选{}",
        "{}",
        "<think>也许A</think>\n答案：{}",
        "综上，应选择{}。",
        '{{"answer": "{}"}}',
        "\\boxed{{{}}}",
        "【答案】{}\n解析：略",
    ]
)


@given(
    data=st.data(),
    labels=LABELS,
    template=TEMPLATES,
    separator=st.sampled_from(["", "、", ",", "，", " ", "和", ", ", "；"]),
)
def test_every_choice_survives_every_way_of_saying_it(
    data, labels, template, separator
):
    chosen = data.draw(st.lists(st.sampled_from(labels), min_size=1, unique=True))
    text = template.format(separator.join(chosen))
    assert read_choice(text, labels).labels == set(chosen)


REPLIES = st.lists(
    st.sampled_from("ABCDEF答案是选故不正确错误或、,。:\n (){}\"'Ａ")
    | st.sampled_from(["</think>", "\\boxed", "answer", "以上都是", "可能"])
).map("".join)


@given(text=REPLIES, labels=LABELS)
def test_never_gives_a_label_outside_the_options(text, labels):
    choice = read_choice(text, labels)
    assert choice.labels <= set(labels)
    assert (choice.rule == "unread") == (not choice.labels)


@given(text=REPLIES, labels=LABELS)
def test_reading_what_was_read_gives_the_same(text, labels):
    choice = read_choice(text, labels)
    again = read_choice("答案：" + "、".join(sorted(choice.labels)), labels)
    assert again.labels == choice.labels


@pytest.mark.parametrize(
    "text",
    [
        "答案：A",
        "好的<think>想</think>A",
        "<think>想</think>",
        "<think> </think>A",
        "<think>一</think><think>二</think>A",
        "<think>一</think>A</think>B",
        "<think>没有写完",
    ],
    ids=["none", "before it", "no answer", "no thought", "two", "nested", "open"],
)
def test_a_thought_is_one_block_at_the_start_with_an_answer_after_it(text):
    assert split_thought(text) is None


def test_splits_thought_from_answer():
    assert split_thought(" <think>\n想\n</think>\n答案：A ") == ("想", "答案：A")


PIECES = [
    "答案",
    "是",
    "选",
    "以上",
    "都是",
    "不",
    "全选",
    "焦虑",
    "抑郁",
    "正确",
    "。",
]


@given(st.lists(st.sampled_from([*PIECES, "\n"]), max_size=12).map("".join))
def test_a_reply_without_a_letter_is_read_as_by_all_rules(reply):
    question = question_with({"A": "焦虑", "B": "抑郁", "C": "以上都是"})
    said = said_in(reply, question)
    yielding = [n for n, rule in rules.RULES.items() if list(rule(said, question))]
    read = read_choice_of(reply, THREE)
    assert read.rule in (*yielding[:1], "unread")
    assert set(yielding) <= rules.RULES_IN_WORDS.keys()


LIST = "A:弗洛伊德;B:马斯洛;C:罗杰斯;D:华生"
THEORISTS = {"A": "弗洛伊德", "B": "马斯洛", "C": "罗杰斯", "D": "华生"}


@pytest.mark.parametrize(
    ("reply", "labels"),
    [
        ("A. 弗洛伊德\nB. 马斯洛（人本主义）\nC. 罗杰斯\nD. 华生", ""),
        ("A. 精神分析的弗洛伊德\nB. 马斯洛\nC. 罗杰斯\nD. 华生", ""),
        (f"{LIST}。\n{LIST}。\nA:弗洛伊德;B", ""),
        (f"{LIST}。\n{LIST}。\nA:弗洛伊德", ""),
        (f"{LIST}。\n{LIST}。\n答案：B", "B"),
        (f"{LIST}。\nB:马斯洛", "B"),
        ("A:港口国;B:缔约国;C:群岛国;D:内陆国。", ""),
        ("A. 弗洛伊德\n他研究潜意识。\nB. 马斯洛\n他研究需要。", ""),
        ("正确的说法是：A:精神分析学派;B:人本学派;C:行为学派", ""),
        ("弗洛伊德研究潜意识。\n提出该理论的是马斯洛", ""),
    ],
)
def test_a_list_of_the_options_is_no_answer(reply, labels):
    question = {"type": "single", "stem": "需要层次理论是谁提出的？"}
    options = [{"label": label, "text": text} for label, text in THEORISTS.items()]
    read = read_choice_of(reply, question | {"options": options})
    assert read.labels == frozenset(labels)


@pytest.mark.parametrize(
    ("reply", "labels"),
    [
        ("答案：C\n解析：B和C都合理，而选项A和D不合理。", "C"),
        ("A、C、D的说法都正确。综上所述，选项B是正确的答案。", "B"),
        ("None of the options listed (A, B, C, or D) is correct.", ""),
        ("故答案为A。故答案为B。故答案为C。", ""),
    ],
)
def test_what_is_said_of_an_option_is_told_from_an_answer(reply, labels):
    assert read_choice(reply, "ABCD").labels == frozenset(labels)
