"""Other places to run from: an installed wheel, another locale, a small root."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from whole_run import ROOT

SAMPLE = ROOT / "data" / "01_raw" / "sample"


def small_root(folder: Path) -> Path:
    """Return a raw root of one book, the banks, four posts and one benchmark."""
    for name in ("question_banks", "benchmarks/pceb"):
        shutil.copytree(SAMPLE / name, folder / name)
    for name in ("textbooks", "posts"):
        (folder / name).mkdir()
    shutil.copy(next((SAMPLE / "textbooks").glob("*.docx")), folder / "textbooks")
    posts = json.loads((SAMPLE / "posts" / "community.json").read_text("utf-8"))
    text = json.dumps(posts[:4], ensure_ascii=False)
    (folder / "posts" / "four.json").write_text(text, encoding="utf-8")
    return folder


def install_wheel(folder: Path) -> tuple[str, str]:
    """Build what ``kedro package`` does, and install it beside this environment.

    Returns:
        The interpreter that has it, and the archive of its configuration.
    """
    tree, venv = folder / "tree", folder / "venv"
    shutil.copytree(ROOT / "src", tree / "src", ignore=_made)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([sys.executable, *build, str(tree)], check=True, capture_output=True)
    conf = folder / "conf-psyche_kedro.tar.gz"
    pack = ["tar", "--exclude=local/*.yml", "-czf", str(conf), f"--directory={ROOT}"]
    subprocess.run([*pack, "conf"], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    packages = next(venv.glob("lib/python*/site-packages"))
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    shutil.unpack_archive(next(folder.glob("*.whl")), packages, "zip")
    return str(venv / "bin" / "python"), str(conf)


def _made(_: str, names: list[str]) -> list[str]:
    return [n for n in names if n == "__pycache__" or n.endswith(".egg-info")]


def locale(name: str, folder: Path) -> dict[str, str]:
    """Return the environment of a locale, without Python's own UTF-8 in its place."""
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    if name != "zh_CN.GB18030":
        return plain | {"LC_ALL": name}
    made = folder / "locales" / name
    made.parent.mkdir(exist_ok=True)
    if not shutil.which("localedef"):
        pytest.skip("no localedef to make a GB18030 locale with")
    command = ["localedef", "-i", "zh_CN", "-f", "GB18030", str(made)]
    subprocess.run(command, check=False, capture_output=True)
    if not made.exists():
        pytest.skip("no GB18030 locale on this machine")
    return plain | {"LC_ALL": name, "LOCPATH": str(made.parent)}


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what points to the checkout."""
    ours = ("PYTHONPATH", "MLFLOW_TRACKING_URI", "MLFLOW_ARTIFACT_ROOT")
    return {name: value for name, value in os.environ.items() if name not in ours}
