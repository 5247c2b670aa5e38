"""What a question is: its options and gold, its numbering, when two are one.

A question is a mapping with ``type``, ``case_text``, ``stem``, ``options`` (each with
``label`` and ``text``) and ``gold`` (labels).
"""

import re
from collections.abc import Mapping
from typing import Any

from psyche_kedro.tables import CHOICE_TYPES, content_id
from psyche_kedro.text.bare import bare

LABELS = "ABCDEFGH"

_OPTION = re.compile(r"^\s*[(（]?([A-Ha-h])[)）]?\s*[.．、:：)）]\s*(?=\S)")
_NEXT_OPTION = re.compile(
    r"(?<!\s)\s*(?:^|[\s;；])(?=[(（]?[A-H][)）]?\s*[.．、:：)）])", re.M
)
_NUMBERING = re.compile(
    r"^(?:\s*(?:(?:第\s*)?\d+\s*[题.．、)）]|[(（]\s*\d+\s*[)）])(?!\s*\d)"
    r"|\s*(?:\d+\s*)?(?:[\[【(（]\s*)?[单多]项?选(?:择?题)?\s*[\]】)）:：、.．]?)+\s*"
)


def bare_stem(stem: str) -> str:
    """Return a stem as it is compared, without its number and kind.

    Cleaning, which takes them off for good, asks for more certainty
    (``cleaning.stems.NUMBERING``).

    >>> bare_stem("12．（单选）2岁的儿童")
    '2岁的儿童'
    """
    return _NUMBERING.sub("", stem)


_ASKS_WHAT_FAILS = re.compile(
    r"不属于|不包[括含]|不是|不正确|不准确|不符合|不恰当|不合适|无关|除了?.*外"
    r"|(?:错误的?|有误的?|不[能可宜应需具会对].*的)(?:一项|一种|说法|选项|做法|哪[一几]?[项个])?"
    r"[是有为]?(?:哪[一几]?[项个])?\W*$|错误的一|哪[^,。]{0,12}(?:不(?!同|仅|断)|错误)"
)


def asks_what_fails(stem: str) -> bool:
    """Return whether a stem asks for what does not hold: 下列不属于…的是."""
    *_, last = stem, *re.findall(r"[^。，,；;？?]*\w[^。，,；;？?]*", stem)
    return _ASKS_WHAT_FAILS.search(last) is not None


def option_texts(question: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of a question's options by label, in order."""
    return {option["label"]: option["text"] for option in question["options"]}


def option_lines(question: Mapping[str, Any]) -> list[str]:
    """Return the options as they are shown: ``A. 焦虑``."""
    return [f"{label}. {text}" for label, text in option_texts(question).items()]


def gold_texts(question: Mapping[str, Any]) -> list[str]:
    """Return the texts of the gold options, sorted, as they are compared.

    Letters move when options do; the texts are what two copies must agree on.
    """
    texts = option_texts(question)
    return sorted(bare(texts[label]) for label in texts.keys() & set(question["gold"]))


def key_fault(question: Mapping[str, Any]) -> str | None:
    """Return why no answer could be checked against a question's key, as a slug."""
    if question["type"] not in CHOICE_TYPES:
        return "open_question"
    if not question["gold"]:
        return "no_gold"
    is_option = option_texts(question).keys() >= set(question["gold"])
    return None if is_option else "gold_not_in_options"


def question_id(question: Mapping[str, Any]) -> str:
    """Return the content digest of a question: type, case, stem, options, gold."""
    options = [f"{o['label']}.{o['text']}" for o in question["options"]]
    head = (question["type"], question["case_text"] or "", question["stem"])
    return content_id(*head, *options, "".join(question["gold"]))


_NOISE = re.compile(
    r"[\s（）()【】\[\]，,、；;：:。．？?！!“”\"‘’'《》…—·_]|(?<!\d)\.|\.(?!\d)"
    r"|(?<=[\u4e00-\u9fff])-+(?=[\u4e00-\u9fff])"
)
"""Punctuation, by which copies differ; no sign of mathematics, by which options do."""
_RANGE = re.compile(r"(?<=\d)\s*[~～〜–—-]+\s*(?=\d)")
"""``3～6岁`` is written with five signs."""


def duplicate_key(question: Mapping[str, Any]) -> str:
    """Return what two copies of one question share, both of them clean.

    The same case, stem, and options in any order; of an open question, the same answer.
    They conflict when their ``spelt_gold`` differs, whatever the letters.
    """
    options = sorted(map(_spelt, option_texts(question).values()))
    case, stem = _spelt(question["case_text"] or ""), _spelt(question["stem"])
    open_answer = "" if options else _spelt(question["answer_text"] or "")
    return content_id(case, stem, *options, open_answer)


def spelt_gold(question: Mapping[str, Any]) -> frozenset[str]:
    """Return the texts of the gold options, their signs of mathematics kept."""
    texts = option_texts(question)
    return frozenset(_spelt(texts[g]) for g in texts.keys() & set(question["gold"]))


def _spelt(text: str) -> str:
    return _NOISE.sub("", _RANGE.sub("~", text)).lower()


def read_options(raw: Any) -> list[dict[str, str]]:
    """Return options from a map, a list, a text; labelled A, B, … in their order.

    None where they bring letters of their own that are not A, B, … in order: the
    answer's letter would come to name another option.
    """
    if isinstance(raw, str):
        raw = [part for part in _NEXT_OPTION.split(raw) if part.strip()]
    pairs = list(_options(raw)) if isinstance(raw, Mapping | list | tuple) else []
    own = "".join(label for label, _ in pairs)
    if len(pairs) > len(LABELS) or own not in ("", LABELS[: len(pairs)]):
        return []
    return [
        {"label": label, "text": text}
        for label, (_, text) in zip(LABELS, pairs, strict=False)
    ]


def _options(
    raw: Mapping[str, Any] | list[Any] | tuple[Any, ...],
) -> list[tuple[str, str]]:
    """Return each option's own letter, '' where it has none, and its text."""
    if isinstance(raw, Mapping):
        ordered = sorted(raw.items(), key=lambda pair: str(pair[0]))
        return [(_letter(key), str(text).strip()) for key, text in ordered]
    return [_option(item) for item in raw]


def _option(item: Any) -> tuple[str, str]:
    if isinstance(item, Mapping) and len(item) == 1:
        key, text = next(iter(item.items()))
        return _letter(key), str(text).strip()
    if isinstance(item, Mapping):
        texts = (item.get(name) for name in ("text", "content", "value"))
        return _letter(item.get("label")), str(next(filter(None, texts), "")).strip()
    mark = _OPTION.match(str(item))
    return _letter(mark[1] if mark else ""), _OPTION.sub("", str(item)).strip()


def _letter(label: Any) -> str:
    letter = str(label or "").strip().upper()
    return letter if letter in tuple(LABELS) else ""
