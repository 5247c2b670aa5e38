r"""Halves of characters: what a text cut inside an emoji leaves, and no file can hold.

UTF-16 writes such a character as two surrogates; JSON's ``\ud83d`` alone is one half.
"""

import re
from typing import Any

HALF_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")
"""How JSON and Python write a half, or the first of two."""


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
