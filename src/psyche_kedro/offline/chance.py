"""Chance without state: every draw is a hash of the request and of what is drawn."""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

T = TypeVar("T")

DEFAULT_TEMPERATURE = 1.0
"""What an OpenAI-compatible endpoint assumes where a request names none."""


class Chance:
    """Draws that depend on the request alone, so that a reply can be had again.

    Args:
        key: What identifies the request.
        temperature: How far the noise reaches; 0 makes every draw of noise 0.
    """

    def __init__(self, key: str, temperature: float) -> None:
        self._key = key
        self.temperature = temperature

    @classmethod
    def of(
        cls,
        role: str,
        messages: Sequence[Mapping[str, str]],
        *,
        sampling: Mapping[str, Any],
        seed: int,
    ) -> "Chance":
        """Return the draws of one request; greedy decoding ignores the seed."""
        asked = sampling.get("temperature")
        temperature = DEFAULT_TEMPERATURE if asked is None else float(asked)
        turns = [[m["role"], m["content"]] for m in messages]
        sampled = seed if temperature > 0 else 0
        key = json.dumps([role, turns, sampled, temperature], ensure_ascii=False)
        return cls(blake2b(key.encode(), digest_size=16).hexdigest(), temperature)

    def unit(self, *tags: object) -> float:
        """Return a number in [0, 1) that belongs to ``tags``."""
        text = "\x1f".join((self._key, *map(str, tags)))
        digest = blake2b(text.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def noise(self, *tags: object) -> float:
        """Return a number in [-t, t), t being the temperature."""
        return self.temperature * (2 * self.unit("noise", *tags) - 1)

    def pick(self, choices: Sequence[T], *tags: object) -> T:
        """Return one of ``choices``."""
        return choices[int(self.unit("pick", *tags) * len(choices))]

    def shuffled(self, items: Iterable[T], *tags: object) -> list[T]:
        """Return ``items`` in an order that depends on their content, not place."""
        return sorted(items, key=lambda item: self.unit("shuffle", item, *tags))
