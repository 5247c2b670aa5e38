"""What the paper's numbers say of each other, and that a wrong one is found."""

from collections import Counter

import pytest

from cards import CARDS
from psyche_kedro.commands.audit import describe, summarise
from psyche_kedro.pipelines.benchmarks import Benchmarks
from psyche_kedro.pipelines.reporting.audit import Paper, audit, is_share
from psyche_kedro.pipelines.reporting.published import Published, read_published

SHARES = "an accuracy is k of its N items"
PAPER = Paper(CARDS, read_published())
CHECKS = audit(PAPER)


def wrong(checks, rule=None):
    return {c.place for c in checks if not c.agrees and rule in {None, c.rule}}


def test_what_contradicts_itself_beside_shares():
    found = {c.place: (c.printed, c.derived) for c in CHECKS if not c.agrees}
    assert {p: f for p, f in found.items() if p not in wrong(CHECKS, SHARES)} == {
        "Table 1, Gemini1.5-Pro, average": ("61.26", "61.15"),
        "Table 1, Gemini1.5-Pro, elastic accuracy, average": ("66.78", "66.67"),
        "Table 2, DeepSeek-R1-70B, zero shot, average": ("60.57", "60.54"),
        "§2.4 and Table 6": (
            "over 73k empathetic dialogues",
            "dialogues in Table 6: 72,920",
        ),
        "§3.2 and Table 2": (
            "DeepSeek-R1 declines under five-shot",
            "0 of 4 fall: 87.49 → 88.78, 56.98 → 66.58, 76.83 → 77.30, 59.00 → 61.50",
        ),
    }
    impossible = [c for c in CHECKS if c.printed == "67.07" and c.rule != SHARES]
    assert [(c.derived, c.agrees) for c in impossible] == [("59.50", False)] * 2
    said = [c.derived for c in CHECKS if "47.64" in c.printed]
    assert said == ["48.91 → 40.97 is -16.23 %"]


def test_how_many_accuracies_are_no_share_of_their_items():
    tables = Counter(place.partition(",")[0] for place in wrong(CHECKS, SHARES))
    checked = Counter(c.place.partition(",")[0] for c in CHECKS if c.rule == SHARES)
    assert tables == {"Table 1": 56, "Table 2": 12, "Table 3": 17, "Table 4": 25}
    assert checked == {"Table 1": 108, "Table 2": 104, "Table 3": 21, "Table 4": 30}


@pytest.mark.parametrize(
    ("value", "n", "is_one"),
    [
        (66.67, 3, True),
        (66.66, 3, True),
        (66.68, 3, False),
        (0, 7, True),
        (100, 7, True),
    ],
)
def test_a_share_may_be_rounded_or_cut_off(value, n, is_one):
    assert is_share(value, n) is is_one


# ---- a number that is changed is found -------------------------------------------


def changed_exam(benchmark, model, **changes):
    """Return the checks with cells of a row changed, e.g. ``elastic_accuracy={…}``."""
    cards = CARDS.model_dump()
    form = "open" if "rouge_l" in changes else "choice"
    for row in cards[benchmark][form]["published"]["rows"]:
        if row["model"] == model:
            metrics = next(iter(row["scores"].values()))
            for metric, cells in changes.items():
                metrics[metric] = {**metrics[metric], **cells}
    return audit(PAPER._replace(benchmarks=Benchmarks(root=cards)))


def changed(**fields):
    """Return the checks with fields of ``published.yml`` changed."""
    published = PAPER.published.model_dump() | fields
    return audit(PAPER._replace(published=Published(**published)))


def new(checks):
    return {c.rule for c in checks if not c.agrees and c not in CHECKS}


def test_a_changed_average_is_found():
    checks = changed_exam("pceb", "QwQ-32B", standard_accuracy={"macro_average": 54.2})
    assert new(checks) == {"an average is that of its cells"}
    checks = changed_exam("cpsyexam", "PsyDT", standard_accuracy={"micro_average": 71})
    assert new(checks) == {"an average is that of its cells"}


def test_an_elastic_accuracy_below_the_standard_one_is_found():
    cells = {"case_multiple": 20, "macro_average": 58.04}
    checks = changed_exam("pceb", "QwQ-32B", elastic_accuracy=cells)
    assert "a score is not above its elastic accuracy" in new(checks)


def test_a_rouge_l_above_rouge_1_is_found():
    checks = changed_exam("pceb", "QwQ-32B", rouge_l={"case_essay": 19})
    assert new(checks) == {"a score is not above its ROUGE-1"}


def test_a_changed_share_is_found():
    checks = changed_exam("cpsyexam", "PsyDT", standard_accuracy={"case_single": 69.68})
    assert new(checks) == {SHARES}


def ablation(setting, **changes):
    rows = PAPER.published.model_dump()["ablation"]
    return [
        row | {k: {**row[k], **v} for k, v in changes.items()}
        if row["setting"] == setting
        else row
        for row in rows
    ]


def test_a_changed_score_or_change_of_table_3_is_found():
    checks = changed(ablation=ablation("+SFT", change={"case": 24.7}))
    assert new(checks) == {"Δ is relative to the base"}
    checks = changed(ablation=ablation("+SFT+GRPO", scores={"moral": 87.1}))
    assert "a model has one score in Table 1 and elsewhere" in new(checks)


def test_a_changed_size_or_count_is_found():
    published = PAPER.published.model_dump()
    models = [m | {"size": "9B"} for m in published["models"]]
    assert new(changed(models=models)) == {"a size is that of Table 7"}
    claims = [c | {"printed": 1} for c in published["claims"] if c["says"] == "sum"]
    assert new(changed(claims=claims)) == {"the text agrees with the tables"}


# ---- the command -----------------------------------------------------------------


def test_the_table_says_rule_place_printed_and_derived_once():
    lines = list(describe([c for c in CHECKS if not c.agrees]))
    gemini = [line for line in lines if "Gemini1.5-Pro, average" in line]
    assert [line.split()[-2:] for line in gemini] == [["61.26", "61.15"]]
    assert max(map(len, lines)) < 140
    assert list(summarise(CHECKS))[-1].split() == ["all", "470", "118"]
