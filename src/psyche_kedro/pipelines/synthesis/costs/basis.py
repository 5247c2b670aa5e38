"""What an estimate rests on: rates and sizes that earlier runs measured, or priors.

Each rate is taken from tables that one node writes, so that it holds also where inputs
were changed, or chapters run again, since.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict

from psyche_kedro.pipelines.synthesis.parameters import DistillationParameters
from psyche_kedro.pipelines.synthesis.questions import nodes as question_nodes

MEASURED, PRIOR = 0.1, 0.33
"""How far a rate may be off, as a share of it (ours)."""

LAST = (
    "generated_questions",
    "rejected_generated_questions",
    "question_pool",
    "rejected_pool_questions",
    "question_clusters",
    "distinct_questions",
    "duplicate_questions",
    "screened_questions",
    "rejected_questions",
    "reviewed_questions",
    "rejected_by_review",
    "rationales",
    "rationale_rounds",
    "reasoning_samples",
    "refined_posts",
    "rejected_refined_posts",
    "empathetic_dialogues",
    "rejected_dialogues",
)
"""Tables that rates are measured on."""

Tables = Mapping[str, pl.DataFrame]


class Tokens(NamedTuple):
    """Tokens of one call."""

    input: float
    output: float


class Player(NamedTuple):
    """A model that plays a part."""

    role: str
    """As the accounts name it, e.g. ``teacher``."""
    model: str | None
    """Its id, if it is known."""


PLAYERS = {
    "teacher_model": (Player("teacher", None),),
    "judge_model": (Player("judge", None),),
    "rationale_models": (Player("teacher", None),),
}
"""Entries of the catalog that the chapter asks, and their models where none is read."""


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


class Basis(BaseModel):
    """What is known before a run.

    Attributes:
        players: Models by entry of the catalog; several take turns.
        rates: Fields of ``Rates`` that the last run measured.
        generated: Questions the last run generated, by subfield of the taxonomy.
        sizes: Mean tokens of a call by ``node role``, where the store counted any.
        in_store: Replies that the store holds by ``node role``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    players: Mapping[str, Sequence[Player]] = PLAYERS
    rates: dict[str, float] = {}
    generated: dict[str, int] = {}
    sizes: dict[str, Tokens] = {}
    in_store: dict[str, int] = {}

    @property
    def rests_on(self) -> str:
        """``last_run`` where every rate is measured, else ``priors``."""
        known = self.rates.keys() >= {rate.name for rate in fields(Rates)}
        return "last_run" if known else "priors"

    @property
    def spread(self) -> float:
        """How far one rate may be off."""
        return MEASURED if self.rests_on == "last_run" else PRIOR


def measure_rates(last: Tables) -> dict[str, float]:
    """Return the rates of the last run; only those that its tables tell.

    Args:
        last: Tables of ``LAST`` by name; missing ones leave their rates out.
    """
    rates = {name: kept_share(last, *parts) for name, parts in _SHARES.items()}
    found = {name: rate for name, rate in rates.items() if rate is not None}
    return found | dict(_measurements(last))


def count_generated(last: Tables, params: DistillationParameters) -> dict[str, int]:
    """Return how many questions the last run generated of each subfield."""
    generated = last.get("generated_questions")
    if generated is None:
        return {}
    return question_nodes.covered(generated, params=params)


_SHARES = {
    "written": ("generated_questions", "rejected_generated_questions"),
    "pooled": ("question_pool", "rejected_pool_questions"),
    "distinct": ("distinct_questions", "duplicate_questions"),
    "screened": ("screened_questions", "rejected_questions"),
    "reviewed": ("reviewed_questions", "rejected_by_review"),
    "retold": ("refined_posts", "rejected_refined_posts"),
}
"""Rates that are a share: what is kept, and what is rejected."""


def kept_share(last: Tables, kept: str, rejected: str) -> float | None:
    """Return the share that a filter kept; ``None`` where it saw no row."""
    if kept not in last or rejected not in last:
        return None
    # What a teacher writes beyond what was asked for is no loss.
    n, lost = (
        last[kept].height,
        last[rejected].filter(pl.col("reason") != "surplus").height,
    )
    return n / (n + lost) if n + lost else None


def _measurements(last: Tables) -> Iterator[tuple[str, float]]:
    clusters = last.get("question_clusters")
    if clusters is not None and clusters.height:
        sizes = clusters.group_by("cluster_id").len()
        yield "clustered", sizes.filter(pl.col("len") > 1).height / clusters.height
    tried = last.get("rationales")
    if tried is not None and tried.height:
        questions = tried["question_id"].n_unique()
        yield "attempts", tried.height / questions
        yield "solved", tried.filter(pl.col("outcome") == "right").height / questions
    yield from _round_measurements(last)
    posts, lost = last.get("refined_posts"), last.get("rejected_dialogues")
    if posts is not None and posts.height and lost is not None:
        # Rejected before a judge saw them: only a judged dialogue has scores.
        unjudged = lost.filter(~pl.col("detail").fill_null("").str.contains("empathy="))
        yield "sound", max(0.0, 1 - unjudged.height / posts.height)


def _round_measurements(last: Tables) -> Iterator[tuple[str, float]]:
    rounds, samples = last.get("rationale_rounds"), last.get("reasoning_samples")
    if rounds is not None:
        played = rounds.filter(pl.col("round") > 0)
        if played.height:
            # A refused candidate has no rationale and no call of its own for one.
            refused = played["reply_key"].null_count()
            yield "asked_again", 1 - refused / played.height
    if samples is not None and samples.height:
        contested = samples.filter(pl.col("n_candidates") > 1).height
        yield "contested", contested / samples.height
