"""Tables 3 and 4 and Figure 3, ours beside what is printed."""

import pytest
from test_report import SETTINGS, Page, score, tables, trained

from psyche_kedro.pipelines.ablation.pipeline import ARMS
from psyche_kedro.pipelines.reporting import ablations
from psyche_kedro.pipelines.reporting.nodes import write_report
from psyche_kedro.tables import ScoreDifferences, TrainedModels, frame

CELLS = [
    f"{part}_{kind}"
    for part in ("case", "moral", "theory")
    for kind in ("single", "multiple")
]


def arm(role, *values):
    """Scores of an arm: of the first cell one item, of the second two …"""
    model = f"grpo_model@{role}"
    return [
        score(role=role, model=model, cell=cell, value=value, n=n)
        for n, (cell, value) in enumerate(zip(CELLS, values, strict=False), start=1)
    ]


def rows(*arms, models=(), differences=()):
    data = tables(arms=[s for scores in arms for s in scores])
    data["ablation"]["ablation_score_differences"] = frame(
        ScoreDifferences, differences
    )
    data["ablation"]["ablation_models"] = frame(TrainedModels, models)
    return Page(write_report(**data, **SETTINGS).html).rows


def test_a_category_weighs_every_item_the_same():
    made = rows(arm("QA", 100.0, 40.0, 0.0, 0.0))
    [(_, cells)] = [row for row in made if row[1][:2] == ["+QA", "grpo_model@QA"]]
    assert cells[2:] == ["60.00 (n=3)", "0.00 (n=7)", "–"]


def test_the_papers_rows_stand_below_ours():
    made = rows(arm("ED", *[50.0] * 6))
    printed = [cells for kind, cells in made if kind == "paper"]
    assert ["+QA", "paper, Table 3", "48.27", "81.89", "71.22"] in printed
    assert [c[-1] for c in printed if c[:2] == ["+ED", "paper, Table 4"]] == ["51.11"]


def test_a_tiny_model_is_marked_and_its_alarm_told():
    alarm = "no_signal from step 20: nothing moved the weights"
    tiny = trained("QA", alarms=alarm)
    made = rows(arm("QA", 100.0, 40.0), models=[tiny])
    kinds = {kind for kind, c in made if c[1:2] == ["grpo_model@QA, tiny"]}
    assert kinds == {"toy"}
    assert alarm in [cells[-1] for _, cells in made if cells[:1] == ["QA"]]


def test_a_model_is_compared_with_the_whole_one_and_noise_is_called_noise():
    def apart(other, p, better):
        names = ("benchmark", "split", "protocol", "metric")
        return {name: score()[name] for name in names} | {
            "role": "QA",
            "other": other,
            "cell": "micro_average",
            "n": 60,
            "difference": -12.5,
            "low": -20.0,
            "high": -5.0,
            "p": p,
            "p_holm": p,
            "better": better,
        }

    pairs = [apart("grpo", 0.012, "grpo"), apart("base", 0.5, None)]
    made = rows(arm("QA", 1.0), differences=[*pairs, apart("RS", 0.5, None)])
    told = [cells[1:] for _, cells in made if cells[0] == "QA" and "60" in cells]
    assert told == [
        ["grpo", "60", "-12.50", "-20.00 to -5.00", "0.012", "grpo"],
        ["base", "60", "-12.50", "-20.00 to -5.00", "0.5", "within noise"],
    ]


def test_an_arm_of_no_table_of_the_paper_is_shown_all_the_same():
    shown = [cells[0] for _, cells in rows(arm("mine", 100.0))]
    assert "mine" in shown


def test_without_arms_the_section_says_which_command_makes_them():
    said = write_report(**tables(), **SETTINGS).markdown
    assert "Not run: `kedro run --pipeline=ablation`" in said


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_every_arm_stands_in_a_table_of_the_paper(arm):
    settings = (ablations.STAGES, ablations.COMPOSITIONS, ablations.SELECTIONS)
    assert arm.name in {role for table in settings for role in table.values()}
