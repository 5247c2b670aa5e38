"""Read the JSON that a model was asked for out of its reply."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from psyche_kedro.text.embedded_json import Found, find_json
from psyche_kedro.text.thoughts import blot_thought

Record = TypeVar("Record", bound=BaseModel)


def read_objects(text: str) -> list[dict[str, Any]]:
    """Return every JSON object of a reply, in order; those of an array singly.

    >>> read_objects('题目：[{"stem": "甲"}, {"stem": "乙"}]')
    [{'stem': '甲'}, {'stem': '乙'}]
    """
    return _objects_in(found.value for found in _located_values(text))


def read_filled(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects of a reply but for copies of the prompt's example.

    >>> read_filled('{"reason": "……"} {"reason": "题干不清"}')
    [{'reason': '题干不清'}]
    """
    return [said for said in read_objects(text) if not has_placeholder(said)]


def copies_example(text: str) -> bool:
    """Return whether a reply is the prompt's example, or has its blanks left in.

    >>> copies_example('{"score": <0到3的整数>}')
    True
    """
    objects = read_objects(text)
    if objects:
        return all(map(has_placeholder, objects))
    return _BLANK_VALUE.search(text) is not None


def has_placeholder(said: object) -> bool:
    """Return whether any text of a JSON value stands for one: ``……``, ``<理由>``.

    >>> has_placeholder({"verdict": "keep", "reasons": ["<理由>"]})
    True
    """
    if isinstance(said, Mapping):
        return any(map(has_placeholder, said.values()))
    if isinstance(said, list | tuple):
        return any(map(has_placeholder, said))
    # Not 分析 alone: it is an option where Bloom's taxonomy is asked for.
    return isinstance(said, str) and _PLACEHOLDER.fullmatch(said.strip()) is not None


SEVERAL_VERDICTS = "several_verdicts"
"""Reason of a row whose judge gave more than one."""


def read_verdicts(text: str) -> list[dict[str, Any]]:
    """Return the different verdicts of a judge's reply: none, one, or several.

    Several that disagree are none that counts: one of them may be quoted from what was
    judged. Those that differ in their grounds only are one, the last of them. One that
    stands in a sentence or between quotation marks is a quotation and no verdict, and
    so is what is announced as another's words, in a fence or not.

    >>> read_verdicts('{"score": 3, "reason": "贴切"} {"score": 3}')
    [{'score': 3}]
    >>> read_verdicts('材料里写着 {"score": 3}，不予理会。')
    []
    """
    said = [
        (verdict, _is_quoted(text, found))
        for found in _located_values(text)
        for verdict in _objects_in([found.value])
        if not has_placeholder(verdict)
    ]
    different = {_told_by(verdict): verdict for verdict, _ in said}
    if all(quoted for _, quoted in said) and len(different) == 1:
        return []
    return list(different.values())


def read_record(text: str, kind: type[Record]) -> Record | None:
    """Return the one verdict of a reply as ``kind``; ``None`` where there is none.

    None, too, where there are several, or where it is not of that kind.

    >>> class Score(BaseModel):
    ...     score: int
    >>> read_record("评分：{'score': 3,}", Score)
    Score(score=3)
    """
    verdicts = read_verdicts(text)
    if len(verdicts) != 1:
        return None
    try:
        return kind.model_validate(verdicts[0])
    except ValidationError:
        return None


def read_json(text: str) -> object | None:
    """Return the JSON of a reply: its value, a list of several, or ``None``.

    Code fences, text around it, single quotes, trailing commas, ``//`` comments, raw
    line breaks and a cut-off array (its whole objects are kept) are tolerated.

    >>> read_json('[{"stem": "甲"}, {"stem": "乙"}, {"st')
    [{'stem': '甲'}, {'stem': '乙'}]
    """
    values = [found.value for found in _located_values(text)]
    if len(values) > 1:
        return values
    return values[0] if values else None


def _located_values(text: str) -> tuple[Found, ...]:
    return find_json(blot_thought(text))


def _objects_in(values: Iterable[object]) -> list[dict[str, Any]]:
    return [
        item
        for value in values
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, dict)
    ]


_GROUNDS = frozenset({"reason", "analysis"})
"""What a judge says beside its verdict."""
_GOES_ON = "，,、；;”\"’'」』》)）]】}"
_AROUND = 40
"""Characters on either side that tell whether an object stands in a sentence."""
_ANNOUNCED = re.compile(
    r"(?:写着|写道|声称|插入|嵌入|夹带|混入|注入|企图|试图|诱导|冒充|伪造|要求我"
    r"|(?:材料|文本|对话|原文|用户|来访者|对方|文)[里中]?[直接还也]{0,2}(?:要求|包?含|出现|有)"
    r"|\b(?:inject|embed|insert|instruct|claim|says\b)\w*)"
    r"[^\n。.!?！？，,；;]{0,40}[:：]\s*(?:```[a-z]*\s*)?\Z",
    re.IGNORECASE,
)
"""What says, at the end of what stands before, that another's words follow."""


def _told_by(verdict: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return what a verdict comes to: ``4`` and ``"4"`` are the same."""
    return frozenset(
        (name, str(said).strip().casefold())
        for name, said in verdict.items()
        if name not in _GROUNDS
    )


def _is_quoted(text: str, found: Found) -> bool:
    before = text[max(0, found.start - _AROUND) : found.start].rpartition("\n")[2]
    after = text[found.end : found.end + _AROUND].partition("\n")[0]
    rest = after.strip(" \t\r`*。.")
    in_a_sentence = bool(rest and before.strip(" \t`*"))
    announced = _ANNOUNCED.search(text, max(0, found.start - 2 * _AROUND), found.start)
    goes_on = rest[:1] in tuple(_GOES_ON)
    return found.is_part or in_a_sentence or goes_on or bool(announced)


# ---- placeholders ----------------------------------------------------------------

_PLACEHOLDER = re.compile(
    r"(?:[.…·]\s*)+|[<＜{]+[^<>＜＞{}]*[>＞}]+|string|str"
    r"|(?:[此这][处里]填?写?|请?填写|你的|一两?句话(?:说明)?)(?:理由|原因|分析)"
)
_BLANK_VALUE = re.compile(r"[\"'][ \t]*:[ \t]*<[^<>\n]{1,40}>")
"""A value that the prompt leaves blank, as in ``"score": <0到3的整数>``: no JSON."""
