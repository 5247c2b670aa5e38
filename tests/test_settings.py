"""No library of the chain tells anyone that it is used."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

# Python imports it in every process, a child's child too.
REFUSES_STRANGERS = """
import os, sys
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
HOST = {"socket.connect": lambda a: a[1][0], "socket.sendto": lambda a: a[1][0],
        "socket.getaddrinfo": lambda a: a[0], "socket.gethostbyname": lambda a: a[0]}
def refuse(event, arguments):
    if event not in HOST:
        return
    if event in {"socket.connect", "socket.sendto"} and isinstance(arguments[1], str):
        return  # a socket of this machine
    host = HOST[event](arguments)
    if host in LOOPBACK or not host:
        return
    with open(os.environ["STRANGERS"], "a", encoding="utf-8") as strangers:
        strangers.write(f"{event} {host}\\n")
    raise ConnectionRefusedError(host)
sys.addaudithook(refuse)
"""


class Watched(NamedTuple):
    """Whom the process of a command asked, and what it left in the user's home."""

    asked: list[str]  # from Python
    connected: list[str]  # from any library, seen by strace
    in_home: list[str]


def can_trace() -> bool:
    """Whether strace is here and allowed."""
    if not shutil.which("strace"):
        return False
    trial = ["strace", "-o", os.devnull, "true"]
    return subprocess.run(trial, check=False, capture_output=True).returncode == 0


def watch(command: list[str], folder: Path, **environment: str) -> Watched:
    """Run a command as on a machine that is no CI's, where no switch is set."""
    home, strangers, trace = folder / "home", folder / "strangers", folder / "trace"
    home.mkdir(parents=True)
    strangers.touch()
    trace.touch()
    (folder / "sitecustomize.py").write_text(REFUSES_STRANGERS, encoding="utf-8")
    tracer = ["strace", "-f", "-e", "trace=connect", "-o", str(trace)]
    given = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT / 'src'}",
        "STRANGERS": str(strangers),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_ARTIFACT_ROOT": str(folder / "mlartifacts"),
    }
    done = subprocess.run(
        [*(tracer if can_trace() else []), sys.executable, *command],
        cwd=ROOT,
        env=given | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    hosts = re.findall(r"connect\(.*inet_\w+\(.*?\"(.+?)\"", trace.read_text("utf-8"))
    return Watched(
        asked=strangers.read_text("utf-8").splitlines(),
        connected=[host for host in hosts if host not in {"127.0.0.1", "::1"}],
        in_home=[str(p.relative_to(home)) for p in home.rglob("*") if p.is_file()],
    )


def test_a_command_asks_no_one_and_leaves_no_identity(tmp_path):
    listed = watch(["-m", "kedro", "registry", "list"], tmp_path / "list")
    assert listed == Watched([], [], [])


def test_a_run_asks_no_one_and_leaves_no_identity(tmp_path):
    # It reads a scan, and so loads onnxruntime where the extra `ocr` is installed.
    ingestion = ["run", "--pipeline", "ingestion", "--params", f"data={tmp_path}/data"]
    assert watch(["-m", "kedro", *ingestion], tmp_path / "run") == Watched([], [], [])


def test_who_asks_is_seen(tmp_path):
    asks = (
        "import contextlib, socket, ctypes\n"
        "with contextlib.suppress(OSError):\n"
        "    socket.create_connection(('telemetry.invalid', 443))\n"
        "s = socket.socket()\n"
        "s.setblocking(False)\n"
        "address = (2).to_bytes(2, 'little') + bytes([0, 9, 192, 0, 2, 1]) + bytes(8)\n"
        "ctypes.CDLL(None).connect(s.fileno(), address, 16)\n"
    )
    seen = watch(["-c", asks], tmp_path)
    assert seen.asked == ["socket.getaddrinfo telemetry.invalid"]
    assert seen.connected == (["192.0.2.1"] if can_trace() else [])


@pytest.mark.parametrize(
    ("switch", "identity"),
    [
        ("MLFLOW_DISABLE_TELEMETRY", "telemetry.json"),
        ("ORT_DISABLE_TELEMETRY", "deviceid"),
    ],
)
def test_a_user_who_wants_to_report_may(switch, identity, tmp_path):
    if switch.startswith("ORT"):
        pytest.importorskip("onnxruntime")
    code = "import psyche_kedro.settings, mlflow, importlib.util as u\n" + (
        "if u.find_spec('onnxruntime'): import onnxruntime"
    )
    seen = watch(["-c", code], tmp_path, **{switch: "0"})
    assert [Path(file).name for file in seen.in_home if identity in file] == [identity]
