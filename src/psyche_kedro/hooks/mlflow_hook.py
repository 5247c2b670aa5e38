"""kedro-mlflow's hook, which a server that does not answer cannot stop."""

import os
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook

from psyche_kedro.files.project import in_project
from psyche_kedro.pipelines.recording import RECORDING, recorded


def artifact_root(tracking_uri: str) -> str | None:
    """Return where artifacts of a new experiment go; None for where the server says.

    A path of this machine is no one else's, who may record in the same experiment.
    """
    named = os.environ.get("MLFLOW_ARTIFACT_ROOT")
    if named or not tracking_uri.startswith("sqlite:"):
        return named
    return in_project("data/mlartifacts").as_posix()


class MlflowRecord(MlflowHook):
    """Records a run in MLflow as kedro-mlflow does, as long as MLflow answers.

    It stands in ``settings.py`` in place of the plugin's own.
    """

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Find, or make, the experiment."""
        RECORDING.on = True
        self._begin(context)

    @recorded
    def _begin(self, context: KedroContext) -> None:
        super().after_context_created(context)


def _careful(name: str) -> Any:
    return recorded(getattr(MlflowHook, name))


for _name in (
    "before_pipeline_run",
    "before_node_run",
    "after_pipeline_run",
    "on_pipeline_error",
):
    setattr(MlflowRecord, _name, _careful(_name))
