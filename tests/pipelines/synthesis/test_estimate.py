"""The estimate before a run is the account after it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
import yaml
from kedro.io import DataCatalog
from questions_made import bank, post, useful

from prompt_set import EXAMPLES, WORDS, shipped
from psyche_kedro.commands.estimate import describe, estimate_command
from psyche_kedro.datasets import SourceFilesDataset
from psyche_kedro.hooks.estimate_basis import (
    count_replies,
    earlier_tables,
    measured_sizes,
)
from psyche_kedro.llm.chat_model import ChatRequest, Outcome, Reply
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.llm.store.upkeep import Holding
from psyche_kedro.offline import OfflineBrain
from psyche_kedro.offline.chat_model import OfflineChatModel
from psyche_kedro.pipelines import synthesis
from psyche_kedro.pipelines.ingestion.nodes import read_question_banks
from psyche_kedro.pipelines.synthesis import parameters
from psyche_kedro.pipelines.synthesis.costs.basis import (
    Basis,
    Player,
    Tokens,
    count_generated,
    measure_rates,
)
from psyche_kedro.pipelines.synthesis.costs.estimate import (
    NodeEstimate,
    Settings,
    estimate,
)
from psyche_kedro.pipelines.synthesis.costs.nodes import estimate_costs
from psyche_kedro.pipelines.synthesis.questions.nodes import split_chunks
from psyche_kedro.review.parameters import ReviewParameters
from psyche_kedro.tables import (
    BookTopics,
    CostEstimate,
    Documents,
    content_id,
    frame,
)
from psyche_kedro.text.tokens import estimate_from_characters
from scripted import text_of
from whole_run import run_kedro

PROJECT = Path(__file__).parents[3]
SETTINGS = yaml.safe_load(
    (PROJECT / "conf/base/parameters/synthesis.yml").read_text("utf-8")
)["synthesis"]
TYPED = {
    "chunks": parameters.ChunkParameters,
    "topics": parameters.TopicParameters,
    "questions": parameters.QuestionParameters,
    "distillation": parameters.DistillationParameters,
    "deduplication": parameters.DeduplicationParameters,
    "review": ReviewParameters,
    "rationales": parameters.RationaleParameters,
    "dialogues": parameters.DialogueParameters,
}
POSTS = [
    "我最近总是失眠，白天没有精神，和室友的关系也很紧张，不知道该怎么办才好。",
    "工作压力太大，领导总是批评我，我越来越没有自信，每天早上都不想起床上班。",
    "和男朋友分手以后一直走不出来，吃不下饭，总是反复想以前的事情，很痛苦。",
]


class Counting:
    """The offline model, counting what it is asked, and tokens by characters."""

    def __init__(
        self, role: str, store: ReplyStore, temperature: float, name: str = ""
    ) -> None:
        self._model = OfflineChatModel(OfflineBrain(role), store)
        self._sampling = {"temperature": temperature}
        self.calls: Counter[str] = Counter()
        self.input_tokens: Counter[str] = Counter()
        self.output_tokens: Counter[str] = Counter()
        self.name = name or self._model.name

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        asked = [replace(r, sampling=self._sampling) for r in requests]
        outcomes = self._model.complete(asked)
        for request, outcome in zip(asked, outcomes, strict=True):
            said = outcome.text if isinstance(outcome, Reply) else ""
            self.calls[request.task] += 1
            self.input_tokens[request.task] += estimate_from_characters(
                text_of(request)
            )
            self.output_tokens[request.task] += estimate_from_characters(said)
        return [_signed(outcome, self.name) for outcome in outcomes]


def _signed(outcome: Outcome, name: str) -> Outcome:
    return replace(outcome, model=name) if isinstance(outcome, Reply) else outcome


class Run(NamedTuple):
    """What a run of the chapter made, and what it took by ``node role``."""

    tables: dict[str, Any]
    calls: dict[str, int]
    tokens: dict[str, Tokens]

    @property
    def made(self) -> dict[str, pl.DataFrame]:
        return {k: t for k, t in self.tables.items() if isinstance(t, pl.DataFrame)}


def sample_bank() -> pl.DataFrame:
    files = SourceFilesDataset(path=str(PROJECT / "data/01_raw/sample/question_banks"))
    questions = read_question_banks(files.load())[0]
    return questions.filter(pl.col("parse_status") == "ok")


def inputs(questions: pl.DataFrame) -> dict[str, Any]:
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
        "clean_bank_questions": questions,
        "useful_posts": useful(*(post(text, reply) for text in POSTS)),
    }


def run_chapter(
    given: dict[str, Any], store: ReplyStore, temperature: float, n_teachers: int = 1
) -> Run:
    teacher = Counting("teacher", store, temperature)
    judge = Counting("judge", store, temperature)
    others = {
        f"teacher-{n}": Counting("teacher", store, n / 10, name=f"teacher-{n}")
        for n in range(2, n_teachers + 1)
    }
    models = {"teacher_model": teacher, "judge_model": judge}
    pipeline = synthesis.create_pipeline()
    free = {
        name: given_of(name)
        for name in pipeline.inputs()
        if name.startswith("params:prompts.")
    }
    typed = {f"params:synthesis.{k}": t(**SETTINGS[k]) for k, t in TYPED.items()}
    known = {
        "raw_files": {"reviews": []},
        "rationale_models": {"teacher": teacher} | others,
        "optional_tools": {"tagger": None},
        "params:prices": {},
        "params:estimate_basis": Basis(),
    }
    tables = given | models | free | typed | known
    for node in pipeline.nodes:  # in the order they can run; a runner forgets tables
        tables |= node.run({name: tables[name] for name in node.inputs})
    players = {"teacher": teacher, "judge": judge} | others
    calls = {
        f"{task} {role}": n
        for role, m in players.items()
        for task, n in m.calls.items()
    }
    tokens = {
        f"{task} {role}": Tokens(m.input_tokens[task], m.output_tokens[task])
        for role, m in players.items()
        for task in m.calls
    }
    return Run(tables, calls, tokens)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    store = ReplyStore(tmp_path_factory.mktemp("first") / "replies.sqlite")
    return run_chapter(inputs(sample_bank()), store, temperature=1.0)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Another third of the bank left out, everything sampled anew."""
    store = ReplyStore(tmp_path_factory.mktemp("second") / "replies.sqlite")
    fewer = sample_bank().gather_every(3, offset=1)
    rest = sample_bank().join(fewer, "question_id", how="anti")
    return run_chapter(inputs(rest), store, temperature=0.6)


def given_of(name: str) -> Any:
    stem = name.removeprefix("params:prompts.")
    others = {"screening_examples": EXAMPLES, "words": WORDS}
    return others.get(stem) or shipped(stem)


def settings() -> Settings:
    return Settings(**{key: TYPED[key](**SETTINGS[key]) for key in Settings._fields})


def basis(run: Run) -> Basis:
    """What a run leaves behind for the estimate of the next."""
    return Basis(
        rates=measure_rates(run.made),
        generated=count_generated(run.made, settings().distillation),
        sizes={
            name: Tokens(t.input / run.calls[name], t.output / run.calls[name])
            for name, t in run.tokens.items()
        },
    )


def chunks_of(given: dict[str, Any]) -> pl.DataFrame:
    params = TYPED["chunks"](**SETTINGS["chunks"])
    return split_chunks(given["clean_documents"], frame(BookTopics, []), params)[0]


def expected(given: dict[str, Any], known: Basis) -> dict[str, NodeEstimate]:
    rows = estimate(given | {"chunks": chunks_of(given)}, settings(), known)
    return {f"{row.node} {row.player.role}": row for row in rows}


def calls(rows: dict[str, NodeEstimate]) -> float:
    return sum(row.calls for row in rows.values())


# ---- runs ------------------------------------------------------------------------


def test_the_chapter_runs_as_one_pipeline(first: Run) -> None:
    tables = first.tables
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


def test_after_a_run_the_estimate_is_what_was_asked(first: Run) -> None:
    rows = expected(first.tables, basis(first))
    assert rows.keys() >= first.calls.keys()
    assert calls(rows) == pytest.approx(sum(first.calls.values()), rel=0.02)
    for name, n in first.calls.items():
        assert rows[name].calls == pytest.approx(n, rel=0.05, abs=1), name


def test_a_second_run_on_changed_input_takes_what_was_estimated(
    first: Run, second: Run
) -> None:
    rows = expected(second.tables, basis(first))
    assert calls(rows) == pytest.approx(sum(second.calls.values()), rel=0.15)
    tokens = sum(t.input + t.output for t in second.tokens.values())
    guess = sum(r.input_tokens + r.output_tokens for r in rows.values())
    assert guess == pytest.approx(tokens, rel=0.25)
    for name, n in second.calls.items():
        assert rows[name].calls == pytest.approx(n, rel=0.25, abs=2), name
    assert sum(second.calls.values()) < 0.9 * sum(first.calls.values())


def test_a_run_that_was_killed_leaves_rates_that_hold(first: Run, second: Run) -> None:
    mixed = first.made | {
        name: second.made[name]
        for name in ("useful_posts", "question_pool", "distinct_questions")
    }
    assert measure_rates(mixed)["attempts"] == measure_rates(first.made)["attempts"]
    assert measure_rates(mixed)["solved"] == measure_rates(first.made)["solved"]
    assert measure_rates(mixed)["retold"] == measure_rates(first.made)["retold"]


def test_tables_of_another_version_are_left_out_and_named(
    first: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = {"rationales": ["input_tokens"], "question_pool": []}
    entries = {}
    for name, lacking in old.items():
        path = tmp_path / f"{name}.parquet"
        first.made[name].drop(lacking).write_parquet(path)
        table = "".join(map(str.title, name.split("_")))
        entries[name] = {
            "type": "psyche_kedro.datasets.TableDataset",
            "filepath": str(path),
            "validator": f"psyche_kedro.tables.{table}",
        }
    assert list(dict(earlier_tables(DataCatalog.from_config(entries)))) == [
        "question_pool"
    ]
    assert "'rationales' of an earlier run" in caplog.text


def test_rationales_are_reckoned_as_those_of_the_teachers_that_write_them(
    first: Run, tmp_path: Path
) -> None:
    given = inputs(sample_bank())
    run = run_chapter(given, ReplyStore(tmp_path / "r.sqlite"), 1.0, n_teachers=2)
    both = (Player("teacher", "qwen"), Player("teacher-2", "deepseek"))
    known = basis(first).model_copy(update={"players": PRICED | {WRITERS: both}})
    rows = expected(given, known)
    for node in ("write_rationales", "refine_rationales"):
        for player in both:
            asked = run.calls[f"{node} {player.role}"]
            row = rows[f"{node} {player.role}"]
            assert row.player == player
            assert asked == pytest.approx(row.calls, rel=row.calls_spread), row
    assert rows["refine_posts teacher"].player.model == "qwen"


# ---- priors and settings ---------------------------------------------------------


def test_without_a_run_the_estimate_says_how_unsure_it_is() -> None:
    rows = expected(inputs(bank()), Basis())
    exact = rows["generate_questions teacher"]
    assert exact.calls > 0
    assert exact.calls_spread == 0
    guessed = rows["write_rationales teacher"]
    assert 0.8 < guessed.calls_spread <= guessed.tokens_spread < 1
    assert Basis().rests_on == "priors"


def test_the_estimate_moves_with_the_settings() -> None:
    def refinements(rounds: int) -> float:
        changed = settings().rationales.model_copy(update={"rounds": rounds})
        given = inputs(bank())
        rows = estimate(
            given | {"chunks": chunks_of(given)},
            settings()._replace(rationales=changed),
            Basis(),
        )
        return next(r.calls for r in rows if r.node == "refine_rationales")

    assert refinements(6) == pytest.approx(2 * refinements(3))
    assert refinements(0) == 0


def test_without_a_run_tokens_are_those_of_the_text_at_a_stated_ratio() -> None:
    def tokens(**changed: Any) -> dict[str, float]:
        rows = expected(inputs(bank()) | changed, Basis())
        return {name: row.input_tokens / row.calls for name, row in rows.items()}

    turns = (POSTS[0], "说说看。" * 200, "还是睡不着。", "那就慢慢来。")
    now, then = tokens(), tokens(useful_posts=useful(post(*turns)))
    judged = "write_dialogues judge"
    said = estimate_from_characters("".join(turns))
    assert then[judged] - now[judged] > 0.8 * said
    assert then["write_rationales teacher"] == now["write_rationales teacher"]
    assert then["refine_posts teacher"] < 500


# ---- tokens, money, the store ----------------------------------------------------

PLAYING: dict[Player, dict[str, str]] = {
    Player("teacher", "qwen"): {"role": "teacher", "model": "qwen"},
    Player("judge", "offline-judge"): {"role": "judge"},
}
HELD = [
    Holding("qwen", "screen_questions", 2, 200, 20),
    Holding("qwen@awq", "screen_questions", 2, 400, 60),
    Holding("qwen-mini", "screen_questions", 7, 7, 7),
    Holding("offline-judge-1@ab", "screen_questions", 5, 0, 0),
    Holding("other", "screen_questions", 1, 9, 9),
]


def test_tokens_are_those_the_store_has_counted() -> None:
    assert measured_sizes(HELD, PLAYING) == {
        "screen_questions teacher": Tokens(150, 20)
    }


def test_replies_in_the_store_are_counted_by_the_models_own_name() -> None:
    assert count_replies(HELD, PLAYING) == {
        "screen_questions teacher": 4,
        "screen_questions judge": 5,
    }


WRITERS = "rationale_models"
PRICED = {
    "teacher_model": [Player("teacher", "qwen")],
    "judge_model": [Player("judge", "gpt")],
    WRITERS: [Player("teacher", "qwen")],
}


def costs(first: Run, **known: Any) -> pl.DataFrame:
    given = {
        name: first.tables[name]
        for name in ("chunks", "clean_bank_questions", "useful_posts")
    }
    known_before = basis(first).model_copy(update=known)
    return estimate_costs(
        **given,
        basis=known_before,
        prices={
            "qwen": {"input": 4, "output": 12, "currency": "CNY", "as_of": "2026-11"}
        },
        **settings()._asdict(),
    )


def test_a_priced_model_costs_money_and_one_without_a_price_none(first: Run) -> None:
    table = costs(first, players=PRICED, in_store={"write_rationales teacher": 9})
    row = table.row(by_predicate=pl.col("node") == "write_rationales", named=True)
    tokens = row["input_tokens_mid"], row["output_tokens_mid"]
    assert row["money_mid"] == pytest.approx((4 * tokens[0] + 12 * tokens[1]) / 1e6)
    assert (row["currency"], row["in_store"], row["rests_on"]) == ("CNY", 9, "last_run")
    judged = table.filter(pl.col("role") == "judge")
    assert judged["money_mid"].null_count() == judged.height


def test_the_command_says_what_it_counts(first: Run) -> None:
    *nodes, total, note = describe(costs(first, players=PRICED, in_store={}))
    assert len(nodes) == 10
    assert "CNY" in nodes[0] and "CNY" in total
    assert "no price" in "".join(nodes)
    assert "paid before or not" in note and "holds 0 replies" in note


def test_bounds_of_a_sum_are_the_sums_of_the_bounds() -> None:
    shared = {"model": None, "in_store": 1, "rests_on": "priors"}
    rows = [
        row("a", (100, 0.0), (1_000, 500, 0.1), (20, "CNY")) | shared,
        row("b", (200, 0.5), (4_000, 500, 0.5), (None, None)) | shared,
    ]
    first, second, total, _ = describe(frame(CostEstimate, rows))
    assert "calls 100 … 100 … 100" in first
    assert "in 900 … 1,000 … 1,100" in first
    assert "18.00 … 20.00 … 22.00 CNY" in first
    assert "calls 100 … 200 … 300" in second
    assert "no price" in second
    assert "calls 200 … 300 … 400" in total
    assert "in 2,900 … 5,000 … 7,100 · out 700 … 1,000 … 1,300" in total
    assert "18.00 … 20.00 … 22.00 CNY without b" in total


def row(
    node: str,
    calls: tuple[float, float],
    tokens: tuple[float, float, float],
    money: tuple[float | None, str | None],
) -> dict[str, Any]:
    """Return what a node asks: each middle, then how far it may be off."""
    return {
        "node": node,
        "role": node,
        "calls_mid": calls[0],
        "calls_spread": calls[1],
        "input_tokens_mid": tokens[0],
        "output_tokens_mid": tokens[1],
        "tokens_spread": tokens[2],
        "money_mid": money[0],
        "currency": money[1],
    }


def test_the_command_takes_settings_as_kedro_run_does() -> None:
    given = ["--params", "data=runs/a,synthesis.rationales.rounds=1"]
    parsed = estimate_command.make_context("estimate", given).params["params"]
    assert parsed == {"data": "runs/a", "synthesis": {"rationales": {"rounds": 1}}}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("data=nowhere", "clean_documents: There is no table at"),
        ("datum=x", "No configuration declares the parameter 'datum'"),
    ],
)
def test_an_estimate_that_cannot_be_made_is_one_sentence(
    given: str, told: str, tmp_path: Path
) -> None:
    said = run_kedro(
        "estimate", "--pipeline=synthesis", "--params", given, data=tmp_path
    )
    assert said.returncode == 1
    assert f"Error: {told}" in said.stderr
    assert "Traceback" not in said.stderr
