import os

# Read once, when the libraries are imported.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
    HF_DATASETS_DISABLE_PROGRESS_BARS="1",
)

import pytest
from toy import (
    PLAN,
    REWARD,
    base_model,
    grpo_parameters,
    grpo_set,
    sft_parameters,
    sft_set,
    train_sft,
)

from psyche_kedro.pipelines.training.nodes import train_grpo


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    return str(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def base(runs):
    return base_model(runs)


@pytest.fixture(scope="session")
def sft(runs, base):
    return train_sft(base, sft_set(), PLAN, sft_parameters(runs))


@pytest.fixture(scope="session")
def grpo(runs, sft):
    return train_grpo(sft.checkpoint, grpo_set(), grpo_parameters(runs), REWARD)
