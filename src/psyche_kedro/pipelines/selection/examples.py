"""How a row becomes a training example: its messages, its group, its split.

Section 2.4: D_sft = D_pr ∪ D_em ∪ D_ps and D_grpo = D_pc ∪ D_cp. A reasoning example
has the exam prompt of the evaluation, then ``<think>rationale</think>`` and the letters
(y = [r; a], Section 2.5). A dialogue opens with the counsellor's system message.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.pipelines.selection.contamination import question_texts
from psyche_kedro.prompts import Prompt, render_question
from psyche_kedro.tables import CHOICE_TYPES, content_id

Messages = list[dict[str, str]]


class ExamPrompts(NamedTuple):
    """The prompts of an exam question with and without a case."""

    case: Prompt
    knowledge: Prompt


def exam_messages(question: Mapping[str, Any], prompts: ExamPrompts) -> Messages:
    """Return the messages that ask ``question`` as the evaluation does."""
    prompt = prompts.case if question["case_text"] else prompts.knowledge
    return prompt.render(
        question=render_question(question, prompt.words),
        type_name=prompt.words.types[question["type"]],
    )


def reasoned_answer(rationale: str, gold: list[str]) -> str:
    """Return the completion that SFT teaches: one thought, then the letters."""
    return f"<think>\n{rationale.strip()}\n</think>\n{''.join(gold)}"


def question_fault(question: Mapping[str, Any]) -> str | None:
    """Return why a question makes no example with a checkable answer, as a slug."""
    if question["type"] not in CHOICE_TYPES:
        return "open_question"
    labels = [option["label"] for option in question["options"]]
    if not question["gold"]:
        return "no_gold"
    if not set(question["gold"]) <= set(labels):
        return "gold_not_in_options"
    return None


def spoken_turns(messages: Messages) -> Messages:
    """Return what is learned of a conversation: its turns up to the last reply.

    A client's thanks at the end has no reply to learn from: a sixth of SmileChat's.
    """
    turns = [message for message in messages if message["role"] != "system"]
    return turns[:-1] if turns and turns[-1]["role"] == "user" else turns


def dialogue_fault(turns: Messages) -> str | None:
    """Return why a conversation's turns make no example, as a slug."""
    roles = [turn["role"] for turn in turns]
    if (
        not roles
        or len(roles) % 2
        or roles != ["user", "assistant"] * (len(roles) // 2)
    ):
        return "turns_do_not_alternate"
    if not all(turn["content"].strip() for turn in turns):
        return "empty_turn"
    return None


def question_groups(questions: pl.DataFrame) -> list[str]:
    """Return ``[n]`` what each question's siblings share.

    The document for a textbook's questions, the case for questions on one case, though
    it stand in the stem as in CPsyExam, the question itself for one that stands alone
    in a bank.
    """
    cases = question_texts(questions, "question_id")["case"]
    rows = questions.iter_rows(named=True)
    return [_group(question, case) for question, case in zip(rows, cases, strict=True)]


def _group(question: Mapping[str, Any], case: str) -> str:
    if question.get("origin") == "textbook":
        return content_id("document", question["source"])
    if question["case_text"]:
        return content_id("case", question["case_text"])
    return content_id("case", case) if case else str(question["question_id"])


def split_of(group_id: str, validation_share: float) -> str:
    """Return ``train`` or ``validation``: a function of the group alone.

    So siblings stand together, and a group keeps its place when others come or go.
    """
    digest = hashlib.sha256(f"split\x1f{group_id}".encode()).digest()
    point = int.from_bytes(digest[:8]) / 2**64
    return "validation" if point < validation_share else "train"
