r"""A reply as the rules read it: without thought, stop tokens, decoration and echoes.

What a model repeats of its question is no answer: its stem and a list of all of its
options are taken out before anything is read. A letter that stands before its own
option's text is the letter alone.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from psyche_kedro.questions import asks_what_fails, option_texts
from psyche_kedro.text.bare import nfkc
from psyche_kedro.text.embedded_json import find_json
from psyche_kedro.text.thoughts import part_thought


class Question(NamedTuple):
    """What is known of the question that a reply answers."""

    labels: frozenset[str]
    texts: Mapping[str, str] = {}
    """Of its options, by label, as they are compared; empty where not known."""
    stem: str = ""
    """As it is compared; empty where not known."""
    is_single: bool = False

    @property
    def fails(self) -> bool | None:
        """Whether it asks for what does not hold; None where the stem is not known."""
        return asks_what_fails(self.stem) if self.stem else None


class Said(NamedTuple):
    """The answer channel of a reply, in NFKC."""

    raw: str
    plain: str
    """Without quotes, Markdown, zero-width characters, tags, JSON and echoes."""


def question_of(row: Mapping[str, Any]) -> Question:
    """Return what a question's row tells.

    Args:
        row: A row with ``options``; ``stem`` and ``type`` where it has them.
    """
    return question_with(
        option_texts(row), row.get("stem") or "", is_single=row.get("type") == "single"
    )


def question_with(
    texts: Mapping[str, str], stem: str = "", *, is_single: bool = False
) -> Question:
    """Return a question of options by label."""
    compared = {label: _compared(text) for label, text in texts.items()}
    return Question(frozenset(texts), compared, _compared(stem), is_single)


@lru_cache(maxsize=4096)
def _compared(text: str) -> str:
    return plain_text(text).rstrip("。.;,")


def said_in(text: str, question: Question) -> Said:
    """Return what of a reply is read."""
    answer = _until_its_end(part_thought(nfkc(text)).answer)
    plain = _of_one_question(_undecorated(_spelt_out(_without_json(answer))))
    return Said(answer, _without_echoes(plain, question))


def plain_text(text: str) -> str:
    """Return ``text`` in NFKC without quotes, Markdown and zero-width characters.

    >>> plain_text("**答案**：“Ａ”")
    '答案:A'
    """
    return _undecorated(nfkc(text))


_DECORATION = re.compile(
    "[*`#_$\"'“”‘’「」『』《》〈〉\u200b\u200c\u200d\u2060\ufeff]+|^>[ \t]+",
    re.MULTILINE,
)
_LATEX_TEXT = re.compile(r"\\(?:text|mathrm|mathbf)(?:bf|rm)?\s*\{([^{}]*)\}")
_LONG_BLANK = re.compile(r"\s{4,}")
"""No rule tells four blanks from forty; several of them together would try each."""


def _undecorated(text: str) -> str:
    text = _DECORATION.sub("", without_latex(text))
    return _LONG_BLANK.sub(_shorter, text).strip()


def without_latex(text: str) -> str:
    r"""Return ``text`` with what stands in ``\text{…}`` and its like as it is."""
    return _LATEX_TEXT.sub(r"\1", text) if "\\" in text else text


def _shorter(blank: re.Match[str]) -> str:
    return "\n\n" if "\n" in blank[0] else "   "


# ---- tags ------------------------------------------------------------------------

_END_OF_TURN = re.compile(
    r"</s>|<end_of_turn>|<\|(?:im_end|im_start|endoftext|end_of_text|eot_id|end|eom_id"
    r"|return|end_of_sentence|user|assistant|observation|endofassistant)\|>"
    r"|\[/INST\]|<reserved_10[0-9]>|\[UNUSED_TOKEN_\d+\]"
)
# Words that a prompt may ask for, and that a reply may speak of.
_END_OF_ANSWER = re.compile(
    r"<(?:eoa|eos|eot|eod)>|\[(?:EOS|EOT|DONE)\]", re.IGNORECASE
)
_ANSWERED = re.compile(r"(?:答案|answer)[^\n]{0,8}?[A-H](?![a-z])|\A\W*[A-H](?![a-z])")
_ANSWER_TAG = re.compile(
    r"[<\[【](?:(?:最终|正确|标准|参考|你的|我的)?答案|选项|选择"
    r"|final[ _]?answer|answer|choice)[>\]】]"
    r"(?!\s*[:是为])",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[A-Za-z_一-鿿|][\w|-]{1,24}>|\[/[A-Za-z_一-鿿]{1,12}\]")
_BRACKETED = re.compile(
    r"[(\[【{<〔]([ \t]*[A-H](?:[ \t]*(?:[、,;/.·&+|~–至到和与及-]|以及|,?[ \t]*and)?"
    r"[ \t]*[A-H]){0,7}[ \t]*)[)\]】}>〕]"
)


def _until_its_end(text: str) -> str:
    """Return a reply up to its first stop token; what follows is another turn's."""
    for turn in _END_OF_TURN.finditer(text):
        if text[: turn.start()].strip():
            text = text[: turn.start()]
            break
    answered = _ANSWERED.search(text)
    stop = _END_OF_ANSWER.search(text, answered.end()) if answered else None
    return text[: stop.start()] if stop else text


def _spelt_out(text: str) -> str:
    """Return ``text`` with an answer's tag as 答案: and brackets of letters gone."""
    if not any(mark in text for mark in "<[【{(〔"):
        return text
    text = _ANSWER_TAG.sub("答案:", text)
    return _BRACKETED.sub(_unbracketed, _TAG.sub("\n", text))


def _unbracketed(letters: re.Match[str]) -> str:
    return f" {letters[1]} "  # a template takes three times as long


def _without_json(text: str) -> str:
    if "{" not in text or ":" not in text:
        return text
    kept, end = [], 0
    for found in find_json(text):
        if isinstance(found.value, dict) and found.value:
            kept.append(text[end : found.start])
            end = found.end
    return "\n".join([*kept, text[end:]])


_NEXT = re.compile(
    r"\n\s*(?:请你?回答\s*:|(?:问题|题目|例题|科目|question|user|human|用户|instruction)"
    r"\s*\d*\s*:|【(?:单选题|多选题|判断题|题目|例题|问题)】)",
    re.IGNORECASE,
)


def _of_one_question(plain: str) -> str:
    """Return a reply without the questions that a model goes on to ask itself."""
    following = _NEXT.search(plain)
    if following and _ANSWERED.search(plain[: following.start()]):
        return plain[: following.start()]
    return plain


# ---- echoes ----------------------------------------------------------------------

_SHORTEST_STEM = 6
_ANCHORED = re.compile(r"(?:答案|answers?)[^\n]{0,6}\Z", re.IGNORECASE)
_LETTER_BEFORE = re.compile(
    r"(?<![A-Za-z])([A-H])(?:[ \t]*选?项)?[ \t]*[.、:)]?[ \t]*\(?\Z"
)
_WINDOW = 10
_BLANKS = " \t\n,;、。./|):"
_BETWEEN = re.compile(r"[\s,;、。./|)]*(?:选项)?")


def _without_echoes(plain: str, question: Question) -> str:
    if not question.texts:
        return plain
    if len(question.stem) >= _SHORTEST_STEM:
        plain = plain.replace(question.stem, "\n")
    return _without_own_texts(_without_lists(plain, question), question)


def _without_lists(plain: str, question: Question) -> str:
    """Return ``plain`` without the lists of all options with their letters."""
    label, text = next(iter(question.texts.items()))
    kept: list[str] = []
    done, at = 0, plain.find(text) if text else -1
    while at >= 0:
        listed = _listed_at(plain, at, question)
        before = plain[done : listed.start]
        is_whole = listed.n == len(question.texts)
        is_list = is_whole or (kept and _is_cut(plain, listed, question))
        # 答案:A.… B.… C.… D.… may mean all of them, where all may be right.
        if is_list and (question.is_single or not _ANCHORED.search(before)):
            kept.append(before)
            done = listed.end if is_whole else len(plain)
        at = plain.find(text, max(listed.end, at + len(text)))
    if len(kept) > 1 and set(plain[done:].replace(text, "")) <= {label, *_BLANKS}:
        done = len(plain)  # it begins once more
    return "\n".join([*kept, plain[done:]])


class _Listed(NamedTuple):
    """Options in a row with their letters: where, and how many from the first."""

    start: int
    end: int
    n: int


def _listed_at(plain: str, at: int, question: Question) -> _Listed:
    """Return the list of options whose first text stands at ``at``."""
    listed = _Listed(at, at, 0)
    for label, text in question.texts.items():
        found = plain.find(text, listed.end, listed.end + len(text) + 2 * _WINDOW)
        begins = _letter_before(plain, found, label)
        if not text or begins is None:
            break
        if listed.n and not _BETWEEN.fullmatch(plain, listed.end, begins):
            break
        start = listed.start if listed.n else begins
        listed = _Listed(start, found + len(text), listed.n + 1)
    return listed


def _is_cut(plain: str, listed: _Listed, question: Question) -> bool:
    """Return whether a reply's limit cut a list: ``A:焦虑;B:抑`` at its end."""
    label, text = list(question.texts.items())[listed.n]
    if not listed.n or len(plain) - listed.end > len(text) + 2 * _WINDOW:
        return False
    rest = _BETWEEN.sub("", plain[listed.end :], count=1)
    return rest.startswith(label) or (listed.n > 1 and question.is_single and not rest)


def _letter_before(plain: str, at: int, label: str) -> int | None:
    """Return where ``label`` stands that belongs to the text at ``at``."""
    window = max(0, at - _WINDOW)
    mark = _LETTER_BEFORE.search(plain[window : max(at, 0)])
    return window + mark.start() if mark and mark[1] == label else None


def _without_own_texts(plain: str, question: Question) -> str:
    """Return ``A. 焦虑、C. 强迫`` as ``A、C``."""
    for label, text in question.texts.items():
        at = plain.find(text) if len(text) > 1 else -1
        while at >= 0:
            begins = _letter_before(plain, at, label)
            kept = at + len(text) if begins is None else begins + 1
            if begins is not None:
                end = at + len(text)
                closes = end + (plain[at - 1] == "(" and plain[end : end + 1] == ")")
                plain = plain[: begins + 1] + plain[closes:]
            at = plain.find(text, kept)
    return plain
