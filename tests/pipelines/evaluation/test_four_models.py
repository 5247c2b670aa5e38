"""Four models that go wrong in four ways are four different rows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from exam_rows import (
    NO_TRAINING,
    READING,
    item,
    items,
    prompts,
    protocol_parameters,
    settings,
)

from cards import CARDS
from llm.loopback import Ask, Behaviour, LoopbackServer
from psyche_kedro.datasets import ChatModelsDataset
from psyche_kedro.pipelines.evaluation import nodes
from psyche_kedro.pipelines.evaluation.parameters import (
    LimitParameters,
    ScoringParameters,
)
from psyche_kedro.tables import Judgements, frame

EXAM = [item(f"第{n}题", cell="theory_single", gold="A") for n in range(10)]


def cut_off(ask: Ask) -> Behaviour:
    return Behaviour(text="答案：A\n解析：因为", finish_reason="length")


def refuses(ask: Ask) -> Behaviour:
    return Behaviour(text="抱歉，我无法回答这个问题。")


def in_json(ask: Ask) -> Behaviour:
    return Behaviour(text='{"reasoning": "B不符合题意", "answer": "A"}')


def fails_one_in_five(ask: Ask) -> Behaviour:
    number = next(n for n in range(10) if f"第{n}题" in ask.content)
    return Behaviour(text="答案：A", status=400 if number % 5 == 0 else 200)


MODELS: dict[str, Callable[[Ask], Behaviour]] = {
    "cut": cut_off,
    "refusing": refuses,
    "json": in_json,
    "shaky": fails_one_in_five,
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    store = tmp_path_factory.mktemp("four") / "replies.sqlite"
    with LoopbackServer(lambda ask: MODELS[ask.body["model"]](ask)) as server:
        yield sat(server.url, store)


def sat(url: str, store: Path) -> dict[str, Any]:
    entry = {
        "type": "psyche_kedro.datasets.OpenAIChatModelDataset",
        "base_url": url,
        "store": str(store),
        "revision": "r1",
    }
    models = ChatModelsDataset(
        models={name: entry | {"model": name} for name in MODELS}, identity="weights"
    )
    protocols = protocol_parameters("reasoned")
    papers = nodes.write_exam_papers(
        benchmark_items=items(*EXAM),
        exemplars=items(),
        params=protocols,
        limit=LimitParameters(per_cell=None, seed=1),
        benchmarks=CARDS,
        **prompts(),
    )
    predictions = nodes.answer_benchmarks(
        exam_papers=papers, models=models.load(), params=protocols
    )
    answers = nodes.read_answers(predictions, items(*EXAM), READING)
    scores = nodes.score_predictions(
        predictions=predictions,
        answers=answers,
        judgements=frame(Judgements, []),
        selection=NO_TRAINING,
        benchmark_items=items(*EXAM),
        benchmarks=CARDS,
        reading=READING,
        params=ScoringParameters(**settings()["scores"]),
    ).scores
    summary = nodes.summarise_answers(predictions, answers, READING)
    return {"summary": summary, "scores": scores}


def test_each_ends_in_its_own_way(tables: dict[str, pl.DataFrame]) -> None:
    ended = ("n_read", "n_unread", "n_refused", "n_truncated", "n_failed")
    rows = {row["role"]: row for row in tables["summary"].to_dicts()}
    assert {role: [row[name] for name in ended] for role, row in rows.items()} == {
        "cut": [0, 0, 0, 10, 0],
        "refusing": [0, 0, 10, 0, 0],
        "json": [10, 0, 0, 0, 0],
        "shaky": [8, 0, 0, 0, 2],
    }
    assert rows["cut"]["n_truncated_read"] == 10
    assert rows["shaky"]["reasons"] == ["bad_request (2)"]


def test_each_scores_what_it_said_and_no_average_stands_over_failed_calls(
    tables: dict[str, pl.DataFrame],
) -> None:
    accuracies = tables["scores"].filter(metric="standard_accuracy")
    names = ("value", "n", "n_missing", "n_truncated", "n_failed")
    cell, average = (
        {r["role"]: tuple(r[n] for n in names) for r in accuracies.to_dicts()}
        for accuracies in (
            accuracies.filter(cell="theory_single"),
            accuracies.filter(cell="micro_average"),
        )
    )
    assert cell == {
        "cut": (100, 10, 0, 10, 0),
        "refusing": (0, 10, 10, 0, 0),
        "json": (100, 10, 0, 0, 0),
        "shaky": (100, 8, 0, 0, 2),
    }
    assert average["shaky"][0] is None
    assert [average[role][0] for role in ("cut", "refusing", "json")] == [100, 0, 100]
