"""Appendix D, question control: can the question be answered without its source?"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from psyche_kedro.llm.chat_model import ChatRequest, Outcome, Reply
from psyche_kedro.llm.schemas import TEXT, an_object, one_of
from psyche_kedro.pipelines.synthesis.provenance import fault, verdict_in
from psyche_kedro.prompts import Prompt, Words, render_question

REASONABLE, UNREASONABLE = "reasonable", "unreasonable"


class Verdict(NamedTuple):
    """What the judge said about one question."""

    verdict: str | None
    """``reasonable``, ``unreasonable``, or ``None`` where it cannot be read."""
    reason: str


def render_examples(examples: Iterable[Mapping[str, str]], words: Words) -> str:
    """Return few-shot examples as the prompt shows them."""
    return "\n\n".join(
        words.say("example", **{**example, "question": example["question"].strip()})
        for example in examples
    )


def screening_request(
    question: Mapping[str, Any], prompt: Prompt, examples: str
) -> ChatRequest:
    """Return the question to the judge."""
    shown = render_question(question, prompt.words)
    messages = prompt.render(examples=examples, question=shown)
    return ChatRequest(
        messages,
        task="screen_questions",
        schema=an_object(verdict=one_of(prompt.words.verdicts.values()), reason=TEXT),
    )


def read_verdict(outcome: Outcome, words: Words) -> Verdict:
    """Return the verdict; its bare word counts, as Appendix D asks for it."""
    said = verdict_in(outcome)
    text = outcome.text.strip() if isinstance(outcome, Reply) else ""
    word = str(said.get("verdict", text)).strip(" 。.\"'“”").casefold()
    for verdict, called in words.verdicts.items():
        if word == called.casefold():
            return Verdict(verdict, str(said.get("reason", "")))
    return Verdict(None, fault(outcome))


def kind_of(reason: str, words: Words) -> str:
    """Return what is wrong with a question by the words of a reason, as a slug."""
    said = (
        kind
        for kind, called in words.reasons.items()
        if any(word.casefold() in reason.casefold() for word in called)
    )
    return next(said, "unreasonable")
