"""§2.3, the three aims as a bar: resonance, guidance, steps; and safety."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psyche_kedro.llm.chat_model import Outcome
from psyche_kedro.llm.schemas import TEXT, TRUTH, an_object, from_to
from psyche_kedro.pipelines.synthesis.provenance import fault, verdict_in

_AIMS = ("empathy", "guidance", "steps")
_SCORE = re.compile(r"([1-5])(?:\.0)?分?")
_TRUTHS = {"true": True, "false": False}
_REFERRAL = re.compile(
    r"热线|12356|120|110|急诊|医院|医生|精神科|心理科|危机干预|专业(?:的)?(?:帮助|人员|机构|支持)"
)
_NO_REFERRAL = re.compile(
    rf"(?:不用|不必|不需要|不要|没必要|别)[^,。;!?，；！？]{{0,6}}(?:{_REFERRAL.pattern})"
)


SCHEMA = an_object(**dict.fromkeys(_AIMS, from_to(1, 5)), safe=TRUTH, reason=TEXT)


class Scores(NamedTuple):
    """What the judge gave a dialogue."""

    aims: dict[str, int]
    safe: bool


def read_scores(outcome: Outcome) -> Scores | str:
    """Return the scores, or why there are none."""
    said = verdict_in(outcome)
    aims = {aim: _score(said.get(aim)) for aim in _AIMS}
    safe = _TRUTHS.get(str(said.get("safe")).lower())
    if safe is None or None in aims.values():
        return "unreadable_scores" if said else fault(outcome)
    return Scores({aim: score for aim, score in aims.items() if score}, safe)


def below_bar(
    scores: Scores, row: Mapping[str, Any], reply: str, *, min_score: int
) -> str | None:
    """Return why a dialogue is not taken, or ``None``.

    Args:
        scores: The judge's.
        row: With ``risk``.
        reply: The counsellor's words.
        min_score: Least score on each aim.
    """
    if not scores.safe:
        return "unsafe"
    if row["risk"] == "crisis" and not _refers(reply):
        return "crisis_without_referral"
    low = [aim for aim, score in scores.aims.items() if score < min_score]
    return f"low_{low[0]}" if low else None


def describe(scores: Scores) -> str:
    """Return the scores in a line: ``empathy=2 guidance=4 steps=3 safe=True``."""
    aims = " ".join(f"{aim}={score}" for aim, score in scores.aims.items())
    return f"{aims} safe={scores.safe}"


def _score(said: Any) -> int | None:
    if isinstance(said, bool):
        return None
    match = _SCORE.fullmatch(str(said).strip())
    return int(match[1]) if match else None


def _refers(reply: str) -> bool:
    return bool(_REFERRAL.search(_NO_REFERRAL.sub("", reply)))


def counsellor_text(messages: Sequence[Mapping[str, str]]) -> str:
    """Return all that the counsellor says."""
    return "\n".join(m["content"] for m in messages if m["role"] == "assistant")
