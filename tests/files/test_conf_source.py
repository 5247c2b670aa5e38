"""A configuration that is packed is read as the folder that it was."""

import shutil
from pathlib import Path

import pytest

from psyche_kedro.errors import ConfigurationError
from psyche_kedro.files.conf_source import as_folder
from psyche_kedro.hooks.configuration import ConfigLoader
from psyche_kedro.settings import CONFIG_LOADER_ARGS
from whole_run import ROOT


@pytest.fixture
def conf(tmp_path):
    """A copy of conf with a prompt, a price and a launcher's file of its own."""
    made = tmp_path / "else" / "conf"
    shutil.copytree(ROOT / "conf", made)
    (made / "local").mkdir(exist_ok=True)
    student = made / "base/prompts/zh/student.yml"
    text = student.read_text("utf-8")
    student.write_text(text.replace("user: |\n", "user: |\n  改过\n"), encoding="utf-8")
    price = "mine: {input: 1, output: 2, currency: CNY, as_of: '2026'}"
    (made / "base/prices.yml").write_text(price, encoding="utf-8")
    return made


def loader(source) -> ConfigLoader:
    return ConfigLoader(str(source), env="paper", **CONFIG_LOADER_ARGS)


def archive(conf, kind: str) -> str:
    return shutil.make_archive(str(conf.parent / "packed"), kind, conf.parent, "conf")


@pytest.mark.parametrize("kind", [None, "gztar", "zip"])
def test_what_a_configuration_names_is_its_own(conf, kind, tmp_path):
    found = loader(archive(conf, kind) if kind else conf)
    parameters, catalog = found["parameters"], found["catalog"]
    assert "改过" in parameters["prompts"]["student"]["user"]
    assert list(parameters["prices"]) == ["mine"]
    price_list = catalog["judge_model"]["prices"]
    assert Path(price_list).read_text("utf-8").startswith("mine")
    launcher = parameters["training"]["sft"]["launcher"]["config_file"]
    assert Path(launcher).is_file()
    assert not launcher.startswith(str(ROOT))


def test_a_url_is_copied_here(conf):
    from fsspec.implementations.memory import MemoryFileSystem

    MemoryFileSystem().put(str(conf), "/conf-test", recursive=True)
    assert list(loader("memory://conf-test")["parameters"]["prices"]) == ["mine"]


def test_what_holds_no_configuration_is_refused(tmp_path):
    (tmp_path / "x.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ConfigurationError, match=r"cannot be unpacked \(ReadError\)"):
        as_folder(str(tmp_path / "x.tar.gz"), "base")
    (tmp_path / "empty").mkdir()
    packed = shutil.make_archive(str(tmp_path / "y"), "zip", tmp_path, "empty")
    with pytest.raises(ConfigurationError, match="has no folder 'base'"):
        as_folder(packed, "base")
