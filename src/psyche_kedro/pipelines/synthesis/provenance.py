"""What every row that a model wrote, or lost, says about where it comes from.

Why an outcome gave nothing to use is said in one set of words, whoever asked and over
whatever transport: the engine's own reasons (``timeout``, ``content_filter``,
``truncated`` …) and five that reading adds: ``empty_reply``, ``copied_example``,
``several_verdicts``, ``refusal`` and ``unreadable_reply``. ``docs/operations.md`` lists
them all.
"""

import re
from typing import Any

from psyche_kedro.answers import SEVERAL_VERDICTS, copies_example, read_verdicts
from psyche_kedro.llm.chat_model import Outcome, Reply
from psyche_kedro.prompts import Prompt

NO_CALL: dict[str, None] = {"model": None, "reply_key": None, "prompt_digest": None}
"""Provenance of a row that needed no model."""

# Apology and inability in one sentence: 很抱歉听到这些 is how a counsellor begins.
_REFUSAL = re.compile(
    r"(?:抱歉|对不起|很?遗憾|作为(?:一个|一名)?(?:AI|人工智能|大?语言模型|大模型|智能助手)"
    r"|sorry|as an AI)[^。！？!?\n]{0,40}?"
    r"(?:无法|不能|不便|没法|没有办法|不会|看不懂|can(?:'|’|no)t|unable)"
    r"[^。，！？\n]{0,8}"
    r"(?:生成|提供|完成|满足|协助|帮助|回答|答复|处理|撰写|改写|讨论|参与|请求|help|assist|do|comply|provide)"
    r"|^我?(?:无法|不能)(?:生成|提供|完成|满足|协助|回答|处理|改写)",
    re.IGNORECASE,
)
_INDEX = re.compile(r"\d{1,9}")
_OPENING = 80
"""Characters in which a refusal says that it is one."""


def made_by(outcome: Outcome, prompt: Prompt) -> dict[str, str]:
    """Return the provenance columns of a row that ``outcome`` became."""
    return {
        "model": outcome.model,
        "reply_key": outcome.key,
        "prompt_digest": prompt.digest,
    }


def tokens_of(outcome: Outcome) -> dict[str, int | None]:
    """Return the token columns of a row; null where the call got no reply."""
    if not isinstance(outcome, Reply):
        return {"input_tokens": None, "output_tokens": None}
    usage = outcome.usage
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}


def verdict_in(outcome: Outcome) -> dict[str, Any]:
    """Return the one verdict of a judge's reply; empty where ``fault`` says why."""
    if not isinstance(outcome, Reply):
        return {}
    verdicts = read_verdicts(outcome.text)
    return verdicts[0] if len(verdicts) == 1 else {}


def as_index(said: Any, n: int) -> int | None:
    """Return a judge's 1-based index as 0-based; ``None`` unless it is in ``1 … n``."""
    text = str(said).strip()
    if isinstance(said, bool) or not _INDEX.fullmatch(text):
        return None
    return int(text) - 1 if 1 <= int(text) <= n else None


def is_refusal(text: str) -> bool:
    """Return whether a reply begins by declining what was asked."""
    return bool(_REFUSAL.search(text.strip()[:_OPENING]))


def written(outcome: Outcome) -> str | None:
    """Return the plain text that was asked for; ``None`` where ``fault`` says why."""
    if not isinstance(outcome, Reply) or outcome.finish_reason == "length":
        return None
    text = outcome.text.strip()
    return None if is_refusal(text) else text or None


def fault(outcome: Outcome) -> str:
    """Return why an outcome gave nothing to use, as a slug."""
    if not isinstance(outcome, Reply):
        return outcome.reason
    if outcome.finish_reason == "length":
        return "truncated"
    if not outcome.text.strip():
        return "empty_reply"
    if copies_example(outcome.text):
        return "copied_example"
    if len(read_verdicts(outcome.text)) > 1:
        return SEVERAL_VERDICTS
    return "refusal" if is_refusal(outcome.text) else "unreadable_reply"
