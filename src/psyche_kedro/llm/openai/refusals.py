"""What an endpoint's refusal means, by its status and by the words that it says.

The words are those of ``refusals.yml``: of English and of Chinese, not of a provider,
so that a sentence is understood that nobody has met before. What a body quotes of the
request is the request's, and says nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import yaml

from psyche_kedro.llm.chat_model import Message
from psyche_kedro.text.halves import whole

_SPEAKING: Final = (
    *("error", "errors", "message", "detail", "msg", "error_msg"),
    *("base_resp", "status_msg"),  # MiniMax
    *("Response", "Error", "Message"),  # Tencent
)
"""Fields of an error body that hold its sentence, or another body that does."""
_CODED: Final = frozenset({"code", "Code", "type", "error_code", "status_code"})
_NOT_SAID: Final = frozenset(
    {
        *("input", "inputs", "prompt", "messages", "request", "choices", "content"),
        *("output", "generation", "text", "result", "data", "model", "id"),
    }
)
"""Words in the names of fields that quote what was asked or answered."""
# A parameter's name, as in enable_thinking.for_this, is no key however long.
_NAME: Final = r"[a-z]+(?:[._][a-z]+)+(?![\w*.-])"
_SECRET: Final = re.compile(
    rf"\bsk-\S+|(?<![\w*.-])(?!{_NAME})[\w*.-]{{20,}}", re.ASCII
)
_TITLE: Final = re.compile(r"<title>\s*([^<]{1,200})", re.IGNORECASE)
_WORDS_KEPT: Final = 200
_QUOTE: Final = 15  # bytes in a row, five of 汉字, are no coincidence
_STEP: Final = 5  # looked for at every fifth, a quote of 19 is found for certain
_READ: Final = 2_000
"""Characters that are read of what a body says."""
_NEAR: Final = ".{0,60}"
_SEAM: Final = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"  # in DataInspection, in RPMLimit
    r"|(?<=[A-Za-z])(?=[^\x00-\x7f])|(?<=[^\x00-\x7f])(?=[A-Za-z])|[\W_]+"
)
"""Where words of a sentence, or of a code, part."""
_NUMBER: Final = re.compile(r"\d{1,9}\Z", re.ASCII)
_NO_KEY, _PAYMENT, _NOT_FOUND, _TIMEOUT = 401, 402, 404, 408
_TOO_LARGE, _TOO_MANY, _SERVER_ERROR = 413, 429, 500
_KNOWN: Final = {_TIMEOUT: "timeout", _TOO_MANY: "rate_limited"}
_PASSING: Final = frozenset(
    {
        409,
        424,  # TGI, Bedrock: the model failed in the middle
        425,
        499,  # a gateway that was tired of waiting
    }
)
"""Below 500, and the server's own trouble all the same."""
_VAGUE: Final = frozenset(range(400, _SERVER_ERROR)) - _PASSING - _KNOWN.keys()
_NEVER: Final = frozenset({(_TOO_LARGE, "rate_limited"), (_TOO_MANY, "bad_request")})


def kind_of_refusal(status: int, body: str, messages: Sequence[Message] = ()) -> str:
    """Return the kind of fault that an HTTP error is.

    Args:
        status: HTTP status, 0 where there was none.
        body: What came with it.
        messages: What was asked; what the body quotes of it is not read.

    Returns:
        ``no_money`` and ``no_access`` (of the key or the account) hold for any request,
        the other kinds for this one.
    """
    if status == _PAYMENT:
        return "no_money"
    meaning = _meaning(status, body, messages)
    if meaning and meaning != "overloaded":
        return meaning
    if status in _KNOWN:
        return _KNOWN[status]
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
    quoted = any(True for _ in _quoted(sentence.encode(), _flat(messages)))
    return "" if quoted or not sentence else f": '{sentence}'"


def is_page(body: str) -> bool:
    """Return whether it is a page of what stands in between.

    That knows nothing of what was asked, and may let the same through another time.
    """
    return body.lstrip().startswith("<")


def _flat(messages: Sequence[Message]) -> bytes:
    asked = " ".join(str([message["content"] for message in messages]).split())
    return asked.encode(errors="replace")


def _quoted(said: bytes, asked: bytes, step: int = 1) -> Iterator[int]:
    """Yield where in ``said`` a piece of ``asked`` begins."""
    for start in range(0, max(1, len(said) - _QUOTE + 1), step):
        if said[start : start + _QUOTE] in asked:
            yield start


def _sentence(body: str) -> str:
    """Return the sentence of an error body; of a page its title, of plain text all."""
    try:
        return sentence_of(json.loads(body))
    except (ValueError, RecursionError):
        if not is_page(body):
            return body
        title = _TITLE.search(body[:_READ])
        return title[1] if title else ""


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


def _meaning(status: int, body: str, messages: Sequence[Message]) -> str:
    """Return the table's meaning of a refusal; empty where it knows none."""
    said, codes = _said(body)
    words = "\n".join(map(_words, _own(said[:_READ], _flat(messages)).splitlines()))
    rules = [rule for rule in _rules() if rule.counts_at(status)]
    meant = [rule.meaning for rule in rules if rule.says.search(words)]
    numbers = () if status in (_NO_KEY, _NOT_FOUND) else codes
    meant += filter(None, map(_table()["codes"].get, numbers))
    return meant[0] if meant else ""


def _said(body: str) -> tuple[str, list[int]]:
    """Return all that an error body says, and its codes."""
    try:
        leaves = list(_leaves(json.loads(body)))
    except (ValueError, RecursionError):
        return "" if is_page(body) else " ".join(body.split()), []
    codes = [
        int(leaf)
        for name, leaf in leaves
        if name in _CODED and _NUMBER.match(str(leaf))
    ]
    return "\n".join(" ".join(str(leaf).split()) for _, leaf in leaves), codes


def _leaves(said: Any, name: str = "") -> Iterator[tuple[str, str | int]]:
    if isinstance(said, Mapping):
        for inner, value in said.items():
            if _NOT_SAID.isdisjoint(_words(inner).split()):
                yield from _leaves(value, inner)
    elif isinstance(said, list):
        for value in said:
            yield from _leaves(value, name)
    elif isinstance(said, str) or (name in _CODED and isinstance(said, int)):
        yield name, said


def _own(said: str, asked: bytes) -> str:
    """Return ``said`` without what it quotes of ``asked``."""
    own = bytearray(said.encode(errors="replace"))
    for at in list(_quoted(bytes(own), asked, _STEP)):
        start, end = max(0, at - _STEP + 1), at + _QUOTE + _STEP - 1
        own[start:end] = b" " * (end - start)
    return own.decode(errors="ignore")


def _words(said: str) -> str:
    return _SEAM.sub(" ", said).lower()


class _Rule(NamedTuple):
    """What a refusal means that says certain words."""

    tier: str
    meaning: str
    says: re.Pattern[str]

    def counts_at(self, status: int) -> bool:
        if status == _NO_KEY:
            return self.tier == "always" and self.meaning == "no_money"
        if self.tier == "hints":
            return status in _VAGUE
        return (status, self.meaning) not in _NEVER and status != _NOT_FOUND


@cache
def _rules() -> list[_Rule]:
    return [
        _Rule(tier, meaning, _either(patterns))
        for tier in ("always", "hints")
        for rule in _table()[tier]
        for meaning, patterns in rule.items()
    ]


def _either(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(_pattern, patterns)), re.ASCII)


def _pattern(written: str) -> str:
    """Return what is written, with both sides of its plus in either order."""
    both = written.replace(" |", "|").split(" + ")
    sides = [f"(?<![a-z])(?:{side})" for side in both]
    orders = (sides, sides[::-1])[: len(sides)]
    return "|".join(map(_NEAR.join, orders))


@cache
def _table() -> Mapping[str, Any]:
    text = (files(__package__) / "refusals.yml").read_text(encoding="utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    return table
