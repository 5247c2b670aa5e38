"""Project settings; see https://docs.kedro.org/en/stable/tutorials/settings/."""

import gc
import os
import sys
import warnings

from omegaconf.resolvers import oc

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.files.project import in_project
from psyche_kedro.files.roots import is_remote
from psyche_kedro.files.umask import read_umask
from psyche_kedro.hooks.call_traces import CallTraces
from psyche_kedro.hooks.configuration import ConfigLoader
from psyche_kedro.hooks.configuration_check import ConfigurationCheck
from psyche_kedro.hooks.endpoint_check import EndpointCheck
from psyche_kedro.hooks.fuller_tables import FullerTables
from psyche_kedro.hooks.heap_aside import HeapAside
from psyche_kedro.hooks.lineage_check import LineageCheck
from psyche_kedro.hooks.model_accounts import ModelAccounts
from psyche_kedro.hooks.one_writer import OneWriter
from psyche_kedro.hooks.progress_line import ProgressLine
from psyche_kedro.hooks.row_counts import RowCounts
from psyche_kedro.hooks.run_record import RunRecord
from psyche_kedro.hooks.run_stages import RunStages
from psyche_kedro.hooks.run_summary import RunSummary
from psyche_kedro.hooks.store_copy import StoreCopy
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

# MLflow would try a server that is gone for minutes, at each of its calls.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

# What the process and its children write is for its user alone, for the same reason.
# Set here, before any library has written a file; a group that shares its data says so.
try:
    os.umask(read_umask(os.environ.get("PSYCHE_KEDRO_UMASK", "077")))
except ConfigurationError as _error:
    # Kedro imports this file before any command of ours that could say it shorter.
    sys.exit(f"Error: {_error}")

# Nor does a library's message, which quotes the value that it fails on.
withhold_words()

# omegaconf 2.4 renamed the function that Kedro 1.7 calls.
warnings.filterwarnings("ignore", message="register_new_resolver")

# kedro-mlflow 2.0's model class has no type hints; mlflow 3 says so as it is imported,
# past any filter (it sets its own in front). Imported here, it is heard by no one.
with warnings.catch_warnings(record=True, action="ignore"):
    from psyche_kedro.hooks.mlflow_hook import MlflowRecord, artifact_root

# What a library made on import stays: the collector need not go through it again.
gc.freeze()

# MlflowRecord is the plugin's hook.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-mlflow", "kedro_mlflow")
HOOKS = (
    StoreCopy(),  # once it is known that the run may begin
    EndpointCheck(),
    OneWriter(),  # after the check, which comes first whichever is named last
    ConfigurationCheck(),
    LineageCheck(),
    ProgressLine(),
    RunRecord(),
    RunStages(),
    CallTraces(),
    RowCounts(),
    ModelAccounts(),
    HeapAside(),
    FullerTables(),
    RunSummary(),
    MlflowRecord(),
)

CONFIG_LOADER_CLASS = ConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "custom_resolvers": {
        # Kedro resolves oc.env in credentials only; endpoints stand in the catalog.
        "oc.env": oc.env,
        "artifacts": artifact_root,
        # MLflow's store must not move with the folder that a command is typed in.
        "project": lambda path: (
            path if is_remote(path) else in_project(path).as_posix()
        ),
    },
    # An overlay that sets one key must not drop its siblings (Kedro's default does).
    "merge_strategy": {"parameters": "soft", "mlflow": "soft", "globals": "soft"},
}
