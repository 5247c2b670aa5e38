"""Every error of the project's own ends ``kedro run`` in its sentence."""

import json
import os
import subprocess
import sys

import pytest

from psyche_kedro import errors
from whole_run import ROOT, tracking

SENTENCE = "The thing is broken: mend it."
# `kedro run` of one node that fails, once for each error named.
RUNS = """
import json
import sys
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline, node
from psyche_kedro import errors, pipeline_registry
from psyche_kedro.commands.run import run

def ended(name):
    def fail():
        raise getattr(errors, name)(*sys.argv[3:][: 2 if takes_a_reason(name) else 1])
    failing = Pipeline([node(fail, None, "nothing", name="fail")])
    pipeline_registry.register_pipelines = lambda: {"__default__": failing}
    bootstrap_project(".")
    result = CliRunner().invoke(run, ["--params", f"data={sys.argv[1]}"])
    return result.exit_code, result.output

def takes_a_reason(name):
    return name == "UnreadableSource"

print(json.dumps({name: ended(name) for name in json.loads(sys.argv[2])}))
"""


def tree(error: type[Exception]) -> list[type[Exception]]:
    return [error, *(e for child in error.__subclasses__() for e in tree(child))]


TREE = tree(errors.PsycheError)
LEAVES = [error.__name__ for error in TREE if not error.__subclasses__()]


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> dict[str, tuple[int, str]]:
    """Exit code and output of a run that each leaf ends."""
    data = tmp_path_factory.mktemp("failing")
    arguments = [str(data), json.dumps(LEAVES), SENTENCE, SENTENCE]
    said = subprocess.run(
        [sys.executable, "-c", RUNS, *arguments],
        cwd=ROOT,
        env=os.environ | tracking(data),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(said.stdout.splitlines()[-1])


def test_the_tree_is_one_file_and_its_picture_shows_it_whole():
    assert {error.__module__ for error in TREE} == {errors.__name__}
    assert not [e for e in TREE if e.__name__ not in errors.__doc__]


@pytest.mark.parametrize("error", LEAVES)
def test_a_run_ends_in_the_sentence_of(ended, error):
    code, output = ended[error]
    said = [line for line in output.splitlines() if line.startswith("Error: ")]
    assert code == 1
    assert len(said) == 1
    assert said[0].endswith(SENTENCE)
    assert "Traceback" not in output
