"""How long a text is: characters, a tokenizer's tokens, an endpoint's tokens."""

import json
from pathlib import Path
from urllib.request import Request, urlopen

from psyche_kedro.pipelines.synthesis.questions.chunks import Measure
from psyche_kedro.text.tokens import read_tokenizer


def length_measure(name: str) -> Measure:
    """Return the measure that ``synthesis.chunks.measure`` names.

    Args:
        name: ``characters``; ``tokenizer:<path of a tokenizer.json>``; or
            ``endpoint:<URL of a vLLM server's /tokenize>``.
    """
    kind, _, where = name.partition(":")
    if kind == "tokenizer":
        return read_tokenizer(Path(where))
    if kind == "endpoint":
        return _tokens_of_endpoint(where)
    return len


def _tokens_of_endpoint(url: str) -> Measure:
    def count(text: str) -> int:
        body = json.dumps({"prompt": text, "add_special_tokens": False}).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(url, data=body, headers=headers)  # noqa: S310 - the user's own
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            return int(json.load(answer)["count"])

    return count
