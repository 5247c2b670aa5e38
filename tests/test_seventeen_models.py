"""Seventeen models in one report, and an eighteenth that asks nothing of the others."""

import json
import random
import re
import shutil
from itertools import combinations

import polars as pl
import pytest
import yaml

from psyche_kedro.pipelines.reporting.published import read_published
from psyche_kedro.tables import CHOICE_TYPES
from whole_run import ROOT, Run, run_kedro

pytestmark = pytest.mark.slow

NAMES = [model.name for model in read_published().models]
NEW = "eighteenth"


def kedro(conf, data, *arguments):
    result = run_kedro(
        "run",
        *arguments,
        f"--conf-source={conf}",
        "--params",
        f"data={data}",
        data=data,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return Run(data, result.stdout + result.stderr)


def write_replies(path, items, *, skill):
    rng = random.Random(path.stem)
    lines = []
    for item in items:
        is_choice = item["type"] in CHOICE_TYPES
        said = item["gold"] if rng.random() < skill else ["D"]
        text = f"答案：{''.join(said)}" if is_choice else item["answer_text"]
        lines.append(json.dumps({"id": item["item_id"], "reply": text}))
    path.write_text("\n".join(lines), encoding="utf-8")


def entry(name, path):
    return {
        "type": "psyche_kedro.datasets.ReplayChatModelDataset",
        "model": f"{name}-2026",
        "filepath": str(path),
        "columns": {"item_id": "id", "text": "reply"},
    }


def under_test(conf, entries):
    """Have the catalog's first model of the base stay, and these beside it."""
    path = conf / "base/catalog/models.yml"
    text = path.read_text(encoding="utf-8")
    head, rest = text.split("    student_a: *student_a\n  metadata", 1)
    added = yaml.safe_dump(entries, indent=2).replace("\n", "\n    ").strip()
    path.write_text(f"{head}    {added}\n  metadata{rest}", encoding="utf-8")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seventeen")
    conf, data = folder / "conf", folder / "data"
    shutil.copytree(ROOT / "conf", conf)
    first = kedro(conf, data, "--to-nodes=cleaning.clean_benchmark_items")
    items = first.table("clean_benchmark_items").filter(pl.col("split") == "test")
    asked = [i for i in items.to_dicts() if i["gold"] or i["answer_text"]]
    entries = {}
    for n, name in enumerate([*NAMES[:16], NEW]):
        path = folder / f"{name}.jsonl"
        write_replies(path, asked, skill=n / 16)
        entries[name] = entry(name, path)
    made = []
    for added in (NAMES[:16], [*NAMES[:16], NEW]):
        shutil.rmtree(conf)
        shutil.copytree(ROOT / "conf", conf)
        under_test(conf, {name: entries[name] for name in added})
        run = kedro(conf, data, "--pipelines=evaluation,reporting")
        tables = ("scores", "score_differences", "predictions")
        kept = {name: run.table(name) for name in tables}
        report = (data / "08_reporting/report.html").read_text(encoding="utf-8")
        made.append((kept, run.output, report))
    return made


def test_seventeen_models_stand_in_one_report_with_paired_tests(runs):
    tables, _, report = runs[0]
    assert set(tables["scores"]["role"]) == {"teacher", *NAMES[:16]}
    pairs = tables["score_differences"].filter(
        benchmark="pceb", cell="macro_average", metric="standard_accuracy"
    )
    assert pairs.height == len(list(combinations(range(17), 2)))
    assert pairs["better"].null_count() > 0
    best = pairs.filter(role=NAMES[0], other=NAMES[15])
    assert best["better"].to_list() == [NAMES[15]]
    assert "within noise" in report
    beside = report.partition("<h2>Beside the paper</h2>")[2].partition("</section>")[0]
    assert all(name in beside for name in NAMES[:16])


def test_an_eighteenth_asks_nothing_of_the_others_and_changes_none_of_their_scores(
    runs,
):
    (before, said, _), (after, said_again, _) = runs
    assert int(re.search(r"total: (\d+) replies", said)[1]) > 0
    assert "total: 0 replies" in said_again
    others = pl.col("role") != NEW
    assert before["scores"].equals(after["scores"].filter(others))
    kept = after["score_differences"].filter(others, pl.col("other") != NEW)
    assert before["score_differences"].drop("p_holm").equals(kept.drop("p_holm"))
    assert NEW in after["predictions"]["role"].to_list()
