"""A key at the end of a paper: which answer belongs to which question.

``1.B 2.A 3.A B D``, ``1-5 BACDA``, ``1.【答案】B【解析】…``. Where numbers restart the
key is read run by run; one that does not fit its questions answers none of them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from psyche_kedro.pipelines.ingestion.banks.answers import TRUTHS

_TRUTH = "|".join(sorted((w for w in TRUTHS if not w.isascii()), key=len, reverse=True))
_BETWEEN = r"[ \t,，、/;；|]*"
_SAID = (
    rf"(?:[A-ZＡ-Ｚ](?:{_BETWEEN}(?!Q\d)[A-ZＡ-Ｚ])*(?![A-Za-z])|[①-⑩Ⓐ-Ⓙ]+"
    rf"|[TF](?![A-Za-z])|{_TRUTH})"
)
_NUMBER = (
    r"(?:第\s*(\d{1,4})\s*题|[（(【\[]\s*(\d{1,4})\s*[)）】\]]|[Qq]?(?<!\d)(\d{1,4}))"
)
_ITEM = re.compile(
    rf"{_NUMBER}\s*(?:[-.．、:：)）]\s*)?"
    r"(?:[【\[]?(?:参考|正确|标准)?答案[\s】\]:：（(【\[]*|(?:[（(【\[]\s*)?)"
    rf"({_SAID})\s*[)）】\]]?(?=\s|$|[,，;；。、.（(【\d第])"
)
_RANGE = re.compile(
    r"(?<!\d)(\d{1,4})\s*[-~～—–至]+\s*(\d{1,4})\s*(?:(?:题|小题)(?:的?答案)?)?\s*[:：.．、]?\s*"
    rf"((?:[A-ZＡ-Ｚ]|{_TRUTH})(?:[\s,，、/;；|]*(?:[A-ZＡ-Ｚ]|{_TRUTH}))*)(?![A-Za-z])"
)
_RUN = 4
"""Letters of a group such as ``BACDA``, one for each question."""
_FILLING = re.compile(
    r"[\s,，;；。、.|/（）()：:]*(?:题号|答案|单选题?|多选题?|判断题?)?[\s,，;；。、.|/（）()：:]*"
)


class Entry(NamedTuple):
    """An answer of a key.

    Attributes:
        number: Of its question.
        answer: As it stands there.
        is_range: Whether it is one of ``1-5 BACDA``.
    """

    number: int
    answer: str
    is_range: bool = False


def key_answers(line: str) -> list[Entry]:
    """Return the entries of a line that holds nothing else; none of any other line."""
    entries: list[tuple[int, Entry]] = []
    rest = line
    for match in _RANGE.finditer(line):
        entries += [(match.start(), e) for e in _ranged(match)]
        if not _ranged(match):
            return []
    rest = _RANGE.sub(lambda m: " " * len(m[0]), line)
    for match in _ITEM.finditer(rest):
        number = int(match[1] or match[2] or match[3])
        entries.append((match.start(), Entry(number, match[4].strip())))
    remains = _ITEM.sub(" ", rest)
    if not _is_filling(remains):
        return []
    return [entry for _, entry in sorted(entries, key=lambda pair: pair[0])]


def _is_filling(text: str) -> bool:
    return all(_FILLING.fullmatch(part) for part in text.split())


def _ranged(match: re.Match[str]) -> list[Entry]:
    first, last = int(match[1]), int(match[2])
    groups = match[3].split()
    if len(groups) != last - first + 1:
        groups = [part for part in re.split(r"[\s,，、/;；|]+", match[3]) if part]
    singles = re.findall(rf"[A-ZＡ-Ｚ]|{_TRUTH}", match[3])
    size = last - first + 1
    is_run = len(groups) == 1 or len(groups[0]) >= _RUN or len(groups) == len(singles)
    answers = groups if len(groups) == size or not is_run else singles
    if len(answers) != size:
        return []
    return [Entry(first + n, answer, True) for n, answer in enumerate(answers)]


# ---- answers in a table ----------------------------------------------------------

_NUMBERS_ROW = re.compile(
    r"^(?:(?:题\s*号|題\s*號|题目|序号|题序|试题)\s*[:：|]?)?\s*((?:\d{1,4}(?:[\s|,，、]+|$))+)$"
)
_WHOLE_ANSWER = re.compile(_SAID)
_RULE = re.compile(r"\|?[\s:|-]*-{3}[\s:|-]*")
"""Between the rows of a table in Markdown."""
_CELL_EDGE = " \t|"
_ANSWERS_ROW = re.compile(r"^(?:(?:参考|正确|标准)?答\s*案\s*[:：|]?)?\s*(.+)$")


def with_tables_as_keys(lines: Sequence[str]) -> list[str]:
    """Return lines in which ``题号 1 2`` above ``答案 B A`` is the key ``1.B 2.A``."""
    read = list(lines)
    rows = [n for n, line in enumerate(lines) if not _RULE.fullmatch(line.strip())]
    for above, below in pairwise(rows):
        numbers = _NUMBERS_ROW.match(lines[above].strip(_CELL_EDGE))
        answers = _ANSWERS_ROW.match(lines[below].strip(_CELL_EDGE))
        if numbers and answers:
            key = _row_of_key(re.findall(r"\d+", numbers[1]), answers[1])
            read[below] = key or lines[below]
            read[above:below] = [""] * (below - above) if key else lines[above:below]
    return read


def _row_of_key(numbers: Sequence[str], said: str) -> str:
    answers = [a.strip() for a in (said.split("|") if "|" in said else said.split())]
    is_key = len(answers) == len(numbers) and all(map(_WHOLE_ANSWER.fullmatch, answers))
    pairs = zip(numbers, answers, strict=False)
    return " ".join(f"{n}.{answer}" for n, answer in pairs) if is_key else ""


def key_of_table(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return the key that a table is, as lines ``1.B 2.A``; none for another table."""
    rows = [[cell.strip() for cell in row] for row in cells]
    if not rows or _STEM_CELL & set(rows[0]):
        return []
    if set(rows[0]) <= _KEY_CELLS and "" not in rows[0][:1]:
        pairs = [row[n : n + 2] for row in rows[1:] for n in range(0, len(row) - 1, 2)]
        return [f"{n}.{said}" for n, said in pairs if n.isdigit() and said]
    lines = []
    for above, below in zip(rows[::2], rows[1::2], strict=False):
        numbered = [
            (n, said) for n, said in zip(above, below, strict=False) if n.isdigit()
        ]
        if len(numbered) < len(above) - 1 or not _ANSWER_CELL.match(below[0]):
            return []
        lines.append(" ".join(f"{n}.{said}" for n, said in numbered if said))
    return lines


_STEM_CELL = frozenset({"题干", "试题", "题目内容"})
_KEY_CELLS = frozenset(
    {"题号", "序号", "题目", "答案", "参考答案", "正确答案", "标准答案", ""}
)
_ANSWER_CELL = re.compile(rf"^(?:(?:参考|正确|标准)?答\s*案|{_SAID})$")


# ---- which question an entry answers ---------------------------------------------


@dataclass
class KeyPart:
    """The entries of a key below one heading.

    Attributes:
        chapter: Heading above it, '' for none.
        kind: Type that a section's title names, or None.
        entries: Answer and explanation by number, in order.
    """

    chapter: str
    kind: str | None
    entries: list["KeyEntry"] = field(default_factory=list)


@dataclass
class KeyEntry:
    """One entry, as far as it is read."""

    number: int
    line: int
    answer: str = ""
    explanation: str = ""


class Asked(NamedTuple):
    """Where a question stands: what a key can tell it by."""

    number: int
    chapter: str
    kind: str | None


class Match(NamedTuple):
    """What a key answers.

    Attributes:
        entries: Entry by index of the question.
        unclear: Whether the key does not fit the questions: it answers none of them.
        unused: Entries that answer no question.
    """

    entries: dict[int, KeyEntry]
    unclear: bool
    unused: list[KeyEntry]


def match_key(asked: Sequence[Asked], parts: Sequence[KeyPart]) -> Match:
    """Return which entry answers which of the questions before a key.

    Numbers may restart: then runs are told by their headings, else by their order where
    there are as many of them on both sides and each holds the other's numbers.
    """
    runs = _runs(asked)
    keys = [part for whole in parts for part in _restarts(whole)]
    keys = _joined(keys) if len(keys) != len(runs) else keys
    if len(runs) == 1 and len(keys) > 1:
        keys = [KeyPart("", None, [e for part in keys for e in part.entries])]
    pairs = _paired(asked, runs, keys)
    everything = [entry for part in keys for entry in part.entries]
    if pairs is None:
        return Match({}, True, everything)
    found: dict[int, KeyEntry] = {}
    for run, part in pairs:
        number_at = {asked[index].number: index for index in run}
        for entry in part.entries:
            index = number_at.get(entry.number)
            if index is not None:
                found[index] = _agreed(found.get(index), entry)
    used = {(e.line, e.number) for e in found.values()}
    unused = [e for e in everything if (e.line, e.number) not in used]
    return Match(found, False, [e for e in unused if not _is_repeated(e, found)])


def _is_repeated(entry: KeyEntry, found: dict[int, KeyEntry]) -> bool:
    return any(e.number == entry.number for e in found.values())


def _agreed(first: KeyEntry | None, second: KeyEntry) -> KeyEntry:
    """Return one entry of two for one question; where they differ both are said."""
    if first is None:
        return second
    same = bare(first.answer) == bare(second.answer) or not second.answer
    answer = first.answer if same else f"{first.answer}\n{second.answer}"
    explanation = first.explanation or second.explanation
    return KeyEntry(first.number, second.line, answer, explanation)


def bare(answer: str) -> str:
    """Return an answer as it is compared with another."""
    return re.sub(r"\W", "", answer).upper()


def _runs(asked: Sequence[Asked]) -> list[list[int]]:
    runs: list[list[int]] = []
    for index, question in enumerate(asked):
        if not runs or question.number <= asked[runs[-1][-1]].number:
            runs.append([])
        runs[-1].append(index)
    return runs


def _restarts(part: KeyPart) -> Iterator[KeyPart]:
    piece = KeyPart(part.chapter, part.kind)
    for entry in part.entries:
        if piece.entries and entry.number <= piece.entries[-1].number:
            yield piece
            piece = KeyPart(part.chapter, part.kind)
        piece.entries.append(entry)
    if piece.entries:
        yield piece


def _joined(parts: Iterable[KeyPart]) -> list[KeyPart]:
    """Join the parts whose numbers go on: sections of one paper."""
    joined: list[KeyPart] = []
    for part in parts:
        if joined and part.entries[0].number > joined[-1].entries[-1].number:
            joined[-1].entries.extend(part.entries)
        else:
            joined.append(KeyPart(part.chapter, part.kind, list(part.entries)))
    return joined


def _paired(
    asked: Sequence[Asked], runs: Sequence[list[int]], keys: Sequence[KeyPart]
) -> list[tuple[list[int], KeyPart]] | None:
    if len(runs) == 1:
        return [(runs[0], part) for part in keys]
    if by_heading := _paired_by_heading(asked, runs, keys):
        return by_heading
    if len(runs) != len(keys):
        return None
    pairs = list(zip(runs, keys, strict=True))
    fits = all(
        {entry.number for entry in part.entries} <= {asked[i].number for i in run}
        for run, part in pairs
    )
    return pairs if fits else None


def _paired_by_heading(
    asked: Sequence[Asked], runs: Sequence[list[int]], keys: Sequence[KeyPart]
) -> list[tuple[list[int], KeyPart]]:
    pairs: list[tuple[list[int], KeyPart]] = []
    for part in keys:
        has_name = part.chapter or part.kind
        named = [run for run in runs if has_name and _is_of(asked[run[0]], part)]
        if len(named) != 1 or any(named[0] is run for run, _ in pairs):
            return []
        pairs.append((named[0], part))
    return pairs


def _is_of(question: Asked, part: KeyPart) -> bool:
    of_chapter = question.chapter.startswith(part.chapter)
    return of_chapter and part.kind in (None, question.kind)
