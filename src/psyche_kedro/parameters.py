"""What every typed view of a parameter file has in common."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class Parameters(BaseModel):
    """Parameters of a node: an unknown key is refused, no value can be changed."""

    # Built when first used: a command builds the models that it needs alone.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def first_fault(error: ValidationError) -> tuple[str, str]:
    """Return where the first wrong value stands, dotted, and what is wrong with it.

    The value itself is not told: it may be a key, or a person's words.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    said = first["msg"].removeprefix("Value error, ")
    return ".".join(map(str, first["loc"])), said


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and the value of every leaf of nested mappings."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
