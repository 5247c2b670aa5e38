"""What both stages will take, and whether they can run, before the first step of SFT.

GRPO begins after days of SFT: what it would fail on is looked for here. TRL's own
classes read every option; packages, devices and disk are looked at; memory is reckoned.

Memory of one device, in bytes, for ``P`` parameters of which it holds ``P / n`` (FSDP
and ZeRO-3 divide by the processes, else ``n`` is 1), for ``b`` sequences of ``s``
tokens, a hidden size ``h`` and an intermediate size ``i``:

=====================  ===========================================================
weights                ``4 P / n``, in float32 whatever is computed in; ``P / 2n``
                       quantized
gradients              ``4 P / n`` of what is trained
optimizer              ``8 P / n`` of what is trained (AdamW), ``2 P / n`` in 8 bits
bfloat16 copies        ``2 P``; sharded, of two layers and the embeddings at once
reference (GRPO)       ``4 P / n`` where ``beta`` is above 0 and no adapter is trained
activations            ``2 layers b s h``, kept for the backward pass, and one
                       layer's ``b s (28 h + 6 i)``
keys and values        ``4 layers kv_heads head_size`` a token of what is generated
=====================  ===========================================================

Logits are left out: TRL 1.16 computes them in pieces. What a device holds is the sum
without keys and values while it trains, and without gradients and activations while
it generates.
"""

import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from packaging.version import Version
from yaml import safe_load

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.pipelines.training.checkpoints import SIZE_IN_MODELS
from psyche_kedro.pipelines.training.parameters import (
    GrpoParameters,
    LauncherParameters,
    SftParameters,
    StageParameters,
)

_GIB = 2**30
_VLLM = ("0.22.0", "0.31.0")
"""First and last version that TRL 1.16 knows."""
_CHECKPOINTS = 3
"""At once on the disk: two are kept while a third is written."""


class Shape(NamedTuple):
    """What of a model's ``config.json`` memory depends on."""

    parameters: int
    layers: int
    hidden: int
    intermediate: int
    kv_size: int
    """Key-value heads times head size."""
    vocabulary: int


class Need(NamedTuple):
    """One line of what a stage takes."""

    stage: str
    item: str
    gib: float
    """Of one device's memory, or of the disk."""


def read_shape(model: Path, parameters: int) -> Shape:
    """Return the shape of the model in a folder.

    Raises:
        TrainingFailedError: If transformers does not know such a model.
    """
    from transformers import AutoConfig  # noqa: PLC0415

    try:
        config = AutoConfig.from_pretrained(model).get_text_config()
    except (OSError, ValueError) as error:
        raise TrainingFailedError(f"{model / 'config.json'}: {error}") from error
    heads = config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // heads
    return Shape(
        parameters=parameters,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        intermediate=getattr(config, "intermediate_size", 4 * config.hidden_size),
        kv_size=(getattr(config, "num_key_value_heads", None) or heads) * head_size,
        vocabulary=config.vocab_size,
    )


# ---- memory ----------------------------------------------------------------------


def needs(shape: Shape, sft: SftParameters, grpo: GrpoParameters) -> list[Need]:
    """Return what both stages take of one device's memory, and of the disk."""
    length = grpo.max_prompt_length + grpo.max_completion_length
    return [
        Need(stage, item, n_bytes / _GIB)
        for stage, params, tokens in (
            ("sft", sft, sft.micro_batch_size * sft.max_length),
            ("grpo", grpo, grpo.micro_batch_size * length),
        )
        for item, n_bytes in _of_stage(shape, params, tokens).items()
    ]


def _of_stage(shape: Shape, params: StageParameters, tokens: int) -> dict[str, float]:
    held = _held(shape, params)
    activations = _activations(shape, tokens)
    training = sum(held.values()) + activations
    generating = _generating(shape, params)
    rows = held | {"activations": activations, "while training": training}
    if generating:
        # Gradients are freed, activations not yet made.
        rows |= generating
        rows["while generating"] = (
            sum(held.values()) - held["gradients"] + sum(generating.values())
        )
    return rows | {"disk": _disk(shape, params)}


def _held(shape: Shape, params: StageParameters) -> dict[str, float]:
    n = _shards(params.launcher)
    size, trained = shape.parameters, _trained(shape, params)
    moments = 2 if "8bit" in str(params.trainer.get("optim", "")) else 8
    held = {
        "weights": _bytes_of_a_weight(params) * size / n,
        "gradients": 4 * trained / n,
        "optimizer": moments * trained / n,
        "bfloat16 copies": _copies(shape, n) if params.bf16 else 0.0,
    }
    with_reference = isinstance(params, GrpoParameters) and params.beta > 0
    if with_reference and params.lora is None:
        held["reference"] = 4 * size / n
    return held


def _bytes_of_a_weight(params: StageParameters) -> float:
    quantized = params.lora and params.lora.quantization
    return 0.5 if quantized else 4  # the scales of double quantization are 1.6 % more


def _copies(shape: Shape, shards: int) -> float:
    if shards == 1:
        return 2 * shape.parameters
    embeddings = 2 * shape.vocabulary * shape.hidden
    layer = (shape.parameters - embeddings) / shape.layers
    return 2 * (2 * layer + embeddings)


def _trained(shape: Shape, params: StageParameters) -> float:
    if params.lora is None:
        return shape.parameters
    # Of a layer's seven matrices, as if all were adapted.
    ins_and_outs = (4 * shape.hidden + 2 * (shape.hidden + shape.kv_size)) + 3 * (
        shape.hidden + shape.intermediate
    )
    return shape.layers * params.lora.r * ins_and_outs


def _activations(shape: Shape, tokens: int) -> float:
    kept = 2 * shape.layers * tokens * shape.hidden
    return kept + tokens * (28 * shape.hidden + 6 * shape.intermediate)


def _generating(shape: Shape, params: StageParameters) -> dict[str, float]:
    if not isinstance(params, GrpoParameters):
        return {}
    length = params.max_prompt_length + params.max_completion_length
    rollout = params.batch_size * params.group_size / params.launcher.processes
    cache = 4 * shape.layers * shape.kv_size * length * rollout
    if params.trainer.get("use_vllm"):
        # vLLM takes sequences as its memory allows; its own weights are in bfloat16.
        return {"vLLM's weights": 2.0 * shape.parameters}
    return {"keys and values": cache}


def _shards(launcher: LauncherParameters) -> int:
    kind = _accelerate(launcher).get("distributed_type", "NO")
    return launcher.processes if kind in {"FSDP", "DEEPSPEED"} else 1


def _accelerate(launcher: LauncherParameters) -> Mapping[str, Any]:
    if launcher.config_file is None:
        return {}
    try:
        return dict(safe_load(Path(launcher.config_file).read_text("utf-8")))
    except FileNotFoundError as error:
        raise TrainingFailedError(
            f"launcher.config_file is {launcher.config_file}, and there is no such file"
        ) from error


def _disk(shape: Shape, params: StageParameters) -> float:
    final = 2 if params.export == "bfloat16" else 4
    return (_CHECKPOINTS * SIZE_IN_MODELS * 4 + final) * shape.parameters


# ---- whether it can run ----------------------------------------------------------


def faults(
    model: Path, found: list[Need], sft: SftParameters, grpo: GrpoParameters
) -> Iterator[str]:
    """Yield what of this machine, or of the model, does not do for both stages.

    Args:
        model: Folder of the model to start from.
        found: What both stages take.
        sft: ``training.sft``.
        grpo: ``training.grpo``.
    """
    from psyche_kedro.pipelines.training.loop import misfit  # noqa: PLC0415 - torch

    stages = {"sft": sft, "grpo": grpo}
    yield from _missing_vllm(grpo)
    for stage, params in stages.items():
        yield from _missing_packages(stage, params)
        if fault := misfit(params, model):
            yield f"training.{stage}.lora.target_modules: {fault}"
    yield from _full_disk(found, Path(sft.runs))
    yield from _missing_devices(stages)
    yield from _small_devices(found)


def few_examples(
    stage: str, examples: pl.DataFrame, params: StageParameters, *, at_least: int
) -> Iterator[str]:
    """Yield which rows of a set are too few to train on, or to look at.

    Args:
        stage: ``sft`` or ``grpo``.
        examples: Its set.
        params: Its parameters.
        at_least: Training rows of one optimizer step's data.
    """
    counts = dict(examples["split"].value_counts().iter_rows())
    if (n := counts.get("train", 0)) < at_least:
        yield (
            f"{stage}_set has {n} training rows short enough to train on, and "
            f"training.{stage} needs {at_least}: add data, lower batch_size, or raise "
            "the limit of their length"
        )
    if params.evaluate_steps and not counts.get("validation"):
        yield (
            f"training.{stage}.evaluate_steps is {params.evaluate_steps}, and "
            f"{stage}_set has no validation rows to look at: evaluate_steps: null, or "
            "hold some out (selection.sets)"
        )


def _missing_vllm(grpo: GrpoParameters) -> Iterator[str]:
    if not grpo.trainer.get("use_vllm"):
        return
    first, last = _VLLM
    try:
        installed = version("vllm")
    except PackageNotFoundError:
        yield (
            f"training.grpo.trainer.use_vllm needs vLLM {first} to {last}, and none is "
            "installed: see docs/operations.md, or use_vllm: false"
        )
        return
    if not Version(first) <= Version(Version(installed).base_version) <= Version(last):
        yield (
            f"TRL works with vLLM {first} to {last}, and {installed} is installed: "
            "install one of these, or use_vllm: false"
        )


def _missing_packages(stage: str, params: StageParameters) -> Iterator[str]:
    quantized = params.lora and params.lora.quantization
    sharding = _accelerate(params.launcher).get("distributed_type")
    asked = {
        ("bitsandbytes", "lora.quantization"): quantized,
        ("liger_kernel", "trainer.use_liger_kernel"): params.trainer.get(
            "use_liger_kernel"
        ),
        ("deepspeed", "launcher.config_file"): sharding == "DEEPSPEED",
    }
    for (package, option), is_asked in asked.items():
        if is_asked and find_spec(package) is None:
            yield (
                f"training.{stage}.{option} needs {package}, and it is not installed: "
                "install it (of bitsandbytes the version of constraints.txt: "
                "pip install -e '.[qlora]' -c constraints.txt), or leave the option out"
            )


def _full_disk(found: list[Need], runs: Path) -> Iterator[str]:
    runs.mkdir(parents=True, exist_ok=True)
    needed = max(need.gib for need in found if need.item == "disk")
    free = shutil.disk_usage(runs).free / _GIB
    if free < needed:
        yield (
            f"{runs} has {free:,.1f} GiB free, and checkpoints and model take "
            f"{needed:,.1f}: free the rest, or let `data` lie on another disk"
        )


def _missing_devices(stages: Mapping[str, StageParameters]) -> Iterator[str]:
    import torch  # noqa: PLC0415

    here = torch.cuda.device_count()
    for stage, params in stages.items():
        config = _accelerate(params.launcher)
        asked = params.launcher.processes // params.launcher.machines
        if here and asked > here and not config.get("use_cpu"):
            yield (
                f"training.{stage}.launcher asks for {asked} devices a machine, and "
                f"this one has {here}: lower launcher.processes"
            )


def _small_devices(found: list[Need]) -> Iterator[str]:
    import torch  # noqa: PLC0415

    if not torch.cuda.is_available():
        return
    size = torch.cuda.get_device_properties(0).total_memory / _GIB
    for need in found:
        if need.item.startswith("while") and need.gib > size:
            yield (
                f"{need.stage} takes about {need.gib:.0f} GiB of a device {need.item}, "
                f"and this one has {size:.0f}: lower micro_batch_size, shard over more "
                "devices, or train adapters (lora)"
            )
