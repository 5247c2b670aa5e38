"""JSON schemas of replies, as strict endpoints take them: nothing optional, no more.

A prompt asks for the same in words, and readers read either way; where an endpoint can,
the schema keeps a model from writing what no reader could read. The order of the fields
is that of the prompt's example: some endpoints hold a model to it.
"""

from collections.abc import Iterable
from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
TRUTH: Final[Schema] = {"type": "boolean"}


def an_object(**fields: Schema) -> Schema:
    """Return the schema of an object with exactly these fields."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def a_list(of: Schema) -> Schema:
    """Return the schema of a list of any length."""
    return {"type": "array", "items": of}


def one_of(words: Iterable[str]) -> Schema:
    """Return the schema of one of ``words``."""
    return TEXT | {"enum": list(words)}


def from_to(first: int, last: int) -> Schema:
    """Return the schema of a whole number from ``first`` to ``last``."""
    return WHOLE | {"enum": list(range(first, last + 1))}
