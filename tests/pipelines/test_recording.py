"""MLflow's record is worth having, and never worth a run."""

import os

import pytest

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.pipelines.recording import RECORDING, recorded

# mlflow 3 under sqlalchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def begun():
    RECORDING.on = True
    yield
    RECORDING.on = True


def test_the_first_failure_ends_the_record_with_one_warning(caplog):
    tried = []

    @recorded
    def log(value):
        tried.append(value)
        raise ConnectionError("no server")

    for value in range(3):
        log(value)
    assert tried == [0]
    assert [r.message for r in caplog.records if "records nothing more" in r.message]
    assert len(caplog.records) == 1


def test_what_is_wrong_in_the_configuration_is_said():
    @recorded
    def log():
        raise ConfigurationError("mlflow.yml cannot be read")

    with pytest.raises(ConfigurationError):
        log()
    assert RECORDING.on


def test_a_run_left_open_is_not_ended_over_and_over(monkeypatch):
    import mlflow

    ended = []
    active = [object(), object()]

    def end_run(status):
        ended.append((status, os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]))
        active.pop()
        raise ConnectionError

    monkeypatch.setattr(mlflow, "active_run", lambda: active[-1] if active else None)
    monkeypatch.setattr(mlflow, "end_run", end_run)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    RECORDING.leave()
    assert ended == [("KILLED", "0")] * 2
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ
