"""What a user can mend ends in one sentence; a fault of the code in its lines."""

import click
import pytest
from click.testing import CliRunner
from kedro.io import AbstractDataset, DatasetError

from psyche_kedro.commands.one_sentence import in_one_sentence
from psyche_kedro.commands.run import run
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


def test_no_terminal_obeys_an_error():
    assert fault(ContaminationError("\x1b[2Ja\u202eb")) == "\\x1b[2Ja\\x202eb"


def fault(error: Exception) -> str:
    with pytest.raises(click.ClickException) as caught:
        command_that_raises(error)()
    return caught.value.message


def test_a_bug_keeps_the_lines_that_led_to_it_and_loses_its_words():
    said = fault(KeyError("words of a post"))
    assert "test_one_sentence.py" in said
    assert "raise error" in said
    assert "KeyError" in said
    assert "post" not in said


def test_what_is_behind_a_bug_is_said_the_same_way():
    error = ValueError("words of a post")
    error.__cause__ = UnicodeDecodeError("utf-8", b"words of a post", 0, 1, "bad")
    said = fault(error)
    assert said.index("UnicodeDecodeError") < said.index("ValueError")
    assert "post" not in said


def test_an_entry_of_the_catalog_that_cannot_be_is_one_sentence():
    entry = {"type": "psyche_kedro.datasets.TableDataset", "filepath": "a/set.xls"}
    with pytest.raises(DatasetError) as caught:
        AbstractDataset.from_config("sft_set", entry)
    said = fault(caught.value)
    assert said.startswith("The catalog entry of 'sft_set': a/set.xls ends in '.xls': ")
    assert said.endswith(", .ndjson.")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"filepath": "a.parquet", "versioned": True}, ": TableDataset keeps no ver"),
        ({"filepth": "a.parquet"}, " has the key `filepth`, which TableDataset"),
        ({}, ": TableDataset needs the key 'filepath'."),
    ],
)
def test_a_key_that_the_type_does_not_take_is_named(keys, words):
    entry = {"type": "psyche_kedro.datasets.TableDataset", **keys}
    with pytest.raises(DatasetError) as caught:
        AbstractDataset.from_config("sft_set", entry)
    assert fault(caught.value).startswith(f"The catalog entry of 'sft_set'{words}")


def test_a_type_whose_package_is_absent_is_one_sentence():
    entry = {"type": "snowflake.SnowparkTableDataset", "table_name": "sft_set"}
    with pytest.raises(DatasetError) as caught:
        AbstractDataset.from_config("sft_set", entry)
    assert fault(caught.value) == (
        "The catalog entry of 'sft_set' has the type snowflake.SnowparkTableDataset,"
        " which cannot be loaded (No module named 'snowflake'): install its package, or"
        " name another type."
    )


def test_a_format_that_no_table_has_is_one_sentence_before_the_run():
    entry = {"type": "psyche_kedro.datasets.TableDataset", "filepath": "a/set"}
    with pytest.raises(DatasetError) as caught:
        AbstractDataset.from_config("sft_set", entry | {"file_format": "delta"})
    assert fault(caught.value) == (
        "The catalog entry of 'sft_set': `file_format` is 'delta': it is one of"
        " parquet, csv, ndjson."
    )


def test_a_dataset_says_what_the_system_said_and_not_what_a_library_did():
    for cause, heard in (
        (OSError(28, "No space left"), True),
        (TypeError("嗯"), False),
    ):
        error = DatasetError(f"Failed while saving.\n{cause}")
        error.__cause__ = cause
        said = fault(error)
        assert said.startswith("Failed while saving.\n")
        assert ("No space left" in said) is heard
        assert "嗯" not in said


def test_the_words_are_there_for_who_asks_for_them(monkeypatch):
    monkeypatch.setenv("PSYCHE_KEDRO_SHOW_ERRORS", "1")
    assert "words of a post" in fault(KeyError("words of a post"))


@pytest.mark.parametrize("value", ["data=[a", "data=@x", "data=*a", "data=\udce7"])
def test_a_parameter_that_is_no_yaml_is_one_sentence(value):
    result = CliRunner().invoke(run, ["--params", value])
    assert result.exit_code == 2
    assert "'--params': A value is no YAML" in result.output
