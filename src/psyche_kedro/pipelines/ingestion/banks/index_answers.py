"""Answers that are places in the list of options: from 0, or from 1.

Which of the two a file means is told by the file alone: a 0 somewhere, or the number of
the last option. Where nothing tells, the answer stays what it is, and is no gold.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from psyche_kedro.pipelines.ingestion.banks.fields import field_name

Located = tuple[str, Mapping[str, Any]]
_LETTERS = "ABCDEFGHIJ"


class _Indexed(NamedTuple):
    key: str
    places: list[int]
    n_options: int


def with_letters(located: Iterable[Located]) -> Iterator[Located]:
    """Yield records, an answer by place as its letter where the file tells the base."""
    records = list(located)
    indexed = [_indexed(record) for _, record in records]
    base = _base([found for found in indexed if found])
    for (locator, record), found in zip(records, indexed, strict=True):
        if found is None or base is None:
            yield locator, record
        else:
            letters = [_LETTERS[place - base] for place in found.places]
            yield locator, {**record, found.key: letters}


def _indexed(record: Mapping[str, Any]) -> _Indexed | None:
    named = {field_name(str(key)): str(key) for key in reversed(list(record))}
    answer, options = (
        record.get(named.get("answer", "")),
        record.get(named.get("options", "")),
    )
    if not isinstance(options, Sequence | Mapping) or isinstance(options, str):
        return None
    values: list[Any] = answer if isinstance(answer, list) else [answer]
    if not values or not all(map(_is_place, values)) or _is_text(values, options):
        return None
    return _Indexed(named["answer"], [int(value) for value in values], len(options))


def _is_place(value: Any) -> bool:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return is_number or (isinstance(value, str) and value.strip() in set("0123456789"))


def _is_text(values: Sequence[Any], options: Sequence[Any] | Mapping[str, Any]) -> bool:
    """Return whether an answer such as 2 is what an option says, or its letter."""
    texts = [*options, *options.values()] if isinstance(options, Mapping) else options
    said = {str(text).strip() for text in texts if not isinstance(text, Mapping)}
    return any(str(value).strip() in said for value in values)


def _base(indexed: Sequence[_Indexed]) -> int | None:
    has_first = any(0 in found.places for found in indexed)
    has_last = any(found.n_options in found.places for found in indexed)
    beyond = any(max(found.places) > found.n_options for found in indexed)
    if beyond or has_first == has_last:
        return None
    return 0 if has_first else 1
