"""``python -m benchmarks``: every benchmark, one after the other."""

import subprocess
import sys
from pathlib import Path

ASIDE = {"__main__", "sections", "null_server"}

for script in sorted(Path(__file__).parent.glob("*.py")):
    if script.stem not in ASIDE:
        print(f"== {script.name}", flush=True)
        subprocess.run([sys.executable, script], check=True)
