"""The paper's tables agree with themselves, but for the exceptions listed here."""

import pytest

from psyche_kedro.pipelines.reporting.published import read_published

PAPER = read_published()
# Printed 61.26 (66.78); its own cells give 61.15 (66.67).
WRONG_AVERAGES = {"Gemini1.5-Pro"}
# Printed 60.57; its cells give 60.54, so some answers were left out of a denominator.
WRONG_MICRO_AVERAGES = {"DeepSeek-R1-70B"}


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def test_table_1_has_eighteen_models_and_the_benchmark_3863_items():
    assert len(PAPER.pceb) == 18
    items = PAPER.pceb_items
    assert sum(n for cell, n in items.items() if cell != "case_essay") == 3863


@pytest.mark.parametrize("row", PAPER.pceb, ids=lambda row: row.model)
def test_averages_of_table_1_are_unweighted_means_of_six_cells(row):
    standard = mean(row.standard.values())
    elastic = mean((row.standard | row.elastic).values())
    agrees = abs(standard - row.average) < 0.011 and (
        abs(elastic - row.elastic_average) < 0.011
    )
    assert agrees is (row.model not in WRONG_AVERAGES)


@pytest.mark.parametrize("row", PAPER.cpsyexam, ids=lambda row: row.model)
def test_averages_of_table_2_weigh_every_zero_shot_item(row):
    items = PAPER.cpsyexam_items
    micro = sum(row.zero_shot[c] * n for c, n in items.items()) / sum(items.values())
    agrees = abs(micro - row.average) < 0.016
    assert agrees is (row.model not in WRONG_MICRO_AVERAGES)


def test_table_3_weighs_items_and_one_of_its_values_cannot_be():
    ours = {row.model: row for row in PAPER.pceb}["Psyche-R1"]
    final = {row.setting: row for row in PAPER.ablation}["+SFT+GRPO"]
    printed = {"case": final.case, "moral": final.moral, "theory": final.theory}
    wrong = {
        part
        for part, value in printed.items()
        if abs(value - _category(ours.standard, part)) > 0.03
    }
    # 67.07 is above both of its cells, 63.31 and 56.26; they give 59.50.
    assert wrong == {"case"}


def _category(standard, part):
    cells = [f"{part}_single", f"{part}_multiple"]
    items = PAPER.pceb_items
    return sum(standard[c] * items[c] for c in cells) / sum(items[c] for c in cells)


@pytest.mark.parametrize("row", PAPER.pceb, ids=lambda row: row.model)
def test_elastic_accuracy_is_never_below_the_standard_one(row):
    assert all(row.elastic[cell] >= row.standard[cell] for cell in row.elastic)


def test_judged_scores_lie_on_the_scale_we_chose():
    scores = [v for r in PAPER.counselling for v in (r.EmoE, r.CogE, r.Con, r.Sta)]
    assert len(scores) == 24
    assert all(0 <= score <= 3 for score in scores)


def test_every_count_stands_beside_a_table_that_an_account_counts():
    from psyche_kedro.pipeline_registry import register_pipelines

    nodes = register_pipelines()["__default__"].nodes
    accounts = [n for n in nodes if n.short_name.startswith("account_for_")]
    assert PAPER.counts.keys() <= {name for node in accounts for name in node.inputs}
