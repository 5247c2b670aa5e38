"""An arm is a slice of the chapters under its own name, and repeats nothing else."""

import pytest
from kedro.io import DataCatalog

from psyche_kedro.pipeline_registry import register_pipelines
from psyche_kedro.pipelines.ablation.nodes import gather_predictions
from psyche_kedro.pipelines.ablation.pipeline import ARMS, Arm, arm_slice
from psyche_kedro.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS
from psyche_kedro.tables import Predictions, content_id, frame
from whole_run import ROOT

PIPELINES = register_pipelines()
NAMED = {arm.name: arm for arm in ARMS}


def nodes_of(arm):
    return {node.name.removeprefix(f"{arm.name}.") for node in arm_slice(arm).nodes}


def loader(env="local", **runtime_params):
    return CONFIG_LOADER_CLASS(
        str(ROOT / "conf"), env, runtime_params=runtime_params, **CONFIG_LOADER_ARGS
    )


def test_an_arm_that_leaves_out_sft_trains_once():
    assert nodes_of(NAMED["GRPO-alone"]) == {
        "train_grpo",
        "answer_benchmarks",
        "list_trained_models",
    }
    read = arm_slice(NAMED["GRPO-alone"]).inputs()
    assert {"base_model", "grpo_examples", "ablation_exam_papers"} <= read


def test_an_arm_without_questions_ends_at_its_sft_model():
    assert "train_sft" in nodes_of(NAMED["ED"])
    assert not {"train_grpo", "build_grpo_set", "plan_training"} & nodes_of(NAMED["ED"])


def test_only_the_arm_of_letters_alone_is_asked_otherwise():
    asked = {arm.name for arm in ARMS if "write_exam_papers" in nodes_of(arm)}
    assert asked == {"QA"}


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_an_arm_starts_from_the_same_weights_and_writes_under_its_own_name(arm):
    made = arm_slice(arm).all_outputs()
    assert "make_base_model" not in nodes_of(arm)
    assert all(name.startswith((f"{arm.name}.", f"{arm.name}_")) for name in made)


def test_the_ablation_writes_nothing_of_the_chain_but_the_report():
    chain, ablation = PIPELINES["__default__"], PIPELINES["ablation"]
    report = PIPELINES["reporting"].all_outputs()
    assert ablation.all_outputs() & chain.all_outputs() == report


def test_the_chain_has_made_all_that_the_arms_share():
    free = {n for n in PIPELINES["ablation"].inputs() if not n.startswith("params:")}
    known = PIPELINES["__default__"].datasets()
    assert free <= known


@pytest.mark.parametrize("env", ["local", "paper"])
def test_an_arm_is_a_line_and_what_it_reads(env):
    read = "params:selection.variants.half_dialogues"
    half = Arm("half", {"params:selection.variant": read}, stage="sft")
    conf = loader(env)
    credentials = conf["credentials"] if env == "paper" else {}
    catalog = DataCatalog.from_config(conf["catalog"], credentials=credentials)
    pipeline = arm_slice(half)
    names = {n for n in pipeline.datasets() if not n.startswith("params:")}
    assert read in pipeline.inputs()
    assert not {name for name in names if name not in catalog}


def test_what_arms_read_is_the_chapters_but_for_what_is_said():
    parameters = loader("paper")["parameters"]
    ours, chain = parameters["ablation"]["grpo"], parameters["training"]["grpo"]
    assert ours == chain | {"health": chain["health"] | {"stop_on": []}}
    assert ours["batch_size"] == 128
    assert parameters["ablation"]["random_selection"]["rule"] == "random"


def test_what_the_command_line_says_of_a_chapter_holds_for_the_arms():
    given = {"training": {"grpo": {"epochs": 7}}}
    assert loader(**given)["parameters"]["ablation"]["grpo"]["epochs"] == 7


def prediction(role, protocol):
    return {
        "prediction_id": content_id(role, protocol),
        "item_id": content_id("item"),
        "benchmark": "pceb",
        "cell": "case_single",
        "split": "test",
        "role": role,
        "protocol": protocol,
        "setting": "paper",
        "sample": 0,
        "model": role,
        "prompt_digest": content_id("prompt"),
    }


def test_the_arms_stand_beside_the_chains_models_in_the_exams_they_sat():
    said = [("teacher", "reasoned"), ("sft", "reasoned"), ("sft", "five_shot")]
    chain = frame(Predictions, (prediction(*one) for one in said))
    arm = frame(Predictions, [prediction("QA", "reasoned")])
    together = gather_predictions(chain, QA=arm)
    assert together.select("role", "protocol").rows() == [
        ("sft", "reasoned"),
        ("QA", "reasoned"),
    ]
