r"""Halves of characters, which no file can hold, and controls, which terminals obey.

A text that was cut inside an emoji leaves a half: UTF-16 writes such a character as two
surrogates; JSON's ``\ud83d`` alone is one half.
"""

import re
from typing import Any

HALF_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")
"""How JSON and Python write a half, or the first of two."""


_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def without_controls(text: str) -> str:
    r"""Return ``text`` with ``\x1b`` for a control character; lines and tabs stay.

    A terminal would obey it, or show what stands behind it from right to left.

    >>> without_controls("\x1b[31m红")
    '\\x1b[31m红'
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def whole(text: str) -> str:
    r"""Return ``text`` with U+FFFD for each half of a character; two halves are one.

    >>> whole("\ud83d好")
    '\ufffd好'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def whole_values(value: Any) -> Any:
    """Return a JSON value with every text in it ``whole``, keys too."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, list):
        return [whole_values(item) for item in value]
    if isinstance(value, dict):
        return {whole(key): whole_values(item) for key, item in value.items()}
    return value
