"""Runs ``kedro`` with its arguments and writes every request to a JSON Lines file.

    python tests/recorded_run.py requests.jsonl run --params data=…

It only listens: each request goes on to the engine as it came.
"""

import json
import sys
from pathlib import Path

from kedro.framework.cli.cli import main

from psyche_kedro.llm.engine import Engine


def listen(path: Path) -> None:
    complete = Engine.complete

    def recorded(self, requests):
        requests = list(requests)
        with path.open("a", encoding="utf-8") as out:
            for r in requests:
                row = {"task": r.task, "model": self.name, "messages": list(r.messages)}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
        return complete(self, requests)

    Engine.complete = recorded


if __name__ == "__main__":
    listen(Path(sys.argv.pop(1)))
    main()
