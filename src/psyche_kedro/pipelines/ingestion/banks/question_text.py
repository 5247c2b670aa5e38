"""The grammar of a question bank as people type it.

Sections (``一、单项选择题``), numbered stems (``1．``, ``(1)``, ``第1题``), options
in one line or several, the answer in the stem's bracket, below the item, or in a key at
the end (``1.B 2.A``, ``1-5 BACDA``), explanations, shared case texts. Markdown marks
are noise.

Example::

    一、单选题
    1．短时记忆的容量是(    )。
    A.5±2 B.7±2 C.9±2 D.3±2
    参考答案
    1.B
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from psyche_kedro.pipelines.ingestion.banks.fields import (
    TRUTHS,
    WIDE_LETTERS,
    split_options,
    type_of,
)

_NUMERAL = "一二三四五六七八九十"
_TRUTH = "|".join(sorted((w for w in TRUTHS if not w.isascii()), key=len, reverse=True))
SECTION = re.compile(
    rf"^(?:[{_NUMERAL}]+\s*[、.．]|第[{_NUMERAL}\d]+(?:部分|大题))\s*"
    r"(.*(?:题|选择|判断|填空|简答|论述|案例|名词解释).*)$"
)
NUMBERED = re.compile(
    r"^(?:第\s*(\d{1,4})\s*题|[（(]\s*(\d{1,4})\s*[)）]|(\d{1,4})\s*[.．、:：)）])"
    r"\s*[.．、:：]?\s*(\S.*)$"
)
ANSWER = re.compile(
    r"^[【\[]?\s*(?:(?:参考|正确|标准)?答案\s*[】\]]?\s*[:：]?|答\s*[】\]]?\s*[:：])\s*(.+)$"
)
_EXPLANATION = re.compile(
    r"^[【\[]?\s*(?:答案|试题)?(?:解析|分析|详解)\s*[】\]]?\s*[:：]?\s*(.*)$"
)
_EXPLAINED = re.compile(
    r"\s*[【\[]?(?:答案|试题)?(?:解析|分析|详解)\s*[】\]]?\s*[:：]\s*"
)
"""In one line with the answer: ``答案：B 解析：…``."""
_KEY_HEAD = re.compile(
    rf"^(?:[{_NUMERAL}]+\s*[、.．])?\s*[【\[]?(?:参考|标准|正确)?答案(?:(?:与|及|和)?解析)?"
    r"[】\]]?\s*[:：]?$"
)
_KEY_ITEM = re.compile(
    rf"(\d{{1,4}})\s*[.．、:：]?\s*[【\[]?(?:(?:参考|正确)?答案\s*[】\]]?\s*[:：]?\s*)?"
    rf"([A-H]{{1,8}}|{_TRUTH})(?=\s|$|[,，;；。\d])"
)
_KEY_RANGE = re.compile(
    rf"(\d{{1,4}})\s*[-~～—]\s*(\d{{1,4}})\s*[:：.．]?\s*((?:[A-H]|{_TRUTH})"
    rf"(?:[\s,，]*(?:[A-H]|{_TRUTH}))+)"
)
_ANSWER_IN_STEM = re.compile(rf"[（(]\s*([A-HＡ-Ｈ]{{1,8}}|{_TRUTH})\s*[)）]")
_SPAN = r"(?P<first>\d{1,4})\s*[-~～—至]\s*(?P<last>\d{1,4})\s*题?\s*"
CASE = re.compile(
    rf"^[（(【\[]?\s*(?:案例\s*[{_NUMERAL}\d]*|(?:{_SPAN})?共用(?:题干|案例)"
    r"|根据以下.{0,12}?|一般资料)\s*[)）】\]]?\s*[:：]?\s*(?P<text>.*)$"
)
_OPTIONS_AFTER_STEM = re.compile(r"\s+(?=[（(]?[AＡ][)）]?\s*[.．、:：])")
_MARKDOWN = re.compile(
    r"^\s{0,3}(?:#{1,6}\s+|[>*+-]\s+)|\*\*|^\s*(?:-{3,}|\*{3,}|_{3,})\s*$"
)
_BUTTON = re.compile(
    r"(?:点击)?(?:查看|显示|展开|收起|隐藏)(?:参考|正确)?(?:答案|解析)(?:[与和及、/]?(?:答案|解析))?"
)
"""What a page says where the answer is hidden until clicked."""
_MAX_SKIPPED_NUMBERS = 2
_LAST_NUMBER = 9999


@dataclass
class _Item:
    number: int
    line: int
    section: str
    case: str
    stem: str
    options: list[tuple[str, str]] = field(default_factory=list)
    answer: str = ""
    explanation: str = ""

    def append(self, name: str, line: str) -> None:
        if name == "options":
            label, text = self.options[-1]
            self.options[-1] = (label, text + line)
        else:
            setattr(self, name, f"{getattr(self, name)}\n{line}".strip())

    def record(self) -> dict[str, Any]:
        return {
            "stem": self.stem,
            "options": dict(self.options),
            "answer": self.answer,
            "explanation": self.explanation,
            "type": type_of(self.section),
            "case_text": self.case,
        }


def read_question_text(lines: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return ``(locator, record)`` of every question in ``lines``."""
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        if (plain := _plain(line)) and not _BUTTON.fullmatch(plain):
            reader.take(number, plain)
    return [(f"line {item.line}", item.record()) for item in reader.items]


def _plain(line: str) -> str:
    line = _MARKDOWN.sub("", line).replace("\u3000", " ").replace("\u00a0", " ")
    return re.sub(r"[ \t]+", " ", line).strip()


class _Reader:
    """Reads line by line; what a line may be depends on what came before it."""

    def __init__(self) -> None:
        self.items: list[_Item] = []
        self._section = ""
        self._case = ""
        self._case_ends = _LAST_NUMBER
        self._item: _Item | None = None
        self._field = ""
        self._in_key = False
        self._key_scope: list[_Item] = []

    def take(self, number: int, line: str) -> None:
        if _KEY_HEAD.match(line) and self._expects_key():
            self._in_key, self._item = True, None
            self._key_scope = [item for item in self.items if not item.answer]
        elif (match := SECTION.match(line)) and type_of(match[1]):
            self._start_section(match[1])
        elif not (self._in_key and self._key_line(line)):
            self._question_line(number, line)

    def _expects_key(self) -> bool:
        """A lone ``答案：`` above its text belongs to an item, a key to several."""
        return sum(not item.answer for item in self.items) > 1 or bool(
            self._item and self._item.answer
        )

    def _start_section(self, title: str) -> None:
        self._item, self._section, self._case = None, title, ""
        if self._in_key:
            kind = type_of(title)
            unanswered = [item for item in self.items if not item.answer]
            same = [item for item in unanswered if type_of(item.section) == kind]
            self._key_scope = same or unanswered

    def _key_line(self, line: str) -> bool:
        """Take a line of the key; False when the key is over."""
        match = NUMBERED.match(line)
        answers = dict(_key_answers(line))
        if answers:
            self._answer_from_key(answers)
        elif match and (item := self._unanswered(_number(match))):
            item.answer, self._item, self._field = match[4], item, "answer"
        elif match and self._field != "explanation":
            self._in_key = False
        elif self._item:
            self._item_line(self._item, line)
        return self._in_key

    def _answer_from_key(self, answers: dict[int, str]) -> None:
        for number, answer in answers.items():
            if item := self._unanswered(number):
                item.answer, self._item, self._field = answer, item, "key"

    def _unanswered(self, number: int) -> _Item | None:
        numbered = (i for i in self._key_scope if i.number == number and not i.answer)
        return next(numbered, None)

    def _question_line(self, number: int, line: str) -> None:
        match = NUMBERED.match(line)
        if self._range_line(line):
            return
        if case := CASE.match(line):
            self._item, self._case, self._field = None, case["text"].strip(), "case"
            self._case_ends = int(case["last"] or _LAST_NUMBER)
        elif match and self._starts_item(_number(match)):
            self._start_item(number, _number(match), match[4])
        elif self._field == "case":
            self._case = f"{self._case}\n{line}".strip()
        elif self._item:
            self._item_line(self._item, line)

    def _range_line(self, line: str) -> bool:
        """Take ``1-5 BACDA`` and ``答案：1.A 2.B``, a key in one line."""
        match = ANSWER.match(line)
        key = match[1] if match else line
        several = match and _KEY_ITEM.match(key) and len(dict(_key_answers(key))) > 1
        if not (several or _KEY_RANGE.match(key)):
            return False
        self._key_scope = self.items
        self._answer_from_key(dict(_key_answers(key)))
        return True

    def _item_line(self, item: _Item, line: str) -> None:
        options = split_options(_spaced(line))
        if match := _EXPLANATION.match(line):
            item.explanation, self._field = match[1], "explanation"
        elif match := ANSWER.match(line):
            self._take_answer(item, line, match[1])
        elif options and ord(options[0][0]) - ord("A") == len(item.options):
            item.options += options
            self._field = "options"
        elif self._field != "key":
            item.append(self._field, line)

    def _take_answer(self, item: _Item, line: str, said: str) -> None:
        """Take an answer; one that differs from the first stands beside it: no gold."""
        answer, *explanation = _EXPLAINED.split(said, maxsplit=1)
        self._field = "answer"
        if not item.answer:
            item.answer = answer.strip()
        elif _bare(item.answer) != _bare(answer):
            item.append("answer", line)
        if explanation:
            item.explanation, self._field = explanation[0], "explanation"

    def _starts_item(self, number: int) -> bool:
        """Tell a stem from a list inside a stem, answer or explanation."""
        if self._item is None:
            return True
        previous = self._item.number
        follows = previous < number <= previous + 1 + _MAX_SKIPPED_NUMBERS
        return follows or (self._field in ("options", "key") and number == 1)

    def _start_item(self, line_number: int, number: int, stem: str) -> None:
        case = self._case if number <= self._case_ends else ""
        item = _Item(number, line_number, self._section, case, stem)
        parts = _OPTIONS_AFTER_STEM.split(stem, maxsplit=1)
        if len(parts) > 1 and len(options := split_options(parts[1])) > 1:
            item.stem, item.options = parts[0], options
        if match := _ANSWER_IN_STEM.search(item.stem):
            item.answer = match[1].translate(WIDE_LETTERS)
            item.stem = f"{item.stem[: match.start()]}（ ）{item.stem[match.end() :]}"
        self.items.append(item)
        self._item, self._in_key = item, False
        self._field = "options" if item.options else "stem"


def _bare(answer: str) -> str:
    return re.sub(r"\W", "", answer.translate(WIDE_LETTERS)).upper()


def _number(match: re.Match[str]) -> int:
    return int(match[1] or match[2] or match[3])


def _key_answers(line: str) -> Iterator[tuple[int, str]]:
    for first, last, letters in _KEY_RANGE.findall(line):
        marks = re.findall(rf"[A-H]|{_TRUTH}", letters)
        if int(last) - int(first) + 1 == len(marks):
            yield from zip(range(int(first), int(last) + 1), marks, strict=True)
    for number, letters in _KEY_ITEM.findall(_KEY_RANGE.sub(" ", line)):
        yield int(number), letters


def _spaced(line: str) -> str:
    """Return a line whose option ``A 心境低落`` has the mark the splitter needs."""
    return re.sub(r"^([A-HＡ-Ｈ])\s+(?=\S)", r"\1. ", line)
