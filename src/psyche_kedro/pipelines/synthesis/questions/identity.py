"""What makes two questions one: ids, the text compared, and what must never differ."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from psyche_kedro.tables import content_id

_NUMBERING = re.compile(
    r"^\s*(?:第?\s*\d+\s*(?:[.、．)）]|题)\s*|[(（]\d+[)）]\s*)+(?!\d)"
)
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

_NOT_TEXT = re.compile(r"[\W_]+")


def question_id(fields: Mapping[str, Any]) -> str:
    """Return the content digest of a question: type, case, stem, options, gold."""
    options = [f"{o['label']}.{o['text']}" for o in fields["options"]]
    head = (fields["type"], fields["case_text"] or "", fields["stem"])
    return content_id(*head, *options, "".join(fields["gold"]))


def normalise(text: str) -> str:
    """Return letters and digits only, NFKC, lower case."""
    return _NOT_TEXT.sub("", unicodedata.normalize("NFKC", text).lower())


def compared_text(question: Mapping[str, Any]) -> str:
    """Return the text that near-duplicates share: case, stem, options in no order."""
    options = sorted(normalise(option["text"]) for option in question["options"])
    stem = _NUMBERING.sub("", question["stem"])
    return "\n".join([question["case_text"] or "", stem, *options])


def comparison(question: Mapping[str, Any]) -> dict[str, str]:
    """Return ``text``, which near-duplicates share, and what they never differ in."""
    return {
        "text": compared_text(question),
        "gold": gold_texts(question),
        "polarity": polarity(question),
        "numbers": numbers(question),
    }


def gold_texts(question: Mapping[str, Any]) -> str:
    """Return the gold options' texts, in no order: letters move when options do."""
    gold = set(question["gold"])
    return "|".join(
        sorted(normalise(o["text"]) for o in question["options"] if o["label"] in gold)
    )


def polarity(question: Mapping[str, Any]) -> str:
    """Return the words that turn a question into its opposite, in order.

    ``下列说法正确的是`` and ``下列说法错误的是`` differ in two characters of forty.
    """
    text = normalise(question["case_text"] or "") + normalise(question["stem"])
    return "|".join(_POLARITY.findall(text))


def numbers(question: Mapping[str, Any]) -> str:
    """Return the numbers a question names, in no order."""
    text = unicodedata.normalize("NFKC", compared_text(question))
    return "|".join(sorted(_NUMBER.findall(text)))
