"""Makes ``docs/odd_replies.md`` of ``odd_replies.yml``; run it to make it anew."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).parents[3] / "docs" / "odd_replies.md"
ODD: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("odd_replies.yml").read_text(encoding="utf-8")
)
HEAD = """# What endpoints send, and what becomes of it

Each row was sent by a scripted server as the answer to a first request (two attempts,
no wait); the tests send them again. *Remembered* failures are not asked again by the
next run, until `kedro replies retry`; the others are. A *stop* ends the run with a
sentence that holds the words in the last column. `operations.md` explains the reasons.
This page is made of `tests/llm/openai/odd_replies.yml`.

| from | status | body | becomes | sent | remembered | says |
|---|---|---|---|---|---|---|
"""


def body_of(odd: Mapping[str, Any]) -> bytes:
    """Return the body as the server sends it."""
    if "body" in odd:
        return odd["body"].encode()
    if "error" in odd:
        return json.dumps({"error": odd["error"]}, ensure_ascii=False).encode()
    message = {"role": "assistant", "content": odd.get("text")}
    whole = {"message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    completion = {"model": "m", "choices": [odd.get("choice", whole)], "usage": usage}
    completion |= odd.get("completion", {})
    return json.dumps(completion, ensure_ascii=False).encode()


def page() -> str:
    """Return the page."""
    return HEAD + "\n".join(map(_row, ODD)) + "\n"


def _row(odd: Mapping[str, Any]) -> str:
    cells = [
        odd["from"],
        str(odd.get("status", 200)),
        " ".join(_shown(odd)),
        odd["becomes"],
        str(odd.get("sent", 1)),
        "yes" if odd.get("remembered") else "",
        odd.get("says", ""),
    ]
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _shown(odd: Mapping[str, Any]) -> Iterator[str]:
    for name, value in odd.get("headers", {}).items():
        yield f"`{name}: {value}`"
    for name in ("text", "body"):
        if odd.get(name):
            yield f"`{odd[name]}`".replace("\n", "\\n")
    for name in ("choice", "completion", "error"):
        if name in odd:
            yield f"`{name}: {json.dumps(odd[name], ensure_ascii=False)}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
