"""Options out of running text: where each begins, and which is marked as right.

``A.一 B.二``, ``A.一B.二``, ``（A）一（B）二`` and ``A一`` line by line are one
notation. No option is guessed away: letters that come twice are given back twice, for
the caller to refuse.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

Pair = tuple[str, str]

WIDE_LETTERS = str.maketrans(
    {chr(0xFF21 + n): chr(0x41 + n) for n in range(26)}
    | {chr(0xFF41 + n): chr(0x61 + n) for n in range(26)}
)
_MARK = re.compile(
    r"[（(【\[][ \t]*([A-Za-zＡ-Ｚ])[ \t]*[)）】\]][ \t]*[.．、:：]?\s*"
    r"|([A-ZＡ-Ｚ])(?<![A-Za-z0-9Ａ-Ｚ].)(?:[ \t]*[.．、:：]|[)）][.．、:：]?)\s*"
)
_A_MARK = re.compile(
    r"[（(【\[][ \t]*[AＡ][ \t]*[)）】\]]"
    r"|[AＡ](?<![A-Za-z0-9Ａ-Ｚ].)[ \t]*[.．、:：)）]"
)
_ENDS_WITH_MARK = re.compile(r"(?<![A-Za-z])[A-Z][ \t]*[.．、]$")
_TRIED = 5
"""Places of a line at which its options may begin."""
_SMALL_MARK = re.compile(r"()([a-j])(?<![A-Za-z0-9].)[ \t]*[.．、)）]\s*")
_BARE_MARK = re.compile(
    r"()((?!Q\d)[A-ZＡ-Ｚ])(?:[ \t]+(?=\S)|(?=[\u4e00-\u9fff\d“《（]))"
)
_NEXT_WITHIN = re.compile(r"([\u4e00-\u9fff]\S*) ([B-H])[.．、]([\u4e00-\u9fff]\S*)")
_BEFORE = frozenset(" \t\n;；。|｜\u3000")
"""What stands before a mark that needs no sequence to be one."""
_RIGHT = re.compile(
    r"[（(【\[]\s*(?:本题)?(?:正确(?:答案|选项)?|正確(?:答案|選項)?|(?:标准|参考)?答案"
    r"|√|✓|✔)\s*[)）】\]][;；。]?$|[√✓✔☑←]$|^[√✓✔☑]\s*(?=\S)"
)
_WRONG = re.compile(r"[（(【\[]\s*(?:错误|錯誤|×|✗|✘)\s*[)）】\]]$|[×✗✘]$")
MARKED = re.compile(r"^[√✓✔☑★*＊]\s*(?=[（(]?[A-ZＡ-Ｚ][)）]?\s*[.．、:：)）\s])")
"""A mark before the letter: ``*B. 7±2``."""
_MARK_ENDS = frozenset(")）】]√✓✔☑←×✗✘;；。")
_RIGHT_NOTE = "（正确答案）"


class _Start(NamedTuple):
    label: str
    start: int
    end: int
    strong: bool


def follows(letter: str, before: str) -> bool:
    """Return whether a letter is the next one."""
    return ord(letter) == ord(before[-1]) + 1


def split_options(text: str) -> list[Pair]:
    """Return the ``(label, text)`` pairs of ``A. … B. …`` in one or many lines.

    Empty when the text does not start with a label.
    """
    text = MARKED.sub("", text) + _RIGHT_NOTE if MARKED.match(text) else text
    for pattern in (_MARK, _SMALL_MARK):
        pairs = _pairs(text, list(_starts(text, pattern)))
        if pairs:
            return pairs
    return _bare_options(text)


def _pairs(text: str, starts: list[_Start]) -> list[Pair]:
    if not starts or text[: starts[0].start].strip():
        return []
    chain = _chain(s for s in starts if s.strong)
    longer = _chain(starts)
    if len(longer) > len(chain) or not chain or chain[0] != starts[0]:
        chain = longer
    ends = [mark.start for mark in chain[1:]] + [len(text)]
    pairs = [
        (mark.label, text[mark.end : end].strip())
        for mark, end in zip(chain, ends, strict=True)
    ]
    return pairs + _second_group(starts, chain)


def _second_group(starts: Sequence[_Start], chain: Sequence[_Start]) -> list[Pair]:
    """Return the letters that come again: ``A.一B.二A.三B.四`` is two groups."""
    again = [m.start for m in starts if m.start > chain[-1].start and m.label == "A"]
    is_second = again and any(m.start > again[0] and m.label == "B" for m in starts)
    return [("A", "…")] if is_second else []


def _starts(text: str, pattern: re.Pattern[str]) -> Iterator[_Start]:
    for mark in pattern.finditer(text):
        label = (mark[1] or mark[2]).translate(WIDE_LETTERS).upper()
        alone = mark.start() == 0 or text[mark.start() - 1] in _BEFORE
        yield _Start(label, *mark.span(), strong=alone and not mark[1])


def _chain(starts: Iterable[_Start]) -> list[_Start]:
    """Return the marks that are options': each the next letter, or one set apart.

    The C of 维生素(C) is none of them, nor the F of ``D. B. F. 斯金纳``. One set apart
    counts whatever its letter: two columns give A, C, and a letter that comes twice is
    for the caller to refuse.
    """
    chain: list[_Start] = []
    for mark in starts:
        is_next = not chain or follows(mark.label, chain[-1].label)
        begins = not chain or mark.start > chain[-1].end
        if begins and (is_next or mark.strong):
            chain.append(mark)
    return chain


def _bare_options(text: str) -> list[Pair]:
    """Return the options of lines ``A心境低落``, ``B 兴趣减退`` … in sequence."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    marks = [_BARE_MARK.match(line) for line in lines]
    pairs = [
        (m[2].translate(WIDE_LETTERS), line[m.end() :].strip())
        for m, line in zip(marks, lines, strict=True)
        if m
    ]
    letters = "".join(label for label, _ in pairs)
    in_sequence = letters and letters in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return pairs if in_sequence and len(pairs) == len(lines) else []


def options_after(stem: str) -> tuple[str, list[Pair]]:
    """Return a stem and the options that follow it in its line: at least A and B.

    Of several places at which they may begin the last that gives the most: the A of
    ``(R. A. Likert)`` begins none.
    """
    found: tuple[str, list[Pair]] = stem, []
    for mark in islice(_A_MARK.finditer(stem, 1), _TRIED):
        before, pairs = (
            stem[: mark.start()].rstrip(),
            split_options(stem[mark.start() :]),
        )
        is_group = [label for label, _ in pairs[:2]] == ["A", "B"]
        is_whole = is_group and all(text for _, text in pairs)
        if (
            is_whole
            and len(pairs) >= len(found[1])
            and not _ENDS_WITH_MARK.search(before)
        ):
            found = before, pairs
    return found


def options_from(line: str, label: str) -> tuple[str, list[Pair]]:
    """Return the end of an option that was broken, and the options behind it."""
    at = re.search(r"(?<=\s)([B-Z])\s*[.．、]", line)
    if not at or not label or not follows(at[1], label):
        return line, []
    return line[: at.start()].rstrip(), split_options(line[at.start() :])


def with_next_option(pairs: list[Pair]) -> list[Pair]:
    """Return options of which the last, ``维果茨基 E．弗洛伊德``, may be two."""
    label, text = pairs[-1] if pairs else ("", "")
    within = _NEXT_WITHIN.fullmatch(text)
    if not within or not follows(within[2], label):
        return pairs
    return [*pairs[:-1], (label, within[1]), (within[2], within[3])]


def unmarked(pairs: Sequence[Pair]) -> tuple[list[Pair], list[str]]:
    """Return the options without the mark of the right ones, and those ones' labels."""
    if not any(
        text and (text[-1] in _MARK_ENDS or text[0] in "√✓✔☑") for _, text in pairs
    ):
        return list(pairs), []
    plain = [(label, _RIGHT.sub("", text).strip() or text) for label, text in pairs]
    right = [
        label
        for (label, text), (_, before) in zip(plain, pairs, strict=True)
        if text != before.strip()
    ]
    if not right:
        return list(pairs), []
    return [
        (label, _WRONG.sub("", text).strip() or text) for label, text in plain
    ], right
