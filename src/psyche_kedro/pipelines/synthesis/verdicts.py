"""What a judge that compares candidates points at."""

import re
from typing import Any

_INDEX = re.compile(r"\d{1,9}")


def as_index(said: Any, n: int) -> int | None:
    """Return a 1-based index as 0-based; ``None`` unless it is in ``1 … n``."""
    text = str(said).strip()
    if isinstance(said, bool) or not _INDEX.fullmatch(text):
        return None
    return int(text) - 1 if 1 <= int(text) <= n else None
