"""Train: base model, then SFT, then GRPO. Importable without torch."""

import itertools
import logging
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.datasets.checkpoint_dataset import Checkpoint
from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.files.swap import swapped_in
from psyche_kedro.pipelines.memorised import MemorisedParameters, mark_memorised
from psyche_kedro.pipelines.recording import recorded
from psyche_kedro.pipelines.training.checkpoints import drop_checkpoints
from psyche_kedro.pipelines.training.health import alarms_of
from psyche_kedro.pipelines.training.launcher import launch
from psyche_kedro.pipelines.training.parameters import (
    BaseModelParameters,
    GrpoParameters,
    SftParameters,
)
from psyche_kedro.pipelines.training.presence import only_run
from psyche_kedro.pipelines.training.runs import (
    RunResult,
    RunSpec,
    checkpoint_of,
    completed,
    count_parameters,
    digest_of,
    folder_digest,
    library_versions,
    log_rows,
    open_run,
    sampled,
)
from psyche_kedro.rewards import RewardParameters
from psyche_kedro.tables import (
    Rejections,
    SampledCompletions,
    SftTokens,
    ShownCompletions,
    TrainedModels,
    TrainingLog,
    TrainingPlan,
    frame,
    rejection,
)
from psyche_kedro.workers.progress import Work, watched

_SHOWN = ("loss", "reward")
_LOG = logging.getLogger(__name__)


class Trained(NamedTuple):
    """A stage's model and its curves."""

    checkpoint: Checkpoint
    log: pl.DataFrame


class TrainedPolicy(NamedTuple):
    """GRPO's model, its curves, and what the policy wrote on the way."""

    checkpoint: Checkpoint
    log: pl.DataFrame
    completions: pl.DataFrame


class Sieved(NamedTuple):
    """A set's examples that fit, and its rejections: together, the set."""

    kept: pl.DataFrame
    rejected: pl.DataFrame


class Tokenised(NamedTuple):
    """SFT's examples that fit, its rejections, and the first as tokens."""

    kept: pl.DataFrame
    rejected: pl.DataFrame
    tokens: pl.DataFrame


def make_base_model(
    sft_set: pl.DataFrame, grpo_set: pl.DataFrame, params: BaseModelParameters
) -> Checkpoint:
    """Return the model that SFT starts from.

    Args:
        sft_set: Its text teaches the tiny model's tokenizer.
        grpo_set: As ``sft_set``.
        params: ``training.base_model``; with a ``path``, that model by reference.

    Raises:
        TrainingFailedError: If ``path`` holds no model.

    Source: §2.5, "initialize our backbone model with Qwen2.5-7B-Instruct".
    """
    if params.path is not None:
        return _referenced(Path(params.path).absolute())
    texts = _texts(sft_set["messages"], grpo_set["prompt"])
    made_of = {
        "texts": digest_of(texts),
        "method": params.tiny.model_dump(mode="json"),
        "versions": library_versions(),
    }
    runs = Path(params.runs).absolute()
    folder = runs / f"base-{digest_of(made_of)[:16]}"
    if not folder.exists():
        _make_tiny(folder, texts, params)
    return Checkpoint(folder, {"stage": "base", **made_of, **_size(folder)})


def _referenced(path: Path) -> Checkpoint:
    if not (path / "config.json").exists():
        raise TrainingFailedError(
            f"training.base_model.path names {path}, which holds no config.json: "
            "download the model there (`hf download … --local-dir …`)."
        )
    from safetensors import SafetensorError  # noqa: PLC0415 - only of the extra train

    try:
        size = _size(path)
    except SafetensorError as error:
        raise TrainingFailedError(
            f"The weights in {path} are not whole ({error}): download them again."
        ) from error
    if size["parameters"] is None:
        raise TrainingFailedError(
            f"{path} holds no weights as *.safetensors: download or save them so; "
            "pickled ones are not read, they may run code."
        )
    return Checkpoint(path, {"stage": "base", "reference": str(path), **size})


def _size(folder: Path) -> dict[str, Any]:
    weights, params = folder_digest(folder), count_parameters(folder)
    return {"weights": weights, "parameters": params}


def _texts(*conversations: pl.Series) -> list[str]:
    # Once each: a prompt that stands in every example would become tokens as long as
    # its sentences, and of a prompt with other sentences next to nothing were known.
    said = itertools.chain.from_iterable(pl.concat(conversations).to_list())
    return [*dict.fromkeys(f"{m['role']}\n{m['content']}" for m in said)]


def _make_tiny(folder: Path, texts: list[str], params: BaseModelParameters) -> None:
    from psyche_kedro.pipelines.training.base_model import (  # noqa: PLC0415 - torch
        write_tiny_model,
    )

    with swapped_in(folder) as made:
        made.mkdir()
        write_tiny_model(made, texts, params.tiny)


def drop_long_sft_examples(
    sft_set: pl.DataFrame, base_model: Checkpoint, params: SftParameters
) -> Tokenised:
    """Return the examples that SFT trains on whole, those too long for it, and tokens.

    Args:
        sft_set: ``SftExamples``.
        base_model: Its tokenizer counts.
        params: ``training.sft``.

    Raises:
        TrainingFailedError: If no template says which tokens carry loss.
    """
    from psyche_kedro.pipelines.training import tokens  # noqa: PLC0415 - torch

    tokenizer = tokens.read_tokenizer(base_model.path)
    template = tokens.training_template(tokenizer, params.template())
    described = [
        {name: row[name] for name in ("example_id", "part", "split")}
        | tokens.described(row["messages"], tokenizer, template)
        for row in sft_set.iter_rows(named=True)
    ]
    lengths = [row["n_tokens"] for row in described]
    limit = params.max_length
    return Tokenised(
        *_sieve(sft_set, lengths, limit, "drop_long_sft_examples"),
        frame(SftTokens, (row for row in described if row["n_tokens"] <= limit)),
    )


def drop_long_grpo_examples(
    grpo_set: pl.DataFrame, base_model: Checkpoint, params: GrpoParameters
) -> Sieved:
    """Return the questions whose prompts leave room for an answer, and the others.

    Args:
        grpo_set: ``GrpoExamples``.
        base_model: Its tokenizer counts.
        params: ``training.grpo``.
    """
    from psyche_kedro.pipelines.training import tokens  # noqa: PLC0415 - torch

    tokenizer = tokens.read_tokenizer(base_model.path)
    prompts = grpo_set["prompt"].to_list()
    lengths = [tokens.prompt_length(m, tokenizer) for m in prompts]
    limit = params.max_prompt_length
    return _sieve(grpo_set, lengths, limit, "drop_long_grpo_examples")


def _sieve(
    examples: pl.DataFrame, lengths: list[int], limit: int, stage: str
) -> Sieved:
    counted = examples.with_columns(n_tokens=pl.Series(lengths, dtype=pl.Int64))
    fits = pl.col("n_tokens") <= limit
    rejected = [
        rejection(
            row["example_id"],
            stage,
            "over_long",
            detail=f"{row['part']}: {row['n_tokens']} tokens, limit {limit}",
        )
        for row in counted.filter(~fits).iter_rows(named=True)
    ]
    return Sieved(counted.filter(fits).drop("n_tokens"), frame(Rejections, rejected))


def plan_training(
    base_model: Checkpoint,
    sft_examples: pl.DataFrame,
    grpo_examples: pl.DataFrame,
    sft: SftParameters,
    grpo: GrpoParameters,
) -> pl.DataFrame:
    """Return what both stages will take, once it is sure that both can run.

    Args:
        base_model: Its shape is reckoned with.
        sft_examples: ``SftExamples``, none too long.
        grpo_examples: ``GrpoExamples``, none too long.
        sft: ``training.sft``.
        grpo: ``training.grpo``.

    Raises:
        TrainingFailedError: With every fault that was found.
    """
    from psyche_kedro.pipelines.training import plan  # noqa: PLC0415 - torch
    from psyche_kedro.pipelines.training.trl_options import (  # noqa: PLC0415
        check_options,
    )

    n_parameters = int(base_model.manifest["parameters"] or 0)
    shape = plan.read_shape(base_model.path, n_parameters)
    found = plan.needs(shape, sft, grpo)
    check_options(sft, grpo)
    faults = [
        *plan.few_examples("sft", sft_examples, sft, at_least=1),
        *plan.few_examples("grpo", grpo_examples, grpo, at_least=grpo.batch_size),
        *plan.faults(base_model.path, found, sft, grpo),
    ]
    if faults:
        raise TrainingFailedError(f"Training would fail: {'; '.join(faults)}.")
    return frame(TrainingPlan, (need._asdict() for need in found))


def train_sft(
    base_model: Checkpoint,
    sft_examples: pl.DataFrame,
    sft_tokens: pl.DataFrame,
    plan: pl.DataFrame,
    params: SftParameters,
) -> Trained:
    """Return the base model fine-tuned on the SFT set, and its log.

    Args:
        base_model: What to start from.
        sft_examples: ``SftExamples``, none too long; they tell a training apart.
        sft_tokens: ``SftTokens``, the same as what is trained on.
        plan: ``TrainingPlan``: that it is there says that GRPO can follow.
        params: ``training.sft``.

    Raises:
        TrainingFailedError: If training fails, diverges or is interrupted; its
            checkpoints stay, and the next run goes on from them.

    Source: §2.5, stage 1.
    """
    spec = open_run(
        "sft",
        base=base_model,
        examples=sft_examples,
        params=params,
        tokens=sft_tokens,
    )
    return _train(spec)


def train_grpo(
    sft_model: Checkpoint,
    grpo_examples: pl.DataFrame,
    params: GrpoParameters,
    reward: RewardParameters,
) -> TrainedPolicy:
    """Return the SFT model after GRPO, its log, and some of what it wrote.

    Args:
        sft_model: The policy to start from, and the reference of the KL term.
        grpo_examples: ``GrpoExamples``, none too long.
        params: ``training.grpo``.
        reward: ``training.reward``.

    Raises:
        TrainingFailedError: As ``train_sft``, and if no rollout taught anything.

    Source: §2.5, stage 2.
    """
    spec = open_run(
        "grpo",
        base=sft_model,
        examples=grpo_examples,
        params=params,
        reward=reward,
    )
    trained = _train(spec)
    return TrainedPolicy(*trained, frame(SampledCompletions, sampled(spec)))


def show_completions(
    sampled_completions: pl.DataFrame,
    sft_examples: pl.DataFrame,
    grpo_examples: pl.DataFrame,
    params: MemorisedParameters,
) -> pl.DataFrame:
    """Return what may be shown of the completions, and put it into MLflow.

    Args:
        sampled_completions: What GRPO's policy wrote.
        sft_examples: ``SftExamples``, whose dialogues none may repeat.
        grpo_examples: ``GrpoExamples``, whose questions any may repeat.
        params: ``training.memorised``.
    """
    shown = mark_memorised(
        sampled_completions,
        "completion",
        sft_examples=sft_examples,
        questions=pl.Series(_texts(grpo_examples["prompt"]), dtype=pl.String),
        params=params,
    )
    _keep_in_mlflow(shown)
    return ShownCompletions.validate(shown)


def list_trained_models(**models: Checkpoint) -> pl.DataFrame:
    """Return what each model is and how long it was trained, as its manifest says.

    Args:
        **models: By what they are called.
    """
    return frame(TrainedModels, (_described(*named) for named in models.items()))


def _described(role: str, model: Checkpoint) -> dict[str, Any]:
    manifest = model.manifest
    path, base = manifest.get("reference"), manifest.get("base")
    return {
        "role": role,
        "weights": model.digest,
        "made_from": Path(path).name if path else base,
        "alarms": "; ".join(manifest.get("alarms", ())) or None,
        **{name: manifest.get(name) for name in ("parameters", "steps", "seconds")},
    }


def _train(spec: RunSpec) -> Trained:
    with only_run(Path(spec.folder)):
        result = completed(spec)
        if result is None:
            with watched(f"train {spec.stage}", None, "steps") as work:
                result = launch(spec, partial(_tell, spec, work))
        if result.status != "complete":
            raise TrainingFailedError(_interruption(spec, result))
        if not spec.params.keep_checkpoints:
            drop_checkpoints(Path(spec.folder))
    return Trained(
        checkpoint_of(spec), frame(TrainingLog, log_rows(spec.stage, result.log))
    )


def _interruption(spec: RunSpec, result: RunResult) -> str:
    return (
        f"Training of {spec.stage} was interrupted at step {result.steps} of "
        f"{result.max_steps}: run the same command again, it goes on from the last "
        f"checkpoint in {spec.folder}."
    )


def _tell(spec: RunSpec, work: Work, entry: dict[str, Any]) -> None:
    """Show one entry's alarms and how far it is, and log it."""
    work.done, work.total = int(entry["step"]), entry.pop("max_steps", None)
    work.figures |= {name: entry[name] for name in _SHOWN if name in entry}
    for alarm in alarms_of([entry]):
        _LOG.warning("Training of %s: %s", spec.stage, alarm)
    _to_mlflow(spec, entry)


@recorded
def _to_mlflow(spec: RunSpec, entry: dict[str, Any]) -> None:
    """Log one entry to the active MLflow run, if there is one."""
    import mlflow  # noqa: PLC0415 - dear to import

    if mlflow.active_run() is not None:
        metrics = {
            f"{spec.stage}/{row['metric']}": row["value"]
            for row in log_rows(spec.stage, [entry])
        }
        mlflow.log_metrics(metrics, step=int(entry["step"]))


def _keep_in_mlflow(completions: pl.DataFrame) -> None:
    import mlflow  # noqa: PLC0415 - dear to import

    if mlflow.active_run() is not None and completions.height:
        columns = completions.to_dict(as_series=False)
        mlflow.log_table(columns, "sampled_completions.json")
