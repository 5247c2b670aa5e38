"""What a person may say and a reply may not: role × category (Ethics: "harmful").

A lexicon decides nothing: it would drop 14 of 14 posts that ask for help and miss 4 of
16 harmful replies (tried). What people disclose about themselves is kept and tagged; a
reply that harms is dropped while its post stays. Textbooks bypass all of this.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from psyche_kedro.pipelines.cleaning.parameters import Action, PolicyRule

Messages = Sequence[Mapping[str, str]]


def matched_rules(
    messages: Messages, policy: Sequence[PolicyRule], action: Action
) -> Iterator[str]:
    """Yield the categories whose rule with ``action`` matches a message of its role."""
    for rule in policy:
        if rule.action == action and _speaks(messages, rule):
            yield rule.category


def _speaks(messages: Messages, rule: PolicyRule) -> bool:
    pattern = _pattern(rule.patterns)
    return any(
        pattern.search(message["content"])
        for message in messages
        if message["role"] == rule.role
    )


@cache
def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


def refers_to_help(messages: Messages, referrals: tuple[str, ...]) -> bool:
    """Return whether a reply sends the person to professional or emergency help."""
    pattern = _pattern(referrals)
    replies = (m["content"] for m in messages if m["role"] == "assistant")
    return any(pattern.search(reply) for reply in replies)
