"""Running the whole chain as a user does, and what a run leaves."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

ROOT = Path(__file__).parents[1]
ACCOUNTS = {"cost_estimate", "model_calls"}
"""Tables that say what a run took; no two runs take the same."""


def run_kedro(*arguments: str, data: Path, **environment: str):
    """Run ``kedro`` as a user does, its tracking below ``data``."""
    script = [sys.executable, "tests/recorded_run.py", str(data / "requests.jsonl")]
    data.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [*script, *arguments],
        cwd=ROOT,
        env=os.environ | tracking(data) | environment,
        capture_output=True,
        text=True,
        check=False,
        umask=0o022,  # a login's usual one, whatever that of this process
    )


def tracking(data: Path) -> dict[str, str]:
    return {
        "MLFLOW_TRACKING_URI": f"sqlite:///{data}/mlflow.db",
        "MLFLOW_ARTIFACT_ROOT": str(data / "mlartifacts"),
        "HF_HUB_OFFLINE": "1",
        "DO_NOT_TRACK": "1",
    }


@dataclass(frozen=True)
class Run:
    """What a run printed and left below its output root."""

    data: Path
    output: str

    def table(self, name: str) -> pl.DataFrame:
        parts = [p for n, p in self.paths.items() if f"{n}/".startswith(f"{name}/")]
        return pl.concat(map(pl.read_parquet, parts))

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Every table's file by name, ``table/part`` where it has several."""
        tables = {p.stem: p for p in self.data.glob("0*_*/*.parquet")}
        for index in self.data.glob("0*_*/*/parts.json"):
            for part in json.loads(index.read_text(encoding="utf-8")):
                file = index.with_name(f"{part}.parquet")
                tables[f"{index.parent.name}/{part}"] = file
        for index in self.data.glob("0*_*/*/_parts.json"):
            for part in json.loads(index.read_text(encoding="utf-8")):
                file = index.with_name(part["name"])
                tables[f"{index.parent.name}/{file.stem}"] = file
        return tables

    @cached_property
    def requests(self) -> list[dict[str, Any]]:
        lines = (self.data / "requests.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]
