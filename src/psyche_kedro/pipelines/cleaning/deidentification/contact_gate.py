"""The last look for contacts: coarse, and by other means than what masks them.

It reads no pattern of a contact. Digits are drawn together over whatever parts them,
and too many of them are a number; letters with digits soon after a word such as 加 or
号 are an account. So it sees what the patterns were not made for, and now and then an
innocent row: such a row is rejected and listed, for a person to look at.
"""

import re

from psyche_kedro.pipelines.cleaning.deidentification.contacts import is_hotline
from psyche_kedro.pipelines.cleaning.deidentification.disguises import undisguised

_DIGITS = re.compile(r"(?<![\d.])\d(?:[^\u4e00-\u9fff\n,;、，；A-Za-z]{0,4}\d){8,}")
_MOST_DIGITS = 8
"""A date and no more."""
_DATE = re.compile(r"(?:19|20)\d{2}\D{0,3}(?:0?[1-9]|1[0-2])(?:\D{0,3}[0-3]?\d)?(?!\d)")
_ACCOUNT = re.compile(
    r"(?:[微薇威VvQq扣抠]|企鹅|联系|[加私找搜]我?|[号名][是为]?)[^,。!?;\n]{0,12}?"
    r"(?<![A-Za-z0-9])(?:(?=[A-Za-z_.-]*\d{2}|[A-Za-z]+_)[A-Za-z][\w.-]{5,}"
    r"|[1-9](?:[^\w\n]?\d){6,10}(?![\d元块万步]))"
)
_ADDRESS = re.compile(r"@\s?[A-Za-z0-9][\w.-]|[A-Za-z0-9]\s?[.。点]\s?(?:com|cn|net)\b")


def seems_to_hold_contact(text: str, allowed: frozenset[str]) -> bool:
    """Return whether a masked text looks as if a contact were left in it.

    Args:
        text: Without its placeholders.
        allowed: Digits of crisis and emergency numbers.
    """
    plain = undisguised(text)
    if plain is None:
        return False
    if _ADDRESS.search(plain.text) or _ACCOUNT.search(plain.text):
        return True
    return any(
        not _is_innocent(match, allowed) for match in _DIGITS.finditer(plain.text)
    )


def _is_innocent(match: re.Match[str], allowed: frozenset[str]) -> bool:
    rest = re.sub(r"\D", "", _DATE.sub("", match[0]))
    return len(rest) <= _MOST_DIGITS or rest in allowed or is_hotline(match)
