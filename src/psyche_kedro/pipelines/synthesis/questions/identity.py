"""What near-duplicates share: the text compared, and what must never differ."""

import re
from collections.abc import Mapping
from typing import Any

from psyche_kedro.questions import bare_stem, gold_texts, option_texts
from psyche_kedro.text.bare import bare, nfkc

_POLARITY = re.compile(
    r"不|没有|没|无|非|未|除|误|错|假|正确|增加|减少|增强|减弱|增大|减小|升高|降低|上升|下降"
    r"|提高|促进|抑制|先|后|最|首|正|负|前|高|低|大于|小于|多于|少于|优于|劣于|强|弱|长|短"
)
_NUMBER = re.compile(
    r"\d+(?:\.\d+)?%?|第[一二三四五六七八九十百]+"
    r"|[一二三四五六七八九十百千万两半]+(?=[个种项条类岁年月周天日次倍成人分级层名步阶段])"
)
NEVER_DIFFER = ("gold", "polarity", "numbers")
"""Columns of ``comparison`` that two near-duplicates agree on."""


def compared_text(question: Mapping[str, Any]) -> str:
    """Return the text that near-duplicates share: case, stem, options in no order."""
    options = sorted(map(bare, option_texts(question).values()))
    return "\n".join(
        [question["case_text"] or "", bare_stem(question["stem"]), *options]
    )


def comparison(question: Mapping[str, Any]) -> dict[str, str]:
    """Return ``text``, which near-duplicates share, and what they never differ in."""
    return {
        "text": compared_text(question),
        "gold": "|".join(gold_texts(question)),
        "polarity": polarity(question),
        "numbers": numbers(question),
    }


def polarity(question: Mapping[str, Any]) -> str:
    """Return the words that turn a question into its opposite, in order.

    ``下列说法正确的是`` and ``下列说法错误的是`` differ in two characters of forty.
    """
    text = bare(question["case_text"] or "") + bare(question["stem"])
    return "|".join(_POLARITY.findall(text))


def numbers(question: Mapping[str, Any]) -> str:
    """Return the numbers a question names, in no order."""
    text = nfkc(compared_text(question))
    return "|".join(sorted(_NUMBER.findall(text)))
