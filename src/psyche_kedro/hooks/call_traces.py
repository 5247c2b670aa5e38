"""Some of a run's calls as traces in MLflow."""

from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node

from psyche_kedro.llm.sampled_calls import RUN_CALLS, SampledCall
from psyche_kedro.pipelines.recording import recorded


class CallTraces:
    """Leaves a trace of one call in a hundred and of each failure, without their words.

    MLflow writes them in a thread of its own. Workers of a ParallelRunner leave none.
    """

    def __init__(self) -> None:
        self._run: Any = None

    @hook_impl(trylast=True)
    @recorded
    def before_pipeline_run(self) -> None:
        """Note whose the calls will be: a node may run in a thread without a run."""
        import mlflow  # noqa: PLC0415 - dear to import

        RUN_CALLS.clear()
        active = mlflow.active_run()
        self._run = active.info if active else None

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Trace the calls of a node."""
        self._trace(node.name)

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Trace them: why they failed is what one looks for."""
        self._trace(node.name)

    @hook_impl(tryfirst=True)
    @recorded
    def after_pipeline_run(self) -> None:
        """Say how many more there were."""
        import mlflow  # noqa: PLC0415 - dear to import

        if self._run and RUN_CALLS.left_out:
            mlflow.set_tag("traces_left_out", RUN_CALLS.left_out)

    @recorded
    def _trace(self, node: str) -> None:
        for call in RUN_CALLS.take():
            if self._run:
                _write(call, node, self._run)


def _write(call: SampledCall, node: str, run: Any) -> None:
    import mlflow  # noqa: PLC0415 - dear to import

    span = mlflow.start_span_no_context(
        call.task,
        span_type="CHAT_MODEL",
        inputs={"task": call.task, "role": call.role, "reply": call.key},
        tags={"node": node, "role": call.role, "reason": call.reason or "none"},
        metadata={"mlflow.sourceRun": run.run_id},
        experiment_id=run.experiment_id,
        start_time_ns=call.ended - round(call.seconds * 1e9),
    )
    given, made = call.usage.input_tokens, call.usage.output_tokens
    usage = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    span.set_attribute("mlflow.chat.tokenUsage", usage)
    span.set_attribute("mlflow.llm.model", call.model)
    said = {"failed": call.reason} if call.reason else {}
    span.set_outputs({**said, "attempts": call.attempts, **usage})
    span.set_status("ERROR" if call.reason else "OK")
    span.end(end_time_ns=call.ended)
