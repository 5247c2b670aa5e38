"""The graph of evaluation: what it waits for, and that its inputs can be bound."""

import pytest

from psyche_kedro.pipelines import evaluation, training

BOTH = evaluation.create_pipeline() + training.create_pipeline()


@pytest.mark.parametrize("maker", ["make_base_model", "train_sft", "train_grpo"])
def test_no_exam_is_sat_by_a_model_that_training_could_still_overwrite(maker):
    nodes = {node.name: node for node in BOTH.nodes}
    sitter = nodes["answer_benchmarks"]
    assert nodes[maker] in BOTH.node_dependencies[sitter]
