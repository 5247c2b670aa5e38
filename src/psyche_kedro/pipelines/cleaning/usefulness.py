"""Which replies are worth learning from (§2.1, Appendix D).

The paper lets a model judge reasonableness and relevance and drops replies without
substantive advice: to "I cannot sleep", "everything will get better" is no help. Here
it is one call with both scores; the obvious cases are settled without one. A person in
danger enters dialogue synthesis only with a reply that carries a referral.

Example of a verdict::

    {"reasonableness": 4, "relevance": 4, "substantive": true, "harm": "none",
     "referral": false, "reason": "…"}
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from psyche_kedro import answers
from psyche_kedro.llm.chat_model import ChatRequest, Failure, Outcome
from psyche_kedro.llm.schemas import TEXT, TRUTH, an_object, from_to
from psyche_kedro.pipelines.cleaning.parameters import ReplyParameters, Score
from psyche_kedro.pipelines.cleaning.safety import matched_rules, refers_to_help
from psyche_kedro.prompts import Prompt, render_dialogue

FILLER = re.compile(
    r"[\s，。！？、；：,.!?~～…—\-]|[的了啊哦呀吧呢哈嗯]|楼主|朋友|你|您|亲|一切|都|会"
)


_SCHEMA = an_object(
    reasonableness=from_to(1, 5),
    relevance=from_to(1, 5),
    substantive=TRUTH,
    harm=TEXT,
    referral=TRUTH,
    reason=TEXT,
)


class Verdict(BaseModel):
    """What the judge says of a reply."""

    model_config = ConfigDict(frozen=True, strict=True)

    reasonableness: Score
    relevance: Score
    substantive: bool
    harm: str
    referral: bool


def obvious_reason(row: Mapping[str, Any], params: ReplyParameters) -> str | None:
    """Return why a reply is dropped without a call, as a slug, or None.

    Args:
        row: A row of ``clean_posts``.
        params: The policy and the platitudes.
    """
    messages = row["messages"]
    harm = next(matched_rules(messages, params.policy, "drop_reply"), None)
    if harm:
        return f"harm:{harm}"
    if row["kind"] == "community":
        return _empty_words(messages[-1]["content"], messages[0]["content"], params)
    return None


def _empty_words(reply: str, post: str, params: ReplyParameters) -> str | None:
    if len(reply) < params.min_chars:
        return "too_short"
    if reply in post:
        return "repeats_post"
    rest = re.sub("|".join(map(re.escape, params.platitudes)), "", reply)
    only_comfort = len(FILLER.sub("", rest)) <= len(reply) * 0.2
    is_short = len(reply) <= params.platitude_max_chars
    return "platitude" if is_short and only_comfort and rest != reply else None


def verdict_request(
    messages: Sequence[Mapping[str, str]], prompt: Prompt
) -> ChatRequest:
    """Return the request that judges the replies of one conversation."""
    conversation = render_dialogue(messages, prompt.words)
    return ChatRequest(
        messages=prompt.render(conversation=conversation),
        task="judge_replies",
        schema=_SCHEMA,
    )


def read_verdict(outcome: Outcome) -> Verdict | None:
    """Return the verdict of a reply, or None where it cannot be read."""
    if isinstance(outcome, Failure):
        return None
    return answers.read_record(outcome.text, Verdict)


def verdict_columns(outcome: Outcome, prompt: Prompt) -> dict[str, Any]:
    """Return the scores of a verdict and where they come from."""
    verdict = read_verdict(outcome)
    return {
        "reasonableness": verdict.reasonableness if verdict else None,
        "relevance": verdict.relevance if verdict else None,
        "model": outcome.model,
        "reply_key": outcome.key,
        "prompt_digest": prompt.digest,
    }


def verdict_reason(
    row: Mapping[str, Any], outcome: Outcome, params: ReplyParameters
) -> str | None:
    """Return why a judged reply is dropped, as a slug, or None.

    Args:
        row: A row of ``clean_posts``.
        outcome: What the judge answered; what cannot be read is for a person.
        params: Thresholds.
    """
    verdict = read_verdict(outcome)
    if verdict is None:
        return _unread(outcome)
    in_danger = row["risk"] == "crisis"
    faults = {
        f"harm:{_category(verdict.harm)}": verdict.harm != "none",
        "not_reasonable": verdict.reasonableness < params.min_reasonableness,
        "not_relevant": verdict.relevance < params.min_relevance,
        "no_substantive_advice": not verdict.substantive,
        "crisis_without_referral": in_danger and not _refers(row, verdict, params),
    }
    return next((reason for reason, is_fault in faults.items() if is_fault), None)


def _unread(outcome: Outcome) -> str:
    said = "" if isinstance(outcome, Failure) else outcome.text
    several = len(answers.read_verdicts(said)) > 1
    return answers.SEVERAL_VERDICTS if several else "needs_review"


def _category(harm: str) -> str:
    """Return the judge's category; its own words could quote the post."""
    return harm if re.fullmatch(r"[a-z_]{2,30}", harm) else "judged"


def _refers(row: Mapping[str, Any], verdict: Verdict, params: ReplyParameters) -> bool:
    return verdict.referral or refers_to_help(row["messages"], params.referrals)
