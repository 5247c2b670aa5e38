r"""The offline brain: a deterministic, weight-free stand-in for a language model.

The paper asks Qwen2.5-72B, three students and a judge; a fresh machine has none of
them. The brain answers the same requests with word counts, patterns and a glossary, so
that the whole method runs, honestly marked: its name starts with ``offline-``.

A reply depends on its request alone: role, messages, temperature and seed. There is no
memory and no order, and the brain reads nothing but the files shipped beside it. It is
never told a question's gold, so it is right sometimes and wrong sometimes.

Example::

    OfflineBrain("student-b").answer(
        [{"role": "user", "content": "【题型】单项选择题\n【题目】…只写选项的字母…"}],
        sampling={"temperature": 0},
        seed=0,
    )  # "C"
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psyche_kedro.llm.pictures import pictures_of, words_of
from psyche_kedro.offline.brain import ROLES, OfflineBrain
from psyche_kedro.offline.cedar import NATURES, CedarBrain

__all__ = ["NATURES", "ROLES", "CedarBrain", "OfflineBrain", "brain_of"]


class _Reader(OfflineBrain):
    """Psyche-R1's brain where a message may show a picture: it reads the words."""

    def answer(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        sampling: Mapping[str, Any],
        seed: int,
        task: str = "",
    ) -> str:
        """Return the reply; see ``OfflineBrain.answer``."""
        words = [
            {**m, "content": words_of(m)} if pictures_of(m) else m for m in messages
        ]
        return super().answer(words, sampling=sampling, seed=seed, task=task)


def brain_of(role: str) -> OfflineBrain | CedarBrain:
    """Return the brain that plays a role, of either system.

    Raises:
        ValueError: If there is no such role.
    """
    return CedarBrain(role) if role in NATURES else _Reader(role)
