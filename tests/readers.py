"""Everything that reads what a model said, and monsters for it to read.

A reader is found in the source, so that a new one is fed the monsters or fails the test
that compares ``READERS`` with it.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import psyche_kedro
from packs import PACKS
from prompt_set import WORDS
from psyche_kedro import answers, rewards
from psyche_kedro.answers import readers
from psyche_kedro.llm.chat_model import Reply
from psyche_kedro.pipelines.cedar import asking
from psyche_kedro.pipelines.cedar.isolation import translations
from psyche_kedro.pipelines.cedar.labels import LabelReader
from psyche_kedro.pipelines.cleaning import guard, usefulness
from psyche_kedro.pipelines.cleaning.deidentification import model_pass
from psyche_kedro.pipelines.evaluation import judging as counselling
from psyche_kedro.pipelines.evaluation import nodes as evaluation
from psyche_kedro.pipelines.evaluation import preferences
from psyche_kedro.pipelines.ingestion.textbooks import olmocr
from psyche_kedro.pipelines.synthesis import provenance
from psyche_kedro.pipelines.synthesis.dialogues import judging as dialogues
from psyche_kedro.pipelines.synthesis.parameters import Ask
from psyche_kedro.pipelines.synthesis.questions import ranking, screening, slots
from psyche_kedro.pipelines.synthesis.rationales import attempts, choice, rounds

PACKAGE = Path(psyche_kedro.__file__).parent

TEXTS = {"A": "焦虑", "B": "抑郁", "C": "强迫", "D": "以上都是"}
QUESTION = {
    "question_id": "q",
    "item_id": "q",
    "type": "multiple",
    "case_text": None,
    "stem": "情绪障碍有（ ）。",
    "options": [{"label": label, "text": text} for label, text in TEXTS.items()],
    "gold": ["A", "B"],
}
STATEMENT = QUESTION | {
    "type": "true_false",
    "options": [{"label": "A", "text": "正确"}, {"label": "B", "text": "错误"}],
    "gold": ["A"],
}
MESSAGES = [
    {"role": "user", "content": "我叫林小禾，睡不着。"},
    {"role": "assistant", "content": "辛苦了，多久了？"},
]
POST = {"risk": "none", "messages": MESSAGES}
SHOWN = [{"question_id": name, "round": n} for n, name in enumerate("ab")]


class Mark(BaseModel):
    score: int


def _masked(reply: Reply) -> object:
    spans = model_pass.read_spans(reply)
    return spans and model_pass.mask_spans(MESSAGES, spans, frozenset())


def _reading(read: readers.Reader, reply: Reply) -> readers.Reading:
    return read(reply.text, QUESTION)


def _slots(reply: Reply) -> list[slots.Slot]:
    kinds = ("single", "multiple", "true_false")
    asked = [Ask(type=kind, count=2) for kind in kinds]
    return [slot for ask in asked for slot in slots.read_slots(reply, ask, WORDS)]


def _attempts(reply: Reply) -> list[attempts.Attempt]:
    read = partial(attempts.read_attempt, outcome=reply, min_characters=1)
    return [read(QUESTION), read(STATEMENT)]


def _candidates(reply: Reply) -> list[rounds.Candidate]:
    states = [
        rounds.State(q, "想清楚。", "因为焦虑所以选A。") for q in (QUESTION, STATEMENT)
    ]
    return [rounds.read_candidate(state, reply, WORDS) for state in states]


LABEL_READERS = [LabelReader(pack, PACKS["en"]) for pack in PACKS.values()]

READERS: Mapping[str, Callable[[Reply], Any]] = {
    "answers.copies_example": lambda r: answers.copies_example(r.text),
    "answers.read_choice_of": lambda r: answers.read_choice_of(r.text, QUESTION),
    "answers.read_choice": lambda r: answers.read_choice(r.text, "ABCD", texts=TEXTS),
    "answers.read_by_default": partial(_reading, readers.read_by_default),
    "answers.read_as_psycollm": partial(_reading, readers.read_as_psycollm),
    "answers.read_as_cpsyexam": partial(_reading, readers.read_as_cpsyexam),
    "answers.read_cut_off": lambda r: readers.read_cut_off(
        r.text, QUESTION, readers.read_by_default
    ),
    "answers.read_field": lambda r: answers.read_field(r.text, "ABCD", texts=TEXTS),
    "answers.read_filled": lambda r: answers.read_filled(r.text),
    "answers.read_json": lambda r: answers.read_json(r.text),
    "answers.read_objects": lambda r: answers.read_objects(r.text),
    "answers.read_record": lambda r: answers.read_record(r.text, Mark),
    "answers.read_verdicts": lambda r: answers.read_verdicts(r.text),
    "answers.split_thought": lambda r: answers.split_thought(r.text),
    "rewards.read_answer": lambda r: rewards.read_answer(
        f"<think>想</think>{r.text}", "ABCD"
    ),
    "rewards.read_letters": lambda r: rewards.read_letters(r.text, "ABCD"),
    "cedar.asking.read_outcome": lambda r: [
        asking.read_outcome(r, reader) for reader in LABEL_READERS
    ],
    "cedar.asking.text_of": asking.text_of,
    "cedar.isolation.translations._read": partial(translations._read, kind=Mark),
    "cleaning.guard.guard_reason": guard.guard_reason,
    "cleaning.usefulness.read_verdict": usefulness.read_verdict,
    "cleaning.usefulness._unread": usefulness._unread,
    "cleaning.deidentification.model_pass.read_spans": _masked,
    "evaluation.judging.read_points": partial(
        counselling.read_points, rubric="1、共情{+5}\n减分项\n1、说教{-2}"
    ),
    "evaluation.judging.read_score": partial(counselling.read_score, n_levels=4),
    "evaluation.nodes._said": evaluation._said,
    "evaluation.preferences.read_better": preferences.read_better,
    "ingestion.textbooks.olmocr.read_reply": olmocr.read_reply,
    "synthesis.provenance.fault": provenance.fault,
    "synthesis.provenance.verdict_in": provenance.verdict_in,
    "synthesis.provenance.written": provenance.written,
    "synthesis.dialogues.judging.read_scores": dialogues.read_scores,
    "synthesis.questions.ranking.read_winner": partial(
        ranking.read_winner, ranking.Cluster("a", SHOWN, [])
    ),
    "synthesis.questions.screening.read_verdict": partial(
        screening.read_verdict, words=WORDS
    ),
    "synthesis.questions.slots.read_slots": _slots,
    "synthesis.questions.slots._why_missing": lambda r: slots._why_missing(
        r, some=False
    ),
    "synthesis.rationales.attempts.read_attempt": _attempts,
    "synthesis.rationales.choice.read_vote": lambda r: choice.read_vote(
        choice.Contest(QUESTION, SHOWN), r, 0
    ),
    "synthesis.rationales.rounds.read_candidate": _candidates,
}
"""By module and name."""


def readers_in_source() -> Iterator[str]:
    """Yield what reads a reply: its text is looked at, or its name says so."""
    for path in (*PACKAGE.rglob("pipelines/**/*.py"), *PACKAGE.glob("answers/*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        module = "answers" if module.startswith("answers.") else module
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and _reads(node, module):
                yield f"{module.removeprefix('pipelines.')}.{node.name}"


def _reads(function: ast.FunctionDef, module: str) -> bool:
    parameters = [*function.args.args, *function.args.kwonlyargs]
    if module == "answers":
        public = function.name.startswith("read_")
        return public and parameters[0].arg in ("text", "value")
    said = {p.arg for p in parameters if _is_outcome(p.annotation)}
    looked_at = {
        node.value.id
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr in ("text", "reasoning")
        if isinstance(node.value, ast.Name)
    }
    return bool(said) and (bool(said & looked_at) or function.name.startswith("read_"))


def _is_outcome(annotation: ast.expr | None) -> bool:
    names = {
        n.id for n in ast.walk(annotation or ast.Constant(0)) if isinstance(n, ast.Name)
    }
    return bool(names & {"Outcome", "Reply"})


def said(text: str) -> Reply:
    return Reply(text=text, model="m", key="00")
