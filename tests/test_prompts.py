"""Prompts are data: complete, in Chinese, rendered strictly; one form of question."""

import re

import pytest
from pydantic import ValidationError

from prompt_set import EXAMPLES, NAMES, WORDS
from prompt_set import shipped as load
from psyche_kedro.errors import PromptError
from psyche_kedro.prompts import Words, render_dialogue, render_question

CONTRACT = {
    "usefulness": {"conversation"},
    "deidentification": {"conversation"},
    "question": {"passage", "heading", "n_questions", "type_instruction"},
    "distillation": {"subfield", "n_questions", "type_instruction"},
    "ranking": {"questions"},
    "screening": {"examples", "question"},
    "rationale": {"question"},
    "refinement": {"current_prompt", "question", "rationale"},
    "revision": {"candidate_prompt", "question"},
    "choice": {"question", "rationales"},
    "post": {"conversation"},
    "empathy": {"conversation", "reply"},
    "resonance": {"conversation", "reply"},
    "guidance": {"conversation", "reply"},
    "steps": {"conversation", "reply"},
    "dialogue_judge": {"conversation"},
    "student": {"question"},
    "exam_case": {"question", "type_name"},
    "exam_knowledge": {"question", "type_name"},
    "exam_letters": {"question", "type_name"},
    "exam_direct": {"question", "subject", "type_name"},
    "essay": {"case_text", "question"},
    "counselling": set(),
    "knowledge": set(),
    "counselling_judge": {
        "dimension",
        "definition",
        "levels",
        "history",
        "reference",
        "reply",
    },
    "rubric_judge": {"question", "lines", "names", "reply"},
    "pairwise_judge": {"dimension", "definition", "history", "first", "second"},
}
LISTS = {"questions", "rationales", "lines", "names"}
QUESTION = {
    "type": "multiple",
    "case_text": None,
    "stem": "下列属于知觉基本特性的有（ ）。",
    "options": [{"label": "A", "text": "整体性"}, {"label": "B", "text": "选择性"}],
    "gold": ["A", "B"],
    "explanation": "二者都是知觉的特性。",
}


def rendered(name: str, **values) -> str:
    prompt = load(name)
    blanks = {v: [v] if v in LISTS else v for v in CONTRACT[name]}
    return "\n".join(m["content"] for m in prompt.render(**blanks | values))


def test_every_prompt_file_is_in_the_contract():
    assert set(NAMES) == CONTRACT.keys()


@pytest.mark.parametrize("name", CONTRACT)
def test_a_prompt_takes_the_variables_of_the_contract(name):
    assert load(name).variables == CONTRACT[name]


@pytest.mark.parametrize("name", CONTRACT)
def test_a_prompt_names_its_section_and_its_reply(name):
    prompt = load(name)
    assert re.search(r"§|Appendix|CPsyExam|ABench", prompt.source)
    assert prompt.reply


@pytest.mark.parametrize("name", sorted(set(CONTRACT) - {"revision"}))
def test_a_prompt_is_written_in_chinese(name):
    text = load(name).system + load(name).user
    plain = re.sub(r"\{[%{].*?[%}]\}|[^\w]", "", text)
    assert len(re.findall(r"[\u4e00-\u9fff]", plain)) > len(plain) / 2


def test_a_missing_variable_is_refused():
    with pytest.raises(PromptError, match="takes"):
        load("rationale").render()


def test_revision_asks_like_the_first_rationale_but_by_the_candidate_prompt():
    first, revised = load("rationale"), load("revision")
    assert first.user == revised.user
    assert revised.render(candidate_prompt="新的指引", question="题")[0] == {
        "role": "system",
        "content": "新的指引",
    }


def test_refinement_leaves_an_empty_rationale_out():
    assert "<rationale>" in rendered("refinement")
    assert "<rationale>" not in rendered("refinement", rationale="")


def test_the_judge_may_go_without_a_reference():
    assert "<reference>" in rendered("counselling_judge")
    assert "<reference>" not in rendered("counselling_judge", reference="")


def test_an_essay_may_go_without_a_case():
    assert "<case>" in rendered("essay")
    assert "<case>" not in rendered("essay", case_text="")


@pytest.mark.parametrize(
    ("name", "variable"), [("ranking", "questions"), ("choice", "rationales")]
)
def test_candidates_are_numbered_from_one(name, variable):
    text = rendered(name, **{variable: ["甲", "乙"]})
    assert re.findall(r'index="(\d+)"', text) == ["1", "2"]


def test_a_question_is_shown_without_gold_and_explanation():
    text = render_question(QUESTION, WORDS)
    assert QUESTION["explanation"] not in text
    other = QUESTION | {"gold": ["A"], "explanation": None}
    assert render_question(other, WORDS) == text


def test_a_case_stands_before_its_question():
    text = render_question(QUESTION | {"case_text": "求助者，女，20岁。"}, WORDS)
    assert text.index("【案例】") < text.index("【题目】") < text.index("【选项】")


def test_a_dialogue_is_lines_of_two_speakers():
    messages = [
        {"role": "system", "content": "不显示"},
        {"role": "user", "content": "睡不着"},
        {"role": "assistant", "content": "多久了"},
    ]
    assert render_dialogue(messages, WORDS) == "来访者：睡不着\n咨询师：多久了"


def test_screening_examples_show_both_verdicts_with_reasons():
    verdicts = [e["verdict"] for e in EXAMPLES]
    assert len(EXAMPLES) >= 6
    assert {"合理", "不合理"} == set(verdicts) == set(WORDS.verdicts.values())
    assert abs(verdicts.count("合理") - verdicts.count("不合理")) <= 1
    assert all(e["reason"] and "【题目】" in e["question"] for e in EXAMPLES)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"speakers": {"user": "来访者："}}, "speakers\n.*It lacks 'assistant'"),
        ({"types": WORDS.types | {"oral": "口试"}}, "It has an unknown 'oral'"),
        ({"answer": "答案"}, r"It takes \[\], and is given \['letters'\]"),
        ({"level": "{{ score }}分"}, "is given"),
        ({"example": "{{ question"}, "It is no template"),
        ({"first_person": []}, "at least 1 item"),
        ({"sign": "√"}, "Extra inputs"),
    ],
)
def test_words_that_code_could_not_use_are_refused(change, fault):
    with pytest.raises(ValidationError, match=fault):
        Words(**WORDS.model_dump() | change)


def test_other_words_have_another_digest():
    assert WORDS.model_copy(update={"unnamed_subject": "医学"}).digest != WORDS.digest
