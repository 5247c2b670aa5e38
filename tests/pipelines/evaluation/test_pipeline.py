"""The graph of evaluation: what it waits for, and that its inputs can be bound."""

import pytest
from psyche_kedro.pipelines.evaluation.sections import Corpus

from psyche_kedro.pipelines import evaluation, training
from psyche_kedro.pipelines.evaluation import accounts

PIPELINE = evaluation.create_pipeline()
BOTH = PIPELINE + training.create_pipeline()


@pytest.mark.parametrize(
    ("role", "maker"),
    [("base", "make_base_model"), ("sft", "train_sft"), ("grpo", "train_grpo")],
)
def test_a_trained_model_sits_its_exams_after_its_training(role, maker):
    nodes = {node.name: node for node in BOTH.nodes}
    sitter = nodes[f"answer_benchmarks_as_{role}"]
    assert nodes[maker] in BOTH.node_dependencies[sitter]


def test_no_exam_is_sat_by_a_model_that_training_could_still_overwrite():
    order = [node.name for node in BOTH.nodes]
    for role, maker in (("sft", "train_sft"), ("grpo", "train_grpo")):
        assert order.index(maker) < order.index(f"answer_benchmarks_as_{role}")


def test_the_counts_are_made_of_the_whole_corpus():
    nodes = {node.name: node for node in PIPELINE.nodes}
    assert {*accounts.STAGES} <= {*nodes["count_funnel"].inputs}
    assert {*accounts.REJECTING} == {*nodes["list_rejections"].inputs}
    assert {*accounts.WRITTEN} == {*nodes["list_writers"].inputs}


def test_the_report_reads_every_table_of_the_corpus_by_its_name():
    inputs = {node.name: node for node in PIPELINE.nodes}["write_report"]._inputs
    assert {name: inputs[name] for name in Corpus._fields} == {
        name: name for name in Corpus._fields
    }
    assert inputs["difficulty"] == "params:selection.difficulty"


def test_the_report_waits_for_every_score_and_count():
    nodes = {node.name: node for node in PIPELINE.nodes}
    assert {
        "scores",
        "funnel",
        "rejections",
        "writers",
        "sft_log",
        "grpo_log",
    } <= {*nodes["write_report"].inputs}
