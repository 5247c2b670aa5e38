"""What a teacher's reply holds: questions, or why a question asked for is none.

A request asks for ``n`` questions; each is a slot, and every slot becomes a question or
a reason, so that asked = kept + rejected. A reply's objects fill the slots in order;
what it writes beyond ``n`` is rejected as ``surplus``.

Example reply::

    [{"question": "工作记忆是指（）。", "options": {"A": "…", "B": "…"}, "answer": "B",
      "type": "单项选择题"}]
"""

import re
from collections.abc import Mapping
from typing import Any

from psyche_kedro.answers import (
    has_placeholder,
    read_choice_of,
    read_json,
    read_objects,
)
from psyche_kedro.llm.chat_model import Outcome, Reply
from psyche_kedro.pipelines.synthesis.parameters import Ask
from psyche_kedro.pipelines.synthesis.provenance import fault
from psyche_kedro.prompts import Words
from psyche_kedro.questions import gold_texts, read_options
from psyche_kedro.text.bare import bare

Slot = dict[str, Any] | str
"""Columns of ``tables.Question``, or the reason why there is no question."""

_MIN_STEM = 6  # ours: characters; "正确的是（）" asks nothing
_MIN_QUOTED = 3  # ours: a shorter gold text stands in many a stem by chance
_LONG_STEM = 100  # ours: a stem this long brings its own material

_SIGNS = ({*"对√✓是真T", "TRUE"}, {*"错×✗否假F", "FALSE"})
"""What says, beside the words asked for, that a statement is right, or wrong."""

_PASSAGE = re.compile(
    r"上文|前文|本文|文中|原文|该文|本节|本章|本书|书中|课文"
    r"|(?:根据|依据|按照|结合|阅读)(?:以上|上述|下列|下面|所给|给出的?)?"
    r"(?:材料|片段|段落|文本|短文|文字|内容|资料)"
    r"|(?:以上|上述)(?:材料|片段|段落|文本|文字|内容|资料)"
    r"|[如见由下上][图表]|[图表]\s*\d+\s*[-—]?\s*\d*"
)


def read_slots(outcome: Outcome, ask: Ask, words: Words) -> list[Slot]:
    """Return a question or a reason for each of the ``ask.count`` asked for, and more.

    Args:
        outcome: What the teacher said.
        ask: Kind and number of the questions.
        words: Of the prompt that asked for them.

    Returns:
        ``[max(ask.count, n_written)]`` slots.
    """
    if not isinstance(outcome, Reply):
        return [fault(outcome)] * ask.count
    objects = read_objects(outcome.text)
    missing = _why_missing(outcome, bool(objects))
    slots = [read_question(item, ask.type, words) for item in objects[: ask.count]]
    slots += [missing] * (ask.count - len(slots))
    return slots + ["surplus"] * (len(objects) - ask.count)


def read_question(item: Mapping[str, Any], kind: str, words: Words) -> Slot:
    """Return the columns of one question, or the first thing wrong with it."""
    if has_placeholder(item):
        return "copied_example"
    stem = str(item.get("question") or item.get("stem") or "").strip()
    case = str(item.get("case") or item.get("case_text") or "").strip() or None
    unsaid = words.true_false if kind == "true_false" else ()
    options = read_options(item.get("options") or unsaid)
    answer = _answer_text(item.get("answer"), kind, words)
    gold = sorted(read_choice_of(answer, {"options": options}).labels)
    fields = {
        "type": kind,
        "case_text": case,
        "stem": stem,
        "options": options,
        "gold": gold,
    }
    return _fault(fields, answer) or fields


def _why_missing(reply: Reply, some: bool) -> str:
    is_whole = reply.finish_reason != "length"
    if is_whole and (some or read_json(reply.text) == []):
        return "not_written"
    return fault(reply)


def _answer_text(raw: Any, kind: str, words: Words) -> str:
    if isinstance(raw, list | tuple | set):
        raw = "".join(map(str, raw))
    text = "" if raw is None else str(raw).strip()
    if kind == "true_false":
        for said, signs in zip(words.true_false, _SIGNS, strict=True):
            if text.upper() in signs:
                return said
    return text


def _fault(fields: Mapping[str, Any], answer: str) -> str | None:
    return (
        _fault_of_stem(fields)
        or _fault_of_options(fields["options"])
        or _fault_of_answer(fields, answer)
    )


def _fault_of_stem(fields: Mapping[str, Any]) -> str | None:
    stem = fields["stem"]
    if not stem:
        return "empty_stem"
    if len(bare(stem)) < _MIN_STEM:
        return "stem_too_short"
    brings_material = fields["case_text"] or len(stem) >= _LONG_STEM
    if _PASSAGE.search(stem) and not brings_material:
        return "refers_to_passage"
    return None


def _fault_of_options(options: list[dict[str, str]]) -> str | None:
    texts = [bare(option["text"]) for option in options]
    if len(options) < 2:  # noqa: PLR2004
        return "options_missing"
    if not all(texts):
        return "empty_option"
    return "duplicate_options" if len(set(texts)) < len(texts) else None


def _fault_of_answer(fields: Mapping[str, Any], answer: str) -> str | None:
    if not answer:
        return "answer_missing"
    gold = set(fields["gold"])
    if not gold:
        return "answer_not_in_options"
    if (len(gold) > 1) != (fields["type"] == "multiple"):
        return "answer_count"
    if fields["type"] == "true_false":
        return None
    stem = bare(fields["stem"])
    quoted = [len(t) >= _MIN_QUOTED and t in stem for t in gold_texts(fields)]
    return "answer_in_stem" if all(quoted) else None
