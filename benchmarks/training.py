"""Our training steps beside those of a bare TRL script, pair by pair in one run.

Ours add what the project promises of a training: the order of rows after a resume,
health, the log, samples; and, for GRPO, leave out the padding that TRL computes with.
CPU seconds of this process, from the end of the first step to that of the last; the
order within a pair alternates. GRPO's pairs write the same completions, or end here.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import polars as pl
import sections
import torch
from datasets import Dataset
from transformers import TrainerCallback
from trl import GRPOTrainer, SFTTrainer

from psyche_kedro import tables
from psyche_kedro.pipelines.training import grpo as our_grpo
from psyche_kedro.pipelines.training.loop import train_to_the_end
from psyche_kedro.pipelines.training.nodes import (
    drop_long_sft_examples,
    make_base_model,
    train_sft,
)
from psyche_kedro.pipelines.training.parameters import (
    BaseModelParameters,
    GrpoParameters,
    SftParameters,
)
from psyche_kedro.pipelines.training.runs import RunSpec, open_run
from psyche_kedro.pipelines.training.sft import sft_trainer
from psyche_kedro.pipelines.training.tokens import read_tokenizer
from psyche_kedro.pipelines.training.trl_options import grpo_config, sft_config
from psyche_kedro.rewards import AccuracyReward, FormatReward, RewardParameters
from psyche_kedro.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS

PAIRS = int(sys.argv[1]) if len(sys.argv) > 1 else 10
CONF = Path(__file__).parents[1] / "conf"
SHAPE = {"vocabulary": 1000, "hidden": 128, "layers": 4, "heads": 4, "seed": 0}
WORDS = "保密 移情 共情 面质 澄清 倾听 督导 评估 干预 转介".split()


class Clock(TrainerCallback):
    """CPU seconds from the end of the first step to that of the last, and rollouts."""

    begun, ended = 0.0, 0.0

    def __init__(self) -> None:
        self.rollouts: list[tuple[float, float]] = []  # tokens so far, mean reward

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any
    ) -> None:
        if "reward" in logs:
            self.rollouts.append((logs["num_tokens"], logs["reward"]))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.ended = time.process_time()
        self.begun = self.begun or self.ended

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


def row(n: int, thought: int) -> dict[str, Any]:
    """A question of any length, and an answer whose thought has so many words.

    Without a mark between its words a question would become one token.
    """
    rng = Random(n)
    question = "，".join(rng.choices(WORDS, k=rng.randint(2, 80)))
    asked = [{"role": "user", "content": f"{n}：{question}？"}]
    said = "，".join(rng.choices(WORDS, k=thought))
    answer = {"role": "assistant", "content": f"<think>{said}</think>\nA"}
    return {
        "example_id": tables.content_id(str(n)),
        "parent_id": tables.content_id(str(n)),
        "split": "train",
        "variant": "benchmark",
        "group_id": str(n),
        "messages": [*asked, answer],
        "prompt": asked,
        "gold": ["A"],
        "option_labels": list("ABCD"),
    }


def examples(model: Any, part: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    columns = model.to_schema().columns
    fields = ({k: v for k, v in r.items() if k in columns} for r in rows)
    return tables.frame(model, ({**fields_, "part": part} for fields_ in fields))


def parameters(runs: Path) -> dict[str, Any]:
    """The base configuration, in this process and at the size of a benchmark."""
    conf = CONFIG_LOADER_CLASS(str(CONF), "local", **CONFIG_LOADER_ARGS)
    training = conf["parameters"]["training"]
    here = {"runs": str(runs), "save_steps": 1000}
    for stage in ("sft", "grpo"):
        training[stage] |= here
        training[stage]["launcher"] |= {"kind": "in_process", "threads": 1}
    training["grpo"]["health"]["stop_on"] = []
    training["base_model"] |= {"runs": str(runs), "tiny": SHAPE}
    return training


def pairs(ours: Callable[[], Clock], theirs: Callable[[], Clock]) -> list[float]:
    """Return our seconds as a share of theirs, pair by pair."""
    shares = []
    for n in range(PAIRS):
        first, second = (ours, theirs) if n % 2 else (theirs, ours)
        one, other = first(), second()
        if one.rollouts != other.rollouts:
            sys.exit(f"not the same work: {one.rollouts} and {other.rollouts}")
        share = one.seconds / other.seconds
        shares.append(share if n % 2 else 1 / share)
        print(f"{shares[-1]:.3f}", end=" ", flush=True)
    print()
    return shares


def timed(trainer: Any, train: Callable[[Any], Any]) -> Clock:
    clock = Clock()
    trainer.add_callback(clock)
    train(trainer)
    return clock


def fresh(folder: Path, spec: RunSpec) -> RunSpec:
    """The same run in a folder of its own, so that nothing is found there."""
    own = Path(tempfile.mkdtemp(dir=folder))
    (own / "rows.parquet").write_bytes(spec.rows.read_bytes())
    (own / "made_of.json").write_text(json.dumps({}), encoding="utf-8")
    return spec.model_copy(update={"folder": str(own)})


def sft(folder: Path, spec: RunSpec) -> list[float]:
    params = spec.sft
    rows = pl.read_parquet(spec.rows).select("input_ids", "labels").to_dicts()

    def ours() -> Clock:
        run = fresh(folder, spec)
        return timed(sft_trainer(run), lambda t: train_to_the_end(t, run))

    def theirs() -> Clock:
        trainer = SFTTrainer(
            spec.model,
            args=sft_config(params, tempfile.mkdtemp(dir=folder)),
            train_dataset=Dataset.from_list(rows),
            processing_class=read_tokenizer(Path(spec.model)),
        )
        return timed(trainer, lambda t: t.train())

    return pairs(ours, theirs)


def grpo(folder: Path, spec: RunSpec) -> list[float]:
    params, reward = spec.grpo, spec.reward
    rows = pl.read_parquet(spec.rows).select("prompt", "gold", "option_labels")

    def ours() -> Clock:
        run = fresh(folder, spec)
        return timed(our_grpo.grpo_trainer(run), lambda t: train_to_the_end(t, run))

    def theirs() -> Clock:
        trainer = GRPOTrainer(
            spec.model,
            reward_funcs=[FormatReward(reward), AccuracyReward(reward)],
            args=grpo_config(params, tempfile.mkdtemp(dir=folder)),
            train_dataset=Dataset.from_list(rows.to_dicts()),
            processing_class=read_tokenizer(Path(spec.model)),
        )
        return timed(trainer, lambda t: t.train())

    return pairs(ours, theirs)


class Padding:
    """Counts the tokens that a step computes with, before and after the trim."""

    def __init__(self) -> None:
        self.before = self.after = self.real = 0
        self._columns = our_grpo.columns

    def __call__(self, mask: torch.Tensor, completion: int) -> slice:
        kept = self._columns(mask, completion)
        self.before += mask.numel()
        self.after += mask[:, kept].numel()
        self.real += int(mask.sum())
        return kept


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    conf = parameters(folder)
    rows = [row(n, Random(n).randint(2, 40)) for n in range(64)]
    taught = examples(tables.SftExamples, "D_pr", rows)
    asked = examples(tables.GrpoExamples, "D_pc", rows[:8])
    base = make_base_model(taught, asked, BaseModelParameters(**conf["base_model"]))
    params = SftParameters(**conf["sft"] | {"epochs": 1, "micro_batch_size": 4})
    kept, _, tokens = drop_long_sft_examples(taught, base, params)
    plan = tables.frame(tables.TrainingPlan, [])
    longer = params.model_copy(update={"epochs": 20, "learning_rate": 3e-3})
    start = train_sft(base, kept, tokens, plan, longer).checkpoint
    told = {"base": base, "examples": kept, "params": params, "tokens": tokens}
    shares = {"SFT": sft(folder, open_run("sft", **told))}
    reward = RewardParameters(**conf["reward"])
    padding = Padding()
    our_grpo.columns = padding
    for name, micro in (("GRPO, a rollout at once", 32), ("GRPO, in parts", 4)):
        params = GrpoParameters(
            **conf["grpo"]
            | {"epochs": 2, "micro_batch_size": micro, "max_completion_length": 96}
            # TRL's own order is another than that of a run that may be resumed.
            | {"trainer": {"shuffle_dataset": False}}
        )
        told = {"base": start, "examples": asked, "params": params, "reward": reward}
        shares[name] = grpo(folder, open_run("grpo", **told))
    sections.put("training", text(shares, padding))


def text(shares: dict[str, list[float]], padding: Padding) -> str:
    lines = "\n".join(
        f"| {name} | {median(found):.3f} | {min(found):.3f} to {max(found):.3f} |"
        for name, found in shares.items()
    )
    return (
        f"`python benchmarks/training.py`\n\nCPU seconds of our steps as a share of "
        f"those of a bare TRL script, {PAIRS} pairs. GRPO's have equal\n"
        "rewards and numbers of tokens in each rollout; generation is in them, and "
        "nothing of it is left out.\n\n"
        f"| | median | range |\n|---|---:|---:|\n{lines}\n\n"
        f"Of all tokens that GRPO's steps had, {padding.real / padding.before:.0%} were"
        f" no padding; with the trim {padding.real / padding.after:.0%}."
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
