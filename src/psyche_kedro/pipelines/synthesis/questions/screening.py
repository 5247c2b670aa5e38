"""Appendix D, question control: can the question be answered without its source?"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from psyche_kedro.llm.chat_model import ChatRequest, Outcome, Reply
from psyche_kedro.pipelines.synthesis.provenance import fault, verdict_in
from psyche_kedro.prompts import Prompt, render_question

REASONABLE, UNREASONABLE = "合理", "不合理"


class Verdict(NamedTuple):
    """What the judge said about one question."""

    verdict: str | None
    """``合理``, ``不合理``, or ``None`` where it cannot be read."""
    reason: str


def render_examples(examples: Iterable[Mapping[str, str]]) -> str:
    """Return few-shot examples as the prompt shows them."""
    return "\n\n".join(
        f"{e['question'].strip()}\n判断：{e['verdict']}。{e['reason']}"
        for e in examples
    )


def screening_request(
    question: Mapping[str, Any], prompt: Prompt, examples: str
) -> ChatRequest:
    """Return the question to the judge."""
    shown = render_question(question)
    messages = prompt.render(examples=examples, question=shown)
    return ChatRequest(messages, task="screen_questions")


def read_verdict(outcome: Outcome) -> Verdict:
    """Return the verdict; a bare ``合理`` counts, as Appendix D asks for it."""
    said = verdict_in(outcome)
    text = outcome.text.strip() if isinstance(outcome, Reply) else ""
    word = str(said.get("verdict", text)).strip(" 。.\"'“”")
    if word in {REASONABLE, UNREASONABLE}:
        return Verdict(word, str(said.get("reason", "")))
    return Verdict(None, fault(outcome))
