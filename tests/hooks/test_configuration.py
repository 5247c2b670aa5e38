"""A configuration that cannot work stops the run at once, with the key and the mend."""

import re
import shutil
import sqlite3
import traceback
from contextlib import closing

import polars as pl
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from prompt_set import FOLDER
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.hooks import configuration_check
from psyche_kedro.hooks.configuration_check import ConfigurationCheck
from psyche_kedro.prompts import Words
from psyche_kedro.settings import CONFIG_LOADER_ARGS, CONFIG_LOADER_CLASS
from whole_run import ROOT, run_kedro


def refused(tmp_path, *arguments: str, **environment: str) -> str:
    result = run_kedro("run", *arguments, data=tmp_path / "data", **environment)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr + result.stdout
    assert not list((tmp_path / "data").rglob("*.parquet")), "a node ran before"
    return next(
        line for line in result.stderr.splitlines() if line.startswith("Error: ")
    )


def at(tmp_path, *pairs: str) -> str:
    return ",".join([f"data={tmp_path / 'data'}", *pairs])


def test_missing_keys_are_named_all_at_once(tmp_path):
    keys = {"PSYCHE_JUDGE_API_KEY": "", "PSYCHE_TEACHER_API_KEY": ""}
    message = refused(
        tmp_path,
        "--env=paper",
        "--pipeline=synthesis",
        "--params",
        at(tmp_path),
        **keys,
    )
    assert re.findall(r"without an api_key: set (\w+)", message) == list(keys)


def test_credentials_that_are_nowhere_are_named(tmp_path):
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf" / "base", conf / "base")
    (conf / "local").mkdir()
    entry = "judge_model: {type: pickle.PickleDataset, credentials: mine}"
    (conf / "local" / "catalog.yml").write_text(entry, encoding="utf-8")
    said = refused(tmp_path, f"--conf-source={conf}", "--params", at(tmp_path))
    assert said.startswith("Error: Unable to find credentials 'mine'")


def test_an_undeclared_parameter_on_the_command_line_is_refused(tmp_path):
    message = refused(
        tmp_path, "--params", at(tmp_path, "synthesis.rationals.rounds=1")
    )
    assert "'synthesis.rationals'" in message
    assert "synthesis.rationales" in message


def test_a_wrong_type_is_refused_with_its_key(tmp_path):
    message = refused(
        tmp_path, "--params", at(tmp_path, "synthesis.rationales.rounds=many")
    )
    assert message == (
        "Error: Parameter 'synthesis.rationales.rounds' is 'many': Input should be a"
        " valid integer, unable to parse string as an integer"
        " (see conf/base/parameters)."
    )


def test_a_wrong_word_on_a_benchmarks_card_is_one_sentence_that_names_the_file(
    tmp_path,
):
    wrong = f"benchmarks.pceb.choice.average=mean,{at(tmp_path)}"
    assert refused(tmp_path, "--params", wrong) == (
        "Error: Parameter 'benchmarks.pceb.choice.average' is 'mean': Input should be"
        " 'micro' or 'macro' (see conf/base/benchmarks/pceb.yml)."
    )


def test_a_card_is_a_parameter_by_the_name_of_its_file(tmp_path):
    folder = tmp_path / "conf/base/benchmarks"
    folder.mkdir(parents=True)
    (folder / "arc.yml").write_text("licence: MIT", encoding="utf-8")
    found = loader(tmp_path / "conf")["parameters"]["benchmarks"]
    assert found == {"arc": {"licence": "MIT"}}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--env=nosuch", "There is no environment 'nosuch'"),
        ("--pipeline=synthesys", "There is no pipeline 'synthesys'"),
        ("--pipelines=cleaning,synthesys", "There is no pipeline 'synthesys'"),
    ],
)
def test_a_name_that_is_not_there_is_one_sentence(tmp_path, argument, message):
    said = refused(tmp_path, argument, "--params", at(tmp_path))
    assert message in said
    assert "endpoint" in said or "synthesis" in said, "what there is"


def test_a_node_that_is_not_there_is_one_sentence(tmp_path):
    said = refused(tmp_path, "--from-nodes=decontaminate", "--params", at(tmp_path))
    assert "Did you mean: ['selection.decontaminate']?" in said


@pytest.mark.parametrize("command", ["estimate", "agreement"])
def test_every_command_checks_the_environment(tmp_path, command):
    result = run_kedro(command, "--env=nosuch", data=tmp_path / "data")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "Error: There is no environment 'nosuch': " in result.stderr
    assert re.search(r"base, (\w+, )*endpoint, (\w+, )*paper", result.stderr), (
        "what there is"
    )


def read(conf, kind: str, **files: str | bytes):
    """Read one kind of configuration from ``conf/local``, which holds ``files``."""
    (conf / "local").mkdir(parents=True)
    (conf / "base").mkdir()
    for name, text in files.items():
        path = conf / "local" / f"{name}.yml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return CONFIG_LOADER_CLASS(str(conf), **CONFIG_LOADER_ARGS)[kind]


BROKEN = {
    "teacher:\n\tapi_key: secret": "at line 2, column 1: indent with spaces",
    "teacher:\n  api_key: secret\n model: x": "at line 3, column 2, in what begins at",
    "teacher: {api_key: 'secret\na: 1\n": "at line 3, column 1, in what begins at",
    "teacher:\n  api_key: *secret": "at line 2, column 12: indent with spaces",
    "teacher:\n  api_key: !secret x": "at line 2, column 12: indent with spaces",
    "secret: 1\na: 2\nsecret: 3": "at line 3, column 1, in what begins at line 1: this"
    " key stands there twice",
    "teacher:\n  api_key: pa${secret": "at the key 'teacher.api_key'",
    "teacher: 密secret".encode("gbk"): "save it as UTF-8",
    "teacher: \x01secret": "(ReaderError)",
    "- secret": "it holds more than lines of",
}


@pytest.mark.parametrize("kind", ["globals", "catalog", "parameters", "credentials"])
@pytest.mark.parametrize(("text", "place"), BROKEN.items())
def test_a_broken_file_is_named_with_the_place_and_never_quoted(
    tmp_path, kind, text, place
):
    with pytest.raises(ConfigurationError, match=re.escape(place)) as error:
        read(tmp_path, kind, **{kind: text})
    file = tmp_path / "local" / f"{kind}.yml"
    assert str(error.value).startswith(f"{file} cannot be read")
    assert "secret" not in str(error.value)
    if kind == "credentials":
        assert "secret" not in "".join(traceback.format_exception(error.value))


def test_a_variable_that_is_not_set_is_named_by_its_key(tmp_path):
    text = "teacher: {api_key: '${oc.env:PSYCHE_NO_SUCH}'}"
    where = "^'teacher.api_key' of the"
    with pytest.raises(ConfigurationError, match=f"{where} credentials"):
        read(tmp_path / "a", "credentials", credentials=text)
    with pytest.raises(ConfigurationError, match=f"{where} catalog .*_SUCH"):
        read(tmp_path / "b", "catalog", catalog=text)


def test_a_key_in_two_files_is_named_with_both(tmp_path):
    with pytest.raises(ConfigurationError, match=r"_[ab]\.yml .*_[ab]\.yml: pool\.$"):
        read(tmp_path, "catalog", catalog_a="pool: 1", catalog_b="pool: 2")


def with_prompts(conf, **files: str):
    """Write ``base_question="…"`` as a prompt's file, beside the shipped words."""
    (conf / "base").mkdir(parents=True)
    (conf / "base" / "globals.yml").write_text("prompts: zh", encoding="utf-8")
    words = (FOLDER / "words.yml").read_text("utf-8")
    for name, text in ({"base_words": words} | files).items():
        env, _, stem = name.partition("_")
        (conf / env / "prompts/zh").mkdir(parents=True, exist_ok=True)
        path = conf / env / "prompts/zh" / f"{stem}.yml"
        path.write_text(text, encoding="utf-8")


def prompts_of(conf, **options):
    return loader(conf, **options)["parameters"]["prompts"]


def test_a_prompt_is_a_parameter_by_the_name_of_its_file(tmp_path):
    conf = tmp_path / "conf"
    with_prompts(conf, base_question="user: '{{ a }}'", base_list="- a")
    found = prompts_of(conf)
    assert found.keys() == {"question", "list", "words"}
    assert found["question"]["user"] == "{{ a }}"
    assert found["list"] == ["a"]


def test_every_prompt_brings_the_words_of_its_language(tmp_path):
    conf = tmp_path / "conf"
    with_prompts(conf, base_question="user: a", base_essay="user: b")
    given = {"prompts": {"words": {"unnamed_subject": "医学"}}}
    found = prompts_of(conf, runtime_params=given)
    for name in ("question", "essay"):
        assert Words(**found[name]["words"]).unnamed_subject == "医学"


def test_another_language_is_another_folder(tmp_path):
    conf = tmp_path / "conf"
    with_prompts(conf, base_question="user: 问", local_question="user: 另问")
    shutil.copytree(conf / "base/prompts/zh", conf / "base/prompts/en")
    (conf / "base/prompts/en/question.yml").write_text("user: ask")
    (conf / "local/globals.yml").write_text("prompts: en")
    assert prompts_of(conf)["question"]["user"] == "ask"


def test_a_prompt_of_the_environment_replaces_that_of_base(tmp_path):
    conf = tmp_path / "conf"
    with_prompts(conf, base_question="{user: a, system: b}", local_question="user: c")
    found = prompts_of(conf)["question"]
    assert found == {"user": "c", "words": found["words"]}


def test_one_line_of_a_prompt_may_be_given_on_the_command_line(tmp_path):
    with_prompts(tmp_path / "conf", base_question="{user: a, system: b}")
    given = {"prompts": {"question": {"user": "c"}}}
    found = prompts_of(tmp_path / "conf", runtime_params=given)["question"]
    assert (found["user"], found["system"]) == ("c", "b")


def test_a_broken_prompt_is_named_with_the_place(tmp_path):
    with_prompts(tmp_path / "conf", base_question="user:\n\ta: b", base_list="- a")
    with pytest.raises(
        ConfigurationError, match=r"question\.yml .* at line 2, column 1"
    ):
        prompts_of(tmp_path / "conf")


def test_a_language_that_is_nowhere_is_named(tmp_path):
    with_prompts(tmp_path / "conf")
    (tmp_path / "conf/base/globals.yml").write_text("prompts: fr")
    with pytest.raises(ConfigurationError, match=r"no folder prompts/fr.* there is zh"):
        prompts_of(tmp_path / "conf")


def test_a_language_on_the_command_line_is_refused(tmp_path):
    with_prompts(tmp_path / "conf")
    with pytest.raises(ConfigurationError, match=r"'en': `prompts` of .* globals\.yml"):
        prompts_of(tmp_path / "conf", runtime_params={"prompts": "en"})


def test_a_prompt_in_no_languages_folder_is_not_passed_over(tmp_path):
    with_prompts(tmp_path / "conf", local_question="user: a")
    (tmp_path / "conf/local/prompts/essay.yml").write_text("user: b")
    where = r"local/prompts/essay\.yml is in no language's .*local/prompts/zh\.$"
    with pytest.raises(ConfigurationError, match=where):
        prompts_of(tmp_path / "conf")


def test_prompts_without_words_are_refused(tmp_path):
    with_prompts(tmp_path / "conf", base_question="user: a")
    (tmp_path / "conf/base/prompts/zh/words.yml").unlink()
    with pytest.raises(ConfigurationError, match=r"'zh' have no words\.yml"):
        prompts_of(tmp_path / "conf")


def test_parameters_that_are_to_be_the_same_as_none_are_refused(tmp_path):
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf" / "base", conf / "base")
    (conf / "local").mkdir()
    wrong = "ablation: {grpo: {same_as: training.gpro}}"
    (conf / "local" / "parameters.yml").write_text(wrong, encoding="utf-8")
    loader = CONFIG_LOADER_CLASS(str(conf), "local", **CONFIG_LOADER_ARGS)
    with pytest.raises(ConfigurationError, match=r"`same_as: training\.gpro`"):
        loader["parameters"]


def test_a_word_that_is_missing_is_named_once(tmp_path):
    words = (FOLDER / "words.yml").read_text("utf-8")
    without = re.sub("(?m)^unnamed_subject.*$", "", words)
    with_prompts(tmp_path / "conf", base_words=without, base_question="user: a")
    with pytest.raises(ConfigurationError) as error:
        prompts_of(tmp_path / "conf")
    said = "words.yml of the prompts is wrong at 'unnamed_subject': Field required."
    assert str(error.value) == said


def loader(conf, **options):
    (conf / "local").mkdir(exist_ok=True)
    (conf / "base" / "parameters.yml").write_text("rounds: 3", encoding="utf-8")
    return CONFIG_LOADER_CLASS(str(conf), **CONFIG_LOADER_ARGS, **options)


def test_a_prompt_that_is_missing_stops_a_run(tmp_path):
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", conf)
    (conf / "base/prompts/zh/student.yml").unlink()
    said = refused(tmp_path, f"--conf-source={conf}", "--params", at(tmp_path))
    assert said.startswith("Error: The prompts lack student.yml: write it beside")


def test_the_offline_model_refuses_another_language_once(tmp_path):
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", conf)
    shutil.copytree(conf / "base/prompts/zh", conf / "base/prompts/en")
    (conf / "local").mkdir(exist_ok=True)
    (conf / "local/globals.yml").write_text("prompts: en")
    said = refused(tmp_path, f"--conf-source={conf}", "--params", at(tmp_path))
    assert said == (
        "Error: The embedded offline model reads Chinese prompts, and globals.yml has"
        " `prompts: en`: run with --env=endpoint, or set zh."
    )


@pytest.mark.parametrize("kind", ["catalog", "parameters"])
def test_a_broken_file_in_the_folder_of_its_kind_is_named_too(tmp_path, kind):
    file = tmp_path / "local" / kind / "synthesis.yml"
    file.parent.mkdir(parents=True)
    file.write_text("a: b: c\n", encoding="utf-8")
    (tmp_path / "base").mkdir()
    with pytest.raises(ConfigurationError) as error:
        CONFIG_LOADER_CLASS(str(tmp_path), **CONFIG_LOADER_ARGS)[kind]
    assert str(error.value).startswith(f"{file} cannot be read at line 1, column 5: ")


def test_a_run_with_a_broken_file_is_one_sentence(tmp_path):
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", conf)
    file = conf / "local" / "credentials.yml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("teacher:\n\tapi_key: secret\n", encoding="utf-8")
    said = refused(tmp_path, f"--conf-source={conf}", "--params", at(tmp_path))
    assert said.startswith(f"Error: {file} cannot be read at line 2, column 1: ")


def test_what_stops_before_the_first_node_leaves_no_run_in_mlflow(tmp_path):
    refused(
        tmp_path,
        "--env=endpoint",
        "--params",
        at(tmp_path),
        PSYCHE_BASE_URL="127.0.0.1:8000",
        PSYCHE_API_KEY="none",
    )
    with closing(sqlite3.connect(tmp_path / "data" / "mlflow.db")) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_an_empty_folder_is_named(tmp_path):
    raw = tmp_path / "raw"
    shutil.copytree(ROOT / "data" / "01_raw" / "sample", raw)
    shutil.rmtree(raw / "textbooks")
    (raw / "textbooks").mkdir()
    message = refused(tmp_path, "--params", at(tmp_path, f"raw={raw}"))
    assert "textbooks holds no file" in message


def test_a_raw_root_that_is_not_there_is_one_sentence(tmp_path):
    message = refused(tmp_path, "--params", at(tmp_path, f"raw={tmp_path / 'nowhere'}"))
    assert message.count("nowhere") == 1
    assert "There is no folder" in message


def test_a_missing_table_names_what_to_run(tmp_path):
    result = run_kedro(
        "run",
        "--pipeline=selection",
        "--params",
        at(tmp_path),
        data=tmp_path / "data",
    )
    assert result.returncode == 1
    assert "`kedro run --pipeline=cleaning` with the same options" in result.stderr
    assert "`kedro run --pipeline=synthesis` with the same options" in result.stderr
    assert "Completed" not in result.stdout, "no node has run"


def test_a_validator_that_is_none_is_named_before_the_first_node():
    entry = {"type": "MemoryDataset", "validator": "psyche_kedro.tables.SftExample"}
    catalog = DataCatalog.from_config({"sft_set": entry})
    pipeline = Pipeline([Node(list, None, "sft_set", name="make")])
    with pytest.raises(ConfigurationError, match=r"'sft_set' has .*SftExample', which"):
        ConfigurationCheck().before_pipeline_run(pipeline, catalog)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "polars.EagerPolarsDataset", "file_format": "csv"},
        {"type": "polars.CSVDataset"},
    ],
    ids=lambda entry: entry["type"],
)
def test_lists_for_an_entry_that_writes_csv_are_refused_with_their_column(entry):
    catalog = DataCatalog.from_config({"mine": entry | {"filepath": "mine.csv"}})
    check = ConfigurationCheck()
    check.before_pipeline_run(Pipeline([Node(list, None, "mine", name="m")]), catalog)
    check.before_dataset_saved("mine", pl.DataFrame({"a": ["x"]}))
    check.before_dataset_saved("other", pl.DataFrame({"a": [["x"]]}))
    with pytest.raises(ConfigurationError, match=r"'mine' writes CSV.* lists of b:"):
        check.before_dataset_saved("mine", pl.DataFrame({"a": ["x"], "b": [["y"]]}))


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "psyche_kedro.datasets.TableDataset", "filepath": "same.parquet"},
        {
            "type": "psyche_kedro.datasets.PartitionedTableDataset",
            "path": "same",
            "model": "psyche_kedro.tables.Posts",
        },
        {
            "type": "polars.EagerPolarsDataset",
            "filepath": "same.csv",
            "file_format": "csv",
        },
    ],
    ids=lambda entry: entry["type"],
)
def test_two_tables_in_one_place_are_refused(entry):
    catalog = DataCatalog.from_config({"easy": entry, "hard": entry})
    makes = [Node(list, None, name, name=name) for name in ("easy", "hard")]
    reads = Node(list, "easy", "kept", name="reads")
    with pytest.raises(ConfigurationError, match="'easy' and 'hard' have one place"):
        ConfigurationCheck().before_pipeline_run(Pipeline(makes), catalog)
    with pytest.raises(ConfigurationError, match="'easy' and 'hard' have one place"):
        ConfigurationCheck().before_pipeline_run(Pipeline([reads, makes[1]]), catalog)


def test_an_entry_that_is_nearly_called_like_a_dataset_is_told_of(monkeypatch, caplog):
    pipeline = Pipeline([Node(list, None, "challenging", name="make")])
    monkeypatch.setattr(configuration_check, "pipelines", {"selection": pipeline})
    names = ("chalenging", "challenging", "my_own_table", "challenging_of_mine")
    entries = {name: {"type": "MemoryDataset"} for name in names}
    ConfigurationCheck().before_pipeline_run(pipeline, DataCatalog.from_config(entries))
    (said,) = caplog.messages
    assert "'chalenging' changes nothing" in said and "'challenging' may be" in said


@pytest.mark.parametrize("key", ["raw", "data"])
def test_both_roots_are_declared(key):
    text = (ROOT / "conf" / "base" / "globals.yml").read_text(encoding="utf-8")
    assert f"\n{key}:" in text


def test_a_tables_format_is_its_suffix_in_the_catalog(tmp_path):
    conf, data = tmp_path / "conf", tmp_path / "data"
    shutil.copytree(ROOT / "conf", conf)
    (conf / "local").mkdir(exist_ok=True)
    (conf / "local/catalog.yml").write_text(
        "bank_questions:\n"
        "  type: psyche_kedro.datasets.TableDataset\n"
        f"  filepath: {data}/banks.csv\n"
        "  validator: psyche_kedro.tables.BankQuestions\n"
    )
    nodes = "--nodes=ingestion.read_question_banks,cleaning.clean_bank_questions"
    run = run_kedro(
        "run", f"--conf-source={conf}", nodes, "--params", at(tmp_path), data=data
    )
    assert run.returncode == 0, run.stderr
    assert (data / "banks.csv").read_bytes().startswith(b"type,")
    written = pl.read_parquet(data / "03_primary/clean_bank_questions.parquet")
    assert written.height > 0


def test_a_root_and_a_parameter_may_stand_in_one_catalog(tmp_path):
    conf = tmp_path / "conf"
    with_prompts(conf)
    (conf / "base/globals.yml").write_text("{raw: r, data: d, prompts: zh}")
    entry = "{a: {type: x, filepath: '${root:data}/a', mode: '${runtime_params:m, n}'}}"
    (conf / "base/catalog.yml").write_text(entry)
    found = loader(conf, runtime_params={"data": "e", "m": "o"})["catalog"]["a"]
    assert (found["filepath"], found["mode"]) == ("e/a", "o")


def test_each_of_two_loaders_has_its_own_roots(tmp_path):
    conf = tmp_path / "conf"
    with_prompts(conf)
    (conf / "base/globals.yml").write_text("{raw: r, data: d, prompts: zh}")
    (conf / "base/catalog.yml").write_text("{a: {type: x, filepath: '${root:data}'}}")
    one, two = (loader(conf, runtime_params={"data": name}) for name in ("e", "f"))
    assert two["catalog"]["a"]["filepath"] == "f"
    assert one["catalog"]["a"]["filepath"] == "e"
