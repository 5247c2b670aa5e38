"""Completions for people to read, in a table and in MLflow: none of a dialogue."""

import mlflow
import pytest
from toy import grpo_set, sft_set

from psyche_kedro.pipelines.memorised import WITHHELD, MemorisedParameters
from psyche_kedro.pipelines.training.nodes import show_completions
from psyche_kedro.tables import SampledCompletions, SftExamples, frame

SAID = "我常常想起外婆家墙上的那幅旧画"


def completion(sample, text):
    return {
        "step": 1,
        "sample": sample,
        "prompt": "何为移情？",
        "completion": text,
        "gold": ["A"],
        "answered": ["A"],
        "format": 1.25,
        "accuracy": 1.0,
    }


def taught(said):
    turns = [
        {"role": "user", "content": said},
        {"role": "assistant", "content": "嗯。"},
    ]
    row = sft_set().row(0, named=True)
    return frame(SftExamples, [row | {"part": "D_em", "messages": turns}])


@pytest.fixture
def logged(monkeypatch):
    """Return what a run under way is given, by file."""
    tables = {}
    monkeypatch.setattr(mlflow, "active_run", lambda: "a run")
    monkeypatch.setattr(mlflow, "log_table", lambda t, name: tables.update({name: t}))
    return tables


def test_a_completion_that_repeats_a_dialogue_stands_in_neither(logged):
    sampled = [completion(0, "<think>移情</think>A"), completion(1, f"{SAID}。A")]
    shown = show_completions(
        frame(SampledCompletions, sampled),
        taught(SAID),
        grpo_set(),
        MemorisedParameters(length=10),
    )
    assert shown.select("completion", "is_memorised").rows() == [
        ("<think>移情</think>A", False),
        (WITHHELD, True),
    ]
    assert logged["sampled_completions.json"] == shown.to_dict(as_series=False)
