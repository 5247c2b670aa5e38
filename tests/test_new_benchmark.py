"""A new benchmark of a known layout is one card and its files, and no code."""

import ast
import csv
import shutil
from textwrap import dedent

import pytest

from cards import CARDS
from psyche_kedro.pipelines import benchmarks
from whole_run import ROOT, Run, run_kedro

CARD = dedent(benchmarks.__doc__.partition("::")[2])
STEMS = (
    "记忆是指",
    "注意是指",
    "情绪是指",
    "意志是指",
    "思维是指",
    "想象是指",
    "感觉是指",
)


def question(stem):
    options = {"A": f"{stem}甲", "B": f"{stem}乙", "C": f"{stem}丙", "D": f"{stem}丁"}
    return {"Question": f"{stem}什么？", **options, "Answer": "B"}


def write(path, stems):
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, question("").keys())
        sheet.writeheader()
        sheet.writerows(map(question, stems))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arc")
    conf, raw, data = (folder / name for name in ("conf", "raw", "data"))
    shutil.copytree(ROOT / "conf", conf)
    (conf / "base/benchmarks/arc.yml").write_text(CARD, encoding="utf-8")
    write(raw / "benchmarks/arc/dev/psychology.csv", STEMS[:4])
    write(raw / "benchmarks/arc/test/psychology.csv", STEMS[4:])
    result = run_kedro(
        "run",
        "--pipelines=evaluation,reporting",
        f"--conf-source={conf}",
        "--params",
        f"raw={raw},data={data}",
        data=data,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return Run(data, result.stdout + result.stderr)


def test_its_files_are_read_and_cleaned_as_the_card_lays_them_out(run):
    items = run.table("clean_benchmark_items")
    assert items.unique(["benchmark", "cell", "type"]).height == 1
    assert items["split"].to_list() == ["exemplar"] * 4 + ["test"] * 3
    assert items["gold"].to_list() == [["B"]] * 7
    assert run.table("exemplars")["benchmark"].to_list() == ["arc"] * 4


def test_models_sit_it_under_the_protocols_of_the_card(run):
    asked = run.table("predictions").filter(role="teacher")
    counts = dict(asked.group_by("protocol").len().iter_rows())
    assert counts == {"zero_shot": 3, "five_shot": 3}


def test_it_is_scored(run):
    scores = run.table("scores").filter(role="teacher", protocol="zero_shot")
    assert set(scores["cell"]) == {"psychology", "micro_average", "macro_average"}
    assert scores.filter(metric="standard_accuracy")["n"].to_list() == [3, 3, 3]


def test_the_report_has_a_section_for_it_behind_those_of_the_paper(run):
    report = (run.data / "08_reporting/report.md").read_text(encoding="utf-8")
    *_, after = report.partition("## An examination")
    section = after.partition("## ")[0]
    assert (
        "| 0-shot Accuracy | 5-shot Accuracy | Avg. | One answer | Unread |" in section
    )
    assert "4 for Accuracy" in section
    assert report.index("## Counselling") < report.index("## An examination")


# ---- what the code knows -------------------------------------------------------------

# A protocol and the prompt of dialogues are called so, too.
WORDS = {"counselling"}
# Readers are called after those whose parser they are.
PARSERS = {"official_cpsyexam", "read_as_cpsyexam"}


def names_in(path):
    """Names and texts of a module, docstrings aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in said:
            yield str(node.value)
        yield from (getattr(node, field, "") for field in ("id", "attr", "arg", "name"))


def test_no_code_knows_the_name_of_a_benchmark():
    names = CARDS.root.keys() - WORDS
    assert names
    modules = sorted((ROOT / "src").rglob("*.py"))
    found = {
        f"{path.name}: {text}"
        for path in modules
        for text in map(str, names_in(path))
        if text not in PARSERS
        if any(name in text.lower() for name in names)
    }
    assert not found


def comparisons(path):
    """Each comparison with a text, as what is compared."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            others = [side for side in sides if not isinstance(side, ast.Constant)]
            if len(others) < len(sides):
                yield " ".join(map(ast.unparse, others))


def test_no_code_compares_a_benchmark_with_a_text():
    compared = {
        f"{path.name}: {text}"
        for path in (ROOT / "src").rglob("*.py")
        for text in comparisons(path)
        if "benchmark" in text
        if "cedar" not in path.parts  # where a benchmark is made, not sat
    }
    assert not compared
