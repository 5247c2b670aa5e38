"""Lines of a page: what each one is, and which belong to one paragraph."""

import re
import unicodedata
from collections.abc import Sequence

_NUMERAL = "[一二三四五六七八九十百零〇\\d]"
FINAL = "。！？…!?.”’」』）)】"
"""What the last line of a paragraph ends with."""
_TERMINAL = "。！？；：…!?;:.”’」』）)】》>|"
_SENTENCE_END = re.compile(r"[。！？!?…]+[”’」』）)】]*")
HEADINGS = {
    "第三章 记忆": (
        1,
        re.compile(rf"^第\s*{_NUMERAL}+\s*[章编篇讲](?:\s|　|$|[^，。；的].{{0,30}}$)"),
    ),
    "第 2 节 短时记忆": (
        2,
        re.compile(rf"^第\s*{_NUMERAL}+\s*节(?:\s|　|$|[^，。；的].{{0,30}}$)"),
    ),
    "三、记忆的种类": (
        3,
        re.compile(r"^[一二三四五六七八九十]+\s*、\s*[^，。；]{2,25}$"),
    ),
    "3.2 短时记忆": (
        2,
        re.compile(r"^\d{1,2}[.．]\d{1,2}[\s　]+[^，。；\d][^，。；]{1,24}$"),
    ),
    "3.2.1 组块的作用": (
        3,
        re.compile(r"^\d{1,2}(?:[.．]\d{1,2}){2}[\s　]+[^，。；\d][^，。；]{1,24}$"),
    ),
}
"""Level and wording by an example."""
_MARKDOWN_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_LIST_ITEM = re.compile(
    r"^\s*(?:[-*•●▪]\s|\d{1,3}\s*[.．、)）]|[（(][一二三四五六七八九十\d]{1,3}[)）]"
    r"|[一二三四五六七八九十]{1,3}、|[A-H]\s*[.．、]|[①-⑳])"
)
_NOTE = re.compile(r"^[(（\[]\s*\d{1,3}\s*[)）\]]|^[①-⑳※*]")
_BLOCK_START = re.compile(r"^\s*(?:[#|>]|<table|```|!\[)")
_SHORT_LINE = 0.9
"""Of the page's usual width: a line that ends a sentence before it ends a paragraph."""
_MAX_HEADING_CHARS = 40


def heading(line: str) -> tuple[int, str] | None:
    """Return ``(level, title)`` of a heading, marked by ``#`` or by its wording."""
    if match := _MARKDOWN_HEADING.match(line):
        return len(match[1]), match[2]
    plain = line.strip()
    if len(plain) > _MAX_HEADING_CHARS or plain.endswith(tuple("。；，,;？?")):
        return None
    return next(((n, plain) for n, p in HEADINGS.values() if p.match(plain)), None)


def mark_heading(line: str) -> str:
    """Return a heading with its ``#``, any other line as it is."""
    found = heading(line)
    if not found:
        return line
    # OCR loses the space after 第一章.
    title = re.sub(rf"^(第\s*{_NUMERAL}+\s*[章编篇讲节])\s*(?=\S)", r"\1 ", found[1])
    return f"{'#' * found[0]} {title}"


def paragraphs(lines: Sequence[str]) -> list[str]:
    """Return the paragraphs of a page whose lines are those of the printed page.

    An empty line ends a paragraph, and so does a sentence that ends before the usual
    width; a heading, a list item or a table row stands alone.
    """
    usual = usual_width(lines)
    blocks: list[str] = []
    is_open = False
    for line in map(str.strip, lines):
        if not line:
            is_open = False
            continue
        if is_open and not _stands_alone(line):
            blocks[-1] = join(blocks[-1], line)
        else:
            blocks.append(mark_heading(line))
        is_open = heading(line) is None and not _ends_paragraph(line, usual)
    return blocks


def _stands_alone(line: str) -> bool:
    return bool(_LIST_ITEM.match(line) or _BLOCK_START.match(line) or heading(line))


def _ends_paragraph(line: str, usual: float) -> bool:
    return line[-1] in FINAL and width(line) < _SHORT_LINE * usual


def usual_width(lines: Sequence[str]) -> float:
    """Return the width that nine of ten lines do not exceed."""
    widths = sorted(width(line.strip()) for line in lines if line.strip())
    return widths[len(widths) * 9 // 10] if widths else 0


def width(line: str) -> int:
    """Return the printed width, a Han or full-width character as two."""
    return sum(2 if _is_wide(c) else 1 for c in line)


def _is_wide(character: str) -> bool:
    ambiguous = "“”‘’…—"  # full width among Han
    return bool(character) and (
        unicodedata.east_asian_width(character) in "WF" or character in ambiguous
    )


def join(first: str, second: str) -> str:
    """Return two parts of one sentence joined; a divided word is mended."""
    if re.search(r"[a-z]-$", first) and second[:1].islower():
        return first[:-1] + second
    between = "" if _is_wide(first[-1:]) or _is_wide(second[:1]) else " "
    return first + between + second


def continues(before: str, after: str) -> bool:
    """Return whether ``after``, on the next page, goes on where ``before`` ends."""
    return bool(
        before
        and after
        and before[-1] not in _TERMINAL
        and heading(before) is None
        and not _BLOCK_START.match(before)
        and not _stands_alone(after)
    )


def last_of_body(blocks: Sequence[str]) -> int:
    """Return the index of the last block above the footnotes of a page.

    A sentence that the page break cuts stands above them; a list at the page's end is
    told from notes by the sentence before it, which is whole.
    """
    notes = [n for n, block in enumerate(blocks) if n and _NOTE.match(block)]
    above = [n - 1 for n in notes if blocks[n - 1][-1] not in _TERMINAL]
    return above[0] if above else len(blocks) - 1


def first_sentence(paragraph: str) -> tuple[str, str]:
    """Return a paragraph up to its first sentence end, and the rest."""
    match = _SENTENCE_END.search(paragraph)
    end = match.end() if match else len(paragraph)
    return paragraph[:end], paragraph[end:].lstrip()
