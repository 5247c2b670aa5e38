"""What a judge that compares candidates points at."""

from typing import Any


def as_index(said: Any, n: int) -> int | None:
    """Return a 1-based index as 0-based; ``None`` unless it is in ``1 … n``."""
    text = str(said).strip()
    if isinstance(said, bool) or not text.isdecimal() or not 1 <= int(text) <= n:
        return None
    return int(text) - 1
