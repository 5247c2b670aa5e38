"""Which question of a cluster stays.

§2.2: "cluster similar questions and select the optimal one through LLM-based
ranking". Members are shown in an order that depends on ids alone, not on quality; a
verdict that cannot be read falls back to the written rule of ``priority``.
"""

from operator import itemgetter
from typing import NamedTuple

import polars as pl

from psyche_kedro.llm.chat_model import ChatRequest, Outcome
from psyche_kedro.llm.schemas import TEXT, an_object, from_to
from psyche_kedro.pipelines.synthesis.provenance import as_index, verdict_in
from psyche_kedro.prompts import Prompt, render_question
from psyche_kedro.tables import Row, content_id, grouped

_MAX_RANKED = 10  # ours: more candidates than this in one prompt are not compared well
_ORIGINS = {"bank": 2, "textbook": 1, "distilled": 0}


class Cluster(NamedTuple):
    """Members that compete, in the order the judge sees them."""

    cluster_id: str
    """Also the id of the member that wins by the written rule."""
    shown: list[Row]
    others: list[Row]
    """Members beyond ``_MAX_RANKED``: out by the written rule."""


class Winner(NamedTuple):
    """The member that stays, and who said so."""

    question_id: str
    reason: str


def priority(question: Row) -> int:
    """Return the written rule as a number: bank before book, explained, detailed."""
    explained = bool(question["explanation"])
    length = len(question["stem"]) + len(question["case_text"] or "")
    return (2 * _ORIGINS[question["origin"]] + explained) * 100_000 + min(
        length, 99_999
    )


def competing_clusters(pool: pl.DataFrame, clusters: pl.DataFrame) -> list[Cluster]:
    """Return the clusters with two members or more, each in its order of showing."""
    rows = pool.join(clusters, on="question_id").iter_rows(named=True)
    members = grouped(rows, itemgetter("cluster_id"))
    return [
        _cluster(cluster_id, rows) for cluster_id, rows in members.items() if rows[1:]
    ]


def ranking_request(cluster: Cluster, prompt: Prompt) -> ChatRequest:
    """Return the question to the judge."""
    shown = [render_question(row, prompt.words) for row in cluster.shown]
    return ChatRequest(
        prompt.render(questions=shown),
        task="pick_representatives",
        schema=an_object(best_index=from_to(1, len(shown)), reason=TEXT),
    )


def read_winner(cluster: Cluster, outcome: Outcome) -> Winner:
    """Return the judge's choice; the written rule's where it cannot be read."""
    index = as_index(verdict_in(outcome).get("best_index"), len(cluster.shown))
    if index is None:
        return Winner(cluster.cluster_id, "written_rule")
    return Winner(cluster.shown[index]["question_id"], "judged")


def _cluster(cluster_id: str, rows: list[Row]) -> Cluster:
    def by_rule(row: Row) -> tuple[bool, int, str]:
        lead = row["question_id"] != cluster_id
        return lead, -priority(row), row["question_id"]

    best = sorted(rows, key=by_rule)
    shown = sorted(
        best[:_MAX_RANKED], key=lambda row: content_id(cluster_id, row["question_id"])
    )
    return Cluster(cluster_id, shown, best[_MAX_RANKED:])
