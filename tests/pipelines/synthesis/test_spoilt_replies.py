"""Over real HTTP, an endpoint that spoils one reply in five loses no question unsaid.

Which reply is spoilt, and how, follows from the request alone; the server keeps a
ledger of what it did, and every rejection of the chapter must be found in it.
"""

import json
import re
import zlib
from collections import Counter
from typing import NamedTuple

import polars as pl
import pytest
from questions_made import bank

from llm.loopback import Ask, Behaviour, LoopbackServer
from prompt_set import EXAMPLES, shipped
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.pipelines.synthesis import parameters
from psyche_kedro.pipelines.synthesis.questions import nodes
from psyche_kedro.tables import Chunks, content_id, frame
from scripted import as_json

PASSAGES, SUBFIELDS, COUNT = 120, 60, 2
SINGLE = parameters.Ask(type="single", count=COUNT)
DEDUPLICATION = parameters.DeduplicationParameters(
    ngram=3, threshold=0.8, permutations=128, target_recall=0.99, seed=1, threads=1
)
TASKS = {  # words of the shipped prompts that tell the tasks apart
    "<passage>": "generate",
    "心理学分支领域": "distil",
    "<candidate": "rank",
    "<examples>": "screen",
}
KINDS = ("broken JSON", "refusal", "truncated", "wrong label")


def written(number: str, answer: str) -> str:
    """Two questions that differ by their last words: one will be the duplicate."""
    options = {"A": "复述策略", "B": "组块化", "C": "系列位置", "D": "谐音联想"}
    stem = f"在编号{number}的实验里，把零散的项目合成较大单位的方法通常称为（ ）。"
    both = [
        {"question": text, "options": options, "answer": answer}
        for text in (stem, f"{stem}请选择")
    ]
    return json.dumps(both, ensure_ascii=False)


def sound(task: str, number: str) -> str:
    verdicts = {
        "rank": as_json(best_index=2, reason="更完整"),
        "screen": as_json(verdict="合理", reason="题干自足"),
    }
    return verdicts.get(task) or written(number, "B")


def wrongly_labelled(task: str, number: str) -> str:
    verdicts = {
        "rank": as_json(best_index=9, reason="更完整"),
        "screen": as_json(verdict="尚可", reason="题干自足"),
    }
    return verdicts.get(task) or written(number, "E")


class Spoiler:
    """A loopback script; ``ledger`` counts (task, kind of spoiling or ``sound``)."""

    def __init__(self) -> None:
        self.ledger: Counter[tuple[str, str]] = Counter()

    def __call__(self, ask: Ask) -> Behaviour:
        task = next(name for words, name in TASKS.items() if words in ask.content)
        number = re.findall(r"编号(\d+)", ask.content)[0]
        draw = zlib.crc32(ask.content.encode())
        kind = "sound" if draw % 5 else KINDS[draw // 5 % len(KINDS)]
        self.ledger[task, kind] += 1
        text = sound(task, number)
        match kind:
            case "broken JSON":
                return Behaviour(text=text[: -len(text) // 4])
            case "refusal":
                return Behaviour(text="抱歉，我无法完成这个请求。")
            case "truncated":
                cut = text[: len(text) // 2]
                return Behaviour(text=cut, finish_reason="length")
            case "wrong label":
                return Behaviour(text=wrongly_labelled(task, number))
        return Behaviour(text=text)

    def of(self, task: str) -> dict[str, int]:
        return {kind: self.ledger[task, kind] for kind in KINDS}


class Run(NamedTuple):
    tables: dict[str, pl.DataFrame]
    spoiler: Spoiler
    asked: Counter[str]


def chunks() -> pl.DataFrame:
    row = {
        "document_id": content_id("book"),
        "source": "book.md",
        "heading_path": ["第一章 记忆"],
        "page_ids": [content_id("page")],
    }
    texts = [f"编号{n}的实验：组块是……" for n in range(PASSAGES)]
    return frame(
        Chunks,
        [
            row | {"chunk_id": content_id(text), "text": text, "n_chars": len(text)}
            for text in texts
        ],
    )


def distillation() -> parameters.DistillationParameters:
    names = [f"编号{PASSAGES + n}的分支" for n in range(SUBFIELDS)]
    taxonomy = tuple(parameters.Subfield(name=n, words=(n,)) for n in names)
    return parameters.DistillationParameters(
        target=COUNT, asks=(SINGLE,), taxonomy=taxonomy
    )


def make_tables(model: OpenAIChatModel) -> dict[str, pl.DataFrame]:
    prompts = {
        name: shipped(name)
        for name in ("question", "distillation", "ranking", "screening")
    }
    generated, not_generated = nodes.generate_questions(
        chunks(),
        prompt=prompts["question"],
        teacher=model,
        params=parameters.QuestionParameters(asks=(SINGLE,)),
    )
    distilled, not_distilled = nodes.distil_questions(
        generated,
        bank(),
        prompt=prompts["distillation"],
        teacher=model,
        params=distillation(),
    )
    pool, not_pooled = nodes.pool_questions(generated, distilled, bank(), chunks())
    clusters = nodes.cluster_questions(pool, DEDUPLICATION)
    distinct, duplicates = nodes.pick_representatives(
        pool, clusters, prompt=prompts["ranking"], judge=model
    )
    screened, screened_out = nodes.screen_questions(
        distinct,
        prompt=prompts["screening"],
        examples=EXAMPLES,
        judge=model,
    )
    return {
        "generated": generated,
        "not_generated": not_generated,
        "distilled": distilled,
        "not_distilled": not_distilled,
        "pool": pool,
        "not_pooled": not_pooled,
        "distinct": distinct,
        "duplicates": duplicates,
        "screened": screened,
        "screened_out": screened_out,
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    store = ReplyStore(tmp_path_factory.mktemp("spoilt") / "replies.sqlite")
    spoiler = Spoiler()
    with LoopbackServer(spoiler) as server:
        endpoint = Endpoint(base_url=server.url)
        tables = make_tables(OpenAIChatModel("m", endpoints=[endpoint], store=store))
        return Run(tables, spoiler, server.seen)


def test_about_one_reply_in_five_was_spoilt_in_all_four_ways(run: Run) -> None:
    for task in TASKS.values():
        spoilt = run.spoiler.of(task)
        assert all(spoilt.values()), (task, spoilt)
    spoilt = run.spoiler.ledger.total() - sum(
        run.spoiler.ledger[task, "sound"] for task in TASKS.values()
    )
    assert 0.15 < spoilt / run.spoiler.ledger.total() < 0.25
    assert set(run.asked.values()) == {1}  # none of these faults is paid for twice


@pytest.mark.parametrize(
    ("task", "kept", "lost", "asked"),
    [
        ("generate", "generated", "not_generated", PASSAGES * COUNT),
        ("distil", "distilled", "not_distilled", SUBFIELDS * COUNT),
    ],
)
def test_every_question_asked_for_is_kept_or_rejected_for_what_was_done(
    run: Run, task: str, kept: str, lost: str, asked: int
) -> None:
    done = run.spoiler.of(task)
    rejections = run.tables[lost]
    assert run.tables[kept].height + rejections.height == asked
    assert Counter(rejections["reason"]) == {
        "not_written": done["broken JSON"],  # the first of the two can be read
        "refusal": COUNT * done["refusal"],
        "truncated": COUNT * done["truncated"],
        "answer_not_in_options": COUNT * done["wrong label"],
    }


def test_a_spoilt_ranking_falls_back_and_loses_no_question(run: Run) -> None:
    tables, done = run.tables, run.spoiler.of("rank")
    assert tables["not_pooled"].height == 0
    assert (
        tables["pool"].height == tables["distinct"].height + tables["duplicates"].height
    )
    assert Counter(tables["duplicates"]["reason"]) == {
        "judged": run.spoiler.ledger["rank", "sound"],
        "written_rule": sum(done.values()),
    }


def test_a_question_whose_verdict_was_spoilt_is_rejected_with_the_reason(
    run: Run,
) -> None:
    tables, done = run.tables, run.spoiler.of("screen")
    lost = tables["screened_out"]
    assert tables["distinct"].height == tables["screened"].height + lost.height
    assert tables["screened"].height == run.spoiler.ledger["screen", "sound"]
    assert Counter(lost["reason"]) == {
        "truncated": done["truncated"],
        "refusal": done["refusal"],
        "unreadable_reply": done["broken JSON"] + done["wrong label"],
    }
