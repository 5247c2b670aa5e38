"""Select: students answer, hard questions are told from easy ones, sets are built."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.llm import ChatModel
from psyche_kedro.pipelines.selection.contamination import (
    benchmark_texts,
    conversation_texts,
    find_hits,
    question_texts,
)
from psyche_kedro.pipelines.selection.difficulty import is_all_wrong, tally
from psyche_kedro.pipelines.selection.examples import (
    ExamPrompts,
    Messages,
    dialogue_fault,
    exam_messages,
    question_fault,
    question_group,
    reasoned_answer,
    split_of,
)
from psyche_kedro.pipelines.selection.parameters import (
    DecontaminationParameters,
    DifficultyParameters,
    SetParameters,
    StudentParameters,
)
from psyche_kedro.pipelines.selection.students import student_answers, student_requests
from psyche_kedro.prompts import Prompt
from psyche_kedro.tables import (
    ContaminationHits,
    GrpoExamples,
    JudgedQuestions,
    Rejections,
    SftExamples,
    StudentAnswers,
    content_id,
    frame,
)

Row = dict[str, Any]


class Difficulty(NamedTuple):
    """The questions in two parts; together they are the reasoning samples."""

    challenging: pl.DataFrame
    non_challenging: pl.DataFrame


class TrainingSets(NamedTuple):
    """Both sets, and every candidate that is in neither."""

    sft_set: pl.DataFrame
    grpo_set: pl.DataFrame
    rejected: pl.DataFrame


def answer_as_student(
    *,
    reasoning_samples: pl.DataFrame,
    prompt: Prompt,
    model: ChatModel,
    parameters: StudentParameters,
) -> pl.DataFrame:
    """Return what one student answers to every question.

    Args:
        reasoning_samples: ``[n]`` questions; gold and rationale are not shown.
        prompt: Asks for letters only.
        model: The student.
        parameters: ``selection.students.<student>``.

    Returns:
        ``StudentAnswers``, ``[n * samples]``.

    Source: Section 2.2, question selection.
    """
    requests = student_requests(reasoning_samples, prompt, parameters)
    outcomes = model.complete(requests)
    rows = student_answers(reasoning_samples, outcomes, prompt, parameters)
    return frame(StudentAnswers, rows)


def split_by_difficulty(
    *,
    reasoning_samples: pl.DataFrame,
    student_a_answers: pl.DataFrame,
    student_b_answers: pl.DataFrame,
    student_c_answers: pl.DataFrame,
    parameters: DifficultyParameters,
) -> Difficulty:
    """Return the challenging questions (D_pc) and the others (D_pr).

    Args:
        reasoning_samples: ``[n]`` questions.
        student_a_answers: ``StudentAnswers`` of one student.
        student_b_answers: Of another.
        student_c_answers: Of the third.
        parameters: ``selection.difficulty``.

    Returns:
        Two tables of ``JudgedQuestions``, n rows together.

    Source: Section 2.2, question selection.
    """
    answers = pl.concat([student_a_answers, student_b_answers, student_c_answers])
    judged = reasoning_samples.join(
        tally(answers), on="question_id", how="left", maintain_order="left"
    ).with_columns(pl.col("n_students", "n_right", "n_unread").fill_null(0))
    hard = judged.select(is_all_wrong().fill_null(value=False)).to_series()
    columns = list(JudgedQuestions.to_schema().columns)
    return Difficulty(
        judged.filter(hard).select(columns), judged.filter(~hard).select(columns)
    )


def decontaminate(  # noqa: PLR0913 - the parts of both sets, and the benchmarks
    *,
    challenging: pl.DataFrame,
    non_challenging: pl.DataFrame,
    empathetic_dialogues: pl.DataFrame,
    clean_public_samples: pl.DataFrame,
    clean_public_questions: pl.DataFrame,
    clean_benchmark_items: pl.DataFrame,
    parameters: DecontaminationParameters,
) -> pl.DataFrame:
    """Return every pair of a training row and the benchmark item it holds.

    Args:
        challenging: D_pc.
        non_challenging: D_pr.
        empathetic_dialogues: D_em.
        clean_public_samples: D_ps.
        clean_public_questions: D_cp.
        clean_benchmark_items: All benchmarks, exemplars included.
        parameters: ``selection.decontamination``.

    Returns:
        ``ContaminationHits``.
    """
    questions = {
        "D_pc": challenging,
        "D_pr": non_challenging,
        "D_cp": clean_public_questions,
    }
    dialogues = {
        "D_em": (empathetic_dialogues, "dialogue_id"),
        "D_ps": (clean_public_samples, "sample_id"),
    }
    texts = {
        **{k: question_texts(v, "question_id") for k, v in questions.items()},
        **{k: conversation_texts(*v) for k, v in dialogues.items()},
    }
    rows = pl.concat(t.with_columns(set_name=pl.lit(k)) for k, t in texts.items())
    hits = find_hits(
        rows.unique("id", maintain_order=True),
        benchmark_texts(clean_benchmark_items).unique("id", maintain_order=True),
        threshold=parameters.threshold,
        min_case_chars=parameters.min_case_chars,
    )
    named = hits.join(
        rows.select(row_id="id", set_name="set_name").unique(), on="row_id"
    ).join(
        clean_benchmark_items.select("item_id", "benchmark").unique("item_id"),
        on="item_id",
    )
    columns = list(ContaminationHits.to_schema().columns)
    return named.select(columns).sort(columns)


def build_sets(  # noqa: PLR0913 - the parts of both sets, and the prompts they share
    *,
    challenging: pl.DataFrame,
    non_challenging: pl.DataFrame,
    empathetic_dialogues: pl.DataFrame,
    clean_public_samples: pl.DataFrame,
    clean_public_questions: pl.DataFrame,
    contamination_hits: pl.DataFrame,
    exam_case_prompt: Prompt,
    exam_knowledge_prompt: Prompt,
    counselling_prompt: Prompt,
    knowledge_prompt: Prompt,
    parameters: SetParameters,
) -> TrainingSets:
    """Return the sets that SFT and GRPO train on.

    Args:
        challenging: D_pc.
        non_challenging: D_pr.
        empathetic_dialogues: D_em.
        clean_public_samples: D_ps.
        clean_public_questions: D_cp.
        contamination_hits: Rows named here enter no set.
        exam_case_prompt: Asks a question that has a case.
        exam_knowledge_prompt: Asks any other.
        counselling_prompt: Opens a dialogue.
        knowledge_prompt: Opens an open question on psychology.
        parameters: ``selection.sets``.

    Returns:
        ``SftExamples``, ``GrpoExamples`` and ``Rejections``; every candidate is in
        exactly one of them.

    Source: Section 2.4.
    """
    exams = ExamPrompts(exam_case_prompt, exam_knowledge_prompt)
    systems = {
        "dialogue": counselling_prompt.render()[0],
        "knowledge_qa": knowledge_prompt.render()[0],
    }
    sft = [
        *_reasoning(non_challenging, exams),
        *_dialogues(empathetic_dialogues, systems),
        *_public_samples(clean_public_samples, systems),
    ]
    grpo = [
        *_questions(challenging, "D_pc", exams),
        *_questions(clean_public_questions, "D_cp", exams),
    ]
    hit = set(contamination_hits["row_id"])
    kept_sft, rejected_sft = _sift(sft, hit, parameters)
    kept_grpo, rejected_grpo = _sift(grpo, hit, parameters)
    return TrainingSets(
        frame(SftExamples, kept_sft),
        frame(GrpoExamples, kept_grpo),
        frame(Rejections, [*rejected_sft, *rejected_grpo]),
    )


def _reasoning(questions: pl.DataFrame, exams: ExamPrompts) -> Iterator[Row]:
    for question in questions.iter_rows(named=True):
        row = _candidate("D_pr", question["question_id"], question["source"])
        fault = question_fault(question)
        if fault is None and "think>" in question["rationale"]:
            fault = "think_tag_in_rationale"
        answer = reasoned_answer(question["rationale"], question["gold"])
        yield row | {
            "fault": fault,
            "group_id": question_group(question),
            "messages": [
                *exam_messages(question, exams),
                {"role": "assistant", "content": answer},
            ],
        }


def _questions(questions: pl.DataFrame, part: str, exams: ExamPrompts) -> Iterator[Row]:
    for question in questions.iter_rows(named=True):
        row = _candidate(part, question["question_id"], question["source"])
        yield row | {
            "fault": question_fault(question),
            "group_id": question_group(question),
            "prompt": exam_messages(question, exams),
            "gold": question["gold"],
            "option_labels": [option["label"] for option in question["options"]],
        }


def _dialogues(
    dialogues: pl.DataFrame, systems: Mapping[str, dict[str, str]]
) -> Iterator[Row]:
    for dialogue in dialogues.iter_rows(named=True):
        row = _candidate("D_em", dialogue["dialogue_id"], None)
        yield row | _conversation(
            dialogue["messages"], systems["dialogue"], dialogue["thread_id"]
        )


def _public_samples(
    samples: pl.DataFrame, systems: Mapping[str, dict[str, str]]
) -> Iterator[Row]:
    for sample in samples.iter_rows(named=True):
        row = _candidate("D_ps", sample["sample_id"], sample["source"])
        yield row | _conversation(
            sample["messages"], systems[sample["kind"]], sample["sample_id"]
        )


def _candidate(part: str, parent_id: str, source: str | None) -> Row:
    return {
        "example_id": content_id(part, parent_id),
        "parent_id": parent_id,
        "part": part,
        "source": source,
    }


def _conversation(messages: Messages, system: dict[str, str], group_id: str) -> Row:
    turns = [message for message in messages if message["role"] != "system"]
    return {
        "fault": dialogue_fault(turns),
        "group_id": group_id,
        "messages": [system, *turns],
    }


def _sift(
    candidates: Iterable[Row], hit: set[str], parameters: SetParameters
) -> tuple[list[Row], list[Row]]:
    """Return the examples and the rejections."""
    kept: list[Row] = []
    rejected: list[Row] = []
    seen: set[str] = set()
    for candidate in candidates:
        fault, source = candidate.pop("fault"), candidate.pop("source")
        reason = _reason(candidate, fault, hit, seen)
        seen.add(candidate["example_id"])
        if reason:
            rejected.append(_rejection(candidate, source, reason))
        else:
            split = split_of(candidate["group_id"], parameters.validation_share)
            kept.append(candidate | {"split": split})
    return kept, rejected


def _reason(
    candidate: Row, fault: str | None, hit: set[str], seen: set[str]
) -> str | None:
    if candidate["parent_id"] in hit:
        return "contaminated"
    if fault:
        return fault
    return "duplicate" if candidate["example_id"] in seen else None


def _rejection(candidate: Row, source: str | None, reason: str) -> Row:
    return {
        "row_id": candidate["parent_id"],
        "source": source,
        "stage": "build_sets",
        "reason": reason,
        "detail": candidate["part"],
    }
