"""Some calls of a run are traces in MLflow, whatever thread their node runs in."""

from threading import Thread
from types import SimpleNamespace

import pytest

from psyche_kedro.hooks.call_traces import CallTraces
from psyche_kedro.llm.chat_model import Failure, Reply, Usage
from psyche_kedro.llm.sampled_calls import RUN_CALLS

# mlflow 3 warns as it is imported, and under sqlalchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore")
TEXT = "我叫王小明"
NODE = SimpleNamespace(name="synthesis.write_dialogues")


@pytest.fixture
def run(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "")  # set_experiment leaves its own
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    mlflow.set_experiment("traced")
    with mlflow.start_run() as run:
        yield run
    mlflow.set_tracking_uri(None)


def test_a_failure_is_a_trace_of_the_run_without_its_words(run):
    import mlflow

    traces = CallTraces()
    traces.before_pipeline_run()
    cut = Reply(text=TEXT, model="m", key="ab", usage=Usage(7, 9), seconds=2.0)
    RUN_CALLS.note("teacher", "dialogue", Failure("truncated", TEXT, "ab", "m", cut), 3)
    worker = Thread(target=traces.after_node_run, kwargs={"node": NODE})
    worker.start()
    worker.join()
    mlflow.flush_trace_async_logging()
    (trace,) = mlflow.search_traces(run_id=run.info.run_id, return_type="list")
    assert trace.info.state == "ERROR"
    assert trace.info.execution_duration == pytest.approx(2000, abs=1)
    assert trace.info.tags["node"] == NODE.name
    assert trace.info.token_usage == {
        "input_tokens": 7,
        "output_tokens": 9,
        "total_tokens": 16,
    }
    (span,) = trace.data.spans
    assert (span.name, span.inputs["reply"]) == ("dialogue", "ab")
    assert span.outputs["failed"] == "truncated"
    assert TEXT not in trace.to_json()


def test_without_a_run_nothing_is_traced(monkeypatch):
    import mlflow

    monkeypatch.setattr(mlflow, "start_span_no_context", pytest.fail)
    traces = CallTraces()
    traces.before_pipeline_run()
    RUN_CALLS.note("teacher", "dialogue", Failure("timeout", "", "ab", "m"), 1)
    traces.on_node_error(node=NODE)
    assert RUN_CALLS.take() == []
