"""The grammar of a question bank as people type it.

Sections (``一、单项选择题``), numbered stems (``1．``, ``(1)``, ``第1题``), options
in one line or several, the answer in the stem's bracket, below the item, or in a key at
the end (``1.B 2.A``, ``1-5 BACDA``), explanations, shared case texts, shared options.
Markdown marks are noise.

A number begins a question where options or an answer follow it, or where it goes on
with the numbers before; a list inside a stem or an explanation does not. What looks
like a question and became none is listed: no layout loses rows in silence.

Example::

    一、单选题
    1．短时记忆的容量是(    )。
    A.5±2 B.7±2 C.9±2 D.3±2
    参考答案
    1.B
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psyche_kedro.pipelines.ingestion.banks.answers import (
    LETTERS_ONLY,
    letters_of,
    truth_of,
)
from psyche_kedro.pipelines.ingestion.banks.fields import FAULTS, type_of
from psyche_kedro.pipelines.ingestion.banks.keys import (
    Asked,
    KeyEntry,
    KeyPart,
    bare,
    key_answers,
    match_key,
    with_tables_as_keys,
)
from psyche_kedro.pipelines.ingestion.banks.lines import Token, read_lines
from psyche_kedro.pipelines.ingestion.banks.options import Pair

_MAX_SKIPPED_NUMBERS = 2
_LAST_NUMBER = 9999
_FULL_LINE = 0.8
"""Of the longest line: one that was broken there goes on in the next."""
_MIN_WRAP = 24
"""Characters of a line that may have been broken."""
_MIN_REPEATED = 3
"""Times that a running head or foot stands in a file."""
_PLACES = re.compile(r"[1-9](?:[\s,，、]*[1-9])*")
_LETTER_OF = str.maketrans("123456789", "ABCDEFGHI")
_FIRST_OF_LIST = re.compile(r"^\s*[（(]?1\s*[)）.、．]\s*\D")
_ENTRY = re.compile(
    r"^[（(]?\s*([A-ZＡ-Ｚ](?:[ 、,，/;；]*[A-ZＡ-Ｚ])*(?![A-Za-z])"
    r"|√|×|对|错|正确|错误)\s*[)）]?(?:$|[\s。；;，]+(.*)$)"
)


@dataclass
class _Item:
    number: int
    line: int
    chapter: str
    kind: str | None
    case: str
    stem: str
    options: list[Pair] = field(default_factory=list)
    shared: list[Pair] = field(default_factory=list)
    answer: str = ""
    explanation: str = ""
    subject: str = ""
    faults: list[str] = field(default_factory=list)
    inner: int = 0
    """Last number of the list that stands inside its stem or explanation."""

    def record(self) -> dict[str, Any]:
        pairs = self.options or self.shared
        texts = {text for _, text in pairs}
        if pairs and _PLACES.fullmatch(self.answer) and self.answer not in texts:
            self.answer = self.answer.translate(_LETTER_OF)  # people count from 1
        record: dict[str, Any] = {
            "stem": self.stem,
            "options": [{"label": label, "text": text} for label, text in pairs],
            "answer": self.answer,
            "explanation": self.explanation,
            "type": self.kind,
            "case_text": self.case,
            "subject": self.subject,
        }
        return record | ({FAULTS: self.faults} if self.faults else {})


class TextQuestions(NamedTuple):
    """What a text holds.

    Attributes:
        records: ``(locator, record)`` of every question.
        lost: Sentences on what looks like part of a question and became none.
    """

    records: list[tuple[str, dict[str, Any]]]
    lost: list[str]


def read_question_text(lines: Sequence[str]) -> TextQuestions:
    """Return every question of ``lines``, and what looks like one and is none."""
    reader = _Reader(read_lines(with_tables_as_keys(lines)))
    reader.read()
    records = [(f"line {item.line}", item.record()) for item in reader.items]
    return TextQuestions(records, reader.lost())


class _Reader:
    """Reads token by token; what one may be depends on what stands around it."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.items: list[_Item] = []
        self._tokens = tokens
        self._next = _next_marks(tokens)
        self._width = max((len(t.text) for t in tokens if t.kind == "text"), default=0)
        self._running = _running_lines(tokens)
        self._chapter = ""
        self._kind: str | None = None
        self._case = ""
        self._case_ends = _LAST_NUMBER
        self._shared: list[Pair] = []
        self._shared_ends = _LAST_NUMBER
        self._item: _Item | None = None
        self._field = ""
        self._loose: list[Token] = []
        self._has_bare_numbers = False
        self._key: list[KeyPart] | None = None
        self._scope = 0
        self._unused: list[KeyEntry] = []
        self._strange: dict[str, list[int]] = {
            "numbers": [],
            "options": [],
            "answers": [],
        }

    def read(self) -> None:
        for index, token in enumerate(self._tokens):
            getattr(self, f"_take_{token.kind}")(index, token)
        self._close_key()

    def lost(self) -> list[str]:
        """Return one sentence for each kind of mark that no question took."""
        said = {
            "numbers": "numbered lines were taken for no question",
            "options": "groups of options belong to no question",
            "answers": "answers belong to no question",
        }
        lines = {**self._strange}
        lines["answers"] = lines["answers"] + [entry.line for entry in self._unused]
        return [
            f"{len(at)} {said[name]}: line {', '.join(map(str, at[:5]))}"
            f"{' …' if len(at) > 5 else ''}."  # noqa: PLR2004
            for name, at in lines.items()
            if at
        ]

    # ---- what stands between questions -----------------------------------------

    def _take_heading(self, index: int, token: Token) -> None:
        if self._field in ("stem", "answer", "explanation") and not self._before_number(
            index
        ):
            self._take_text(index, token)
            return
        self._leave()
        self._chapter, self._kind = token.text, None
        if self._key is not None:
            self._key.append(KeyPart(_title(token.text), None))

    def _take_section(self, index: int, token: Token) -> None:
        self._leave()
        self._kind = token.type
        if self._key is not None:
            chapter = self._key[-1].chapter if self._key else ""
            self._key.append(KeyPart(chapter, token.type))

    def _take_shared(self, index: int, token: Token) -> None:
        self._leave()
        self._shared = list(token.options)
        self._shared_ends = token.number or _LAST_NUMBER
        self._field = "shared"

    def _take_case(self, index: int, token: Token) -> None:
        explains = self._field in ("answer", "explanation") and token.body
        if explains and not token.number and not self._before_number(index):
            self._take_text(index, token)
            return
        self._leave()
        self._case, self._field = token.body, "case"
        self._case_ends = token.number or _LAST_NUMBER

    def _take_case_part(self, index: int, token: Token) -> None:
        if self._field != "case":
            self._take_case(index, token._replace(body=""))
        if self._field == "case":
            self._case = f"{self._case}\n{token.text}".strip()

    def _leave(self) -> None:
        """Close the question before; what it shares with others ends with it."""
        self._item, self._field, self._case, self._shared, self._loose = (
            None,
            "",
            "",
            [],
            [],
        )

    def _before_number(self, index: int) -> bool:
        mark = self._mark_after(index)
        return mark is None or mark.kind in (
            "number",
            "section",
            "heading",
            "case",
            "shared",
            "key",
        )

    # ---- questions ---------------------------------------------------------------

    def _take_number(self, index: int, token: Token) -> None:
        if self._key is not None and not self._ends_key(index, token):
            self._key_entry(token)
        elif self._starts_item(index, token):
            self._start_item(token)
        else:
            self._take_text(index, token)
            self._list_goes_on(token)

    def _take_numeral(self, index: int, token: Token) -> None:
        """``一、短时记忆的容量是（ ）`` is a question, ``一、记忆`` a heading."""
        mark = self._mark_after(index)
        if token.options or (
            mark and mark.kind == "options" and self._field != "shared"
        ):
            self._take_number(index, token._replace(is_weak=False))
        elif (
            self._key is None
            and self._before_number(index)
            and self._field in ("", "options", "key")
        ) or (
            mark
            and mark.kind == "number"
            and mark.number == 1
            and len(token.text) < _MIN_WRAP
        ):
            self._take_heading(index, token)
        else:
            self._take_text(index, token)

    def _starts_item(self, index: int, token: Token) -> bool:
        """Tell a stem from a list inside a stem, answer or explanation."""
        has_own = self._has_own_mark(index, token)
        item = self._item
        is_sure = has_own or not token.is_weak or self._is_numbered_so(token)
        if item is None:
            return is_sure
        expected = item.number + 1
        if token.is_weak and not (is_sure and token.number in (expected, 1)):
            return False
        if self._field == "stem":
            return self._ends_stem(index, token, has_own)
        if self._field in ("answer", "explanation"):
            return self._ends_explanation(index, token, has_own)
        follows = expected <= token.number <= expected + _MAX_SKIPPED_NUMBERS
        return follows or token.number == 1 or has_own

    def _is_numbered_so(self, token: Token) -> bool:
        """Return whether ``1 下列…`` is how this paper numbers its questions."""
        return self._has_bare_numbers and not token.body[:1].isdigit()

    def _ends_stem(self, index: int, token: Token, has_own: bool) -> bool:
        item = self._item
        assert item is not None  # noqa: S101
        if item.inner:
            return token.number != item.inner + 1
        if token.number == 1 and item.number:
            return not self._begins_list(index)
        follows = item.number < token.number <= item.number + 1 + _MAX_SKIPPED_NUMBERS
        return follows or has_own

    def _ends_explanation(self, index: int, token: Token, has_own: bool) -> bool:
        item = self._item
        assert item is not None  # noqa: S101
        if has_own and not (
            item.inner and token.number == item.inner + 1 and not item.answer
        ):
            return True
        if item.inner and token.number == item.inner + 1:
            return False
        later = next((n for n in self._own_numbers(index)), None)
        return token.number == item.number + 1 and later != token.number

    def _own_numbers(self, index: int) -> list[int]:
        """Return the number of the next line that has its own options or answer."""
        for at in range(index + 1, len(self._tokens)):
            token = self._tokens[at]
            if token.kind == "number" and self._has_own_mark(at, token):
                return [token.number]
        return []

    def _begins_list(self, index: int) -> bool:
        """Return whether ``1. 2. 3.`` from here on is a list above options."""
        number, at = 1, index
        while True:
            token = self._tokens[at]
            following = self._next[at]
            mark = self._tokens[following] if following is not None else None
            if mark is None or token.options:
                return False
            if mark.kind == "options":
                return number > 1
            if mark.kind != "number" or mark.number != number + 1:
                return False
            number, at = number + 1, following or 0

    def _has_own_mark(self, index: int, token: Token) -> bool:
        mark = self._mark_after(index)
        if token.options:
            return True
        if mark is None:
            return False
        return mark.kind == "answer" or (
            mark.kind == "options" and mark.options[0][0] == "A"
        )

    def _mark_after(self, index: int) -> Token | None:
        at = self._next[index]
        return None if at is None else self._tokens[at]

    def _list_goes_on(self, token: Token) -> None:
        item = self._item
        if item is not None and token.number == item.inner + 1:
            item.inner = token.number
        elif not token.is_weak or (token.body and not token.body[0].isdigit()):
            self._strange["numbers"].append(token.line)

    def _start_item(self, token: Token) -> None:
        self._close_key()
        case = self._case if token.number <= self._case_ends else ""
        shared = self._shared if token.number <= self._shared_ends else []
        kind = token.type or self._kind
        item = _Item(token.number, token.line, self._chapter, kind, case, token.body)
        item.options, item.shared = list(token.options), shared
        self.items.append(item)
        self._has_bare_numbers |= token.is_weak and not token.body[:1].isdigit()
        self._item, self._loose = item, []
        self._field = "options" if item.options else "stem"

    # ---- options -----------------------------------------------------------------

    def _take_options(self, index: int, token: Token) -> None:
        first = token.options[0][0]
        if token.is_weak and not self._in_sequence(index, token):
            self._take_text(index, token)
        elif self._field == "shared":
            self._shared += token.options
        elif self._item is None:
            self._options_without_stem(index, token)
        elif self._field == "stem" and (
            first == "A" or self._next_is_letter_after(index, first)
        ):
            self._own_options(self._item, token)
        elif self._field == "options" and not (first == "A" and len(token.options) > 1):
            self._item.options += token.options
        else:
            self._second_options(index, self._item, token)

    def _in_sequence(self, index: int, token: Token) -> bool:
        """Return whether ``B兴趣减退`` stands between A and C."""
        letter = token.options[0][0]
        before = self._item.options if self._item and self._field == "options" else []
        if before:
            return ord(letter) == ord(before[-1][0]) + 1
        return letter == "A" and self._next_is_letter_after(index, letter)

    def _next_is_letter_after(self, index: int, letter: str) -> bool:
        mark = self._mark_after(index)
        return bool(
            mark
            and mark.kind == "options"
            and mark.options[0][0] == chr(ord(letter) + 1)
        )

    def _own_options(self, item: _Item, token: Token) -> None:
        if item.shared:
            # The options of the next group, whose heading is missing: whose they are
            # is not known.
            item.faults.append("option_letters_repeated")
            self._shared, self._shared_ends = list(token.options), _LAST_NUMBER
            self._item, self._field = None, "shared"
            return
        item.options += token.options
        self._field = "options"

    def _options_without_stem(self, index: int, token: Token) -> None:
        """Options that stand above their stems are shared by them."""
        if self._loose and self._key is None and self._is_answered_next(index):
            self._unnumbered(
                _Item(0, 0, "", None, "", ""), self._unnumbered_stem(), token
            )
        elif token.options[0][0] == "A" and self._key is None:
            self._shared, self._shared_ends = list(token.options), _LAST_NUMBER
            self._field = "shared"
        else:
            self._strange["options"].append(token.line)

    def _second_options(self, index: int, item: _Item, token: Token) -> None:
        """Options after an answer: of a question without a number, or explained."""
        if token.options[0][0] != "A" or self._field == "key":
            self._take_text(index, token)
            return
        stem = self._unnumbered_stem()
        is_answered = self._is_answered_next(index)
        if self._field == "options" and not stem:
            item.options += token.options  # letters twice: refused below
        elif stem and (is_answered or self._field == "options"):
            self._unnumbered(item, stem, token)
        else:
            self._take_text(index, token)
            self._strange["options"].append(token.line)
            if is_answered:
                item.faults.append("holds_another_question")

    def _unnumbered_stem(self) -> list[Token]:
        """Return the lines behind a question that may be the next one's stem."""
        at = [n for n, token in enumerate(self._loose) if token.after_blank]
        return self._loose[at[-1] :] if at else self._loose[-1:]

    def _is_answered_next(self, index: int) -> bool:
        at: int | None = index
        while at is not None:
            at = self._next[at]
            if at is not None and self._tokens[at].kind != "options":
                return self._tokens[at].kind == "answer"
        return False

    def _unnumbered(self, item: _Item, stem: list[Token], token: Token) -> None:
        texts = [line.text for line in stem]
        item.explanation = _without_tail(item.explanation, texts)
        item.faults = (
            [f for f in item.faults if f != "unclear_line"]
            if self._field == "options"
            else item.faults
        )
        first = stem[0]
        self._start_item(
            Token("number", first.line, first.text, "\n".join(texts), item.number + 1)
        )
        started = self.items[-1]
        started.options, self._field = list(token.options), "options"

    # ---- what follows a question ---------------------------------------------------

    def _take_answer(self, index: int, token: Token) -> None:
        answers = key_answers(token.body)
        if len(answers) > 1 or (answers and answers[0].is_range):
            self._take_entries(index, token._replace(text=token.body))
        elif self._key is not None:
            self._answer_entry(token)
        elif self._item is None:
            self._strange["answers"].append(token.line)
        else:
            self._answer_item(self._item, token.body)

    def _answer_item(self, item: _Item, said: str) -> None:
        """Take an answer; one that differs from the first leaves no gold."""
        answer, more = said, ""
        match = _ENTRY.match(said)
        if match and (item.options or item.shared):
            answer, more = match[1], match[2] or ""
        if item.answer and bare(item.answer) != bare(answer):
            item.faults.append("answers_differ")
        item.answer = item.answer or answer
        item.inner = int(_FIRST_OF_LIST.match(said) is not None)
        self._field, self._loose = "answer", []
        if more:
            item.explanation, self._field = more, "explanation"

    def _take_explanation(self, index: int, token: Token) -> None:
        if self._key:
            entry = self._last_entry()
            if entry:
                entry.explanation = _more(entry.explanation, token.body)
                self._field = "explanation"
        elif self._item is not None:
            self._item.explanation = _more(self._item.explanation, token.body)
            self._item.inner = int(_FIRST_OF_LIST.match(token.body) is not None)
            self._field, self._loose = "explanation", []

    def _take_note(self, index: int, token: Token) -> None:
        if self._item is not None and re.match(
            r"\W*\S{0,2}(?:知识点|考点|章节)", token.text
        ):
            self._item.subject = self._item.subject or token.body
        if self._item is not None and self._field != "stem":
            self._field, self._loose = "note", []

    def _take_text(self, index: int, token: Token) -> None:
        if self._key is not None:
            self._key_text(token)
        elif self._is_title(index, token):
            self._leave()
            self._chapter, self._kind = token.text, None
        elif self._field == "case":
            self._case = _more(self._case, token.text)
        elif self._item is None:
            self._loose.append(token)
        else:
            self._text_of_item(self._item, index, token)

    def _is_title(self, index: int, token: Token) -> bool:
        """Return whether a short line stands above a first question: a heading."""
        if index + 1 >= len(self._tokens) or self._field in (
            "",
            "stem",
            "case",
            "shared",
        ):
            return False
        below = self._tokens[index + 1]
        is_short = (
            len(token.text) <= _MIN_WRAP and token.text[-1] not in "。；;，,：:？?！"
        )
        is_first = below.kind == "number" and below.number == 1
        return is_short and is_first and self._has_own_mark(index + 1, below)

    def _text_of_item(self, item: _Item, index: int, token: Token) -> None:
        match self._field:
            case "stem":
                item.stem = _more(item.stem, token.text)
            case "options":
                self._text_after_options(item, index, token)
            case "answer" if not item.answer:
                self._answer_item(item, token.text)
            case "answer" if not self._is_closed(item):
                item.answer = _more(item.answer, token.text)
            case "answer" | "explanation":
                item.explanation = _more(item.explanation, token.text)
                self._loose.append(token)
            case _:
                self._loose.append(token)

    def _is_closed(self, item: _Item) -> bool:
        """Return whether an answer is whole, so that what follows explains it."""
        is_choice = bool(item.options or item.shared)
        letters = LETTERS_ONLY.fullmatch(letters_of(item.answer))
        return is_choice or bool(letters) or truth_of(item.answer) is not None

    def _text_after_options(self, item: _Item, index: int, token: Token) -> None:
        """A line goes on with the option before it only where that one was full."""
        before = self._tokens[index - 1].text
        longest = max(self._width, _MIN_WRAP)
        if len(before) >= longest * _FULL_LINE and item.options:
            label, text = item.options[-1]
            item.options[-1] = (label, text + token.text)
        elif not self._is_running(token):
            self._loose.append(token)
            item.faults.append("unclear_line")

    def _is_running(self, token: Token) -> bool:
        return _running_form(token.text) in self._running

    # ---- the key -------------------------------------------------------------------

    def _take_key(self, index: int, token: Token) -> None:
        if self._opens_key(index):
            chapter = "" if token.type else _title(token.text)
            self._open_key()
            self._key_parts().append(KeyPart(chapter, token.type))
        elif self._item is not None:
            self._field, self._loose = "answer", []

    def _opens_key(self, index: int) -> bool:
        """A lone ``答案：`` above its text belongs to an item, a key to several."""
        below = self._tokens[index + 1] if index + 1 < len(self._tokens) else None
        if below is None or not self.items:
            return False
        if below.kind == "entries":
            return True
        if below.kind == "text" and _ENTRY.match(below.text):
            return False
        unanswered = sum(not item.answer for item in self.items[self._scope :])
        return unanswered > 1 or bool(self._item is None or self._item.answer)

    def _open_key(self) -> None:
        if self._key is None:
            self._key = []
        self._item, self._field, self._case, self._shared = None, "key", "", []

    def _key_parts(self) -> list[KeyPart]:
        self._open_key()
        assert self._key is not None  # noqa: S101
        return self._key

    def _take_entries(self, index: int, token: Token) -> None:
        parts = self._key_parts()
        if not parts:
            parts.append(KeyPart("", None))
        for entry in key_answers(token.text):
            parts[-1].entries.append(KeyEntry(entry.number, token.line, entry.answer))
        self._field = "key"

    def _ends_key(self, index: int, token: Token) -> bool:
        """Return whether a numbered line of a key is a question again."""
        mark = self._mark_after(index)
        if token.options or (
            mark and mark.kind == "options" and mark.options[0][0] == "A"
        ):
            return True
        if not token.body or _ENTRY.match(token.body):
            return False
        if (mark and mark.kind == "answer") or re.search(
            r"[（(]\s*[)）]|_{2,}|[？?]$", token.body
        ):
            return True
        return not any(
            item.number == token.number and not item.options and not item.shared
            for item in self.items[self._scope :]
        )

    def _key_entry(self, token: Token) -> None:
        parts = self._key_parts()
        if not parts:
            parts.append(KeyPart("", None))
        match = _ENTRY.match(token.body)
        answer, more = (match[1], match[2] or "") if match else (token.body, "")
        parts[-1].entries.append(KeyEntry(token.number, token.line, answer, more))
        self._field = "explanation" if more else "answer"

    def _last_entry(self) -> KeyEntry | None:
        entries = self._key[-1].entries if self._key else []
        return entries[-1] if entries else None

    def _answer_entry(self, token: Token) -> None:
        entry = self._last_entry()
        if entry is None or entry.answer:
            self._strange["answers"].append(token.line)
            return
        match = _ENTRY.match(token.body)
        entry.answer, entry.explanation = (
            (match[1], match[2] or "") if match else (token.body, "")
        )
        self._field = "answer"

    def _key_text(self, token: Token) -> None:
        entry = self._last_entry()
        if entry is None or self._field == "key":
            return
        if self._field == "answer" and not _ENTRY.match(entry.answer):
            entry.answer = _more(entry.answer, token.text)
        else:
            entry.explanation = _more(entry.explanation, token.text)

    def _close_key(self) -> None:
        parts, self._key = self._key, None
        if not parts:
            return
        start = self._scope if self._scope < len(self.items) else 0
        items = self.items[start:]
        self._scope = len(self.items)
        asked = [Asked(i.number, _title(i.chapter), type_of(i.kind)) for i in items]
        match = match_key(asked, parts)
        self._unused += match.unused
        for index, item in enumerate(items):
            if entry := match.entries.get(index):
                _take_entry(item, entry)
            elif match.unclear and not item.answer:
                item.faults.append("key_unclear")


def _take_entry(item: _Item, entry: KeyEntry) -> None:
    if item.answer and bare(item.answer) != bare(entry.answer):
        item.faults.append("answers_differ")
    item.answer = item.answer or entry.answer
    item.explanation = item.explanation or entry.explanation


def _more(text: str, line: str) -> str:
    return f"{text}\n{line}".strip()


def _without_tail(text: str, lines: Sequence[str]) -> str:
    return text.removesuffix("\n".join(lines)).rstrip()


def _title(heading: str) -> str:
    return re.sub(r"[\s:：【】]|参考|标准|答案|解析|及|与", "", heading)


def _next_marks(tokens: Sequence[Token]) -> list[int | None]:
    """Return for each token the index of the next one that is no plain text."""
    following: list[int | None] = []
    mark: int | None = None
    for index in range(len(tokens) - 1, -1, -1):
        following.append(mark)
        if tokens[index].kind not in ("text", "note", "numeral"):
            mark = index
    return following[::-1]


def _running_form(text: str) -> str:
    return re.sub(r"[\s\d]+", "", text)


def _running_lines(tokens: Sequence[Token]) -> set[str]:
    """Return the plain lines that come again and again: running heads and feet."""
    forms = Counter(_running_form(t.text) for t in tokens if t.kind == "text")
    return {form for form, n in forms.items() if n >= _MIN_REPEATED}
