"""The whole chain on the sample: what a newcomer sees, and what must always hold."""

import re
import sqlite3
import stat
from contextlib import closing

import polars as pl
import pytest

from prompt_set import WORDS
from psyche_kedro.pipelines.reporting import corpus
from psyche_kedro.prompts import render_question
from whole_run import ACCOUNTS, run_kedro

# Rows in = rows kept + rows rejected, for every filter: where the rows come from, where
# they end, and the column that names one.
FILTERS = [
    ("documents", "page_id", ["clean_documents"], ["rejected_pages"]),
    (
        "bank_questions",
        "question_id",
        ["clean_bank_questions"],
        ["rejected_bank_questions"],
    ),
    ("posts", "post_id", ["clean_posts"], ["rejected_posts"]),
    ("clean_posts", "post_id", ["useful_posts"], ["rejected_replies"]),
    (
        "public_samples",
        "sample_id",
        ["clean_public_samples"],
        ["rejected_public_samples"],
    ),
    (
        "public_questions",
        "question_id",
        ["clean_public_questions"],
        ["rejected_public_questions"],
    ),
    ("benchmark_items", "item_id", ["clean_benchmark_items"], []),
    (
        "question_pool",
        "question_id",
        ["distinct_questions"],
        ["duplicate_questions"],
    ),
    (
        "distinct_questions",
        "question_id",
        ["screened_questions"],
        ["rejected_questions"],
    ),
    (
        "screened_questions",
        "question_id",
        ["reviewed_questions"],
        ["rejected_by_review"],
    ),
    (
        "reviewed_questions",
        "question_id",
        ["reasoning_samples"],
        ["unsolved_questions"],
    ),
    (
        "reasoning_samples",
        "question_id",
        ["challenging", "non_challenging"],
        ["held_out_questions"],
    ),
    ("useful_posts", "post_id", ["refined_posts"], ["rejected_refined_posts"]),
    ("refined_posts", "post_id", ["empathetic_dialogues"], ["rejected_dialogues"]),
    ("sft_set", "example_id", ["sft_examples"], ["long_sft_examples"]),
    ("grpo_set", "example_id", ["grpo_examples"], ["long_grpo_examples"]),
]

SLUG = r"[a-z0-9_:]+"

ANSWERING = (
    "write_rationales",
    "revise_rationales",
    "answer_as_student",
    "answer_benchmarks",
)


@pytest.mark.parametrize(("source", "key", "kept", "dropped"), FILTERS)
def test_no_row_is_lost(demo, source, key, kept, dropped):
    before = sorted(demo.table(source)[key])
    after = [demo.table(t)[key] for t in kept]
    for name in dropped:
        table = demo.table(name)
        after.append(table[key if key in table.columns else "row_id"])
    assert sorted(pl.concat(after)) == before


def test_every_reason_is_a_slug(demo):
    reasons = demo.table("rejections")["reason"].unique().to_list()
    assert reasons
    assert not [reason for reason in reasons if not re.fullmatch(SLUG, reason)]


def test_every_chapter_leaves_something(demo):
    for name in ("chunks", "reasoning_samples", "empathetic_dialogues", "challenging"):
        assert demo.table(name).height > 0, name


def test_the_run_ends_with_the_funnel_and_the_report(demo):
    tail = demo.output
    assert "question_pool" in tail
    assert str(demo.data / "08_reporting" / "report.html") in tail


def test_the_report_says_first_that_no_language_model_was_involved(demo):
    report = (demo.data / "08_reporting" / "report.md").read_text(encoding="utf-8")
    assert "no language model" in report.splitlines()[0].lower()


def test_every_row_that_a_model_wrote_names_the_offline_model(demo):
    models = {
        model
        for path in demo.paths.values()
        for column in {"model", "rationale_model"} & set(pl.read_parquet_schema(path))
        for model in pl.read_parquet(path)[column].drop_nulls()
    }
    ours = ("offline-", "base_model@", "sft_model@", "grpo_model@")
    foreign = {m for m in models if not m.startswith(ours)}
    assert models
    assert not foreign


def test_every_reasoning_sample_predicts_its_gold(demo):
    rounds = demo.table("rationale_rounds").filter(
        pl.col("outcome").is_in(["verified", "accepted"])
    )
    chosen = demo.table("reasoning_samples").join(
        rounds, on=["question_id", "round"], how="left"
    )
    assert chosen["gold"].list.sort().to_list() == (
        chosen["prediction"].list.sort().to_list()
    )


def test_no_request_for_an_answer_carries_an_explanation_or_a_gold(demo):
    asked = [r for r in demo.requests if r["task"].startswith(ANSWERING)]
    texts = ["\n".join(m["content"] for m in r["messages"]) for r in asked]
    assert {t.split("_as_")[0] for t in (r["task"] for r in asked)} >= {
        "write_rationales",
        "answer_as_student",
        "answer_benchmarks",
    } - {"answer_as_student"}
    secrets = explanations(demo)
    assert secrets
    leaks = [s for s in secrets if any(s in text for text in texts)]
    assert not leaks


def explanations(run) -> set[str]:
    """Return every explanation, reference answer and rationale of the run."""
    found: set[str] = set()
    for name in ("reviewed_questions", "clean_benchmark_items"):
        table = run.table(name)
        for column in ("explanation", "answer_text"):
            found |= set(table[column].drop_nulls())
    found |= set(run.table("rationale_rounds")["rationale"])
    return {text for text in found if len(text) > 8}


def test_a_question_is_asked_as_it_stands_whatever_its_gold(demo):
    asked = [r for r in demo.requests if r["task"].startswith(ANSWERING)]
    texts = "\n".join(m["content"] for r in asked for m in r["messages"])
    for row in demo.table("reasoning_samples").iter_rows(named=True):
        other = row | {"gold": ["Z"], "explanation": "zzz", "answer_text": "zzz"}
        assert render_question(row, WORDS) == render_question(other, WORDS)
        assert render_question(row, WORDS) in texts


def test_training_sets_hold_no_benchmark_item(demo):
    hits = demo.table("contamination_hits")
    planted = hits.filter(set_name="D_cp")["kind"].to_list()
    assert sorted(planted) == ["exact", "exact", "near_duplicate"]
    used = set(demo.table("sft_set")["parent_id"]) | set(
        demo.table("grpo_set")["parent_id"]
    )
    assert not used & set(hits["row_id"])


def test_one_mlflow_run_holds_parameters_metrics_prompts_and_the_report(demo):
    with closing(sqlite3.connect(demo.data / "mlflow.db")) as database:
        runs = dict(database.execute("SELECT name, status FROM runs"))
        tags = dict(database.execute("SELECT key, value FROM tags"))
        sources = {n for (n,) in database.execute("SELECT name FROM datasets")}
        params = {k for (k,) in database.execute("SELECT key FROM params")}
        metrics = {k for (k,) in database.execute("SELECT key FROM metrics")}
    assert set(runs.values()) == {"FINISHED"}
    chapters = {"ingestion", "cleaning", "synthesis", "selection", "training"}
    chapters |= {"evaluation", "reporting"}
    assert runs.keys() - chapters == {f"__default__ · local · {demo.data}"}
    assert runs.keys() >= chapters
    assert tags["kedro_command"].endswith(f"run --params data={demo.data}")
    assert {"raw_files/posts", "raw_files/textbooks"} <= sources
    assert "prompts.question_prompt" in params
    assert any(k.startswith("synthesis.rationales.") for k in params)
    assert {"teacher_model.model", "student_models.a.model"} <= params
    assert "rows.question_pool" in metrics
    kept = {p.name for p in (demo.data / "mlartifacts").rglob("*.*")}
    assert {"report.html", "funnel.csv", "scores.csv"} <= kept


def test_no_post_is_printed_tracked_or_reported(demo):
    said = {
        message["content"][:12]
        for messages in demo.table("posts")["messages"]
        for message in messages
    }
    pages = (p.read_text(encoding="utf-8") for p in demo.data.glob("08_*/*.[hmt]*"))
    database = (demo.data / "mlflow.db").read_bytes().decode("utf-8", "ignore")
    public = demo.output + database + "".join(pages)
    assert len(said) > 80
    assert not [words for words in said if words in public]


CHAPTERS = (
    *("ingestion", "cleaning", "synthesis", "selection", "training", "evaluation"),
    "reporting",
)


@pytest.fixture(scope="module")
def again(demo):
    """Run the chapters one by one over what the demo left; what it left before."""
    tables = {name: pl.read_parquet(path) for name, path in demo.paths.items()}
    replies = count_replies(demo.data)
    for chapter in CHAPTERS:
        where = ["--params", f"data={demo.data}"]
        result = run_kedro("run", f"--pipeline={chapter}", *where, data=demo.data)
        assert result.returncode == 0, chapter + result.stdout[-3000:] + result.stderr
    return tables, replies


def test_no_one_but_its_user_may_read_what_a_run_wrote(demo):
    modes = {
        path.relative_to(demo.data).as_posix(): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in demo.data.rglob("*")
    }
    folders = {name for name in modes if (demo.data / name).is_dir()}
    for kind in (".parquet", ".sqlite", ".db", ".xlsx", ".json", ".html", "tensors"):
        assert any(name.endswith(kind) for name in modes), f"no {kind} was written"
    assert {n: m for n, m in modes.items() if n in folders and m != "0o700"} == {}
    assert {n: m for n, m in modes.items() if n not in folders and m != "0o600"} == {}


def test_a_second_run_chapter_by_chapter_asks_no_model(demo, again):
    _, replies = again
    assert count_replies(demo.data) == replies


def test_a_second_run_chapter_by_chapter_makes_the_same_tables(demo, again):
    tables, _ = again
    data = {n: t for n, t in tables.items() if n not in ACCOUNTS}
    assert not [n for n, t in data.items() if not demo.table(n).equals(t)]


def test_a_run_is_laid_beside_the_estimate_that_was_made_before_it(demo, again):
    tables, _ = again
    assert set(tables["cost_estimate"]["rests_on"]) == {"priors"}
    expected = demo.table("cost_estimate").select("node", "calls_mid")
    assert set(demo.table("cost_estimate")["rests_on"]) == {"last_run"}
    needed = demo.table("model_calls")
    took = needed.filter(chapter="synthesis")
    assert expected["calls_mid"].sum() == pytest.approx(took["calls"].sum(), rel=0.02)
    assert needed["calls"].to_list() == tables["model_calls"]["calls"].to_list()
    assert took["stored"].to_list() == took["calls"].to_list()
    assert tables["model_calls"]["stored"].sum() < needed["calls"].sum()


def test_after_a_run_every_chapter_is_estimated_as_it_was(demo):
    said = run_kedro("estimate", "--params", f"data={demo.data}", data=demo.data)
    assert said.returncode == 0, said.stderr[-2_000:]
    rows = [line.split() for line in said.stdout.splitlines()]
    asked = {tuple(row[:3]): row[3] for row in rows if len(row) > 4}
    took = demo.table("model_calls").filter(~pl.col("role").str.contains("_model@"))
    # A reply that failed is not judged: of a model that cannot write, none.
    took = took.filter(pl.col("task") != "judge_counselling")
    for row in took.iter_rows(named=True):
        place = row["chapter"], row["task"], row["role"]
        assert asked[place] == f"{row['calls']:,}", place


def count_replies(data) -> int:
    with closing(sqlite3.connect(data / "replies.sqlite")) as database:
        return database.execute("SELECT count(*) FROM replies").fetchone()[0]


def test_every_reason_of_the_report_is_explained(demo):
    found = {r.partition(":")[0] for r in demo.table("rejections")["reason"]}
    assert found
    assert not found - corpus.explanations().keys()
