"""What there may be many of is data: each test adds lines to a copy of ``conf``.

No line of code is changed, and the nodes concerned run on the sample's own data.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from english_set import write_english_set
from llm.loopback import Ask, Behaviour, LoopbackServer
from whole_run import ROOT, Run, run_kedro

SERVED = ("fourth", "second", *(f"offline-student-{name}" for name in "abc"))
TABLES = ("02_intermediate", "03_primary", "04_feature", "05_model_input")


def answer(ask: Ask) -> Behaviour:
    """Answer as a teacher does, with a letter of its own for each model."""
    letter = {"fourth": "D", "second": "C"}.get(ask.body["model"], "A")
    seen = "先看题干问的是什么，再逐项比较各个选项，看它们各自说的是什么概念，"
    said = {
        "rationale": f"{seen}最后与定义对照。所以选{letter}。",
        "prediction": letter,
    }
    return Behaviour(text=json.dumps(said, ensure_ascii=False))


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(answer) as running:
        running.models = lambda: [{"id": name} for name in SERVED]
        yield running


@pytest.fixture
def data(demo: Run, tmp_path: Path) -> Path:
    """A copy of what the demo left."""
    root = tmp_path / "data"
    for name in (*TABLES, "07_model_output"):
        shutil.copytree(demo.data / name, root / name)
    shutil.copy(demo.data / "replies.sqlite", root)
    return root


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A copy of the project's configuration."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    return tmp_path / "conf"


def add_model(models: Path, entry: str, *lines: str) -> None:
    """Write a model below ``models:`` of an entry of the catalog, before the others."""
    text = models.read_text(encoding="utf-8")
    before, after = text.split(f"\n{entry}:", 1)
    head, rest = after.split("  models:\n", 1)
    added = "".join(f"    {line}\n" for line in lines)
    models.write_text(
        f"{before}\n{entry}:{head}  models:\n{added}{rest}", encoding="utf-8"
    )


def run(conf: Path, data: Path, *nodes: str, env: str, **environment: str) -> Run:
    result = run_kedro(
        "run",
        f"--conf-source={conf}",
        f"--env={env}",
        f"--nodes={','.join(nodes)}",
        "--params",
        f"data={data}",
        data=data,
        **environment,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return Run(data, result.stdout + result.stderr)


def test_a_fourth_student_is_four_lines(
    conf: Path, data: Path, server: LoopbackServer
) -> None:
    lines = ("d:", "  <<: *endpoint", "  role: student-d", "  model: fourth")
    assert len(lines) == 4
    add_model(conf / "endpoint/catalog/models.yml", "student_models", *lines)
    after = run(
        conf,
        data,
        *("selection.answer_as_students", "selection.audit_answer_keys"),
        *("selection.split_by_difficulty", "selection.describe_difficulty"),
        env="endpoint",
        PSYCHE_BASE_URL=server.url,
        PSYCHE_API_KEY="none",
    )
    answers = after.table("student_answers")
    asked = after.table("reasoning_samples").height
    assert Counter(answers["student"]) == dict.fromkeys("abcd", asked)
    fourth = answers.filter(student="d")
    assert set(fourth["model"]) == {"fourth"}
    assert after.table("non_challenging")["n_students"].unique().to_list() == [4]
    pairs = after.table("student_agreement").select("student", "student_other").rows()
    assert ("a", "d") in pairs


def test_a_second_teacher_for_rationales_is_four_lines(
    conf: Path, data: Path, server: LoopbackServer
) -> None:
    path = conf / "endpoint/catalog/models.yml"
    text = path.read_text(encoding="utf-8")
    lines = ("second:", "  <<: *endpoint", "  role: teacher-2", "  model: second")
    added = "".join(f"    {line}\n" for line in lines)
    first = "    teacher: *teacher\n"
    assert text.count(first) >= 1
    path.write_text(text.replace(first, first + added, 1), encoding="utf-8")
    after = run(
        conf,
        data,
        *("synthesis.write_rationales", "synthesis.refine_rationales"),
        env="endpoint",
        PSYCHE_BASE_URL=server.url,
        PSYCHE_API_KEY="none",
    )
    attempts = after.table("rationales")
    by_attempt = attempts.group_by("attempt").agg(pl.col("model").unique())
    assert dict(by_attempt.iter_rows()) == {
        0: ["offline-teacher"],
        1: ["second"],
        2: ["offline-teacher"],
        3: ["second"],
    }
    solved = attempts.filter(outcome="right").select("question_id", "model")
    refined = after.table("rationale_rounds").filter(pl.col("reply_key").is_not_null())
    together = refined.join(solved, on="question_id", suffix="_solver")
    assert {*solved["model"]} == {"offline-teacher", "second"}
    assert together["model"].equals(together["model_solver"], check_names=False)


def test_a_model_under_test_is_one_name_and_rewrites_no_other(
    conf: Path, data: Path, server: LoopbackServer
) -> None:
    parts = data / "07_model_output" / "predictions"
    nodes = ("evaluation.write_exam_papers", "evaluation.answer_benchmarks")
    before = {path.name: path.stat().st_ino for path in parts.glob("*.parquet")}
    add_model(
        conf / "base/catalog/models.yml",
        "evaluated_models",
        "new:",
        "  type: psyche_kedro.datasets.OpenAIChatModelDataset",
        "  model: second",
        f"  base_url: {server.url}",
        f"  store: {data / 'replies.sqlite'}",
    )
    after = run(conf, data, *nodes, env="local")
    predictions = after.table("predictions")
    (name,) = set(predictions.filter(role="new")["model"])
    assert name.startswith("second@unpinned-")
    counts = dict(predictions.group_by("role").len().iter_rows())
    assert counts.keys() == {"new", "teacher", "student_a"}, "no trained model is there"
    assert len(set(counts.values())) == 1, "every model sits the same exam"
    assert server.total == counts["new"], "no other model is asked"
    kept = {path.name: path.stat().st_ino for path in parts.glob("*.parquet")}
    assert {name: kept[name] for name in before} == before


def test_prompts_in_another_language_are_a_folder(conf: Path, data: Path) -> None:
    asked: list[str] = []

    def student(ask: Ask) -> Behaviour:
        asked.append(ask.body["messages"][-1]["content"])
        return Behaviour(text="Answer: B")

    write_english_set(conf / "base/prompts/en")
    (conf / "endpoint/globals.yml").write_text("prompts: en", encoding="utf-8")
    with LoopbackServer(student) as server:
        server.models = lambda: [{"id": name} for name in SERVED]
        after = run(
            conf,
            data,
            "selection.answer_as_students",
            env="endpoint",
            PSYCHE_BASE_URL=server.url,
            PSYCHE_API_KEY="none",
        )
    answers = after.table("student_answers")
    assert set(map(tuple, answers["prediction"])) == {("B",)}
    assert len(asked) == answers.height
    assert all(text.startswith("Type: ") for text in asked)
    assert all(text.endswith("\nWrite the letters only.") for text in asked)
