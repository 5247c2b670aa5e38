"""The estimate before a run is the account after it."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from questions_made import bank, post, question, useful

from psyche_kedro.estimate_command import measured_sizes
from psyche_kedro.llm.chat_model import ChatRequest, Outcome
from psyche_kedro.llm.offline import OfflineBrain
from psyche_kedro.llm.offline_chat_model import OfflineChatModel
from psyche_kedro.llm.reply_store import ReplyStore
from psyche_kedro.llm.upkeep import Holding
from psyche_kedro.pipelines import synthesis
from psyche_kedro.pipelines.synthesis import parameters
from psyche_kedro.pipelines.synthesis.estimate import Settings, Tokens, estimate
from psyche_kedro.prompts import Prompt
from psyche_kedro.tables import Documents, content_id, frame

PROJECT = Path(__file__).parents[3]
SETTINGS = yaml.safe_load(
    (PROJECT / "conf/base/parameters/synthesis.yml").read_text("utf-8")
)["synthesis"]
TYPED = {
    "chunks": parameters.ChunkParameters,
    "questions": parameters.QuestionParameters,
    "distillation": parameters.DistillationParameters,
    "deduplication": parameters.DeduplicationParameters,
    "review": parameters.ReviewParameters,
    "rationales": parameters.RationaleParameters,
    "dialogues": parameters.DialogueParameters,
}
POSTS = [
    "我最近总是失眠，白天没有精神，和室友的关系也很紧张，不知道该怎么办才好。",
    "工作压力太大，领导总是批评我，我越来越没有自信，每天早上都不想起床上班。",
    "和男朋友分手以后一直走不出来，吃不下饭，总是反复想以前的事情，很痛苦。",
]


class Counting:
    """The offline model, counting what it is asked."""

    def __init__(self, role: str, store: ReplyStore) -> None:
        self._model = OfflineChatModel(OfflineBrain(role), store)
        self.asked: Counter[str] = Counter()
        self.name = self._model.name

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        asked = list(requests)
        self.asked.update(request.task for request in asked)
        return self._model.complete(asked)


def inputs() -> dict[str, Any]:
    book = PROJECT / "data/01_raw/sample/textbooks/心理测量学.md"
    page = {
        "page_id": content_id("page"),
        "document_id": content_id("book"),
        "source": "book.md",
        "page": 1,
        "text": book.read_text("utf-8"),
        "status": "ok",
        "engine": "markdown",
    }
    reply = "你可以先把困扰写下来，再和信任的人谈一谈，慢慢来。"
    return {
        "clean_documents": frame(Documents, [page]),
        "clean_bank_questions": bank(
            question(), question("下列关于遗忘的说法正确的是（ ）。")
        ),
        "useful_posts": useful(*(post(text, reply) for text in POSTS)),
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Any]:
    """Every table of one run of the chapter, and what was asked by (node, role)."""
    store = ReplyStore(tmp_path_factory.mktemp("run") / "replies.sqlite")
    models = {
        "teacher_model": Counting("teacher", store),
        "judge_model": Counting("judge", store),
    }
    pipeline = synthesis.create_pipeline()
    free = {
        name: json_or_prompt(name)
        for name in pipeline.inputs()
        if name.endswith("_prompt") or name == "screening_examples"
    }
    settings = {f"params:synthesis.{k}": t(**SETTINGS[k]) for k, t in TYPED.items()}
    tables = inputs() | models | free | settings | {"review_files": []}
    for node in pipeline.nodes:  # in the order they can run; a runner forgets tables
        tables |= node.run({name: tables[name] for name in node.inputs})
    asked = {
        (task, role): count
        for role, model in models.items()
        for task, count in model.asked.items()
    }
    return tables, asked


def json_or_prompt(name: str) -> Any:
    folder = PROJECT / "conf/base/prompts"
    path = folder / f"{name.removesuffix('_prompt')}.yml"
    fields = yaml.safe_load(path.read_text("utf-8"))
    return fields if name == "screening_examples" else Prompt(**fields)


def settings() -> Settings:
    return Settings(**{key: TYPED[key](**SETTINGS[key]) for key in Settings._fields})


def test_the_chapter_runs_as_one_pipeline(run: tuple[dict[str, Any], Any]) -> None:
    tables, _ = run
    assert tables["reasoning_samples"].height > 5
    assert tables["empathetic_dialogues"].height > 0
    filters = {
        "question_pool": ("distinct_questions", "duplicate_questions"),
        "distinct_questions": ("screened_questions", "rejected_questions"),
        "screened_questions": ("reviewed_questions", "rejected_by_review"),
        "reviewed_questions": ("reasoning_samples", "unsolved_questions"),
        "refined_posts": ("empathetic_dialogues", "rejected_dialogues"),
    }
    for source, parts in filters.items():
        kept_and_lost = sum(tables[part].height for part in parts)
        assert tables[source].height == kept_and_lost, source


def test_after_a_run_the_estimate_is_what_was_asked(
    run: tuple[dict[str, Any], Any],
) -> None:
    tables, asked = run
    last = {k: t for k, t in tables.items() if isinstance(t, pl.DataFrame)}
    given = inputs()
    rows = estimate(
        given,
        settings(),
        last=last | {"useful_posts": given["useful_posts"]},
        sizes={},
    )
    expected = {(row.node, row.role): row.calls.mid for row in rows}
    assert expected.keys() >= asked.keys()
    assert sum(expected.values()) == pytest.approx(sum(asked.values()), rel=0.15)
    for key, calls in asked.items():
        assert expected[key] == pytest.approx(calls, rel=0.15, abs=2), key


def test_without_a_run_the_estimate_says_how_unsure_it_is() -> None:
    rows = estimate(inputs(), settings(), last={}, sizes={})
    by_node = {(row.node, row.role): row.calls for row in rows}
    exact = by_node["generate_questions", "teacher_model"]
    assert exact.low == exact.mid == exact.high > 0
    guessed = by_node["write_rationales", "teacher_model"]
    assert guessed.low < 0.2 * guessed.mid and guessed.high > 1.8 * guessed.mid


def test_the_estimate_moves_with_the_settings() -> None:
    def refinements(rounds: int) -> float:
        changed = settings().rationales.model_copy(update={"rounds": rounds})
        rows = estimate(
            inputs(), settings()._replace(rationales=changed), last={}, sizes={}
        )
        return next(r.calls.mid for r in rows if r.node == "refine_rationales")

    assert refinements(6) == pytest.approx(2 * refinements(3))
    assert refinements(0) == 0


def test_tokens_are_those_the_store_has_counted() -> None:
    roles = {"teacher_model": {"model": "qwen"}, "judge_model": {"role": "judge"}}
    held = [
        Holding("qwen", "screen_questions", 2, 200, 20),
        Holding("qwen", "screen_questions", 2, 400, 60),
        Holding("offline-judge-1@ab", "screen_questions", 5, 0, 0),
        Holding("other", "screen_questions", 1, 9, 9),
    ]
    assert measured_sizes(held, roles) == {
        ("screen_questions", "teacher_model"): Tokens(150, 20)
    }
