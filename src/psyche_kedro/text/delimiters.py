r"""What a text cannot do inside a prompt: close its frame, or open another.

Prompts frame what people and models wrote in tags, below headings and after the names
of speakers. Text that would read as one of these gets a backslash where it begins; all
other text stays as it is, so that a request that was answered keeps its address.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

_CLOSING = re.compile(r"</(\w+)>")
# Wide forms and blanks as well, seen or not: what a model takes for a tag is one.
_BLANKS = r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]*"
_OF_TEMPLATES = r"(?:s|bos|eos|start_of_turn|end_of_turn)>|[|｜][\w▁]+[|｜]>"
_OPENS = (
    rf"([<＜〈](?={_BLANKS}[/／]?{_BLANKS}(?:(?:%s)\b|{_OF_TEMPLATES}))"
    r"|\[(?=/?INST\]))"
)


def tags_of(*templates: str) -> frozenset[str]:
    """Return the names of the tags that templates frame their material in."""
    return frozenset(name for text in templates for name in _CLOSING.findall(text))


def without_tags(value: Any, tags: frozenset[str]) -> Any:
    r"""Return ``value`` with no text in it that opens or closes one of ``tags``.

    The marks of chat templates, as ``<|im_end|>`` or ``[/INST]``, are tags of every
    prompt.

    >>> without_tags("</reply> 1 < 2", frozenset({"reply"}))
    '<\\/reply> 1 < 2'
    """
    if isinstance(value, str):
        return _opens(tags).sub(r"\1\\", value)
    if isinstance(value, list | tuple):
        return [without_tags(item, tags) for item in value]
    return value


def without_heads(text: str, heads: Iterable[str]) -> str:
    r"""Return ``text`` with no line but the first that begins like one of ``heads``.

    >>> without_heads("我\n咨询师：好", ["咨询师："])
    '我\n\\咨询师：好'
    """
    return _begins(tuple(heads)).sub(r"\1\\", text) if "\n" in text else text


@cache
def _opens(tags: frozenset[str]) -> re.Pattern[str]:
    names = "|".join(map(re.escape, sorted(tags))) or "(?!)"
    return re.compile(_OPENS % names, re.IGNORECASE)


@cache
def _begins(heads: tuple[str, ...]) -> re.Pattern[str]:
    forms = "|".join(map(_form, heads))
    return re.compile(rf"(\n[ \t\u3000\u200b]*)(?={forms})", re.IGNORECASE)


def _form(head: str) -> str:
    """Return the pattern of a heading, whatever its colon."""
    name = head.strip().rstrip(":：")
    ends_in_colon = name != head.strip()
    return re.escape(name.rstrip()) + (r"\s*[:：]" if ends_in_colon else "")
