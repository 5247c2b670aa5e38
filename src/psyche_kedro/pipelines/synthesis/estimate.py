"""What synthesis will cost, before it is spent: calls, tokens and money per node.

Calls are counted along the chapter as it would run: exactly where the inputs decide
(chunks, posts, turns), by rates where replies do (how many questions survive, how many
attempts a question takes). Rates come from the tables of the last run, else from the
priors below; tokens per call from the replies in the store, else from stated sizes.
An estimate carries a range: nothing for what is counted, a tenth for a measured rate, a
third for a prior, added up along the way.

Example row::

    NodeEstimate("write_rationales", "teacher_model", calls=Range(96, 107, 118), …)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import polars as pl

from psyche_kedro.pipelines.synthesis.dialogues import conversations
from psyche_kedro.pipelines.synthesis.parameters import (
    ChunkParameters,
    DialogueParameters,
    DistillationParameters,
    QuestionParameters,
    RationaleParameters,
)
from psyche_kedro.pipelines.synthesis.questions import nodes as question_nodes
from psyche_kedro.pipelines.synthesis.questions.coverage import missing_questions

_MEASURED, _PRIOR = 0.1, 0.33

Tables = Mapping[str, pl.DataFrame]


class Settings(NamedTuple):
    """The parameters that decide how often a model is asked."""

    chunks: ChunkParameters
    questions: QuestionParameters
    distillation: DistillationParameters
    rationales: RationaleParameters
    dialogues: DialogueParameters


@dataclass(frozen=True, slots=True)
class Rates:
    """How much survives each step; the defaults are priors (ours)."""

    written: float = 0.9
    """Questions kept per question asked for."""
    pooled: float = 0.97
    """Pool rows per question written or read."""
    clustered: float = 0.05
    """Clusters of several per question of the pool."""
    distinct: float = 0.9
    screened: float = 0.8
    reviewed: float = 1.0
    attempts: float = 1.6
    """Attempts per question."""
    solved: float = 0.83  # the paper: ~75k of ~90k
    asked_again: float = 0.95
    """Share of rounds whose candidate prompt is not refused."""
    contested: float = 0.9
    """Solved questions with two candidates or more."""
    retold: float = 0.9
    """Useful posts whose retelling stands."""
    sound: float = 0.95
    """Dialogues that reach the judge."""
    spread: float = _PRIOR


class Range(NamedTuple):
    """A number between two bounds."""

    low: float
    mid: float
    high: float


class Tokens(NamedTuple):
    """Tokens of one call."""

    input: float
    output: float


class NodeEstimate(NamedTuple):
    """What one node asks of one model."""

    node: str
    role: str
    calls: Range
    input_tokens: Range
    output_tokens: Range


_SIZES = {
    "generate_questions": Tokens(2_000, 900),
    "distil_questions": Tokens(600, 700),
    "pick_representatives": Tokens(900, 120),
    "screen_questions": Tokens(1_300, 60),
    "write_rationales": Tokens(550, 700),
    "refine_rationales": Tokens(1_000, 550),
    "choose_best_rationales": Tokens(2_600, 200),
    "refine_posts": Tokens(800, 350),
    "write_dialogues teacher_model": Tokens(1_300, 500),
    "write_dialogues judge_model": Tokens(1_400, 100),
}
"""Tokens of one call where no run has measured them (ours)."""


class _Step(NamedTuple):
    node: str
    role: str
    calls: float
    rates: int
    """How many rates the number of calls hangs on."""


def estimate(
    inputs: Tables,
    settings: Settings,
    *,
    last: Tables,
    sizes: Mapping[tuple[str, str], Tokens],
) -> list[NodeEstimate]:
    """Return the estimate of every node of the chapter that asks a model.

    Args:
        inputs: ``clean_documents``, ``clean_bank_questions``, ``useful_posts``.
        settings: The chapter's parameters.
        last: Tables of the last run by name; empty for priors.
        sizes: Measured tokens of a call by (node, role).
    """
    rates = measured_rates(last, settings)
    return [
        _priced(step, rates, sizes) for step in _steps(inputs, settings, rates, last)
    ]


def measured_rates(last: Tables, settings: Settings) -> Rates:
    """Return the rates of the last run; priors for what it did not write."""
    found = {
        name: value
        for name, value in _measurements(last, settings)
        if value is not None
    }
    spread = _MEASURED if len(found) == len(fields(Rates)) - 1 else _PRIOR
    return replace(Rates(), **found, spread=spread)


def _measurements(
    last: Tables, settings: Settings
) -> Iterator[tuple[str, float | None]]:
    n = {name: table.height for name, table in last.items()}
    generated = n.get("generated_questions")
    lost = n.get("rejected_generated_questions")
    asked = None if generated is None or lost is None else generated + lost
    yield "written", _ratio(generated, asked)
    pool = n.get("question_pool")
    out = n.get("rejected_pool_questions")
    yield "pooled", _ratio(pool, None if pool is None or out is None else pool + out)
    clusters = last.get("question_clusters")
    several = None if clusters is None else _clusters_of_several(clusters)
    yield "clustered", _ratio(several, pool)
    yield "distinct", _ratio(n.get("distinct_questions"), pool)
    yield "screened", _ratio(n.get("screened_questions"), n.get("distinct_questions"))
    reviewed = n.get("reviewed_questions")
    yield "reviewed", _ratio(reviewed, n.get("screened_questions"))
    yield "attempts", _ratio(n.get("rationales"), reviewed)
    solved = n.get("reasoning_samples")
    yield "solved", _ratio(solved, reviewed)
    yield from _round_measurements(last, settings)
    yield "retold", _ratio(n.get("refined_posts"), n.get("useful_posts"))
    yield "sound", _sound_share(last)


def _round_measurements(
    last: Tables, settings: Settings
) -> Iterator[tuple[str, float | None]]:
    rounds = last.get("rationale_rounds")
    samples = last.get("reasoning_samples")
    if rounds is None or samples is None or samples.is_empty():
        return
    played = rounds.filter(pl.col("round") > 0)
    if played.height:
        # A refused candidate has no rationale and no call of its own for one.
        yield "asked_again", played["reply_key"].is_not_null().mean()  # type: ignore[misc]
    yield "contested", float((samples["n_candidates"] > 1).mean() or 0)  # type: ignore[arg-type]


def _sound_share(last: Tables) -> float | None:
    rejected, posts = last.get("rejected_dialogues"), last.get("refined_posts")
    if rejected is None or posts is None:
        return None
    judged = rejected.filter(pl.col("detail").str.contains("empathy=")).height
    kept = last["empathetic_dialogues"].height if "empathetic_dialogues" in last else 0
    return _ratio(kept + judged, posts.height)


def _clusters_of_several(clusters: pl.DataFrame) -> int:
    sizes = clusters.group_by("cluster_id").len()
    return sizes.filter(pl.col("len") > 1).height


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def _steps(
    inputs: Tables, settings: Settings, rates: Rates, last: Tables
) -> Iterator[_Step]:
    yield from _question_steps(inputs, settings, rates, last)
    yield from _dialogue_steps(inputs["useful_posts"], settings.dialogues, rates)


def _question_steps(
    inputs: Tables, settings: Settings, rates: Rates, last: Tables
) -> Iterator[_Step]:
    chunks = question_nodes.split_chunks(inputs["clean_documents"], settings.chunks)[0]
    asks = settings.questions.asks
    bank = inputs["clean_bank_questions"]
    part = settings.distillation
    counts = question_nodes.covered(last.get("generated_questions"), bank, part)
    distilled = list(missing_questions(counts, part))
    yield _Step("generate_questions", "teacher_model", chunks.height * len(asks), 0)
    yield _Step("distil_questions", "teacher_model", len(distilled), 1)
    written = chunks.height * sum(a.count for a in asks) * rates.written
    written += sum(d.ask.count for d in distilled)
    pool = rates.pooled * (written + bank.height)
    yield _Step("pick_representatives", "judge_model", pool * rates.clustered, 2)
    distinct = pool * rates.distinct
    yield _Step("screen_questions", "judge_model", distinct, 2)
    reviewed = distinct * rates.screened * rates.reviewed
    yield _Step("write_rationales", "teacher_model", reviewed * rates.attempts, 3)
    solved = reviewed * rates.solved
    per_question = settings.rationales.rounds * (1 + rates.asked_again)
    yield _Step("refine_rationales", "teacher_model", solved * per_question, 3)
    votes = solved * rates.contested * settings.rationales.votes
    yield _Step("choose_best_rationales", "judge_model", votes, 3)


def _dialogue_steps(
    posts: pl.DataFrame, params: DialogueParameters, rates: Rates
) -> Iterator[_Step]:
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
    step: _Step, rates: Rates, sizes: Mapping[tuple[str, str], Tokens]
) -> NodeEstimate:
    share = min(0.9, step.rates * rates.spread)
    calls = _around(step.calls, share)
    stated = _SIZES.get(step.node) or _SIZES[f"{step.node} {step.role}"]
    size = sizes.get((step.node, step.role))
    tokens = size or stated
    wider = min(0.9, share + (_MEASURED if size else _PRIOR))
    return NodeEstimate(
        step.node,
        step.role,
        calls,
        _around(step.calls * tokens.input, wider),
        _around(step.calls * tokens.output, wider),
    )


def _around(mid: float, share: float) -> Range:
    return Range(mid * (1 - share), mid, mid * (1 + share))
