"""A book as blocks: headings, prose, and what must stay whole.

Every block is a span of the book's text, so that nothing can be lost or doubled: what
a later step keeps or drops are spans too.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_PLAIN_HEADING = (
    r"第[一二三四五六七八九十百零〇\d]+[编篇章节](?![课次])[^\n。！？；，,]{0,30}$"
)
_RULE = r"(?:-[ ]?){3,}$|(?:\*[ ]?){3,}$"
_STARTS_BLOCK = (
    rf"\n|\#{{1,6}}[ \t]|<table|\||\$\$|```|\\\[|!\[|{_RULE}|{_PLAIN_HEADING}"
)
_BLOCK = re.compile(
    rf"""
    (?P<heading> ^\#{{1,6}}[ \t]+[^\n]+ | ^{_PLAIN_HEADING} )
  | (?P<atom> ```.*?``` | <table.*?</table> | \$\$.*?\$\$ | \\\[.*?\\\]
            | (?:^\|[^\n]*\n?)+ )
  | (?P<figure> ^!\[[^\]\n]*\]\([^)\n]*\)[ \t]*$ )
  | (?P<rule> ^(?:{_RULE}) )
  | (?P<prose> [^\s][^\n]* (?:\n(?!{_STARTS_BLOCK})[^\n]+)* )
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_HEADING = re.compile(r"(#*)\s*(.*?)[\s#]*$")
_KIND = re.compile(r"第[一二三四五六七八九十百零〇\d]+([编篇章节])")
_KIND_LEVEL = {"编": 1, "篇": 1, "章": 2, "节": 3}

_APPARATUS = {
    "table_of_contents": r"目\s*录|contents",
    "references": r"(?:主要)?参考(?:文献|书目|资料)|references|bibliography",
    "index": r"(?:名词|术语|人名|主题)?索引|index",
    "front_matter": r"版权|出版说明|前\s*言|序\s*言?$|自序|后\s*记|致\s*谢|编者",
    "exercises": r"(?:本章)?(?:思考|复习|练习|讨论)(?:与\w+)?题|(?:本章)?习题"
    r"|课后(?:练习|作业)",
}
_DROPPED = re.compile(
    "|".join(f"(?P<{name}>{words})" for name, words in _APPARATUS.items()),
    re.IGNORECASE,
)
_NUMBERING = re.compile(
    r"^(?:第[一二三四五六七八九十百零〇\d]+[编篇章节]|[一二三四五六七八九十]+[、.．]|[\d.]+[、.．]?)\s*"
)


class Heading(NamedTuple):
    """A heading's level, 1 for the highest, and its words."""

    level: int
    title: str


class Section(NamedTuple):
    """Where a block stands."""

    path: tuple[Heading, ...]
    drop: str | None
    """Why the section is no content, e.g. ``references``; ``None`` for content."""


class Block(NamedTuple):
    """A span ``[start, end)`` of a text."""

    start: int
    end: int
    kind: str
    """``heading``, ``prose``, ``atom`` (table, formula, code), ``figure``, ``rule``."""
    section: Section


def read_blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a Markdown text in order; only white space is between them.

    Args:
        text: Headings are ``#`` lines or lines such as ``第三章 记忆``.
    """
    section = Section((), None)
    for match in _BLOCK.finditer(text):
        kind = match.lastgroup or "prose"
        if kind == "heading":
            section = _below(section, _read_heading(match[0]))
        yield Block(match.start(), match.end(), kind, section)


def chapter_level(blocks: list[Block]) -> int:
    """Return the heading level whose borders no chunk may cross.

    The level of ``第三章``; where no heading says so, the highest level that has two
    headings or more (a lone ``#`` is the book's title).
    """
    headings = [b.section.path[-1] for b in blocks if b.kind == "heading"]
    said = [h.level for h in headings if re.match(r"第[^章]{1,6}章", h.title)]
    if said:
        return min(said)
    levels = [heading.level for heading in headings]
    several = [level for level in levels if levels.count(level) > 1]
    return min(several or levels, default=1)


def bare_title(title: str) -> str:
    """Return a heading without its numbering: ``第三节 工作记忆`` → ``工作记忆``."""
    return _NUMBERING.sub("", title).strip()


def _read_heading(line: str) -> Heading:
    marks, title = _HEADING.match(line).groups()  # type: ignore[union-attr]
    kind = _KIND.match(title)
    level = len(marks) or (_KIND_LEVEL[kind[1]] if kind else 1)
    return Heading(level, title)


def _below(section: Section, heading: Heading) -> Section:
    """Return the section that ``heading`` opens after ``section``."""
    path = (*(h for h in section.path if h.level < heading.level), heading)
    reasons = (_DROPPED.match(bare_title(h.title)) for h in path)
    drop = next((match.lastgroup for match in reasons if match), None)
    return Section(path, drop)
