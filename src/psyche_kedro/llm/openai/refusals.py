"""What an endpoint's refusal means: a table of providers' codes and phrases.

The table is ``refusals.yml``. A code speaks for itself, whatever the HTTP status. A
phrase may be the request's own, quoted, so it counts only where the status fits, and
not in a field that is known to quote.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml

from psyche_kedro.llm.chat_model import Message
from psyche_kedro.text.halves import whole

_PAYMENT: Final = frozenset({402, 403, 429})
_CODE: Final = re.compile(r'"(?:code|type|error_code|status_code)": "?([\w.-]+)')
_SPEAKING: Final = (
    *("error", "errors", "message", "detail", "msg", "error_msg"),
    *("base_resp", "status_msg"),  # MiniMax
)
"""Fields of an error body that hold its sentence, or another body that does."""
_QUOTING: Final = frozenset({"input", "flagged_input", "messages", "prompt"})
# A parameter's name, as in enable_thinking.for_this, is no key however long.
_NAME: Final = r"[a-z]+(?:[._][a-z]+)+(?![\w*.-])"
_SECRET: Final = re.compile(
    rf"\bsk-\S+|(?<![\w*.-])(?!{_NAME})[\w*.-]{{20,}}", re.ASCII
)
_WORDS_KEPT: Final = 200
_QUOTE: Final = 15  # bytes in a row, five of 汉字, are no coincidence
_TIMEOUT, _CONFLICT, _TOO_MANY, _SERVER_ERROR = 408, 409, 429, 500
_PAYMENT_REQUIRED, _UNKNOWN = 402, frozenset({401, 404})
_PASSING: Final = frozenset(
    {
        _CONFLICT,
        424,  # TGI, Bedrock: the model failed in the middle
        425,
        499,  # a gateway that was tired of waiting
    }
)
"""Below 500, and the server's own trouble all the same."""


def kind_of_refusal(status: int, body: str) -> str:
    """Return the kind of fault that an HTTP error is.

    Args:
        status: HTTP status, 0 where there was none.
        body: What came with it.
    """
    meaning = _meaning(status, body)
    if meaning and meaning != "overloaded":
        return meaning
    known = {
        _PAYMENT_REQUIRED: "no_money",
        _TIMEOUT: "timeout",
        _TOO_MANY: "rate_limited",
    }
    if status in known:
        return known[status]
    broken = meaning or status in _PASSING or status >= _SERVER_ERROR or not status
    return "server_error" if broken else "bad_request"


def server_words(body: str, messages: Sequence[Message]) -> str:
    """Return the sentence of an error body to show, ``: '…'``; empty for none.

    Keys are blotted out, and a sentence that quotes the request is not repeated.

    Args:
        body: Of the error.
        messages: What was asked.
    """
    said = whole(_SECRET.sub("…", _sentence(body)))
    sentence = " ".join(said.split())[:_WORDS_KEPT]
    asked = " ".join(str([message["content"] for message in messages]).split())
    if not sentence or _quotes(sentence.encode(), asked.encode(errors="replace")):
        return ""
    return f": '{sentence}'"


def _quotes(sentence: bytes, asked: bytes) -> bool:
    starts = range(max(1, len(sentence) - _QUOTE + 1))
    return any(sentence[i : i + _QUOTE] in asked for i in starts)


def _sentence(body: str) -> str:
    """Return the sentence of an error body; empty where it has none."""
    try:
        return sentence_of(json.loads(body))
    except (ValueError, RecursionError):
        return ""


def sentence_of(said: Any) -> str:
    """Return the first sentence that a parsed error body says; empty for none.

    >>> sentence_of({"detail": [{"loc": ["body", "seed"], "msg": "Not permitted"}]})
    'body.seed: Not permitted'
    """
    if isinstance(said, list):
        return next(filter(None, map(sentence_of, said)), "")
    if not isinstance(said, Mapping):
        return ""
    for value in map(said.get, _SPEAKING):
        if words := value if isinstance(value, str) else sentence_of(value):
            place = said.get("loc")  # FastAPI: which field it speaks of
            about = ".".join(map(str, place)) if isinstance(place, list) else ""
            return f"{about}: {words}" if about else words
    return ""


def _meaning(status: int, body: str) -> str:
    """Return the table's meaning of a refusal; empty where it knows none."""
    text, sentence = _unescaped(body), _sentence(body)
    if status == _TOO_MANY and _says_one(sentence, _table()["rate_limited"]["phrases"]):
        return "rate_limited"
    found = _CODE.findall(text)
    codes = {*found, *(code.partition(".")[0] for code in found)}
    for meaning, table in _table().items():
        if codes & table["codes"].keys():
            return meaning
    for meaning, table in _table().items():
        # A filter's 403 may quote a post about money beside its sentence.
        said = sentence if meaning == "no_money" else text
        if _may_mean(meaning, status) and _says_one(said, table["phrases"]):
            return meaning
    return ""


def _says_one(text: str, phrases: Iterable[str]) -> bool:
    return any(phrase.lower() in text.lower() for phrase in phrases)


def _may_mean(meaning: str, status: int) -> bool:
    if meaning == "no_money":
        return status in _PAYMENT
    passing = {_TIMEOUT, _CONFLICT, _TOO_MANY} | _UNKNOWN
    return 0 < status < _SERVER_ERROR and status not in passing


def _unescaped(body: str) -> str:
    """Return JSON with its characters as they are, white space of one kind, no quotes.

    Pydantic's error has the whole request as its ``input``.
    """
    try:
        return json.dumps(
            json.loads(body, object_hook=_without_quotes), ensure_ascii=False
        )
    except (ValueError, RecursionError):
        return body


def _without_quotes(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in _QUOTING}


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    text = (files(__package__) / "refusals.yml").read_text(encoding="utf-8")
    return {
        meaning: {
            kind: {str(said): provider for said, provider in rows.items()}
            for kind, rows in tables.items()
        }
        for meaning, tables in yaml.safe_load(text).items()
    }
