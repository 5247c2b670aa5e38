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

from psyche_kedro.offline.brain import ROLES, OfflineBrain

__all__ = ["ROLES", "OfflineBrain"]
