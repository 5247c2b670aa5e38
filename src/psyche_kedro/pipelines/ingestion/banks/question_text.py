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
from typing import Any, NamedTuple

from psyche_kedro.pipelines.ingestion.banks.answers import LETTERS_ONLY, letters_of
from psyche_kedro.pipelines.ingestion.banks.items import (
    Item,
    begins_list,
    doubt_lost_options,
    is_answer,
    more,
)
from psyche_kedro.pipelines.ingestion.banks.key_reader import KeyReader, title
from psyche_kedro.pipelines.ingestion.banks.keys import (
    key_answers,
    with_tables_as_keys,
)
from psyche_kedro.pipelines.ingestion.banks.lines import Token, read_lines
from psyche_kedro.pipelines.ingestion.banks.lookahead import Lookahead
from psyche_kedro.pipelines.ingestion.banks.options import (
    Pair,
    follows,
    options_from,
)

_MAX_SKIPPED_NUMBERS = 2
_LAST_NUMBER = 9999
_FULL_LINE = 0.8
"""Of the longest line: one that was broken there goes on in the next."""
_MIN_WRAP = 24
"""Characters of a line that may have been broken."""
_SEVERAL = 2
_MIN_REPEATED = 3
"""Times that a running head or foot stands in a file."""
_LISTED = 5
_SUBJECT = re.compile(r"\W*\S{0,2}(?:知识点|考点|章节)")
_WORDS = ("text", "number", "numeral", "heading", "case")
_ASKS = re.compile(r"[（(]\s*[)）]|_{2,}|[？?]$")


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
        self.items: list[Item] = []
        self._tokens = tokens
        self._ahead = Lookahead(tokens)
        self._width = max((len(t.text) for t in tokens), default=0)
        self._running = _running_lines(tokens)
        self._chapter = ""
        self._kind: str | None = None
        self._case = ""
        self._case_ends = _LAST_NUMBER
        self._shared: list[Pair] = []
        self._shared_ends = _LAST_NUMBER
        self._unused_at = 0
        self._is_doubtful = False
        self._item: Item | None = None
        self._field = ""
        self._loose: list[Token] = []
        self._has_bare_numbers = False
        self._counts_in_words = False
        self._key = KeyReader()
        self._titles: set[str] = set()
        self._scope = 0
        self._open: list[Item] = []
        self._stray_numbers: list[int] = []
        self._stray_options: list[int] = []
        self._stray_answers: list[int] = []

    def read(self) -> None:
        """Read all tokens."""
        for index, token in enumerate(self._tokens):
            getattr(self, f"_take_{token.kind}")(index, token)
        self._close_key()
        self._leave()
        doubt_lost_options(self.items, self._stray_options)

    def lost(self) -> list[str]:
        """Return one sentence for each kind of mark that no question took."""
        stray = {
            "numbered lines were taken for no question": self._stray_numbers,
            "groups of options belong to no question": self._stray_options,
            "answers belong to no question": self._stray_answers + self._key.stray,
            "lines that ask stand in no question": self._unasked(),
        }
        return [
            f"{len(at)} {said}: line {', '.join(map(str, at[:_LISTED]))}"
            f"{' …' if len(at) > _LISTED else ''}."
            for said, at in stray.items()
            if at
        ]

    def _unasked(self) -> list[int]:
        """Return the lines with a blank to be filled that no question holds."""
        texts = (t for i in self.items for t in (i.stem, i.case, i.explanation))
        held = {line for text in texts for line in text.split("\n")}
        asking = (t for t in self._tokens if t.kind in _WORDS and _ASKS.search(t.text))
        return [t.line for t in asking if held.isdisjoint((t.text, t.body or t.text))]

    # ---- what stands between questions -----------------------------------------

    def _take_heading(self, index: int, token: Token) -> None:
        is_within = self._field in ("stem", "answer", "explanation")
        if is_within and not self._ahead.ends_here(index):
            self._take_text(index, token)
            return
        self._leave()
        self._chapter, self._kind = token.text, None
        if self._key.is_open:
            self._key.take_heading(token)

    def _take_section(self, index: int, token: Token) -> None:
        self._leave()
        self._kind = token.type
        if self._key.is_open:
            self._key.take_section(token)

    def _take_shared(self, index: int, token: Token) -> None:
        below = self._ahead.token_after(index)
        is_label = below and (below.letter == "A" or below.kind == "number")
        if token.is_weak and not is_label:
            self._take_text(index, token)
            return
        self._leave()
        self._share(token, token.number or _LAST_NUMBER)

    def _share(self, token: Token, last: int = _LAST_NUMBER) -> None:
        self._list_unused()
        self._shared, self._shared_ends = list(token.options), last
        self._unused_at = token.line
        self._item, self._field = None, "shared"
        self._is_doubtful = False

    def _take_case(self, index: int, token: Token) -> None:
        explains = self._field in ("answer", "explanation") and token.body
        if explains and not token.number and not self._ahead.ends_here(index):
            self._take_text(index, token)
            return
        self._leave()
        self._case, self._field = token.body, "case"
        self._case_ends = token.number or _LAST_NUMBER

    def _take_case_part(self, index: int, token: Token) -> None:
        if self._field != "case":
            self._take_case(index, token._replace(body=""))
        self._case = more(self._case, token.text)

    def _leave(self) -> None:
        """Close the question before; what it shares with others ends with it."""
        self._list_unused()
        self._item, self._field = None, ""
        self._case, self._shared, self._loose = "", [], []

    def _list_unused(self) -> None:
        self._stray_options += [self._unused_at] if self._unused_at else []
        self._unused_at = 0

    # ---- questions ---------------------------------------------------------------

    def _take_number(self, index: int, token: Token) -> None:
        if self._key.is_open and not self._ends_key(index, token):
            self._key.take_number(token)
        elif self._starts_item(index, token):
            asked = self._item if self._field == "stem" else None
            self._start_item(token)
            is_odd = asked is not None and token.number != asked.number + 1
            if asked and is_odd and (_ASKS.search(asked.stem) or token.number > 1):
                self.items[-1].faults.append("unclear_stem")
        else:
            self._take_text(index, token)
            self._list_goes_on(token)
            if self._item and self._field != "stem" and _ASKS.search(token.body):
                self._item.faults.append("holds_another_question")

    def _take_numeral(self, index: int, token: Token) -> None:
        """``一、短时记忆的容量是（ ）`` is a question, ``一、记忆`` a heading."""
        mark = self._ahead.mark_after(index)
        above_first = mark is not None and mark.kind == "number" and mark.number == 1
        between = self._field in ("", "options", "key") and not self._key.is_open
        in_list = self._field == "stem" and not self._counts_in_words
        if self._ahead.has_options(index) and self._field != "shared" and not in_list:
            self._take_number(index, token._replace(is_weak=False))
        elif (between and self._ahead.ends_here(index)) or (
            above_first and len(token.text) < _MIN_WRAP
        ):
            self._take_heading(index, token)
        else:
            self._take_text(index, token)

    def _starts_item(self, index: int, token: Token) -> bool:
        """Tell a stem from a list inside a stem, answer or explanation."""
        item, asks = self._item, self._ahead.has_own_mark(index)
        is_sure = asks or not token.is_weak or self._is_numbered_so(token)
        if item is None:
            return is_sure
        follows = 0 < token.number - item.number <= 1 + _MAX_SKIPPED_NUMBERS
        if token.is_weak and not (is_sure and token.number in (item.number + 1, 1)):
            return False
        if self._field == "stem":
            return self._ends_stem(item, index, token)
        if self._field in ("answer", "explanation"):
            return self._ends_explanation(item, index, token)
        return follows or token.number == 1 or asks

    def _is_numbered_so(self, token: Token) -> bool:
        """Return whether ``1 下列…`` is how this paper numbers its questions."""
        is_usual = self._has_bare_numbers or self._field == "shared"
        return is_usual and not token.body[:1].isdigit()

    def _ends_stem(self, item: Item, index: int, token: Token) -> bool:
        if token.is_weak and token.body[:1].isdigit():
            item.faults += ["unclear_line"] * (token.number == item.number + 1)
            return False  # 82.5 at the start of a line
        if item.inner:
            return token.number != item.inner + 1
        if token.number == 1 and item.number:
            return not self._ahead.begins_list(index)
        follows = 0 < token.number - item.number <= 1 + _MAX_SKIPPED_NUMBERS
        return follows or self._ahead.has_own_mark(index)

    def _ends_explanation(self, item: Item, index: int, token: Token) -> bool:
        goes_on = item.inner > 0 and token.number == item.inner + 1
        if self._ahead.has_own_mark(index):
            return bool(item.answer) or not goes_on
        is_next = token.number == item.number + 1
        return is_next and not goes_on and not self._comes_again(index, token)

    def _comes_again(self, index: int, token: Token) -> bool:
        return self._ahead.next_own_number(index) == token.number

    def _list_goes_on(self, token: Token) -> None:
        item = self._item
        if item is not None and token.number == item.inner + 1:
            item.inner = token.number
        elif not token.is_weak or (token.body and not token.body[0].isdigit()):
            self._stray_numbers.append(token.line)

    def _start_item(self, token: Token) -> None:
        self._close_key()
        item = Item(
            token.number,
            token.line,
            self._chapter,
            token.type or self._kind,
            self._case if token.number <= self._case_ends else "",
            token.body,
            list(token.options),
            self._shared if token.number <= self._shared_ends else [],
        )
        if item.shared and not item.options:
            self._unused_at = 0
        if item.shared and self._is_doubtful:
            item.faults.append("option_letters_repeated")
        self.items.append(item)
        self._open.append(item)
        self._titles.add(title(item.chapter))
        self._counts_in_words = token.kind == "numeral"
        self._has_bare_numbers |= token.is_weak and not token.body[:1].isdigit()
        self._item, self._loose = item, []
        self._field = "options" if item.options else "stem"
        self._doubt_gap(token)

    # ---- options -----------------------------------------------------------------

    def _take_options(self, index: int, token: Token) -> None:
        item = self._item
        if token.is_weak and not self._in_sequence(index, token):
            self._take_text(index, token)
        elif self._field == "shared":
            self._shared += token.options
        elif item is None:
            self._options_without_stem(index, token)
        elif self._field == "stem" and self._begins_options(index, token):
            self._own_options(item, token)
        elif self._field == "options" and not self._is_group(token):
            item.options += token.options
        else:
            self._second_options(item, index, token)
        self._doubt_gap(token)

    def _doubt_gap(self, token: Token) -> None:
        """``D. 惩罚    第二章 人格``: what stands behind so much room is no option."""
        if token.has_gap and self._item is not None:
            self._item.faults.append("unclear_option")

    def _is_group(self, token: Token) -> bool:
        return token.letter == "A" and len(token.options) > 1

    def _begins_options(self, index: int, token: Token) -> bool:
        """Return whether options begin here; A itself may have been lost."""
        following = chr(ord(token.letter) + 1)
        return token.letter == "A" or self._ahead.is_followed_by(index, following)

    def _in_sequence(self, index: int, token: Token) -> bool:
        """Return whether ``B兴趣减退`` stands between A and C."""
        before = self._item.options if self._item and self._field == "options" else []
        if before:
            return follows(token.letter, before[-1][0])
        return token.letter == "A" and self._ahead.is_followed_by(index, "B")

    def _own_options(self, item: Item, token: Token) -> None:
        if item.shared:
            # The options of the next group, whose heading is missing: whose they are
            # is not known.
            item.faults.append("option_letters_repeated")
            was_declared = self._shared_ends < _LAST_NUMBER
            self._share(token)
            self._unused_at = 0
            self._is_doubtful = was_declared
        else:
            item.options += token.options
            self._field = "options"

    def _options_without_stem(self, index: int, token: Token) -> None:
        """Options that stand above their stems are shared by them."""
        if self._loose and not self._key.is_open and self._ahead.is_answered(index):
            self._start_unnumbered(self._unnumbered_stem(), 1, token)
        elif token.letter == "A" and not self._key.is_open:
            self._share(token)
        else:
            self._stray_options.append(token.line)
            if self.items and not self._key.is_open:
                self.items[-1].faults.append("unclear_option")

    def _second_options(self, item: Item, index: int, token: Token) -> None:
        """Options after an answer: of a question without a number, or explained."""
        if token.letter != "A" or self._field == "key":
            self._take_text(index, token)
            for before in self.items[-2:]:  # it may be the last option of one
                if before.options and follows(token.letter, before.options[-1][0]):
                    before.faults.append("unclear_option")
            return
        stem, is_answered = self._unnumbered_stem(), self._ahead.is_answered(index)
        if self._field == "options" and not stem:
            item.options += token.options  # letters twice: refused below
        elif stem and (is_answered or self._field == "options"):
            self._give_back(item, stem)
            self._start_unnumbered(stem, item.number + 1, token)
        else:
            self._take_text(index, token)
            self._stray_options.append(token.line)
            item.faults += ["holds_another_question"] if is_answered else []
            self._is_doubtful = True  # what is shared may have ended here

    def _unnumbered_stem(self) -> list[Token]:
        """Return the lines behind a question that may be the next one's stem."""
        at = [n for n, token in enumerate(self._loose) if token.after_blank]
        return self._loose[at[-1] :] if at else self._loose[-1:]

    def _give_back(self, item: Item, stem: Sequence[Token]) -> None:
        """Take a stem off the question that it was added to."""
        tail = "\n".join(token.text for token in stem)
        item.explanation = item.explanation.removesuffix(tail).rstrip()
        if self._field == "options":
            item.faults = [fault for fault in item.faults if fault != "unclear_line"]

    def _start_unnumbered(
        self, stem: Sequence[Token], number: int, options: Token
    ) -> None:
        text = "\n".join(token.text for token in stem)
        self._start_item(
            Token("number", stem[0].line, text, text, number, options.options)
        )
        self.items[-1].is_counted = True
        self.items[-1].faults += ["unclear_stem"] * text[:1].isdigit()

    # ---- what follows a question ---------------------------------------------------

    def _take_answer(self, index: int, token: Token) -> None:
        said = token.body if self._key.is_open else self._in_turn(token.body)
        answers = key_answers(said)
        if len(answers) > 1 or (answers and answers[0].is_range):
            self._take_entries(index, token._replace(text=said))
        elif self._key.is_open:
            self._key.take_answer(token)
        elif self._item is None:
            self._stray_answers.append(token.line)
        else:
            is_own = len(answers) == 1 and answers[0].number == self._item.number
            self._answer_item(self._item, answers[0].answer if is_own else said)

    def _in_turn(self, said: str) -> str:
        """Return ``C B C`` as the key ``1.C 2.B 3.C`` of the open questions.

        ``A B C`` may be one answer: they are unsure of it.
        """
        open_, groups = self._open_items(), said.split()
        letters = re.findall("[A-Z]", letters_of(said))
        if not LETTERS_ONLY.fullmatch(letters_of(said)) or len(open_) < _SEVERAL:
            return said
        numbers = {item.number for item in open_}
        is_repeated = len(set(letters)) < len(letters)
        if is_repeated and len(groups) == len(open_) == len(numbers):
            pairs = zip(open_, groups, strict=True)
            return " ".join(f"{item.number}.{group}" for item, group in pairs)
        for item in open_ if len(letters) == len(open_) else ():
            item.faults.append("key_unclear")
        return said

    def _open_items(self) -> list[Item]:
        """Return the questions of this paper that no answer has followed yet."""
        self._open = [item for item in self._open if not item.answer]
        return self._open

    def _answer_item(self, item: Item, said: str) -> None:
        has_explanation = item.answered(said)
        self._field = "explanation" if has_explanation else "answer"
        self._loose = []

    def _take_explanation(self, index: int, token: Token) -> None:
        if self._key.is_open:
            self._key.take_explanation(token)
        elif self._item is not None:
            self._item.explanation = more(self._item.explanation, token.body)
            self._item.inner = begins_list(token.body)
            self._field, self._loose = "explanation", []

    def _take_note(self, index: int, token: Token) -> None:
        if self._item is None:
            return
        if _SUBJECT.match(token.text):
            self._item.subject = self._item.subject or token.body
        if self._field != "stem":
            self._field, self._loose = "note", []

    def _take_text(self, index: int, token: Token) -> None:
        head, _, said = token.text.replace(":", "：").partition("：")
        is_part = self._key.is_open and title(head) in self._titles
        if is_part and (not said.strip() or key_answers(said)):
            self._key.take_heading(token._replace(text=head))
            self._key.take_entries(token._replace(text=said))
        elif self._key.is_open:
            self._key.take_text(token)
        elif self._is_title(index, token):
            self._leave()
            self._chapter, self._kind = token.text, None
        elif self._field == "case":
            self._case = more(self._case, token.text)
        elif self._item is None:
            self._loose.append(token)
        else:
            self._text_of_item(self._item, index, token)

    def _is_title(self, index: int, token: Token) -> bool:
        """Return whether a short line stands above a first question: a heading."""
        below = self._ahead.token_after(index)
        if below is None or self._field in ("stem", "case", "shared"):
            return False
        ends = token.text[-1] in "。；;，,：:？?！"
        is_short = len(token.text) <= _MIN_WRAP and not ends
        is_first = below.kind == "number" and below.number == 1
        return is_short and is_first and self._ahead.has_own_mark(index + 1)

    def _text_of_item(self, item: Item, index: int, token: Token) -> None:
        match self._field:
            case "stem":
                item.stem = more(item.stem, token.text)
            case "options":
                self._text_after_options(item, index, token)
            case "answer" if not item.answer:
                self._answer_item(item, token.text)
            case "answer" if not item.is_answered_whole():
                item.answer = more(item.answer, token.text)
            case _:
                item.explanation = more(item.explanation, token.text)
                self._loose.append(token)

    def _text_after_options(self, item: Item, index: int, token: Token) -> None:
        """A line goes on with the option before it only where that one was full."""
        before = self._tokens[index - 1]
        is_full = len(before.text) >= max(self._width, _MIN_WRAP) * _FULL_LINE
        label, text = item.options[-1] if item.options else ("", "")
        rest, following = options_from(token.text, label)
        if is_full and label and (following or len(before.options) <= 1):
            item.options[-1:] = [(label, text + rest), *following]
        elif _running_form(token.text) not in self._running:
            self._loose.append(token)
            item.faults.append("unclear_line")

    # ---- the key -------------------------------------------------------------------

    def _take_key(self, index: int, token: Token) -> None:
        if self._opens_key(index):
            self._leave()
            self._field = "key"
            self._key.open("" if token.type else title(token.text), token.type)
        elif self._item is not None:
            self._field, self._loose = "answer", []

    def _opens_key(self, index: int) -> bool:
        """A lone ``答案：`` above its text belongs to an item, a key to several."""
        below = self._ahead.token_after(index)
        if below is None or not self.items:
            return False
        if below.kind == "entries":
            return True
        if below.kind == "text" and is_answer(below.text):
            return False
        return (
            len(self._open_items()) > 1 or self._item is None or bool(self._item.answer)
        )

    def _take_entries(self, index: int, token: Token) -> None:
        self._leave()
        self._field = "key"
        self._key.take_entries(token)

    def _ends_key(self, index: int, token: Token) -> bool:
        """Return whether a numbered line of a key is a question again."""
        if self._ahead.has_options(index):
            return True
        if not token.body or is_answer(token.body):
            return False
        if self._ahead.has_own_mark(index) or _ASKS.search(token.body):
            return True
        return not any(
            item.number == token.number and not item.has_options
            for item in self.items[self._scope :]
        )

    def _close_key(self) -> None:
        if self._key.is_open:
            start = self._scope if self._scope < len(self.items) else 0
            self._key.close(self.items[start:])
            self._scope, self._open = len(self.items), []


def _running_form(text: str) -> str:
    return re.sub(r"[\s\d]+", "", text)


def _running_lines(tokens: Sequence[Token]) -> set[str]:
    """Return the plain lines that come again and again: running heads and feet."""
    forms = Counter(_running_form(t.text) for t in tokens if t.kind == "text")
    return {form for form, n in forms.items() if n >= _MIN_REPEATED}
