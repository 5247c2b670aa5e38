"""The estimate as a table, which the report lays beside what the run took.

A pure function of the chapter's inputs and of the basis, which is read before the first
node runs: whenever the node's turn comes, it knows no more than ``kedro estimate`` did.
"""

from typing import Any

import polars as pl

from psyche_kedro.llm.prices import cost, price_of
from psyche_kedro.pipelines.synthesis.costs.basis import Basis
from psyche_kedro.pipelines.synthesis.costs.estimate import (
    NodeEstimate,
    Settings,
    estimate,
)
from psyche_kedro.pipelines.synthesis.parameters import (
    DialogueParameters,
    DistillationParameters,
    QuestionParameters,
    RationaleParameters,
)
from psyche_kedro.tables import CostEstimate, frame


def estimate_costs(  # noqa: PLR0913 - the node's inputs
    *,
    chunks: pl.DataFrame,
    clean_bank_questions: pl.DataFrame,
    useful_posts: pl.DataFrame,
    basis: Basis,
    prices: dict[str, Any],
    questions: QuestionParameters,
    distillation: DistillationParameters,
    rationales: RationaleParameters,
    dialogues: DialogueParameters,
) -> pl.DataFrame:
    """Return what each node that asks a model will ask, and what that costs.

    Args:
        chunks: ``Chunks``.
        clean_bank_questions: ``BankQuestions``.
        useful_posts: ``UsefulPosts``.
        basis: What was known before the run; a hook sets it.
        prices: Fields of ``Price`` by model id.
        questions: ``synthesis.questions``.
        distillation: ``synthesis.distillation``.
        rationales: ``synthesis.rationales``.
        dialogues: ``synthesis.dialogues``.

    Returns:
        ``CostEstimate``, one row per (node, role).
    """
    inputs = {
        "chunks": chunks,
        "clean_bank_questions": clean_bank_questions,
        "useful_posts": useful_posts,
    }
    settings = Settings(questions, distillation, rationales, dialogues)
    rows = estimate(inputs, settings, basis)
    return frame(CostEstimate, (_row(row, basis, prices) for row in rows))


def _row(row: NodeEstimate, basis: Basis, prices: dict[str, Any]) -> dict[str, Any]:
    role, model = row.player
    tokens = {"input_tokens": row.input_tokens, "output_tokens": row.output_tokens}
    spent = cost(price_of(prices, model), tokens)
    return {
        "node": row.node,
        "role": role,
        "model": model,
        "calls_mid": row.calls,
        "calls_spread": row.calls_spread,
        "input_tokens_mid": row.input_tokens,
        "output_tokens_mid": row.output_tokens,
        "tokens_spread": row.tokens_spread,
        "money_mid": spent["money"],
        "currency": spent["currency"],
        "in_store": basis.in_store.get(f"{row.node} {role}", 0),
        "rests_on": basis.rests_on,
    }
