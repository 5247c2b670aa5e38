"""60 marks planted in posts: whatever fails, none is said, logged or reported.

The whole chain runs once, so that models are trained on the marks, too. Then each node
that sees what comes of a post is made to fail: with an error that quotes all that it
was given, by Ctrl-C, by a table that its model refuses, and on a full disk; and models
are made to answer with the post. Marks may stand in the tables that hold posts or what
models wrote, and nowhere else.
"""

import base64
import functools
import gzip
import inspect
import io
import json
import os
import re
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from psyche_kedro import pipeline_registry
from whole_run import ROOT, tracking

pytestmark = pytest.mark.slow

MARK = "琥珀灯塔"
# None of them looks like a name: it would be masked, and found nowhere.
COLOURS, THINGS = "红橙绿青蓝紫黑白灰褐", "砖瓦门窗梯桌"
MARKS = [f"{MARK}{COLOURS[n % 10]}{THINGS[n // 10]}" for n in range(60)]
READER = "ingestion.read_posts"
NOT_KEPT = {"exam_papers"}
"""What a run keeps in memory: who reads it fails after who writes it."""
REGISTERED = pipeline_registry.register_pipelines
KINDS = ("error", "ctrl_c", "model", "disk")
WAYS_OUT = ("08_reporting", "mlartifacts")
"""Folders below the output root that are made to be shown around."""
FOR_REVIEWERS = {"masked_posts_sample.csv", "review_batch.xlsx"}
"""Files that hold posts because people are to read them."""


# ---- posts with marks ------------------------------------------------------------


def marked_raw(folder: Path) -> Path:
    """Copy the sample with marked posts, and with damaged files of marked posts."""
    shutil.copytree(ROOT / "data/01_raw/sample", folder)
    posts = folder / "posts"
    marks = iter(MARKS)
    for file in sorted(posts.glob("*.json")):
        records = json.loads(file.read_text("utf-8"))
        file.write_text(json.dumps([_marked(r, marks) for r in records]), "utf-8")
    one = f"我常常想起{MARKS[0]}。"
    (posts / "cut.json").write_text(f'[{{"question": "{one}', "utf-8")
    (posts / "role.json").write_text(
        json.dumps([{"messages": [{"role": one, "content": one}]}]), "utf-8"
    )
    (posts / "words.txt").write_text(one, "utf-8")
    (posts / "open.csv").write_text(f'标题,正文,回复\n"{one},{one}\n', "utf-8")
    (posts / "layout.json").write_text(json.dumps([{one: one}, [one], one]), "utf-8")
    return folder


def _marked(record: dict, marks: Iterator[str]) -> dict:
    """Return a record with a mark in each of its texts, as long as there are any."""

    def mark(text: str) -> str:
        found = next(marks, None) or MARKS[len(text) % len(MARKS)]
        return f"{text}我常常想起墙上的{found}。"

    for key in ("question", "description"):
        if key in record:
            record[key] = mark(record[key])
    for answer in record.get("answers", []):
        answer["answer_text"] = mark(answer["answer_text"])
    for turn in record.get("turns", record.get("messages", [])):
        turn["content"] = mark(turn["content"])
    return record


# ---- runs that fail --------------------------------------------------------------


def main(root: str, raw: str) -> None:
    """Run what sees posts, each node made to fail in every way; print what is said."""
    from kedro.framework.project import pipelines
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(ROOT)
    params = f"data={root},raw={raw}"
    assert invoke(params) == 0
    whole = pipelines["__default__"]
    seeing = whole.from_inputs("posts") + whole.only_nodes(READER)
    for node in seeing.nodes:
        before = whole.only_nodes_with_outputs(*NOT_KEPT & {*node.inputs})
        for kind in KINDS:
            fail(node, before, kind, params=params, root=Path(root))
    answer_with_the_post()
    params = f"data={root}-echo,raw={raw}"
    invoke(params, "--pipelines", "ingestion,cleaning,synthesis")


def invoke(params: str, *arguments: str) -> int:
    from click.testing import CliRunner

    from psyche_kedro.commands.run import run

    result = CliRunner().invoke(run, ["--params", params, *arguments])
    show(result.output)
    return result.exit_code


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fail(node, before, kind: str, *, params: str, root: Path) -> None:
    from kedro.pipeline import Pipeline

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    begun = []

    @functools.wraps(node.func)
    def failing(*args, **kwargs):
        begun.append(node.name)
        words = quoted([*args, *kwargs.values()])
        if kind == "ctrl_c":
            raise KeyboardInterrupt(words)
        if kind == "error":
            try:
                raise KeyError(words)
            except KeyError as error:
                raise ValueError(words) from error
        outputs = [stored(name, root, words, kind) for name in node.outputs]
        if kind == "disk":
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    # Kedro binds inputs by it.
    failing.__signature__ = inspect.signature(node.func, follow_wrapped=False)
    kept = {path: path.read_bytes() for n in node.outputs for path in tables(n, root)}
    one = before + Pipeline([node._copy(func=failing)])
    register(lambda: {"__default__": one})
    try:
        code = invoke(params)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        register(REGISTERED)
    for path, table in kept.items():  # a table of words alone is not refused
        path.write_bytes(table)
    if begun:
        show(f"== {kind} of {node.name}: {code}")


def register(registry) -> None:
    from kedro.framework.project import pipelines

    pipeline_registry.register_pipelines = registry
    pipelines.configure(pipeline_registry.__name__)


def quoted(values: list) -> str:
    """Return all that a node was given, with a mark in any case."""
    import polars as pl

    words = io.StringIO()
    for value in values:
        if isinstance(value, pl.DataFrame):
            words.write(str(value.head(50).to_dicts()))
        elif isinstance(value, list) and value and hasattr(value[0], "read"):
            words.write("".join(f.read().decode(errors="ignore") for f in value[:20]))
        else:
            words.write(str(value)[:2000])
    return words.getvalue() + MARKS[-1]


def stored(name: str, root: Path, words: str, kind: str):
    """Return a table that an earlier run has left, refused by its model or as it is."""
    import polars as pl

    paths = tables(name, root)
    if not paths:
        return words
    table = pl.read_parquet(paths[0])
    if kind == "disk":
        return table
    text = [c for c, d in table.schema.items() if d == pl.String]
    return pl.concat([table, table.clear(n=1)]).with_columns(
        pl.lit(words[-60:]).alias(c) for c in text
    )


def tables(name: str, root: Path) -> list[Path]:
    return [*root.glob(f"0*_*/{name}.parquet")]


def answer_with_the_post() -> None:
    """Have every model answer with what it was asked."""
    from psyche_kedro.offline.brain import OfflineBrain

    OfflineBrain.answer = lambda self, messages, **_: str(messages[-1]["content"])


# ---- what is found ---------------------------------------------------------------


@pytest.fixture(scope="module")
def failed(tmp_path_factory) -> tuple[Path, str]:
    """What the runs left, and all that they said."""
    root = tmp_path_factory.mktemp("marked") / "out"
    raw = marked_raw(root.parent / "raw")
    code = f"from test_markers import main; main({str(root)!r}, {str(raw)!r})"
    work = root.parent / "work"  # where .viz is written
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ
        | tracking(root.parent)
        | {"PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *sys.path])},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, without_marks(said)[-3000:]
    return root, said


def without_marks(text: str) -> str:
    return text.replace(MARK, "<MARK>")


def test_the_marks_were_there_to_be_found(failed):
    import polars as pl

    root, _ = failed
    posts = pl.read_parquet(root / "03_primary/clean_posts/*.parquet")
    found = json.dumps(posts.to_dicts(), ensure_ascii=False)
    assert [mark for mark in MARKS if mark not in found] == []


def test_models_had_dialogues_by_heart(failed):
    import polars as pl

    root, _ = failed
    for name in ("shown_completions", "shown_answers"):
        shown = pl.read_parquet(root / f"08_reporting/{name}.parquet")
        assert shown["is_memorised"].any(), name


def test_every_node_that_sees_posts_did_fail(failed):
    _, said = failed
    ends = re.findall(r"^== (\w+) of (\S+): (\d+)$", said, re.MULTILINE)
    ended = {kind: [code for k, _, code in ends if k == kind] for kind in KINDS}
    assert len(ended["error"]) > 50
    assert set(ended["error"]) == {"1"}
    assert set(ended["ctrl_c"]) == {"130"}
    assert min(ended[kind].count("1") for kind in ("model", "disk")) > 30, ended


def test_nothing_that_is_said_or_logged_holds_a_mark(failed):
    _, said = failed
    lines = [without_marks(line)[:300] for line in said.splitlines() if MARK in line]
    assert not lines


def test_mlflow_and_viz_hold_no_mark(failed):
    root, _ = failed
    with closing(sqlite3.connect(root.parent / "mlflow.db")) as store:
        assert MARK not in "\n".join(store.iterdump())
    stats = ROOT / ".viz/stats.json"
    assert MARK not in (stats.read_text("utf-8") if stats.exists() else "")


def test_no_report_and_no_list_of_what_is_unreadable_holds_a_mark(failed):
    root, _ = failed
    shown = [p for name in WAYS_OUT for p in root.parent.rglob(f"{name}/**/*")]
    shown += root.glob("*/unreadable_*.parquet")
    shown = [p for p in shown if p.is_file() and p.name not in FOR_REVIEWERS]
    assert len(shown) > 10
    assert not [p.name for p in shown if holds_mark(p)]


def holds_mark(path: Path) -> bool:
    import polars as pl

    if path.suffix == ".parquet":
        rows = pl.read_parquet(path).to_dicts()
        return MARK in json.dumps(rows, ensure_ascii=False, default=str)
    content = path.read_bytes()
    for packed in re.findall(rb'id="packed" type="text/plain">([^<]+)<', content):
        content += gzip.decompress(base64.b64decode(packed))
    return MARK.encode() in content or json.dumps(MARK)[1:-1].encode() in content


def test_what_runs_leave_is_for_their_user_alone(failed):
    root, _ = failed
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in root.rglob("*")}
    assert len(modes) > 50
    assert {m for p, m in modes.items() if p.is_file()} == {0o600}
    assert {m for p, m in modes.items() if p.is_dir()} == {0o700}
