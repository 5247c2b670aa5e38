"""Both stages are looked at before the first step of SFT."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError
from toy import IN_PROCESS, grpo_parameters, grpo_set, sft_parameters, sft_set

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.hooks.configuration import ConfigLoader
from psyche_kedro.pipelines.training import parameters, plan, trl_options
from psyche_kedro.pipelines.training.nodes import plan_training
from psyche_kedro.pipelines.training.parameters import (
    GrpoParameters,
    LauncherParameters,
    SftParameters,
)
from psyche_kedro.settings import CONFIG_LOADER_ARGS

# Of options that TRL sets itself.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
ROOT = Path(__file__).parents[3]
QWEN_7B = plan.Shape(
    parameters=7_615_616_512,
    layers=28,
    hidden=3584,
    intermediate=18_944,
    kv_size=512,
    vocabulary=152_064,
)


def stages(env, **launcher):
    """Both stages' parameters of an environment, on another launcher."""
    loader = ConfigLoader(str(ROOT / "conf"), env=env, **CONFIG_LOADER_ARGS)
    given = loader["parameters"]["training"]
    for stage in ("sft", "grpo"):
        given[stage]["launcher"] |= launcher
    return given["sft"], given["grpo"]


LORA = {"r": 4, "alpha": 8, "dropout": 0.0, "target_modules": "all-linear"}
CLIPS = {
    "vllm_importance_sampling_clip_min": 5.0,
    "vllm_importance_sampling_clip_max": 3.0,
}

# ---- TRL takes what we give ------------------------------------------------------


@pytest.mark.parametrize("devices", [1, 2, 8, 16])
def test_trl_takes_the_papers_options_on_any_number_of_devices(devices):
    kind = "accelerate" if devices > 1 else "child"
    sft, grpo = stages("paper", processes=devices, kind=kind)
    sft["micro_batch_size"] = 4
    grpo["micro_batch_size"] = min(20, 160 // devices)
    ours = SftParameters(**sft), GrpoParameters(**grpo)
    trl_options.check_options(*ours)
    config = trl_options.grpo_config(ours[1].model_copy(update={"bf16": False}), "x")
    assert config.steps_per_generation == 4 * 160 / (grpo["micro_batch_size"] * devices)
    assert ours[0].accumulation * 4 * devices == 256


@pytest.mark.parametrize(
    ("stage", "option", "named"),
    [
        ("sft", {"warmup_ratio": 0.1}, r"SFTConfig .* no option \['warmup_ratio'\]"),
        ("grpo", CLIPS, "GRPOConfig of TRL: .*clip_min"),
    ],
)
def test_what_trl_does_not_take_is_named_before_sft(base, runs, stage, option, named):
    changes = {"sft": {}, "grpo": {}} | {stage: {"trainer": option}}
    with pytest.raises(TrainingFailedError, match=named):
        planned(base, runs, **changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"trainer": {"importance_sampling_level": "text"}}, "knows token, sequence"),
        ({"trainer": {"reward_weights": [1.0]}}, "weights are 1, and the reward has 2"),
        ({"trainer": {"optim": "adamw_8bit"}}, "trainer.optim: .*bitsandbytes"),
        ({"trainer": {"use_liger_kernel": True}}, "use_liger_kernel needs liger_kern"),
        ({"scheduler": "warmup_stable_decay"}, "num_decay_steps"),
        ({"evaluate_steps": 8}, "evaluate_steps is 8, and grpo_set has no validation"),
        ({"lora": LORA | {"target_modules": ["q_projj"]}}, "'q_projj'} not found"),
    ],
)
def test_what_grpo_would_fail_on_when_it_begins_is_named_before_sft(
    base, runs, changes, named
):
    with pytest.raises(TrainingFailedError, match=named):
        planned(base, runs, grpo=changes)


def test_a_launchers_file_that_is_gone_is_named(base, runs):
    launcher = IN_PROCESS | {"config_file": "/nowhere.yaml"}
    with pytest.raises(TrainingFailedError, match=r"config_file is /nowhere\.yaml"):
        planned(base, runs, sft={"launcher": launcher})


@pytest.mark.parametrize(
    ("option", "is_how"),
    [
        ("activation_checkpointing", True),  # a mend for memory
        ("use_liger_kernel", True),
        ("vllm_structured_outputs_regex", False),  # what the policy may write
        ("optim_target_modules", False),  # what is trained
    ],
)
def test_a_mend_for_memory_is_no_other_run_and_another_method_is(option, is_how):
    plain, changed = sft_parameters("runs"), sft_parameters("runs", trainer={option: 1})
    assert (changed.method() == plain.method()) is is_how


def planned(base, runs, *, sft=None, grpo=None, sets=None):
    examples = {"sft": sft_set(), "grpo": grpo_set()} | (sets or {})
    return plan_training(
        base,
        examples["sft"],
        examples["grpo"],
        sft_parameters(runs, **sft or {}),
        grpo_parameters(runs, **grpo or {}),
    )


@pytest.mark.parametrize("option", sorted(parameters._SET))
def test_the_trainer_may_not_name_what_the_project_sets(option):
    outer, _, inner = option.partition(".")
    with pytest.raises(ValidationError, match=f"{option}: use "):
        sft_parameters("runs", trainer={outer: {inner: None} if inner else None})


def test_every_option_that_we_give_is_refused_in_the_trainer():
    given = {
        *trl_options._sft_options(sft_parameters("runs"), "runs"),
        *trl_options._grpo_options(grpo_parameters("runs"), "runs"),
    }
    free = {"adam_beta2", "gradient_checkpointing", "save_total_limit", "disable_tqdm"}
    method = {"use_bias_correction_kl", "scale_rewards", "top_k"}
    assert given - set(parameters._SET) == (given & free) | method


# ---- packages, devices, disk, data -----------------------------------------------


def test_vllm_that_is_not_there_is_missed_before_sft(base, runs):
    with pytest.raises(TrainingFailedError, match=r"needs vLLM 0\.22\.0 to 0\.31\.0"):
        planned(base, runs, grpo={"trainer": {"use_vllm": True}})


@pytest.mark.parametrize(("found", "refused"), [("0.21.0", True), ("0.30.0", False)])
def test_a_vllm_that_trl_does_not_know_is_refused(monkeypatch, found, refused):
    monkeypatch.setattr(plan, "version", lambda name: found)
    asked = grpo_parameters("runs", trainer={"use_vllm": True})
    assert bool(list(plan._missing_vllm(asked))) is refused


def test_quantized_weights_without_bitsandbytes_are_missed_before_sft(
    base, runs, monkeypatch
):
    monkeypatch.setattr(plan, "find_spec", lambda _: None)
    quantized = {"lora": LORA | {"quantization": "nf4"}}
    with pytest.raises(TrainingFailedError, match="needs bitsandbytes"):
        planned(base, runs, grpo=quantized)


def test_a_disk_without_room_for_the_checkpoints_is_refused(base, runs, monkeypatch):
    monkeypatch.setattr(plan.shutil, "disk_usage", lambda _: type("D", (), {"free": 9}))
    with pytest.raises(TrainingFailedError, match=r"has 0\.0 GiB free, and checkp"):
        planned(base, runs)


def test_sets_that_are_too_small_are_both_named(base, runs):
    sets = {"sft": sft_set(0), "grpo": grpo_set(1)}
    with pytest.raises(TrainingFailedError) as raised:
        planned(base, runs, sets=sets)
    assert "sft_set has 0 training rows" in str(raised.value)
    assert "grpo_set has 2 training rows" in str(raised.value)


def test_the_best_of_no_looks_is_refused(base, runs):
    best = {"keep": "best", "evaluate_steps": 8}
    with pytest.raises(TrainingFailedError, match="no validation rows"):
        planned(base, runs, grpo=best)


# ---- memory ----------------------------------------------------------------------


def gib(sft, grpo):
    found = plan.needs(QWEN_7B, SftParameters(**sft), GrpoParameters(**grpo))
    return {(need.stage, need.item): need.gib for need in found}


def test_the_paper_fits_its_own_eight_cards_of_48_gb():
    found = gib(*stages("paper", config_file=str(ROOT / "conf/launchers/fsdp2.yaml")))
    assert found["sft", "weights"] == pytest.approx(28.4 / 8, abs=0.01)
    assert found["sft", "while training"] < 45
    assert found["grpo", "reference"] == found["grpo", "weights"]
    assert found["grpo", "while training"] < 45
    assert found["grpo", "while generating"] < 45


def test_one_device_holds_all_of_it():
    found = gib(*stages("paper", kind="child", processes=1, config_file=None))
    assert found["sft", "optimizer"] == pytest.approx(56.7, abs=0.1)
    assert found["grpo", "while training"] > 141


def test_adapters_train_a_fraction():
    sft, grpo = stages("paper", kind="child", processes=1, config_file=None)
    lora = {"r": 64, "alpha": 64, "dropout": 0.0, "target_modules": "all-linear"}
    found = gib(sft | {"lora": lora}, grpo | {"lora": lora})
    assert found["sft", "gradients"] < 1
    assert ("grpo", "reference") not in found
    lora["quantization"] = "nf4"
    found = gib(sft | {"lora": lora}, grpo | {"lora": lora})
    assert found["sft", "weights"] == pytest.approx(28.4 / 8, abs=0.01)


def test_the_table_in_the_docs_is_what_the_arithmetic_says():
    config = str(ROOT / "conf/launchers/fsdp2.yaml")
    found = gib(*stages("paper", config_file=config))
    table = (ROOT / "docs/operations.md").read_text("utf-8")
    items = dict.fromkeys(item for _, item in found)
    for item in items:
        sft, grpo = (found.get((s, item)) for s in ("sft", "grpo"))
        cells = ("–" if x is None else f"{x:.1f}" for x in (sft, grpo))
        assert f"| {item} | {' | '.join(cells)} |" in table


def test_the_plan_is_a_table(base, runs):
    table = planned(base, runs)
    assert {"weights", "while training", "disk"} <= set(table["item"])


# ---- launchers -------------------------------------------------------------------

LAUNCHERS = sorted((ROOT / "conf/launchers").glob("*.yaml"))


@pytest.mark.parametrize("path", LAUNCHERS, ids=lambda path: path.stem)
def test_accelerate_reads_every_launcher(path):
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import (
        _validate_launch_command,
        launch_command_parser,
    )

    config = load_config_from_file(str(path))
    words = ["--config_file", str(path), "-m", "psyche_kedro.pipelines.training.child"]
    args, *_ = _validate_launch_command(launch_command_parser().parse_args(words))
    assert args.num_processes == config.num_processes
    assert args.use_fsdp is (config.distributed_type == "FSDP")
    assert args.use_deepspeed is (config.distributed_type == "DEEPSPEED")
    if args.use_fsdp:
        assert int(args.fsdp_version) == 2
        assert not args.fsdp_activation_checkpointing  # the trainer's own already


def test_gradients_are_summed_in_float32_whatever_is_computed_in():
    import torch
    from accelerate.utils import FullyShardedDataParallelPlugin

    from psyche_kedro.pipelines.training.loop import sum_gradients_in_float32

    plugin = FullyShardedDataParallelPlugin(fsdp_version=2, reshard_after_forward=True)
    plugin.set_mixed_precision("bf16")
    assert plugin.mixed_precision_policy.reduce_dtype == torch.bfloat16
    sum_gradients_in_float32(plugin)
    plugin.validate_mixed_precision_policy()
    assert plugin.mixed_precision_policy.reduce_dtype == torch.float32
    assert plugin.mixed_precision_policy.param_dtype == torch.bfloat16
    zero = json.loads((ROOT / "conf/launchers/zero3.json").read_text("utf-8"))
    assert zero["communication_data_type"] == "fp32"


def test_the_batch_script_is_sound_and_its_variables_are_read(monkeypatch):
    script = ROOT / "conf/launchers/train.sbatch"
    subprocess.run(["bash", "-n", str(script)], check=True)
    text = script.read_text("utf-8").replace("$node", "node-1")
    values = dict(re.findall(r'(PSYCHE_\w+)=("[^"]*"|\S+)', text))
    for name, value in values.items():
        monkeypatch.setenv(name, value.strip('"'))
    for stage in stages("paper"):
        launcher = LauncherParameters(**stage["launcher"])
        assert launcher.processes == 16
        assert launcher.prefix == ("srun", "--ntasks-per-node=1")
        assert (launcher.machines, launcher.rendezvous) == (2, "node-1:29500")
        assert Path(launcher.config_file).is_file()
