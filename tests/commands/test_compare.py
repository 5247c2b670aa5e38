"""Two runs are laid side by side: what went in, and what came out."""

import mlflow
import polars as pl
import pytest

from psyche_kedro.commands import compare
from psyche_kedro.commands.compare import Recorded, describe
from psyche_kedro.errors import PsycheError
from psyche_kedro.hooks.run_record import PROMPT_TEXTS

# SQLAlchemy speaks of what MLflow does.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader")

SCORE = {
    "role": "teacher",
    "benchmark": "pceb",
    "cell": "case",
    "protocol": "direct",
    "metric": "accuracy",
    "value": 60.0,
    "low": 50.0,
    "high": 70.0,
}


def recorded(name: str, value: float, **changed) -> Recorded:
    scores = pl.DataFrame([SCORE | {"value": value}, SCORE | {"cell": "other"}])
    parameters = {"rounds": "3", "judge_model.model": "m"} | changed
    prompts = {"student": f"Answer.\n{name}", "judge": "Rank."}
    return Recorded(name, parameters, {"raw_files/posts": "0f"}, prompts, scores)


def test_only_what_differs_is_said():
    said = list(describe(recorded("a", 60.0), recorded("b", 65.5, rounds="2")))
    assert said == [
        *("- a", "+ b"),
        *("\nparameters", "  rounds: 3 → 2"),
        *("\nsources", "  alike"),
        *("\nprompts", "  --- student", "  +++ student", "  @@ -1,2 +1,2 @@"),
        *("   Answer.", "  -a", "  +b"),
        "\nresults",
        "  teacher · pceb · case · direct · accuracy: 60.00 [50.00, 70.00]"
        " → 65.50 [50.00, 70.00]",
    ]


def test_runs_without_scores_have_no_results():
    other = recorded("b", 1.0)._replace(scores=None)
    assert list(describe(recorded("a", 60.0), other))[-1] == (
        "  not both runs have scored"
    )


def test_a_cell_that_one_run_alone_has_is_said():
    first, second = recorded("a", 60.0), recorded("a", 60.0)
    added = pl.DataFrame([SCORE | {"role": "student", "value": 1.0}])
    second = second._replace(scores=pl.concat([second.scores, added]))
    (line,) = list(describe(first, second))[-1:]
    assert (
        line == "  student · pceb · case · direct · accuracy: – → 1.00 [50.00, 70.00]"
    )


@pytest.fixture
def store(tmp_path, monkeypatch):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = mlflow.create_experiment("e", f"{tmp_path}/art")
    yield experiment
    mlflow.set_tracking_uri(before)


def test_what_a_run_left_in_mlflow_is_read_back(store):
    with mlflow.start_run(experiment_id=store, run_name="selection · local · data"):
        mlflow.log_params({"rounds": 3})
        mlflow.log_text('{"student": "Answer."}', PROMPT_TEXTS)
        mlflow.log_text(pl.DataFrame([SCORE]).write_csv(), "tables/scores.csv")
        with mlflow.start_run(experiment_id=store, run_name="selection", nested=True):
            pass
    (run,) = compare._runs()
    found = compare._recorded(compare._one([run], run.info.run_id[:6]))
    assert found.name.endswith("selection · local · data  FINISHED")
    assert found.parameters == {"rounds": "3"}
    assert found.prompts == {"student": "Answer."}
    assert found.scores.rows(named=True) == [SCORE]
    with pytest.raises(PsycheError, match="0 runs begin with 'zz'"):
        compare._one([run], "zz")
