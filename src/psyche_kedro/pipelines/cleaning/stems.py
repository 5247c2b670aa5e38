"""Questions of banks and benchmarks in normal form, with what is wrong with them.

A stem says what is asked and nothing of the book it came from: its number, its kind and
the page that answers it (``(3P65)``, ``（）5-153``) are taken off its ends.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from psyche_kedro.pipelines.cleaning.text.normalise import normalise
from psyche_kedro.questions import duplicate_key, spelt_gold

_KIND = r"(?:单选|多选|不定项选择|单项选择|多项选择|判断)题?"
NUMBERING = re.compile(
    rf"^(?:\d{{0,4}}\s*[\[【（(]\s*{_KIND}\s*(?:[,，]\s*[\d.]+\s*分\s*)?[)）】\]]\s*)?"
    rf"(?:{_KIND}[：:]?\s*)?"
    r"(?:(?:第\s*)?\d{1,4}\s*(?:题\s*)?[.．、:：)）]\s*(?=[^\d\s])"
    r"|\d{1,4}[,，]\s*(?=[\u4e00-\u9fff])"
    r"|第\s*\d{1,4}\s*题\s*(?=[^\s中所的是和与及、，到至为]))?"
)
_BELOW_CASE = re.compile(
    rf"(?<=\S)\s*{_KIND}\s*[：:]\s*[\dl]{{1,4}}\s*[.．、]\s*(?=\S)"
)
"""Kind and number of a question that follows its case; they leave a new line."""
_TYPE_TAIL = re.compile(
    rf"(?:[(（]?(?:单选|多选)(?:[：:]\s*\d{{1,4}})?[)）]?|[(（\[【]\s*{_KIND}\s*[)）\]】])\s*$"
)
_IN_BOOK = r"(?:参见|详见|见|教材|课本|书)[^（()）【】\[\]\n]{0,12}"
_PAGES = (
    # 3P65, 5Pl05, and what a scan makes of it: 6PⅢ, 5P埘.
    r"[\dlI]{1,2}\s*P\s*(?:[\dlIoOⅠ-Ⅻ][\dlIoOⅠ-Ⅻ\s]{0,5}|[\u4e00-\u9fff])",
    # P24; P50, P300 and P600 are potentials of the brain.
    r"P\s*(?!\d*[05]0\s*\D)\d{2,4}",
    rf"{_IN_BOOK}P\s*\d{{1,4}}",
    rf"(?:{_IN_BOOK})?(?:第\s*)?\d{{1,4}}\s*(?:[-~～—–]\s*\d{{1,4}}\s*)?页",
)
_PAGE = rf"[（(【\[]\s*(?:{'|'.join(_PAGES)})\s*[)）】\]]"
_PAGE_HEAD = re.compile(rf"^{_PAGE}\s*(?=\S)")
_PAGE_TAIL = re.compile(rf"(?<=\S)\s*{_PAGE}(?=[。.？?]?\s*$)")
_PAGE_AFTER_BLANK = re.compile(
    r"(?:(?<=[)）】\]])|(?<=[)）】\]][。？?]))\s*"
    r"[A-H]{0,8}\d{1,3}-\d{1,4}(?:[/／、]\d{1,4})*\s*$"
)
"""``（）5-153/154``: chapter and pages; of ``（）。BCD245-3/3`` the key as well."""
_BUTTON_TAIL = re.compile(
    r"(?<=[)）】\]。？?])\s*(?:点击)?(?:确认|查看|显示|提交)(?:参考|正确)?答案\s*$"
)
_OF_THE_BOOK = (
    NUMBERING,
    _TYPE_TAIL,
    _PAGE_HEAD,
    _PAGE_TAIL,
    _PAGE_AFTER_BLANK,
    _BUTTON_TAIL,
)
_BLANK = re.compile(r"[（(]\s*[)）]")


def normal_question(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with its texts in normal form and its stem without numbering."""
    return dict(row) | {
        "stem": clean_stem(row["stem"]),
        "case_text": _normal(row["case_text"]),
        "options": [
            {"label": o["label"], "text": normalise(o["text"])} for o in row["options"]
        ],
        "answer_text": _normal(row["answer_text"]),
        "explanation": _normal(row["explanation"]),
        "subject": _normal(row["subject"]),
    }


def clean_stem(stem: str) -> str:
    """Return a stem in normal form: ``单选：8．在…( )。单选`` becomes ``在…（）。``."""
    stem = normalise(stem)
    while (shorter := _shorter(stem)) != stem:
        stem = shorter
    return stem


def _shorter(stem: str) -> str:
    for pattern in _OF_THE_BOOK:
        stem = pattern.sub("", stem)
    return normalise(_BLANK.sub("（）", _BELOW_CASE.sub("\n", stem)))


def _normal(text: str | None) -> str | None:
    return normalise(text) if text else None


def groups_of_copies(
    rows: Iterable[Mapping[str, Any]],
) -> list[list[Mapping[str, Any]]]:
    """Return the groups of two and more rows that are one question, in order."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(duplicate_key(row), []).append(row)
    return [group for group in groups.values() if len(group) > 1]


def conflicts(group: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether copies of one question have different golds."""
    golds = {spelt_gold(row) for row in group if row["gold"]}
    return len(golds) > 1
