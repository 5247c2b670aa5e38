"""The paper's tables agree with themselves, but for the exceptions listed here."""

import pytest

from cards import CARDS
from psyche_kedro.pipelines.reporting.published import read_published

PAPER = read_published()
PCEB, OPEN = CARDS.root["pceb"].choice, CARDS.root["pceb"].open
CPSYEXAM = CARDS.root["cpsyexam"].choice
JUDGED = CARDS.root["counselling"].judged
# Printed 61.26 (66.78); its own cells give 61.15 (66.67).
WRONG_AVERAGES = {"Gemini1.5-Pro"}
# Printed 60.57; its cells give 60.54, so some answers were left out of a denominator.
WRONG_MICRO_AVERAGES = {"DeepSeek-R1-70B"}


def rows(exam):
    named = {row.model: row for row in exam.published.rows}
    return pytest.mark.parametrize("row", named.values(), ids=named)


def scores(row, protocol, metric="standard_accuracy"):
    """Scores by cell, and the average."""
    cells = dict(row.scores[protocol][metric])
    averages = [cells.pop(n) for n in list(cells) if n.endswith("_average")]
    return cells, averages[0] if averages else None


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def test_table_1_has_eighteen_models_and_the_benchmark_3863_items():
    assert len(PCEB.published.rows) == 18
    assert sum(PCEB.published.items.values()) == 3863
    assert [row.model for row in OPEN.published.rows] == [
        row.model for row in PCEB.published.rows
    ]


@rows(PCEB)
def test_averages_of_table_1_are_unweighted_means_of_six_cells(row):
    standard, average = scores(row, "reasoned")
    elastic, elastic_average = scores(row, "reasoned", "elastic_accuracy")
    assert standard.keys() == PCEB.cells.keys()
    agrees = abs(mean(standard.values()) - average) < 0.011 and (
        abs(mean((standard | elastic).values()) - elastic_average) < 0.011
    )
    assert agrees is (row.model not in WRONG_AVERAGES)


@rows(CPSYEXAM)
def test_averages_of_table_2_weigh_every_zero_shot_item(row):
    cells, average = scores(row, "zero_shot")
    items = CPSYEXAM.published.items
    micro = sum(cells[c] * n for c, n in items.items()) / sum(items.values())
    agrees = abs(micro - average) < 0.016
    assert agrees is (row.model not in WRONG_MICRO_AVERAGES)


def test_table_3_weighs_items_and_one_of_its_values_cannot_be():
    ours = next(row for row in PCEB.published.rows if row.model == "Psyche-R1")
    printed = {row.setting: row.scores for row in PAPER.ablation}["+SFT+GRPO"]
    standard, _ = scores(ours, "reasoned")
    wrong = {
        part
        for part, value in printed.items()
        if abs(value - _category(standard, part)) > 0.03
    }
    # 67.07 is above both of its cells, 63.31 and 56.26; they give 59.50.
    assert wrong == {"case"}


def _category(standard, part):
    cells = [f"{part}_single", f"{part}_multiple"]
    items = PCEB.published.items
    return sum(standard[c] * items[c] for c in cells) / sum(items[c] for c in cells)


@rows(PCEB)
def test_elastic_accuracy_is_never_below_the_standard_one(row):
    standard, elastic = row.scores["reasoned"].values()
    assert all(elastic[cell] >= standard[cell] for cell in elastic)


def test_judged_scores_lie_on_the_scale_we_chose():
    judged = [
        scores(row, "counselling", name)[0]
        for row in JUDGED.published.rows
        for name in JUDGED.metrics
    ]
    assert len(judged) == 24
    assert all(0 <= score <= 3 for cells in judged for score in cells.values())


def test_every_count_stands_beside_a_table_that_an_account_counts():
    from psyche_kedro.pipeline_registry import register_pipelines

    nodes = register_pipelines()["__default__"].nodes
    accounts = [n for n in nodes if n.short_name.startswith("account_for_")]
    assert PAPER.counts.keys() <= {name for node in accounts for name in node.inputs}
