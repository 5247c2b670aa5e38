"""What a question is: its options and their labels."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

LABELS = "ABCDEFGH"
TRUE_FALSE = {"正确": "对√✓是真TRUE", "错误": "错×✗否假FALSE"}

_OPTION = re.compile(r"^\s*[(（]?([A-Ha-h])[)）]?\s*[.．、:：)）]\s*(?=\S)")
_NEXT_OPTION = re.compile(
    r"\s*(?:^|[\s;；])(?=[(（]?[A-H][)）]?\s*[.．、:：)）])", re.M
)


def read_options(raw: Any, kind: str) -> list[dict[str, str]]:
    """Return options from a map, a list, a text; labelled A, B, … in their order."""
    if not raw and kind == "true_false":
        raw = list(TRUE_FALSE)
    if isinstance(raw, str):
        raw = [part for part in _NEXT_OPTION.split(raw) if part.strip()]
    texts = list(_option_texts(raw)) if isinstance(raw, Mapping | list | tuple) else []
    return [
        {"label": label, "text": text}
        for label, text in zip(LABELS, texts, strict=False)
    ]


def _option_texts(
    raw: Mapping[str, Any] | list[Any] | tuple[Any, ...],
) -> Iterable[str]:
    if isinstance(raw, Mapping):
        ordered = sorted(raw.items(), key=lambda pair: str(pair[0]))
        return [str(text).strip() for _, text in ordered]
    return [_option_text(item) for item in raw]


def _option_text(item: Any) -> str:
    if isinstance(item, Mapping):
        item = item.get("text") or item.get("content") or next(iter(item.values()), "")
    return _OPTION.sub("", str(item)).strip()
