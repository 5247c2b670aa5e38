"""What a user can mend ends in one sentence, and nothing else does."""

import click
import pytest

from psyche_kedro.commands.one_sentence import in_one_sentence
from psyche_kedro.errors import ContaminationError


def command_that_raises(error: Exception):
    @in_one_sentence
    def command() -> None:
        raise error

    return command


def test_a_benchmark_among_the_training_data_is_one_sentence():
    command = command_that_raises(ContaminationError("D_cp would lose all its rows."))
    with pytest.raises(click.ClickException) as caught:
        command()
    assert caught.value.message == "D_cp would lose all its rows."


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        command_that_raises(ZeroDivisionError())()
