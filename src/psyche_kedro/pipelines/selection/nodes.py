"""Select: students answer, hard questions are told from easy ones, sets are built."""

import logging
from collections.abc import Iterator
from typing import NamedTuple

import pandera.polars as pa
import polars as pl

from psyche_kedro import tables
from psyche_kedro.llm import ChatModel
from psyche_kedro.llm.panel import ask_all
from psyche_kedro.pipelines.selection import (
    barred,
    difficulty,
    lengths,
    provenance,
    release,
    repeats,
    sets,
    summary,
)
from psyche_kedro.pipelines.selection.contamination import (
    benchmark_texts,
    conversation_texts,
    find_hits,
    question_texts,
    require_losses_within,
)
from psyche_kedro.pipelines.selection.exams import draw_exemplars, exam_items
from psyche_kedro.pipelines.selection.parameters import (
    DecontaminationParameters,
    DifficultyParameters,
    ExemplarParameters,
    LengthParameters,
    ReleaseParameters,
    SetParameters,
    StudentParameters,
    Variant,
)
from psyche_kedro.pipelines.selection.students import student_answers, student_requests
from psyche_kedro.pipelines.synthesis.parameters import DeduplicationParameters
from psyche_kedro.pipelines.synthesis.questions.nodes import (
    cluster_questions,
    screen_questions,
)
from psyche_kedro.prompts import Prompt
from psyche_kedro.tables import Row, frame

_LOG = logging.getLogger(__name__)


class Difficulty(NamedTuple):
    """The questions in three parts; together they are the reasoning samples."""

    challenging: pl.DataFrame
    non_challenging: pl.DataFrame
    held_out: pl.DataFrame


class ExamQuestions(NamedTuple):
    """D_cp, and what was refused."""

    questions: pl.DataFrame
    rejected: pl.DataFrame


class DifficultyAccount(NamedTuple):
    """Where difficulty lies, and how much the students have in common."""

    summary: pl.DataFrame
    agreement: pl.DataFrame


class SetAccount(NamedTuple):
    """What the sets are made of, and what of the corpus stands in a benchmark."""

    sets: pl.DataFrame
    contamination: pl.DataFrame


class Release(NamedTuple):
    """The release's files, and the rows that are not in it."""

    files: dict[str, pl.DataFrame | str]
    withheld: pl.DataFrame


class TrainingSet(NamedTuple):
    """A set, and every candidate that is not in it."""

    examples: pl.DataFrame
    rejected: pl.DataFrame


def answer_as_students(
    *,
    reasoning_samples: pl.DataFrame,
    prompt: Prompt,
    models: dict[str, ChatModel],
    params: StudentParameters,
) -> pl.DataFrame:
    """Return what every student answers to every question.

    Args:
        reasoning_samples: ``[n]`` questions; gold and rationale are not shown.
        prompt: Asks for letters only.
        models: The students by name; all are asked at once.
        params: ``selection.students``.

    Returns:
        ``StudentAnswers``, ``[n * samples]`` of each student.

    Source: §2.2, question selection.
    """
    said = ask_all(
        models, lambda _: student_requests(reasoning_samples, prompt, params)
    )
    rows = (
        {"student": name, **row}
        for name, outcomes in said.items()
        for row in student_answers(reasoning_samples, outcomes, prompt, params)
    )
    return frame(tables.StudentAnswers, rows)


def refine_exam_questions(
    *,
    clean_public_questions: pl.DataFrame,
    prompt: Prompt,
    examples: list[dict[str, str]],
    judge: ChatModel,
    params: DeduplicationParameters,
) -> ExamQuestions:
    """Return D_cp: public exam questions, one of each and fit to be asked.

    The paper takes "a refined set of 8k examination from the CPsyExam train set" and
    does not say how; ours is refined as the corpus itself is.

    Args:
        clean_public_questions: ``BankQuestions``, cleaned.
        prompt: ``screening``.
        examples: Few-shot examples of the screening.
        judge: Model that screens.
        params: ``synthesis.deduplication``.

    Returns:
        ``BankQuestions`` and ``Rejections``: rows in = kept + rejected.

    Source: §2.4.
    """
    whole = clean_public_questions.filter(parse_status="ok")
    one_each = whole.filter(pl.col("question_id").is_first_distinct())
    distinct = _representatives(one_each, params)
    kept, screened_out = screen_questions(
        distinct, prompt=prompt, examples=examples, judge=judge
    )
    malformed = clean_public_questions.filter(pl.col("parse_status") != "ok")
    dropped = one_each.join(distinct, on="question_id", how="anti")
    repeated = whole.filter(~pl.col("question_id").is_first_distinct())
    return ExamQuestions(
        kept,
        pl.concat(
            [
                _refused(malformed, "malformed"),
                _refused(repeated, "duplicate"),
                _refused(dropped, "near_duplicate"),
                screened_out,
            ]
        ),
    )


def _representatives(
    questions: pl.DataFrame, params: DeduplicationParameters
) -> pl.DataFrame:
    """Return one question of each cluster of near-duplicates."""
    banked = questions.with_columns(origin=pl.lit("bank"))
    clusters = cluster_questions(banked, params)
    chosen = clusters.filter(pl.col("question_id") == pl.col("cluster_id"))
    return questions.join(chosen, on="question_id", how="semi", maintain_order="left")


def _refused(questions: pl.DataFrame, reason: str) -> pl.DataFrame:
    rows = [
        tables.rejection(id_, "refine_exam_questions", reason, source=source)
        for id_, source in questions.select("question_id", "source").iter_rows()
    ]
    return frame(tables.Rejections, rows)


def choose_exemplars(
    clean_benchmark_items: pl.DataFrame, params: ExemplarParameters
) -> pl.DataFrame:
    """Return the solved items that every model is shown in the five-shot protocol.

    They are drawn here and not where models are asked, because what a model is shown
    may not have trained it.

    Args:
        clean_benchmark_items: Every item; those of split ``exemplar`` are drawn from.
        params: ``selection.exemplars``.

    Source: §3.1, "identical exemplars across all evaluated models".
    """
    items = clean_benchmark_items.iter_rows(named=True)
    drawn = draw_exemplars(items, per_cell=params.per_cell, seed=params.seed)
    return frame(tables.BenchmarkItems, drawn)


def decontaminate(  # noqa: PLR0913 - the parts of both sets, and the benchmarks
    *,
    reasoning_samples: pl.DataFrame,
    empathetic_dialogues: pl.DataFrame,
    clean_public_samples: pl.DataFrame,
    exam_questions: pl.DataFrame,
    clean_benchmark_items: pl.DataFrame,
    exemplars: pl.DataFrame,
    params: DecontaminationParameters,
) -> pl.DataFrame:
    """Return every pair of a training row and the benchmark item it holds.

    Args:
        reasoning_samples: D_p, before it is split by difficulty.
        empathetic_dialogues: D_em.
        clean_public_samples: D_ps.
        exam_questions: D_cp.
        clean_benchmark_items: All benchmarks; their exams are looked for.
        exemplars: What the five-shot protocol shows; looked for as well.
        params: ``selection.decontamination``.

    Returns:
        ``ContaminationHits``.
    """
    texts = {
        "D_p": question_texts(reasoning_samples, "question_id"),
        "D_em": conversation_texts(empathetic_dialogues, "dialogue_id"),
        "D_ps": conversation_texts(clean_public_samples, "sample_id"),
        "D_cp": question_texts(exam_questions, "question_id"),
    }
    rows = pl.concat(t.with_columns(set_name=pl.lit(k)) for k, t in texts.items())
    looked_for = pl.concat([exam_items(clean_benchmark_items), exemplars])
    hits = find_hits(
        rows.unique("id", maintain_order=True),
        benchmark_texts(looked_for).unique("id", maintain_order=True),
        params,
    )
    sets_of_rows = rows.select("set_name", row_id="id").unique()
    benchmarks = looked_for.select("item_id", "benchmark", "split").unique("item_id")
    named = hits.join(sets_of_rows, on="row_id").join(benchmarks, on="item_id")
    columns = list(tables.ContaminationHits.to_schema().columns)
    return named.select(columns).sort(columns)


def split_by_difficulty(
    *,
    reasoning_samples: pl.DataFrame,
    student_answers: pl.DataFrame,
    contamination_hits: pl.DataFrame,
    answer_key_audit: pl.DataFrame,
    params: DifficultyParameters,
) -> Difficulty:
    """Return the challenging questions (D_pc), the others (D_pr), and those held out.

    Args:
        reasoning_samples: ``[n]`` questions.
        student_answers: ``StudentAnswers`` of all students.
        contamination_hits: What will not enter GRPO; the random baseline's size
            follows from it.
        answer_key_audit: Questions with a doubtful gold.
        params: ``selection.difficulty``.

    Returns:
        Two tables of ``JudgedQuestions`` and ``HeldOutQuestions``, n rows together.

    Source: §2.2, question selection.
    """
    judged = difficulty.judge(reasoning_samples, student_answers)
    awaiting = judged.filter("awaiting")
    _tell_awaiting(awaiting, student_answers)
    judged = judged.filter(~pl.col("awaiting"))
    doubtful = judged["question_id"].is_in(answer_key_audit["question_id"].implode())
    held_out = doubtful & params.hold_out_audited
    hit = judged["question_id"].is_in(contamination_hits["row_id"].implode())
    hard = difficulty.challenging(judged, ~held_out & ~hit, params) & ~held_out
    reasons = {
        "awaiting_student": awaiting,
        "doubtful_gold": judged.filter(held_out),
    }
    held = [table.with_columns(reason=pl.lit(why)) for why, table in reasons.items()]
    return Difficulty(
        _as(tables.JudgedQuestions, judged.filter(hard)),
        _as(tables.JudgedQuestions, judged.filter(~hard & ~held_out)),
        _as(tables.HeldOutQuestions, pl.concat(held)),
    )


def _as(model: type[pa.DataFrameModel], table: pl.DataFrame) -> pl.DataFrame:
    return table.select(list(model.to_schema().columns))


def _tell_awaiting(awaiting: pl.DataFrame, answers: pl.DataFrame) -> None:
    """Say how many questions wait for a student, why, and what ends it."""
    if awaiting.is_empty():
        return
    waiting = answers.join(awaiting, on="question_id", how="semi")
    failed = waiting.drop_nulls("reason").group_by("reason").len()
    reasons = failed.sort("len", "reason", descending=[True, False]).rows()
    _LOG.warning(
        "%d questions enter neither set, because a student's call failed (%s): run "
        "again, after `kedro replies retry` where the failure would come again.",
        awaiting.height,
        ", ".join(f"{reason} {n}" for reason, n in reasons) or "not asked",
    )


def describe_difficulty(
    *,
    challenging: pl.DataFrame,
    non_challenging: pl.DataFrame,
    student_answers: pl.DataFrame,
    params: DifficultyParameters,
) -> DifficultyAccount:
    """Return where difficulty lies, and how often the students agree.

    Args:
        challenging: D_pc.
        non_challenging: D_pr.
        student_answers: ``StudentAnswers`` of all students.
        params: ``selection.difficulty``.

    Returns:
        ``DifficultySummary`` and ``StudentAgreement``.
    """
    judged = pl.concat(
        [
            challenging.with_columns(challenging=pl.lit(value=True)),
            non_challenging.with_columns(challenging=pl.lit(value=False)),
        ]
    )
    if not challenging.is_empty():
        share = challenging.select(
            difficulty.zero_variance(params.group_size).mean()
        ).item()
        _LOG.info(
            "By the students' answers %.0f %% of D_pc's GRPO groups of %d will be all "
            "right or all wrong and teach nothing.",
            100 * share,
            params.group_size,
        )
    return DifficultyAccount(
        difficulty.summary(judged, params.group_size),
        difficulty.agreement(student_answers),
    )


def find_repeated_examples(  # noqa: PLR0913 - the parts of both sets
    *,
    challenging: pl.DataFrame,
    non_challenging: pl.DataFrame,
    held_out_questions: pl.DataFrame,
    exam_questions: pl.DataFrame,
    empathetic_dialogues: pl.DataFrame,
    useful_posts: pl.DataFrame,
    clean_public_samples: pl.DataFrame,
    contamination_hits: pl.DataFrame,
    deduplication: DeduplicationParameters,
    params: SetParameters,
    variant: Variant,
    decontamination: DecontaminationParameters,
) -> pl.DataFrame:
    """Return the candidates of both sets that give way to a twin.

    Only what may enter a set can be a twin: a row that holds a benchmark item, makes no
    example, or is of a part that the variant leaves out, displaces none. Rows of
    ``contamination_hits`` enter no set, unless ``drop_hits`` is off; twins of
    ``held_out_questions`` stay out with them. A dialogue is compared by the post of
    ``useful_posts`` that it retells.

    Returns:
        ``RepeatedExamples``.
    """
    share = params.validation_share
    parts = [
        repeats.compared_questions(held_out_questions, barred.HELD_OUT, share),
        repeats.compared_questions(challenging, "D_pc", share),
        repeats.compared_questions(non_challenging, "D_pr", share),
        repeats.compared_questions(exam_questions, "D_cp", share),
        repeats.compared_dialogues(empathetic_dialogues, useful_posts, share),
        repeats.compared_samples(clean_public_samples, share),
    ]
    entering = pl.col("part").is_in([*variant.parts, barred.HELD_OUT])
    hit = barred.contaminated(contamination_hits, decontamination)
    rows = barred.without(pl.concat(parts).filter(entering), hit)
    told = pl.col("part").is_in(["D_em", "D_ps"])
    repeated = [
        repeats.repeated_questions(rows.filter(~told), deduplication),
        repeats.repeated_conversations(rows.filter(told), deduplication),
    ]
    return _as(tables.RepeatedExamples, pl.concat(repeated))


def build_sft_set(  # noqa: PLR0913 - the parts, what bars their rows, the prompts
    *,
    non_challenging: pl.DataFrame,
    rationale_rounds: pl.DataFrame,
    empathetic_dialogues: pl.DataFrame,
    clean_public_samples: pl.DataFrame,
    contamination_hits: pl.DataFrame,
    repeated_examples: pl.DataFrame,
    params: SetParameters,
    variant: Variant,
    decontamination: DecontaminationParameters,
    exam_case: Prompt,
    exam_knowledge: Prompt,
    counselling: Prompt,
    knowledge: Prompt,
) -> TrainingSet:
    """Return the set that SFT trains on: D_pr, D_em and D_ps.

    What only an exemplar hits is rejected as ``exemplar``, other hits as contaminated,
    unless ``drop_hits`` is off; for ``repeated_examples`` a twin stands. Every
    candidate is in one of the two tables.

    Raises:
        ContaminationError: If a part loses more than ``most_lost`` to contamination.

    Source: §2.4; Tables 3 and 4.
    """
    systems = {"dialogue": counselling, "knowledge_qa": knowledge}
    exams = sets.ExamPrompts(exam_case, exam_knowledge)
    first = _first_rationales(rationale_rounds)
    return _training_set(
        tables.SftExamples,
        [
            *sets.reasoning_candidates(non_challenging, first, exams, variant),
            *sets.dialogue_candidates(empathetic_dialogues, systems),
            *sets.public_candidates(clean_public_samples, systems),
        ],
        hits=contamination_hits,
        repeated=repeated_examples,
        params=params,
        variant=variant,
        decontamination=decontamination,
        node="build_sft_set",
    )


def build_grpo_set(  # noqa: PLR0913 - the parts, what bars their rows, the prompts
    *,
    challenging: pl.DataFrame,
    exam_questions: pl.DataFrame,
    contamination_hits: pl.DataFrame,
    repeated_examples: pl.DataFrame,
    params: SetParameters,
    variant: Variant,
    decontamination: DecontaminationParameters,
    exam_case: Prompt,
    exam_knowledge: Prompt,
) -> TrainingSet:
    """Return the set that GRPO trains on: D_pc and D_cp; see ``build_sft_set``.

    Returns:
        ``GrpoExamples`` and ``Rejections``; every candidate is in one of them.

    Raises:
        ContaminationError: If a part loses more than ``most_lost`` to contamination.

    Source: §2.4; Tables 3 and 4.
    """
    exams = sets.ExamPrompts(exam_case, exam_knowledge)
    return _training_set(
        tables.GrpoExamples,
        [
            *sets.question_candidates(challenging, "D_pc", exams),
            *sets.question_candidates(exam_questions, "D_cp", exams),
        ],
        hits=contamination_hits,
        repeated=repeated_examples,
        params=params,
        variant=variant,
        decontamination=decontamination,
        node="build_grpo_set",
    )


def _training_set(  # noqa: PLR0913 - what a set is made of
    model: type[pa.DataFrameModel],
    candidates: list[sets.Candidate],
    *,
    hits: pl.DataFrame,
    repeated: pl.DataFrame,
    params: SetParameters,
    variant: Variant,
    decontamination: DecontaminationParameters,
    node: str,
) -> TrainingSet:
    _require_losses_within(candidates, hits, decontamination)
    sifted = sets.sift(
        candidates,
        shares={**variant.sft, **variant.grpo},
        barred={
            **barred.repeated(repeated),
            **barred.contaminated(hits, decontamination),
        },
        variant=_variant_name(variant, decontamination),
        params=params,
        node=node,
    )
    return TrainingSet(
        frame(model, sifted.kept), frame(tables.Rejections, sifted.rejected)
    )


def _variant_name(variant: Variant, decontamination: DecontaminationParameters) -> str:
    kept = "" if decontamination.drop_hits else "-contaminated"
    return variant.name + kept


def _first_rationales(rounds: pl.DataFrame) -> dict[str, str]:
    first = rounds.filter(round=0)
    return dict(first.select("question_id", "rationale").iter_rows())


def _require_losses_within(
    candidates: list[sets.Candidate],
    hits: pl.DataFrame,
    decontamination: DecontaminationParameters,
) -> None:
    if decontamination.drop_hits:
        rows = [(c.example["part"], c.example["parent_id"]) for c in candidates]
        require_losses_within(rows, hits, decontamination.most_lost)


def account_lengths(
    sft_set: pl.DataFrame, grpo_set: pl.DataFrame, params: LengthParameters
) -> pl.DataFrame:
    """Return how long the examples of each part are.

    Args:
        sft_set: ``SftExamples``.
        grpo_set: ``GrpoExamples``.
        params: ``selection.lengths``.

    Returns:
        ``LengthAccount``.
    """
    tokenizer = params.tokenizer
    accounts = [
        lengths.account(
            examples, column, set_name=name, limit=limit, tokenizer=tokenizer
        )
        for name, examples, column, limit in (
            ("sft_set", sft_set, "messages", params.sft_limit),
            ("grpo_set", grpo_set, "prompt", params.grpo_limit),
        )
    ]
    columns = list(tables.LengthAccount.to_schema().columns)
    return pl.concat(accounts).select(columns)


def summarise_sets(
    *,
    sft_set: pl.DataFrame,
    grpo_set: pl.DataFrame,
    contamination_hits: pl.DataFrame,
) -> SetAccount:
    """Return what the sets are made of, and which benchmarks the corpus holds.

    Args:
        sft_set: ``SftExamples``.
        grpo_set: ``GrpoExamples``.
        contamination_hits: ``ContaminationHits``.

    Returns:
        ``SetSummary``, whose hits are those in the sets themselves, and
        ``ContaminationSummary``, whose hits are those in the whole corpus.
    """
    made_of = {"sft_set": sft_set, "grpo_set": grpo_set}
    return SetAccount(
        summary.set_summary(made_of, contamination_hits),
        summary.contamination_summary(contamination_hits),
    )


def trace_examples(  # noqa: PLR0913 - every table that an example may come from
    *,
    sft_set: pl.DataFrame,
    grpo_set: pl.DataFrame,
    reasoning_samples: pl.DataFrame,
    rationale_rounds: pl.DataFrame,
    empathetic_dialogues: pl.DataFrame,
    useful_posts: pl.DataFrame,
    clean_public_samples: pl.DataFrame,
    exam_questions: pl.DataFrame,
) -> pl.DataFrame:
    """Return where every example comes from, and who had a hand in it.

    Returns:
        ``ExampleProvenance``, one row per example of both sets.
    """
    reasoning = provenance.question_origins(reasoning_samples, rationale_rounds)
    origins = {
        "D_pr": reasoning,
        "D_pc": reasoning,
        "D_em": provenance.dialogue_origins(empathetic_dialogues, useful_posts),
        "D_ps": provenance.public_sample_origins(clean_public_samples),
        "D_cp": provenance.public_question_origins(exam_questions),
    }
    return frame(tables.ExampleProvenance, _traced(sft_set, grpo_set, origins))


def _traced(
    sft_set: pl.DataFrame, grpo_set: pl.DataFrame, origins: provenance.Origins
) -> Iterator[Row]:
    for examples in (sft_set, grpo_set):
        yield from provenance.provenance_rows(examples, origins)


def write_release(
    *,
    sft_set: pl.DataFrame,
    grpo_set: pl.DataFrame,
    example_provenance: pl.DataFrame,
    contamination_hits: pl.DataFrame,
    params: ReleaseParameters,
) -> Release:
    """Return what may leave the house, with its card, and what may not.

    Args:
        sft_set: ``SftExamples``.
        grpo_set: ``GrpoExamples``.
        example_provenance: Source, models and de-identification of every example.
        contamination_hits: For the card's account.
        params: ``selection.release``.

    Returns:
        Parquet shards and ``README.md`` by path, and ``Rejections``; every example is
        in one of them.
    """
    judged = release.Judged(
        release.judge_examples(sft_set, example_provenance, params),
        release.judge_examples(grpo_set, example_provenance, params),
    )
    variants = {*sft_set["variant"], *grpo_set["variant"]}
    card = release.card(judged, contamination_hits, ", ".join(sorted(variants)), params)
    files: dict[str, pl.DataFrame | str] = {
        "README.md": card,
        **release.shards(judged, params.rows_per_shard),
    }
    return Release(files, frame(tables.WithheldExamples, _withheld(judged)))


def _withheld(judged: release.Judged) -> Iterator[Row]:
    for _, examples in judged.items():
        for row in examples.drop_nulls("withheld").iter_rows(named=True):
            yield tables.rejection(
                row["example_id"],
                "write_release",
                row["withheld"],
                source=row["source"],
                detail=row["part"],
            )
