"""A model that copies its prompt's example, or fills in its words alone, says nothing.

Each prompt's example is read as a reply by the reader of that prompt's replies. A new
prompt is either plain text by its own word or needs a reader here.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from prompt_set import NAMES, WORDS, shipped
from psyche_kedro.answers import read_choice
from psyche_kedro.llm.chat_model import Reply
from psyche_kedro.pipelines.cleaning import usefulness
from psyche_kedro.pipelines.cleaning.deidentification import model_pass
from psyche_kedro.pipelines.evaluation.judging import read_points, read_score
from psyche_kedro.pipelines.evaluation.preferences import read_better
from psyche_kedro.pipelines.synthesis.dialogues.judging import Scores, read_scores
from psyche_kedro.pipelines.synthesis.parameters import Ask
from psyche_kedro.pipelines.synthesis.provenance import fault
from psyche_kedro.pipelines.synthesis.questions import ranking, screening
from psyche_kedro.pipelines.synthesis.questions.slots import read_slots
from psyche_kedro.pipelines.synthesis.rationales.attempts import read_attempt
from psyche_kedro.pipelines.synthesis.rationales.choice import Contest, read_vote

PROMPTS = {name: shipped(name) for name in NAMES}
QUESTION = {
    "question_id": "q",
    "type": "multiple",
    "stem": "知觉的特性有（ ）。",
    "case_text": None,
    "options": [{"label": x, "text": f"特性{x}"} for x in "ABCD"],
    "gold": ["A", "C"],
}
LABELS = [option["label"] for option in QUESTION["options"]]
SHOWN = [{"question_id": x, "round": n} for n, x in enumerate("ab")]


def letters(reply: Reply) -> bool:
    return bool(read_choice(reply.text, LABELS).labels)


def rationale(reply: Reply) -> bool:
    return bool(read_attempt(QUESTION, reply, min_characters=1).prediction)


def questions(reply: Reply) -> bool:
    asked = [Ask(type=t, count=1) for t in ("single", "multiple")]
    slots = [slot for ask in asked for slot in read_slots(reply, ask, WORDS)]
    return any(isinstance(slot, Mapping) for slot in slots)


SAYS_SOMETHING: dict[str, Callable[[Reply], Any]] = {
    "choice": lambda reply: read_vote(Contest(QUESTION, SHOWN), reply, 0),
    "counselling_judge": lambda reply: read_score(reply, n_levels=4).value is not None,
    "rubric_judge": lambda reply: read_points(reply, RUBRIC).value is not None,
    "pairwise_judge": read_better,
    "deidentification": lambda reply: model_pass.read_spans(reply) is not None,
    "dialogue_judge": lambda reply: isinstance(read_scores(reply), Scores),
    "distillation": questions,
    "exam_case": letters,
    "exam_direct": letters,
    "exam_knowledge": letters,
    "exam_letters": letters,
    "question": questions,
    "ranking": lambda reply: (
        ranking.read_winner(ranking.Cluster("a", SHOWN, []), reply).reason == "judged"
    ),
    "rationale": rationale,
    "revision": rationale,
    "screening": lambda reply: screening.read_verdict(reply, WORDS).verdict,
    "student": letters,
    "usefulness": usefulness.read_verdict,
}
RUBRIC = "加分项\n1、共情{+5}\n减分项\n1、说教{-2}"
IS_TEXT = re.compile("plain text|improved prompt")
"""``Prompt.reply`` of the prompts whose replies have no form to copy."""
FILLED = {
    "choice": '{"best_rationale_index": 2, "reason": "推理完整"}',
    "counselling_judge": '{"analysis": "说出了感受", "score": 0}',
    "rubric_judge": '{"analysis": "有共情", "plus_1": 1, "minus_1": 0}',
    "pairwise_judge": '{"analysis": "前者更具体", "better": "1"}',
    "deidentification": '{"spans": []}',
    "dialogue_judge": '{"empathy": 3, "guidance": 3, "steps": 2, "safe": true,'
    ' "reason": "步骤太空"}',
    "ranking": '{"best_index": 1, "reason": "题干完整"}',
    "rationale": '{"rationale": "特性A与特性C符合。", "prediction": "AC"}',
    "screening": '{"verdict": "不合理", "reason": "缺图"}',
    "usefulness": '{"reasonableness": 4, "relevance": 3, "substantive": true,'
    ' "harm": "none", "referral": false, "reason": "有分析"}',
}


class Copy(NamedTuple):
    """Text that a model may copy, and the prompt that it stands in."""

    name: str
    text: str

    def read(self) -> Any:
        return SAYS_SOMETHING[self.name](reply(self.text))


def reply(text: str) -> Reply:
    return Reply(text, "m", "key")


def copies(name: str) -> list[Copy]:
    """Return the JSON of a prompt as it stands, and the paragraph that asks for it."""
    template = f"{PROMPTS[name].system}\n{PROMPTS[name].user}"
    found = re.findall(r"^\s*([\[{]+\".*[\]}])\s*$", template, re.MULTILINE)
    format_ = [line for line in template.splitlines() if re.search("JSON|字母", line)]
    return [Copy(name, text) for text in (*found, *format_)]


EVERY = [copy for name in SAYS_SOMETHING for copy in copies(name)]


def test_every_prompt_is_read_here_or_has_no_form_to_copy() -> None:
    texts = {name for name, prompt in PROMPTS.items() if IS_TEXT.search(prompt.reply)}
    assert PROMPTS.keys() - texts == SAYS_SOMETHING.keys()
    assert not any("JSON" in PROMPTS[name].user for name in texts)
    assert {copy.name for copy in EVERY} == SAYS_SOMETHING.keys()


@pytest.mark.parametrize("copy", EVERY)
def test_a_copy_says_nothing(copy: Copy) -> None:
    assert not copy.read()


@pytest.mark.parametrize("copy", [c for c in EVERY if c.text[0] in "{["])
def test_nor_does_it_with_words_of_ones_own_in_place_of_the_dots(copy: Copy) -> None:
    assert not copy._replace(text=copy.text.replace("……", "说得有理有据")).read()


@pytest.mark.parametrize("name", FILLED)
@pytest.mark.parametrize("words", ["……", "...", "<理由>", "一句话说明理由"])
def test_values_beside_a_placeholder_are_no_verdict(name: str, words: str) -> None:
    filled = FILLED[name]
    assert SAYS_SOMETHING[name](reply(filled))
    copied = re.sub(
        r'("(?:reason|analysis|rationale)": )"[^"]+"', rf'\1"{words}"', filled
    )
    if copied != filled:
        assert not SAYS_SOMETHING[name](reply(copied))
        assert fault(reply(copied)) == "copied_example"


@pytest.mark.parametrize("copy", [c for c in EVERY if c.text.startswith("{")])
def test_why_a_copy_says_nothing_is_said(copy: Copy) -> None:
    assert fault(reply(copy.text)) == "copied_example"


@pytest.mark.parametrize("name", FILLED)
def test_an_answer_after_the_copied_example_is_the_answer(name: str) -> None:
    (example,) = (copy.text for copy in copies(name) if copy.text.startswith("{"))
    assert SAYS_SOMETHING[name](reply(f"{example}\n{FILLED[name]}"))
