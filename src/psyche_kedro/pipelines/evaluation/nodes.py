"""Models sit the exams, a judge reads their counselling, both are scored.

The paper (§3) evaluates on PCEB (3,863 choice and 100 case questions), on CPsyExam's
test set zero-shot and five-shot, and on 200 counselling conversations of PsyDT that
GPT-4o judges. It does not say which ROUGE it computes, what happens to an unread answer
or which exemplars it shows. Here asking, reading and scoring are apart, so that every
score can be computed again from the kept predictions.

Example row of ``predictions``: ``{"role": "grpo", "item_id": "5d0c…", "protocol":
"reasoned", "text": "AC", "finish_reason": "stop", "output_tokens": 212, …}``.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.llm.chat_model import (
    Asking,
    ChatModel,
    ChatRequest,
    Failure,
    Outcome,
)
from psyche_kedro.llm.identity import weights_in
from psyche_kedro.llm.panel import ask_all
from psyche_kedro.pipelines.benchmarks import Benchmarks
from psyche_kedro.pipelines.evaluation import judging, people, shown, submissions
from psyche_kedro.pipelines.evaluation import preferences as side_by_side
from psyche_kedro.pipelines.evaluation import reading as replies
from psyche_kedro.pipelines.evaluation.limit import limit_items
from psyche_kedro.pipelines.evaluation.pairs import compare
from psyche_kedro.pipelines.evaluation.parameters import (
    JudgingParameters,
    LimitParameters,
    ProtocolParameters,
    ReadingParameters,
    ScoringParameters,
    ShownParameters,
    SplitParameters,
)
from psyche_kedro.pipelines.evaluation.protocols import (
    Asked,
    Room,
    ask,
)
from psyche_kedro.pipelines.evaluation.scoring import (
    Found,
    score_exams,
    score_judged,
    write_judged_sheets,
    write_sheets,
)
from psyche_kedro.pipelines.evaluation.sheets import estimate, without
from psyche_kedro.pipelines.evaluation.split import split_items, student_outcomes
from psyche_kedro.pipelines.memorised import MemorisedParameters, mark_memorised
from psyche_kedro.pipelines.selection.exams import count_exams, exam_items, has_key
from psyche_kedro.pipelines.selection.parameters import DifficultyParameters
from psyche_kedro.prompts import Prompt
from psyche_kedro.tables import (
    Answers,
    AnswerSummary,
    DifficultyScores,
    ExamSummary,
    JudgeAgreement,
    Judgements,
    JudgementSummary,
    Predictions,
    ReaderAgreement,
    ScoreDifferences,
    Scores,
    SftExamples,
    ShownAnswers,
    ShownItems,
    content_id,
    frame,
)

_LOG = logging.getLogger(__name__)


def write_exam_papers(  # noqa: PLR0913 - what is asked, in which words
    *,
    benchmark_items: pl.DataFrame,
    exemplars: pl.DataFrame,
    params: ProtocolParameters,
    limit: LimitParameters,
    benchmarks: Benchmarks,
    exam_case: Prompt,
    exam_knowledge: Prompt,
    exam_direct: Prompt,
    essay: Prompt,
    counselling: Prompt,
) -> list[Asked]:
    """Return every item under every protocol, as each model is asked it.

    Args:
        benchmark_items: Every item; those of an exam are asked, by default only where
            they have a key.
        exemplars: What the five-shot protocol shows.
        params: ``evaluation.protocols``.
        limit: ``evaluation.limit``.
        benchmarks: The cards, which say how each exam is asked.
        exam_case: Asks a question that has a case, with room to reason.
        exam_knowledge: Asks any other, with room to reason.
        exam_direct: Asks for the letters alone.
        essay: Asks an open question.
        counselling: Opens a conversation.
    """
    prompts = {
        "exam_case": exam_case,
        "exam_knowledge": exam_knowledge,
        "exam_direct": exam_direct,
        "essay": essay,
        "counselling": counselling,
    }
    room = Room(prompts, exemplars.to_dicts(), benchmarks)
    exam = limit_items(items_to_ask(benchmark_items, params), limit)
    return ask(exam.iter_rows(named=True), params.enabled, room)


def items_to_ask(items: pl.DataFrame, params: ProtocolParameters) -> pl.DataFrame:
    """Return the items of the exams, by default only those that have a key.

    Args:
        items: ``BenchmarkItems``.
        params: ``evaluation.protocols``.
    """
    exam = exam_items(items)
    if params.ask_unlabelled:
        return exam
    keyed = exam.filter(has_key())
    _LOG.info(
        "%d of the exams' %d items have no key and are not asked "
        "(evaluation.protocols.ask_unlabelled asks them).",
        exam.height - keyed.height,
        exam.height,
    )
    return keyed


def answer_benchmarks(
    *,
    exam_papers: list[Asked],
    params: ProtocolParameters,
    models: Mapping[str, ChatModel] = MappingProxyType({}),
    **trained: ChatModel | None,
) -> pl.DataFrame:
    """Return one prediction per (model, item, protocol).

    Args:
        exam_papers: What every model is asked.
        params: ``evaluation.protocols``.
        models: Models under test by name; they are asked at once.
        **trained: The models that training makes, by name; one after the other, for
            they share this machine. None where there is none yet.

    Returns:
        ``Predictions``, in the order of the models.

    Raises:
        ConfigurationError: If two models have one name, or the parameters name a model
            that is not under test.
    """
    _check_names(models, trained, params)
    said = ask_all(
        models, lambda name: _requests(exam_papers, params.sampling_of(name))
    )
    for name, model in trained.items():
        if model is not None:
            own = params.sampling_of_trained(name)
            said[name] = model.complete(_requests(exam_papers, own))
    return frame(
        Predictions,
        (
            _prediction(name, asked, outcome) | {"setting": params.setting}
            for name, outcomes in said.items()
            for asked, outcome in zip(exam_papers, outcomes, strict=True)
        ),
    )


def _check_names(
    models: Iterable[str], trained: Iterable[str], params: ProtocolParameters
) -> None:
    if twice := sorted({*models} & {*trained}):
        raise ConfigurationError(
            f"evaluated_models calls a model '{twice[0]}', the name of one that"
            " training makes: give it another."
        )
    if unknown := sorted(params.own_sampling.keys() - {*models, *trained}):
        raise ConfigurationError(
            f"evaluation.protocols.own_sampling names '{unknown[0]}', and the models"
            f" under test are {', '.join([*models, *trained])}."
        )


def _requests(papers: Sequence[Asked], sampling: Mapping[str, Any]) -> Asking[Asked]:
    return Asking(
        papers,
        lambda asked: ChatRequest(
            asked.messages,
            task="answer_benchmarks",
            sampling=sampling,
            item={**asked.item, "protocol": asked.protocol},
        ),
    )


def _prediction(role: str, asked: Asked, outcome: Outcome) -> dict[str, Any]:
    place = role, asked.item["item_id"], asked.protocol
    return {
        "prediction_id": content_id(*place, "0"),
        "item_id": asked.item["item_id"],
        "benchmark": asked.item["benchmark"],
        "cell": asked.item["cell"],
        "split": asked.item["split"],
        "role": role,
        "protocol": asked.protocol,
        "sample": 0,
        "model": outcome.model,
        "weights": weights_in(outcome.model),
        "reply_key": outcome.key or None,
        "prompt_digest": asked.prompt.digest,
        "exemplars": content_id(*asked.exemplars) if asked.exemplars else None,
        **_said(outcome),
    }


def _said(outcome: Outcome) -> dict[str, Any]:
    failure = outcome.reason if isinstance(outcome, Failure) else None
    reply = outcome.partial if isinstance(outcome, Failure) else outcome
    if reply is None:
        return {"text": None, "reasoning": None, "failure": failure}
    return {
        "text": reply.text,
        "reasoning": reply.reasoning or None,
        "finish_reason": reply.finish_reason,
        "failure": failure,
        "input_tokens": reply.usage.input_tokens,
        "output_tokens": reply.usage.output_tokens,
        "seconds": reply.seconds,
    }


def read_answers(
    predictions: pl.DataFrame, benchmark_items: pl.DataFrame, params: ReadingParameters
) -> pl.DataFrame:
    """Return what every reader makes of every prediction: ``Answers``.

    Args:
        predictions: What came back.
        benchmark_items: The items, whose options an answer may name.
        params: ``evaluation.reading``.
    """
    items = _by_id(benchmark_items)
    return frame(Answers, replies.read_all(_rows(predictions), items, params))


def summarise_answers(
    predictions: pl.DataFrame, answers: pl.DataFrame, params: ReadingParameters
) -> pl.DataFrame:
    """Return how the replies of every model ended, exam by exam.

    Args:
        predictions: What came back.
        answers: What the readers make of it.
        params: ``evaluation.reading``.
    """
    scored = _by_prediction(answers, params)
    return frame(AnswerSummary, replies.summarise(_rows(predictions), scored))


def compare_readers(
    predictions: pl.DataFrame, answers: pl.DataFrame, params: ReadingParameters
) -> pl.DataFrame:
    """Return how often each reader reads what the one that counts does.

    Args:
        predictions: What came back.
        answers: What the readers make of it.
        params: ``evaluation.reading``.
    """
    compared = replies.compare_readers(_rows(predictions), _rows(answers), params)
    return frame(ReaderAgreement, compared)


def judge_counselling(  # noqa: PLR0913 - the node's inputs
    *,
    predictions: pl.DataFrame,
    answers: pl.DataFrame,
    benchmark_items: pl.DataFrame,
    benchmarks: Benchmarks,
    prompt: Prompt,
    rubric_prompt: Prompt,
    judges: dict[str, ChatModel],
    reading: ReadingParameters,
    params: JudgingParameters,
) -> pl.DataFrame:
    """Return one judgement per (judged reply, dimension, judge, repeat).

    Args:
        predictions: Those of conversations and of items with a rubric are judged.
        answers: What of each reply is judged.
        benchmark_items: The items, with reference or rubric.
        benchmarks: The cards, which say on what a reply is judged.
        prompt: The judge's, for a dimension; it names no model.
        rubric_prompt: The judge's, for a rubric.
        judges: The models that judge, asked at once.
        reading: ``evaluation.reading``.
        params: ``evaluation.judging``.

    Source: §3.4, Table 5.
    """
    prompts = judging.Prompts(prompt, rubric_prompt)
    read = _read(predictions, answers, reading)
    items = _by_id(benchmark_items)
    cases = judging.cases_to_judge(read, items, benchmarks, prompt.words.dimensions)
    verdicts = ask_all(judges, lambda _: judging.judge_requests(cases, prompts, params))
    return frame(Judgements, judging.judgements(cases, verdicts, prompts, params))


def summarise_judgements(judgements: pl.DataFrame) -> pl.DataFrame:
    """Return what became of the verdicts of every judge.

    Args:
        judgements: One per (counselling reply, dimension).
    """
    return frame(JudgementSummary, judging.summarise(_rows(judgements)))


def compare_replies(  # noqa: PLR0913 - the node's inputs
    *,
    predictions: pl.DataFrame,
    answers: pl.DataFrame,
    benchmark_items: pl.DataFrame,
    benchmarks: Benchmarks,
    prompt: Prompt,
    judges: dict[str, ChatModel],
    reading: ReadingParameters,
    params: JudgingParameters,
) -> pl.DataFrame:
    """Return which of two models' replies each judge prefers, in either order.

    Args:
        predictions: Those of conversations are compared.
        answers: What of each reply is compared.
        benchmark_items: The conversations.
        benchmarks: The cards, which say on what replies are judged.
        prompt: The judge's, for two replies.
        judges: The models that judge, asked at once.
        reading: ``evaluation.reading``.
        params: ``evaluation.judging``; nothing is asked where it names no pair.

    Raises:
        ConfigurationError: If a pair names a model that has no reply to judge.
    """
    read = _read(predictions, answers, reading) if params.pairs else []
    items = _by_id(benchmark_items)
    cases = judging.cases_to_judge(read, items, benchmarks, prompt.words.dimensions)
    return side_by_side.compare_replies(cases, prompt, judges, params)


def write_judging_batch(  # noqa: PLR0913 - the node's inputs
    *,
    predictions: pl.DataFrame,
    answers: pl.DataFrame,
    benchmark_items: pl.DataFrame,
    benchmarks: Benchmarks,
    prompt: Prompt,
    reading: ReadingParameters,
    params: JudgingParameters,
) -> pl.DataFrame:
    """Return the sheet on which people score what the judges score.

    Args:
        predictions: Those of conversations are scored.
        answers: What of each reply is scored.
        benchmark_items: The conversations.
        benchmarks: The cards.
        prompt: The judge's: its words are those of the sheet.
        reading: ``evaluation.reading``.
        params: ``evaluation.judging``; the sheet is empty where it names nobody.
    """
    read = _read(predictions, answers, reading) if params.people.names else []
    items = _by_id(benchmark_items)
    cases = judging.cases_to_judge(read, items, benchmarks, prompt.words.dimensions)
    return people.write_sheet(cases, params.people, prompt.words)


def write_submissions(
    *,
    predictions: pl.DataFrame,
    answers: pl.DataFrame,
    benchmark_items: pl.DataFrame,
    benchmarks: Benchmarks,
    reading: ReadingParameters,
) -> dict[str, submissions.Submission]:
    """Return what was answered where a key is withheld, a file for each model.

    Args:
        predictions: Those of items without a key are submitted, where they were asked
            (``evaluation.protocols.ask_unlabelled``).
        answers: What was read in them.
        benchmark_items: The items.
        benchmarks: The cards.
        reading: ``evaluation.reading``.
    """
    read = _read(predictions, answers, reading)
    return submissions.write(read, _by_id(benchmark_items), benchmarks)


def summarise_agreement(
    judgements: pl.DataFrame, preferences: pl.DataFrame, human_scores: pl.DataFrame
) -> pl.DataFrame:
    """Return how far judges agree with each other, with people, and in either order.

    Args:
        judgements: What judges scored.
        preferences: Which of two replies they prefer.
        human_scores: What people scored.
    """
    agreed = people.agreement(_rows(judgements), list(_rows(human_scores)))
    preferred = side_by_side.summarise(_rows(preferences))
    return frame(JudgeAgreement, [*agreed, *preferred])


class Scored(NamedTuple):
    """What the predictions come to."""

    scores: pl.DataFrame
    score_differences: pl.DataFrame
    """Every two models on the items that both answered."""


def score_predictions(  # noqa: PLR0913 - the node's inputs
    *,
    predictions: pl.DataFrame,
    answers: pl.DataFrame,
    judgements: pl.DataFrame,
    selection: dict[str, pl.DataFrame],
    benchmark_items: pl.DataFrame,
    benchmarks: Benchmarks,
    reading: ReadingParameters,
    params: ScoringParameters,
) -> Scored:
    """Return every score with its 95 % interval, and every two models; none is asked.

    Args:
        predictions: One per (role, item, protocol).
        answers: What the readers make of them.
        judgements: One per (counselling reply, dimension).
        selection: What that chapter says of itself, of which ``contamination_hits``
            says which items stand in the training data; none where it has not run.
        benchmark_items: The items; those of an exam that have a key are scored.
        benchmarks: The cards, which say what is computed of each exam.
        reading: ``evaluation.reading``.
        params: ``evaluation.scores``.
    """
    hits = set(selection["contamination_hits"]["item_id"])
    rows = [
        read | {"is_contaminated": read["item_id"] in hits}
        for read in _read(predictions, answers, reading)
    ]
    keyed = _by_id(exam_items(benchmark_items).filter(has_key()))
    gates = judging.gates(_rows(judgements), _by_id(benchmark_items), benchmarks)
    verdicts = [*judging.averaged(_rows(judgements)), *gates]
    exams = write_sheets(rows, keyed, benchmarks)
    sheets = exams | write_judged_sheets(verdicts, rows, keyed)
    found = {
        sitting: Found(estimate(sheet, params), estimate(without(sheet, hits), params))
        for sitting, sheet in sheets.items()
    }
    scores = [
        *score_exams(found, rows, keyed, benchmarks),
        *score_judged(found, verdicts, rows, keyed),
    ]
    return Scored(
        frame(Scores, scores), frame(ScoreDifferences, compare(sheets, params))
    )


def score_by_difficulty(  # noqa: PLR0913 - the node's inputs
    *,
    predictions: pl.DataFrame,
    answers: pl.DataFrame,
    benchmark_items: pl.DataFrame,
    benchmarks: Benchmarks,
    reading: ReadingParameters,
    params: ScoringParameters,
    split: SplitParameters,
    difficulty: DifficultyParameters,
) -> pl.DataFrame:
    """Return the scores of hard and of other items, by the students' answers to them.

    Args:
        predictions: One per (role, item, protocol).
        answers: What the readers make of them.
        benchmark_items: The items; those of an exam that have a key are scored.
        benchmarks: The cards.
        reading: ``evaluation.reading``.
        params: ``evaluation.scores``.
        split: ``evaluation.split``.
        difficulty: ``selection.difficulty``.

    Source: Figure 4.
    """
    if not split.students:
        return frame(DifficultyScores, [])
    rows = [
        read | {"is_contaminated": False}
        for read in _read(predictions, answers, reading)
    ]
    keyed = _by_id(exam_items(benchmark_items).filter(has_key()))
    outcomes = student_outcomes(rows, keyed, benchmarks, split)
    told = []
    for subset, ids in split_items(outcomes, difficulty).items():
        items = {name: item for name, item in keyed.items() if name in ids}
        sheets = write_sheets(rows, items, benchmarks)
        found = {at: Found(estimate(s, params), {}) for at, s in sheets.items()}
        scores = score_exams(found, rows, items, benchmarks)
        told += [score | {"subset": subset} for score in scores]
    return frame(DifficultyScores, told)


def summarise_exams(benchmark_items: pl.DataFrame) -> pl.DataFrame:
    """Return how many items every exam has, and which of them are scored.

    Args:
        benchmark_items: Every item, of every split.
    """
    return frame(ExamSummary, count_exams(benchmark_items).iter_rows(named=True))


class Shown(NamedTuple):
    """What the report's page of items shows."""

    shown_items: pl.DataFrame
    shown_answers: pl.DataFrame


def show_answers(  # noqa: PLR0913 - the node's inputs
    *,
    predictions: pl.DataFrame,
    answers: pl.DataFrame,
    benchmark_items: pl.DataFrame,
    taught: Mapping[str, pl.DataFrame] | None,
    reading: ReadingParameters,
    params: ShownParameters,
    repeats: MemorisedParameters,
) -> Shown:
    """Return exam items and what each model made of them; no conversation is shown.

    Args:
        predictions: One per (role, item, protocol).
        answers: What the readers make of them.
        benchmark_items: The items.
        taught: ``sft_examples``, whose dialogues no reply that is shown repeats; none
            where nothing was trained.
        reading: ``evaluation.reading``.
        params: ``evaluation.shown``.
        repeats: ``training.memorised``.
    """
    said = mark_memorised(
        predictions,
        "text",
        sft_examples=taught["sft_examples"] if taught else frame(SftExamples, []),
        questions=shown.texts_of(benchmark_items),
        params=repeats,
    )
    by_reader: dict[str, dict[str, dict[str, Any]]] = {}
    for answer in _rows(answers):
        of = by_reader.setdefault(answer["prediction_id"], {})
        of[answer["reader"]] = answer
    told = shown.show_answers(
        _rows(said),
        by_reader,
        _by_id(benchmark_items),
        reading=reading,
        params=params,
    )
    items = shown.show_items(_rows(benchmark_items), _rows(predictions))
    return Shown(frame(ShownItems, items), frame(ShownAnswers, told))


def _rows(table: pl.DataFrame) -> Iterator[dict[str, Any]]:
    return table.iter_rows(named=True)


def _by_prediction(
    answers: pl.DataFrame, params: ReadingParameters
) -> dict[str, dict[str, Any]]:
    """Return the answers of the reader that counts."""
    scored = answers.filter(reader=params.scored)
    return {answer["prediction_id"]: answer for answer in _rows(scored)}


def _read(
    predictions: pl.DataFrame, answers: pl.DataFrame, params: ReadingParameters
) -> list[dict[str, Any]]:
    """Return every prediction that counts, with the answer in it: what is scored."""
    scored = _by_prediction(answers, params)
    together = (p | scored[p["prediction_id"]] for p in _rows(predictions))
    return [read for read in together if read["outcome"] != "absent"]


def _by_id(items: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {item["item_id"]: item for item in items.iter_rows(named=True)}
