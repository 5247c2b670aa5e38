"""Time and memory of the whole chain on the bundled sample, and of the second run.

    .venv/bin/python benchmarks/demo.py

What ``make demo`` runs once ``.venv`` stands, into an output root of its own. Wall
seconds depend on what else the machine does: read the CPU seconds beside them.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sections import put

ROOT = Path(__file__).parents[1]
KEDRO = Path(sys.executable).with_name("kedro")


def measured(name: str, *arguments: str) -> str:
    """Return a table row for one ``kedro`` command.

    Peak memory is that of the largest process among this command's and those before.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([KEDRO, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"| {name} | {wall:.0f} | {cpu:.0f} | {after.ru_maxrss / 2**20:.2f} |"


def main() -> None:
    """Measure and write the section."""
    with tempfile.TemporaryDirectory() as data:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{data}/mlflow.db"
        os.environ["MLFLOW_ARTIFACT_ROOT"] = f"{data}/mlartifacts"
        run = ("run", "--params", f"data={data}")
        rows = [
            measured("`kedro registry list`", "registry", "list"),
            measured("first run", *run),
            measured("second run", *run),
        ]
    head = ["`python benchmarks/demo.py`", ""]
    head += ["| | wall s | CPU s | peak GiB |", "|---|---:|---:|---:|"]
    put("demo", "\n".join(head + rows))


if __name__ == "__main__":
    main()
