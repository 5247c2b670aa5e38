"""The paper's tables are whole; `test_audit.py` checks what they say of each other."""

from cards import CARDS
from psyche_kedro.pipelines.reporting.published import read_published

PAPER = read_published()
PCEB, OPEN = CARDS.root["pceb"].choice, CARDS.root["pceb"].open
JUDGED = CARDS.root["counselling"].judged


def test_table_1_has_eighteen_models_and_the_benchmark_3863_items():
    assert len(PCEB.published.rows) == 18
    assert sum(PCEB.published.items.values()) == 3863
    assert [row.model for row in OPEN.published.rows] == [
        row.model for row in PCEB.published.rows
    ]


def test_judged_scores_lie_on_the_scale_we_chose():
    judged = [
        row.scores["counselling"][name]["counselling"]
        for row in JUDGED.published.rows
        for name in JUDGED.metrics
    ]
    assert len(judged) == 24
    assert all(0 <= score <= 3 for score in judged)


def test_every_count_stands_beside_a_table_that_an_account_counts():
    from psyche_kedro.pipeline_registry import register_pipelines

    nodes = register_pipelines()["__default__"].nodes
    accounts = [n for n in nodes if n.short_name.startswith("account_for_")]
    assert PAPER.counts.keys() <= {name for node in accounts for name in node.inputs}
