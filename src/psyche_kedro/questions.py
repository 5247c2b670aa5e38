"""What a question is: its options and their labels."""

import re
from collections.abc import Mapping
from typing import Any

LABELS = "ABCDEFGH"

_OPTION = re.compile(r"^\s*[(（]?([A-Ha-h])[)）]?\s*[.．、:：)）]\s*(?=\S)")
_NEXT_OPTION = re.compile(
    r"\s*(?:^|[\s;；])(?=[(（]?[A-H][)）]?\s*[.．、:：)）])", re.M
)


def read_options(raw: Any) -> list[dict[str, str]]:
    """Return options from a map, a list, a text; labelled A, B, … in their order.

    None where they bring letters of their own that are not A, B, … in order: the
    answer's letter would come to name another option.
    """
    if isinstance(raw, str):
        raw = [part for part in _NEXT_OPTION.split(raw) if part.strip()]
    pairs = list(_options(raw)) if isinstance(raw, Mapping | list | tuple) else []
    own = "".join(label for label, _ in pairs)
    if len(pairs) > len(LABELS) or own not in ("", LABELS[: len(pairs)]):
        return []
    return [
        {"label": label, "text": text}
        for label, (_, text) in zip(LABELS, pairs, strict=False)
    ]


def _options(
    raw: Mapping[str, Any] | list[Any] | tuple[Any, ...],
) -> list[tuple[str, str]]:
    """Return each option's own letter, '' where it has none, and its text."""
    if isinstance(raw, Mapping):
        ordered = sorted(raw.items(), key=lambda pair: str(pair[0]))
        return [(_letter(key), str(text).strip()) for key, text in ordered]
    return [_option(item) for item in raw]


def _option(item: Any) -> tuple[str, str]:
    if isinstance(item, Mapping) and len(item) == 1:
        key, text = next(iter(item.items()))
        return _letter(key), str(text).strip()
    if isinstance(item, Mapping):
        texts = (item.get(name) for name in ("text", "content", "value"))
        return _letter(item.get("label")), str(next(filter(None, texts), "")).strip()
    mark = _OPTION.match(str(item))
    return _letter(mark[1] if mark else ""), _OPTION.sub("", str(item)).strip()


def _letter(label: Any) -> str:
    letter = str(label or "").strip().upper()
    return letter if letter in tuple(LABELS) else ""
