"""A score beside the printed one, and two models beside each other."""

import re

import polars as pl
import pytest
from corpus_rows import ROOT
from test_report import PARAMS, SETTINGS, Page, score, tables

from psyche_kedro.pipelines.reporting.comparisons import one_name
from psyche_kedro.pipelines.reporting.nodes import write_report
from psyche_kedro.pipelines.reporting.published import read_published

REAL = "qwen2.5-7b@r1"


def rows_of(title, **changes):
    html = write_report(**tables(model=REAL, **changes), **SETTINGS).html
    section = html.partition(f"<h2>{title}</h2>")[2].partition("</section>")[0]
    return [cells for _, cells in Page(section).rows[1:]]


def test_a_model_stands_beside_the_one_that_a_setting_says_it_is():
    assert PARAMS.printed_as == {"base": "Qwen2.5-7B", "grpo": "Psyche-R1"}
    one = score(role="grpo", model=REAL, value=50.0, low=46.7, high=53.3, n=878)
    (row,) = rows_of("Beside the paper", scores=[one])
    assert row[:7] == [
        "grpo",
        "Psyche-R1",
        "PCEB: the counsellor examination",
        "Case MMCQ",
        "56.26",
        "50.00",
        "-6.26",
    ]
    low, _, high = row[7].partition(" to ")
    # Two independent proportions of 878 items, by Newcombe.
    assert float(low) == pytest.approx(-10.9, abs=0.1)
    assert float(high) == pytest.approx(-1.6, abs=0.1)


def test_a_model_that_is_called_as_the_paper_calls_it_needs_no_setting():
    row = score(role="qwq-32b", model=REAL)
    assert [r[1] for r in rows_of("Beside the paper", scores=[row])] == ["QwQ-32B"]
    assert not rows_of("Beside the paper", scores=[score(role="new", model=REAL)])


def test_every_model_of_the_environment_baselines_finds_its_row_of_table_7():
    entries = (ROOT / "conf/baselines/catalog").glob("*.yml")
    text = "".join(path.read_text("utf-8") for path in entries)
    named = re.findall(r"^    (\w+): \{<<: .*metadata: \{size", text, re.MULTILINE)
    printed = {one_name(model.name) for model in read_published().models}
    assert {one_name(name) for name in named} == printed


def test_a_row_says_what_it_rests_on():
    one = score(
        role="grpo",
        model=REAL,
        n=20,
        n_left_out=858,
        n_missing=3,
        n_truncated=2,
        n_contaminated=4,
        value_uncontaminated=37.5,
    )
    (row,) = rows_of("Beside the paper", scores=[one])
    assert row[8:] == ["20 of 878", "3", "2", "4", "37.50"]


def test_open_answers_stand_beside_the_metric_that_is_printed():
    one = score(
        role="base", model=REAL, protocol="essay", cell="case_essay", metric="bleu_4"
    )
    (row,) = rows_of("Beside the paper", scores=[one | {"value": 1.5}])
    assert row[3:7] == ["bleu 4", "1.28", "1.50", "+0.22"]


def test_an_exam_with_failed_calls_has_no_difference():
    one = score(role="grpo", model=REAL, cell="macro_average", n_failed=1)
    (row,) = rows_of(
        "Beside the paper", scores=[one | dict.fromkeys(("value", "low", "high"))]
    )
    assert row[5:8] == ["–", "–", "–"]


def pair(**changes):
    return {
        "role": "grpo",
        "other": "base",
        "benchmark": "pceb",
        "cell": "macro_average",
        "split": "test",
        "protocol": "reasoned",
        "metric": "standard_accuracy",
        "n": 3863,
        "difference": 16.5,
        "low": 14.0,
        "high": 19.0,
        "p": 1e-9,
        "p_holm": 1e-7,
        "better": "grpo",
        **changes,
    }


def test_two_models_stand_beside_each_other_and_noise_is_called_so():
    near = pair(difference=0.4, low=-1.0, high=1.8, p=0.5, p_holm=1.0, better=None)
    cell = pair(cell="case_single", only_role=61, only_other=30, least=3.21)
    rows = rows_of(
        "Models beside each other", scores=[], differences=[pair(), near, cell]
    )
    rows = [row for row in rows if len(row) == 12 and row[0] != "Model"]
    assert rows[0][:7] == [
        "grpo",
        "base",
        "pceb: macro average",
        "+16.50",
        "14.00 to 19.00",
        "grpo",
        "3,863",
    ]
    assert rows[0][7:] == ["–", "–", "–", "< 0.001", "< 0.001"]
    assert rows[1][5] == "within noise"
    assert rows[1][-2:] == ["0.500", "1.000"]
    assert rows[2][7:10] == ["61", "30", "3.21"]


def test_models_are_ranked_with_how_many_each_is_told_apart_from():
    own = [
        score(role=role, model=REAL, cell="macro_average", value=value)
        for role, value in (("base", 57.9), ("grpo", 74.4), ("sft", 74.1))
    ]
    pairs = [
        pair(),
        pair(other="sft", better=None, p_holm=1.0),
        pair(role="sft", better="sft"),
    ]
    rows = rows_of("Models beside each other", scores=own, differences=pairs)
    ranking = [row for row in rows if len(row) == 6]
    assert [[row[0], *row[3:]] for row in ranking] == [
        ["grpo", "1", "1", "0"],
        ["sft", "1", "1", "0"],
        ["base", "0", "0", "2"],
    ]


# ---- the tables beside the page --------------------------------------------------


def test_the_csv_has_every_score_and_the_printed_one_where_there_is_one():
    scores = [score(role="grpo", model=REAL, value=50.0), score(role="new", model=REAL)]
    csv = pl.read_csv(
        write_report(**tables(scores=scores), **SETTINGS).csv.encode(),
        infer_schema_length=None,
    )
    assert csv["role"].to_list() == ["grpo", "new"]
    assert csv["printed_as"].to_list() == ["Psyche-R1", None]
    shown = csv.row(0, named=True)
    assert (shown["value"], shown["printed"], shown["n"]) == (50, 56.26, 20)
    assert shown["difference"] == pytest.approx(-6.26)


def test_the_latex_has_the_tables_of_exams_and_escapes_what_tex_reads():
    row = score(role="new_model 50% & more", model=REAL)
    latex = write_report(**tables(scores=[row]), **SETTINGS).latex
    assert r"new\_model 50\% \& more & " in latex
    assert r"Psyche-R1 & paper, Table 1 & 63.31 & 56.26 (66.21) &" in latex
    assert latex.count(r"\begin{longtable}") == latex.count(r"\end{longtable}") > 3
    bodies = latex.split(r"\endhead")[1:]
    for head, body in zip(latex.split(r"\midrule")[:-1], bodies, strict=True):
        columns = head.rpartition(r"\toprule")[2].count("&")
        rows = body.partition(r"\bottomrule")[0].strip().splitlines()
        assert {line.replace(r"\&", "").count("&") for line in rows} == {columns}


def test_table_7_says_which_model_of_the_paper_this_run_has():
    own = [
        score(role="grpo", model=REAL, cell="macro_average", value=70.0),
        score(role="gpt-4o", model="gpt-4o@r2", cell="macro_average", value=52.0),
    ]
    rows = rows_of("Models of the paper: Table 7 and Figure 1", scores=own)
    assert len(rows) == 17
    told = {row[0]: row for row in rows}
    assert told["GPT-4o"][2:] == ["gpt-4o@r2", "–", "49.96", "52.00"]
    assert told["QwQ-32B"][1:] == ["Qwen/QwQ-32B", "–", "32B", "54.11", "–"]


def test_figure_1_has_every_model_of_a_known_size_and_ours_but_toys():
    own = [
        score(role="qwen2.5-72b", model=REAL, cell="macro_average", value=70.0),
        score(role="grpo", model=REAL, cell="macro_average", value=12.0),
    ]
    html = write_report(**tables(scores=own, model=REAL), **SETTINGS).html
    figure = html.partition("Average accuracy against size")[2].partition("</svg>")[0]
    assert figure.count("<circle") == 15 + 1
    assert figure.count('fill="var(--mark)"') == 1
    assert ">DeepSeek-R1</text>" in figure
    assert ">grpo</text>" not in figure
    assert "GPT-4o" not in figure


def test_figure_4_shows_hard_and_other_items_with_their_n():
    title = "Hard and other items: Figure 4"
    rows = [
        score(role="grpo", model=REAL, cell=cell, metric=metric, value=value, n=n)
        | {"subset": "non_challenging"}
        for cell, metric, value, n in (
            ("case_multiple", "standard_accuracy", 60.0, 20),
            ("case_multiple", "elastic_accuracy", 70.0, 20),
            ("micro_average", "standard_accuracy", 60.0, 20),
        )
    ]
    (row,) = rows_of(title, by_difficulty=rows)
    assert row[:5] == [
        "PCEB: the counsellor examination: non-challenging",
        "grpo",
        "20",
        "–",
        "60.00 (70.00)",
    ]
    assert not rows_of(title)
