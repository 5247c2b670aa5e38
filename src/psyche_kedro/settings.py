"""Project settings; see https://docs.kedro.org/en/stable/tutorials/settings/."""

import gc
import os
import warnings
from pathlib import Path

from omegaconf.resolvers import oc

from psyche_kedro.files.umask import read_umask
from psyche_kedro.hooks.configuration import ConfigLoader
from psyche_kedro.hooks.configuration_check import ConfigurationCheck
from psyche_kedro.hooks.heap_aside import HeapAside
from psyche_kedro.hooks.model_accounts import ModelAccounts
from psyche_kedro.hooks.one_writer import OneWriter
from psyche_kedro.hooks.row_counts import RowCounts
from psyche_kedro.hooks.run_record import RunRecord
from psyche_kedro.hooks.run_summary import RunSummary
from psyche_kedro.hooks.unquoted import withhold_words

# No library of the chain may report usage: the data are people's most private words.
# MLflow does not know "1" for DO_NOT_TRACK and onnxruntime knows no DO_NOT_TRACK: each
# reads its own name, as it is imported.
for _switch in (
    "DO_NOT_TRACK",
    "HF_HUB_DISABLE_TELEMETRY",
    "MLFLOW_DISABLE_TELEMETRY",
    "ORT_DISABLE_TELEMETRY",
):
    os.environ.setdefault(_switch, "1")

# What the process and its children write is for its user alone, for the same reason.
# Set here, before any library has written a file; a group that shares its data says so.
os.umask(read_umask(os.environ.get("PSYCHE_KEDRO_UMASK", "077")))

# Nor does a library's message, which quotes the value that it fails on.
withhold_words()

# omegaconf 2.4 renamed the function that Kedro 1.7 calls.
warnings.filterwarnings("ignore", message="register_new_resolver")

# Every `kedro` command imports kedro-mlflow 2.0, whose model class has no type hints;
# mlflow 3 says so each time, past any filter (it sets its own in front). Imported here,
# a moment earlier, it is heard by no one.
with warnings.catch_warnings(record=True, action="ignore"):
    import kedro_mlflow.mlflow  # noqa: F401

# What a library made on import stays: the collector need not go through it again.
gc.freeze()

_ROOT = Path(__file__).parents[2]

HOOKS = (
    OneWriter(),  # after the check, which comes first whichever is named last
    ConfigurationCheck(),
    RunRecord(),
    RowCounts(),
    ModelAccounts(),
    HeapAside(),
    RunSummary(),
)

CONFIG_LOADER_CLASS = ConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "custom_resolvers": {
        # Kedro resolves oc.env in credentials only; endpoints stand in the catalog.
        "oc.env": oc.env,
        # MLflow's store must not move with the working directory.
        "project": lambda path: (_ROOT / path).as_posix(),
    },
    # An overlay that sets one key must not drop its siblings (Kedro's default does).
    "merge_strategy": {"parameters": "soft", "mlflow": "soft", "globals": "soft"},
}
