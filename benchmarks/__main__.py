"""``python -m benchmarks``: every benchmark, one after the other.

Those that measure on public exams, or beside other packages, take their folders and are
run by hand.
"""

import subprocess
import sys
from pathlib import Path

ASIDE = {"__main__", "sections", "null_server"}
BY_HAND = {"decontamination", "evaluation", "real_questions", "rescoring"}

for script in sorted(Path(__file__).parent.glob("*.py")):
    if script.stem not in ASIDE | BY_HAND:
        print(f"== {script.name}", flush=True)
        subprocess.run([sys.executable, script], check=True)
