"""What synthesis will cost, before it is spent: calls, tokens and money per node.

Calls are counted along the chapter as it would run: exactly where the inputs decide
(chunks, posts, turns), by rates where replies do (how many questions survive, how many
attempts a question takes). A call is one that the run needs, whether or not the store
holds its reply already: which of them it does cannot be told before they are asked.

Rates come from the tables of the last run, else from priors; tokens per call from the
replies in the store, else from the inputs' text at 1.6 characters each and from stated
sizes. An estimate says how far it may be off, as a share of it: nothing for what is
counted, a tenth for a measured rate, a third for a prior, added up along the way.

Example row::

    NodeEstimate("write_rationales", Player("teacher", "qwen"), calls=107, …)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from psyche_kedro.pipelines.synthesis.costs.basis import (
    MEASURED,
    PRIOR,
    Basis,
    Player,
    Rates,
    Tables,
    Tokens,
)
from psyche_kedro.pipelines.synthesis.dialogues import conversations
from psyche_kedro.pipelines.synthesis.parameters import (
    DialogueParameters,
    DistillationParameters,
    QuestionParameters,
    RationaleParameters,
)
from psyche_kedro.pipelines.synthesis.questions import nodes as question_nodes
from psyche_kedro.pipelines.synthesis.questions.coverage import missing_questions
from psyche_kedro.text.tokens import estimate_tokens


class Settings(NamedTuple):
    """The parameters that decide how often a model is asked."""

    questions: QuestionParameters
    distillation: DistillationParameters
    rationales: RationaleParameters
    dialogues: DialogueParameters


class NodeEstimate(NamedTuple):
    """What one node asks of one model."""

    node: str
    player: Player
    calls: float
    input_tokens: float
    output_tokens: float
    calls_spread: float
    tokens_spread: float
    """How far they may be off, as a share of them."""


_SIZES = {
    "generate_questions": Tokens(450, 900),
    "distil_questions": Tokens(600, 700),
    "pick_representatives": Tokens(900, 120),
    "screen_questions": Tokens(1_300, 60),
    "write_rationales": Tokens(550, 700),
    "refine_rationales": Tokens(1_000, 550),
    "choose_best_rationales": Tokens(2_600, 200),
    "refine_posts": Tokens(350, 0),
    "write_dialogues teacher_model": Tokens(450, 500),
    "write_dialogues judge_model": Tokens(400, 100),
}
"""Tokens of one call where no run has measured them (ours); ``_material`` is added."""


class _Step(NamedTuple):
    node: str
    entry: str
    calls: float
    rates: int
    """How many rates the number of calls hangs on."""
    shares: Sequence[float] = (1.0,)
    """What each model of the entry is asked of them."""


def estimate(inputs: Tables, settings: Settings, basis: Basis) -> list[NodeEstimate]:
    """Return the estimate of every node of the chapter that asks a model.

    Args:
        inputs: ``chunks``, ``clean_bank_questions``, ``useful_posts``.
        settings: The chapter's parameters.
        basis: What is known before the run.
    """
    steps = [
        *_question_steps(inputs, settings, basis),
        *_dialogue_steps(inputs["useful_posts"], settings.dialogues, basis),
    ]
    material = _material(inputs)
    return [
        _priced(step._replace(calls=step.calls * share), player, basis, material)
        for step in steps
        for player, share in zip(basis.players[step.entry], step.shares, strict=True)
    ]


def _material(inputs: Tables) -> dict[str, Tokens]:
    """Return the tokens that a call takes and gives of text that stands in the inputs.

    A retold post is about as long as it was.
    """
    threads = inputs["useful_posts"]["messages"].to_list()
    opened = _mean_tokens(map(conversations.opening, threads))
    before = (
        messages[: at + 1]
        for messages in threads
        for at in conversations.reply_positions(messages)
    )
    chunks = inputs["chunks"]
    passage = sum(chunks["n_chars"]) // max(1, chunks.height)
    return {
        "generate_questions": Tokens(estimate_tokens(passage), 0),
        "refine_posts": Tokens(opened, opened),
        "write_dialogues teacher_model": Tokens(_mean_tokens(before), 0),
        "write_dialogues judge_model": Tokens(_mean_tokens(threads), 0),
    }


def _mean_tokens(talks: Iterable[Sequence[conversations.Message]]) -> int:
    lengths = [sum(len(m["content"]) for m in messages) for messages in talks]
    return estimate_tokens(sum(lengths) // max(1, len(lengths)))


def _question_steps(
    inputs: Tables, settings: Settings, basis: Basis
) -> Iterator[_Step]:
    rates, asks = Rates(**basis.rates), settings.questions.asks
    n_chunks, bank = inputs["chunks"].height, inputs["clean_bank_questions"]
    part = settings.distillation
    there = question_nodes.covered(bank, params=part)
    counts = {name: n + basis.generated.get(name, 0) for name, n in there.items()}
    distilled = list(missing_questions(counts, part))
    yield _Step("generate_questions", "teacher_model", n_chunks * len(asks), 0)
    yield _Step("distil_questions", "teacher_model", len(distilled), 1)
    written = n_chunks * sum(a.count for a in asks) * rates.written
    written += sum(d.ask.count for d in distilled)
    pool = rates.pooled * (written + bank.height)
    yield _Step("pick_representatives", "judge_model", pool * rates.clustered, 2)
    distinct = pool * rates.distinct
    yield _Step("screen_questions", "judge_model", distinct, 2)
    reviewed = distinct * rates.screened * rates.reviewed
    yield from _rationale_steps(reviewed, settings.rationales, basis)
    solved = reviewed * rates.solved
    votes = solved * rates.contested * settings.rationales.votes
    yield _Step("choose_best_rationales", "judge_model", votes, 3)


def _rationale_steps(
    reviewed: float, params: RationaleParameters, basis: Basis
) -> Iterator[_Step]:
    rates, n = Rates(**basis.rates), len(basis.players["rationale_models"])
    asked, solved = _turns(n, params.regenerations + 1, rates)
    hang_on = 3 if n == 1 else 4
    attempts = reviewed * rates.attempts
    yield _Step("write_rationales", "rationale_models", attempts, hang_on, asked)
    rounds = reviewed * rates.solved * params.rounds * (1 + rates.asked_again)
    yield _Step("refine_rationales", "rationale_models", rounds, hang_on, solved)


def _turns(
    n: int, attempts: int, rates: Rates
) -> tuple[Sequence[float], Sequence[float]]:
    """Return each teacher's share of the attempts, and of the questions solved.

    They take turns; of the questions that are solved in the end, every attempt is taken
    to solve the same part of what was left.
    """
    lost = 1 - rates.solved
    tries = (rates.attempts - lost * attempts) / max(rates.solved, 0.01)
    left = [(1 - 1 / max(tries, 1.0)) ** number for number in range(attempts)]
    asked = [lost + rates.solved * part for part in left]
    return _dealt(asked, n), _dealt(left, n)


def _dealt(parts: Sequence[float], n: int) -> Sequence[float]:
    return [sum(parts[first::n]) / sum(parts) for first in range(n)]


def _dialogue_steps(
    posts: pl.DataFrame, params: DialogueParameters, basis: Basis
) -> Iterator[_Step]:
    rates = Rates(**basis.rates)
    threads = posts["messages"].to_list()
    openings = {
        conversations.source_text(conversations.opening(messages))
        for messages in threads
    }
    told = sum(len(text) >= params.min_opening for text in openings)
    turns = sum(len(conversations.reply_positions(messages)) for messages in threads)
    passes = 3 if params.aims == "separate" else 1
    yield _Step("refine_posts", "teacher_model", told, 0)
    replies = turns * rates.retold * passes
    yield _Step("write_dialogues", "teacher_model", replies, 1)
    judged = posts.height * rates.retold * rates.sound
    yield _Step("write_dialogues", "judge_model", judged, 2)


def _priced(
    step: _Step, player: Player, basis: Basis, material: Mapping[str, Tokens]
) -> NodeEstimate:
    spread = min(0.9, step.rates * basis.spread)
    size = basis.sizes.get(f"{step.node} {player.role}")
    part = f"{step.node} {step.entry}"
    key = part if part in _SIZES else step.node
    read = material.get(key, Tokens(0, 0))
    stated = Tokens(_SIZES[key].input + read.input, _SIZES[key].output + read.output)
    tokens = size or stated
    return NodeEstimate(
        step.node,
        player,
        step.calls,
        step.calls * tokens.input,
        step.calls * tokens.output,
        spread,
        min(0.9, spread + (MEASURED if size else PRIOR)),
    )
