"""The two sets as a composition of parts (§2.4; Tables 3 and 4).

D_sft = D_pr ∪ D_em ∪ D_ps and D_grpo = D_pc ∪ D_cp. A reasoning example has the exam
prompt of the evaluation, then ``<think>rationale</think>`` and the letters (y = [r; a],
§2.5). A dialogue opens with the counsellor's system message.

A variant names the share of each part that enters and which rationale its reasoning
examples show: ``none`` (+QA), ``first`` (+Rat., the verified first rationale) or
``iterated`` (+Rat.+Iter.). A share is exact: of n candidates ``round(share * n)``
enter, drawn by digest, so the same seed gives the same rows whatever their order.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.pipelines.selection.barred import Bar, Barred
from psyche_kedro.pipelines.selection.contamination import question_texts
from psyche_kedro.pipelines.selection.parameters import SetParameters, Variant
from psyche_kedro.prompts import Prompt, render_question
from psyche_kedro.questions import key_fault, option_texts
from psyche_kedro.tables import Row, content_id, grouped, lot, rejection
from psyche_kedro.text.thoughts import has_thought_mark

Messages = list[dict[str, str]]
Systems = Mapping[str, Prompt]
"""What opens a conversation, by its kind."""


class ExamPrompts(NamedTuple):
    """The prompts of an exam question with and without a case."""

    case: Prompt
    knowledge: Prompt


class Candidate(NamedTuple):
    """A row on its way into a set.

    Attributes:
        example: Columns of the set's table, without split and variant.
        source: For a rejection.
        fault: Why it makes no example, as a slug.
    """

    example: Row
    source: str | None
    fault: str | None


class Sifted(NamedTuple):
    """Examples, and rejections of all other candidates."""

    kept: list[Row]
    rejected: list[Row]


def reasoning_candidates(
    questions: pl.DataFrame,
    first: Mapping[str, str],
    exams: ExamPrompts,
    variant: Variant,
) -> Iterator[Candidate]:
    """Yield D_pr.

    Args:
        questions: The non-challenging questions.
        first: First verified rationale by question id.
        exams: The prompts.
        variant: Which rationale is shown.
    """
    shown: dict[str, Callable[[Row], str]] = {
        "none": lambda question: "",
        "first": lambda question: first[question["question_id"]],
        "iterated": lambda question: str(question["rationale"]),
    }
    for question, group in _grouped(questions):
        rationale = shown[variant.rationale](question)
        gold = question["gold"]
        answer = reasoned_answer(rationale, gold) if rationale else "".join(gold)
        messages = [
            *exam_messages(question, exams),
            {"role": "assistant", "content": answer},
        ]
        fault = key_fault(question)
        if fault is None and has_thought_mark(rationale):
            fault = "think_tag_in_rationale"
        example = _example("D_pr", question["question_id"], group)
        yield Candidate(example | {"messages": messages}, question["source"], fault)


def question_candidates(
    questions: pl.DataFrame, part: str, exams: ExamPrompts
) -> Iterator[Candidate]:
    """Yield D_pc or D_cp."""
    for question, group in _grouped(questions):
        example = _example(part, question["question_id"], group)
        asked = {
            "prompt": exam_messages(question, exams),
            "gold": question["gold"],
            "option_labels": list(option_texts(question)),
        }
        yield Candidate(example | asked, question["source"], key_fault(question))


def _grouped(questions: pl.DataFrame) -> Iterator[tuple[Row, str]]:
    rows = questions.iter_rows(named=True)
    return zip(rows, question_groups(questions), strict=True)


def dialogue_candidates(
    dialogues: pl.DataFrame, systems: Systems
) -> Iterator[Candidate]:
    """Yield D_em."""
    opening = systems["dialogue"].render()[0]
    for row in dialogues.iter_rows(named=True):
        example = _example("D_em", row["dialogue_id"], row["thread_id"])
        yield _conversation(example, row["messages"], opening, None)


def public_candidates(samples: pl.DataFrame, systems: Systems) -> Iterator[Candidate]:
    """Yield D_ps."""
    openings = {kind: prompt.render()[0] for kind, prompt in systems.items()}
    for row in samples.iter_rows(named=True):
        example = _example("D_ps", row["sample_id"], row["sample_id"])
        opening = openings[row["kind"]]
        yield _conversation(example, row["messages"], opening, row["source"])


def _example(part: str, parent_id: str, group_id: str) -> Row:
    return {
        "example_id": content_id(part, parent_id),
        "parent_id": parent_id,
        "part": part,
        "group_id": group_id,
    }


def _conversation(
    example: Row, messages: Messages, system: dict[str, str], source: str | None
) -> Candidate:
    turns = spoken_turns(messages)
    fault = dialogue_fault(turns)
    return Candidate(example | {"messages": [system, *turns]}, source, fault)


def sift(  # noqa: PLR0913 - what a set is made of
    candidates: Iterable[Candidate],
    *,
    shares: Mapping[Any, float],
    barred: Barred,
    variant: str,
    params: SetParameters,
    node: str,
) -> Sifted:
    """Return the examples and the rejections; every candidate is one of them.

    Args:
        candidates: ``[n]`` of one set.
        shares: Share of each part that enters; a part not named stays out.
        barred: Rows that enter no set.
        variant: What the composition is called.
        params: ``selection.sets``.
        node: Who rejects.
    """
    reasons: list[Bar | None] = []
    seen: set[str] = set()
    candidates = list(candidates)
    for candidate in candidates:
        reasons.append(_reason(candidate, barred, seen))
        seen.add(candidate.example["example_id"])
    sound = [c for c, reason in zip(candidates, reasons, strict=True) if reason is None]
    drawn = _drawn(sound, shares, params.seed)
    sifted = Sifted([], [])
    for candidate, reason in zip(candidates, reasons, strict=True):
        example = candidate.example
        if reason is None and example["example_id"] in drawn:
            split = split_of(example["group_id"], params.validation_share)
            sifted.kept.append(example | {"split": split, "variant": variant})
        else:
            why = reason or Bar("not_in_variant")
            sifted.rejected.append(_rejection(candidate, why, node))
    return sifted


def _reason(candidate: Candidate, barred: Barred, seen: set[str]) -> Bar | None:
    example = candidate.example
    bar = barred.get((example["part"], example["parent_id"]))
    if bar or candidate.fault:
        return bar or Bar(str(candidate.fault))
    if example["example_id"] in seen:
        return Bar("duplicate", f"{example['part']} {example['parent_id']}")
    return None


def _drawn(
    candidates: list[Candidate], shares: Mapping[str, float], seed: int
) -> set[str]:
    drawn: set[str] = set()
    for part, own in grouped(candidates, lambda c: c.example["part"]).items():
        ids = sorted((c.example["example_id"] for c in own), key=partial(lot, seed))
        drawn.update(ids[: round(shares.get(part, 0.0) * len(ids))])
    return drawn


def _rejection(candidate: Candidate, bar: Bar, node: str) -> Row:
    part = candidate.example["part"]
    return rejection(
        candidate.example["parent_id"],
        node,
        bar.reason,
        source=candidate.source,
        detail=f"{part} twin of {bar.twin}" if bar.twin else part,
    )


# ---- one example -----------------------------------------------------------------


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
