"""What a student is asked, and what its reply says."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import polars as pl

from psyche_kedro.answers import read_choice_of
from psyche_kedro.llm import ChatRequest, Failure, Outcome, Reply
from psyche_kedro.llm.chat_model import Asking, Message
from psyche_kedro.metrics import verdict_on
from psyche_kedro.pipelines.selection.parameters import StudentParameters
from psyche_kedro.prompts import Prompt, render_question


def student_requests(
    questions: pl.DataFrame, prompt: Prompt, params: StudentParameters
) -> Asking[int]:
    """Return the requests, all samples of a question together.

    A request holds the question alone: no gold, no rationale, no explanation.
    """
    sampling = {
        "temperature": params.temperature,
        "max_tokens": params.max_tokens,
    }

    @lru_cache(maxsize=1)  # the samples of a question follow one another
    def messages(place: int) -> Sequence[Message]:
        question = questions.row(place, named=True)
        return prompt.render(question=render_question(question, prompt.words))

    def request(number: int) -> ChatRequest:
        place, sample = divmod(number, params.samples)
        return ChatRequest(
            messages(place),
            task="answer_as_students",
            sampling=sampling,
            sample=sample,
        )

    return Asking(range(questions.height * params.samples), request)


def student_answers(
    questions: pl.DataFrame,
    outcomes: Sequence[Outcome],
    prompt: Prompt,
    params: StudentParameters,
) -> Iterator[dict[str, Any]]:
    """Yield one student's rows, in the order of ``student_requests``."""
    asked = (
        (question, sample)
        for question in questions.iter_rows(named=True)
        for sample in range(params.samples)
    )
    for (question, sample), outcome in zip(asked, outcomes, strict=True):
        text = outcome.text if isinstance(outcome, Reply) else None
        predicted = read_choice_of(text or "", question).labels
        verdict = verdict_on(predicted, set(question["gold"]))
        yield {
            "question_id": question["question_id"],
            "sample": sample,
            "text": text,
            "prediction": sorted(predicted),
            "outcome": "failed" if text is None else verdict,
            "reason": outcome.reason if isinstance(outcome, Failure) else None,
            "model": outcome.model,
            "reply_key": outcome.key,
            "prompt_digest": prompt.digest,
        }
