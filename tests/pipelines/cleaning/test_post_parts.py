"""Posts in parts are the posts: no row more, none less, whatever becomes of a part."""

import json
from pathlib import Path

import polars as pl
import pytest
from cleaning_parameters import POSTS, REPLIES

from prompt_set import made_up
from psyche_kedro import tables
from psyche_kedro.errors import LeakError, PartitionError
from psyche_kedro.partitions.engines import InProcess, MapEngine, Processes
from psyche_kedro.partitions.parts import PartitionedTable
from psyche_kedro.partitions.store import PartitionStore
from psyche_kedro.pipelines.cleaning import conversations, nodes
from psyche_kedro.pipelines.cleaning.post_parts import (
    clean_posts_in_parts,
    judge_replies_in_parts,
    sample_masked_parts,
)
from psyche_kedro.tables import content_id
from psyche_kedro.workers.tasks import Limits
from scripted import ScriptedChatModel

PROMPT = made_up(source="§2.1", reply="JSON", user="请评：{{ conversation }}")
SPANS = made_up(source="§2.1", reply="JSON", user="请找：{{ conversation }}")
ADVICE = "先记录两周的作息，把上床的时间固定下来，睡不着就起来坐一会儿。"
AMPLE = Limits(seconds=60, memory=3_000_000_000, depth=1000)


def posts(*numbers: int) -> pl.DataFrame:
    """Posts; every third has no reply, every other a name."""
    return tables.frame(tables.Posts, map(post, numbers))


def post(number: int) -> dict:
    asked = f"我{number}天没睡好了" + ("，我叫李婷婷" if number % 2 else "")
    said = [("user", asked), ("assistant", ADVICE)][: 1 if number % 3 == 0 else 2]
    return {
        "post_id": content_id("post", str(number)),
        "thread_id": content_id("thread", str(number)),
        "source": "posts.json",
        "locator": f"item {number}",
        "kind": "community",
        "messages": [{"role": role, "content": text} for role, text in said],
    }


@pytest.fixture
def engine(tmp_path) -> MapEngine:
    return MapEngine(PartitionStore(str(tmp_path / "store")), InProcess())


@pytest.fixture
def table(tmp_path) -> PartitionedTable:
    store = PartitionStore(str(tmp_path / "raw"))
    return store.table("read", [posts(*range(7)), posts(*range(7, 12)), posts()])


def clean(table, engine, model=None):
    return clean_posts_in_parts(
        table,
        map_engine=engine,
        tagger=None,
        deidentification_prompt=SPANS,
        privacy_model=model,
        params=POSTS,
        replies_parameters=REPLIES,
    )


def whole() -> nodes.Cleaned:
    every = posts(*range(12))
    return nodes.clean_posts(
        every, tagger=None, params=POSTS, replies_parameters=REPLIES
    )


def test_the_parts_together_are_the_whole_table(table, engine):
    cleaned = clean(table, engine)
    assert cleaned.kept.frame().equals(whole().kept)
    assert cleaned.rejected.equals(whole().rejected)


def test_processes_give_the_same_bytes(table, engine, tmp_path):
    there = PartitionStore(str(tmp_path / "there"))
    apart = clean(table, MapEngine(there, Processes(2, AMPLE)))
    here = clean(table, engine)
    assert apart.rejected.equals(here.rejected)
    digests = [[p.digest() for p in made.kept.parts] for made in (apart, here)]
    assert digests[0] == digests[1]


def test_a_store_may_be_reached_otherwise_than_the_posts(table, tmp_path):
    options = {"path": str(tmp_path), "target_protocol": "file"}
    there = PartitionStore("dir://there", options)
    cleaned = clean(table, MapEngine(there, InProcess()))
    assert cleaned.kept.frame().equals(whole().kept)
    assert cleaned.rejected.equals(whole().rejected)


def test_of_a_damaged_part_every_row_is_rejected(table, engine):
    broken = Path(table.parts[1].file.path)
    broken.write_bytes(broken.read_bytes()[:-9])
    cleaned = clean(table, engine)
    reasons = cleaned.rejected.group_by("reason").len().sort("reason").rows()
    assert reasons == [("no_reply", 3), ("part_damaged_part", 5)]
    assert cleaned.kept.height + cleaned.rejected.height == table.height
    tables.Rejections.validate(cleaned.rejected)


def test_what_a_worker_died_of_is_named_by_its_posts(table, engine, monkeypatch):
    class Dying:
        def outcomes(self, job, partitions):
            from psyche_kedro.partitions.engines import died

            for n, one in enumerate(partitions):
                yield died(one) if n == 1 else job.do(one)

    dying = MapEngine(engine.store, Dying())
    rejected = clean(table, dying).rejected.filter(reason="part_worker_died")
    assert rejected["row_id"].to_list() == posts(*range(7, 12))["post_id"].to_list()


def test_a_leak_stops_the_run_once_the_other_parts_are_done(
    table, engine, monkeypatch, tmp_path
):
    def leaking(rows, key, hotlines):
        if any("8天" in m["content"] for row in rows for m in row["messages"]):
            raise LeakError("post 'a1' holds a phone")

    monkeypatch.setattr(conversations, "check", leaking)
    with pytest.raises(PartitionError, match="holds a phone"):
        clean(table, engine)
    kept = (tmp_path / "store").rglob("kept.parquet")
    assert "8天" not in str([pl.read_parquet(path).to_dicts() for path in kept])


def test_a_privacy_model_is_asked_part_by_part(table, engine):
    model = ScriptedChatModel([(".", json.dumps({"spans": []}))])
    cleaned = clean(table, engine, model)
    assert cleaned.kept.height == whole().kept.height
    assert len(cleaned.kept.parts) == 3
    assert set(cleaned.kept.frame()["deid_level"]) != set(whole().kept["deid_level"])


def test_judged_in_parts_is_judged(table, engine):
    verdict = {
        "reasonableness": 4,
        "relevance": 4,
        "substantive": True,
        "harm": "none",
        "referral": False,
        "reason": "具体",
    }
    model = ScriptedChatModel([("5天", "no JSON"), (".", json.dumps(verdict))])
    cleaned = clean(table, engine).kept
    judged = judge_replies_in_parts(
        cleaned,
        map_engine=engine,
        usefulness_prompt=PROMPT,
        judge_model=model,
        guard_model=None,
        params=REPLIES,
    )
    at_once = nodes.judge_replies(cleaned.frame(), PROMPT, model, None, REPLIES)
    assert judged.kept.frame().equals(at_once.kept)
    assert judged.rejected.equals(at_once.rejected)
    assert judged.rejected.height > 0


def test_the_sample_of_the_parts_is_that_of_the_whole(table, engine):
    few = POSTS.model_copy(update={"audit_rows": 2})
    cleaned = clean(table, engine).kept
    at_once = nodes.sample_masked_posts(cleaned.frame(), few)
    assert sample_masked_parts(cleaned, few).equals(at_once)
