"""The graph of evaluation: what it waits for, and that its inputs can be bound."""

import pytest

from psyche_kedro.pipelines import evaluation, training

BOTH = evaluation.create_pipeline() + training.create_pipeline()


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
