"""Markup that no reader took off: tags, entities, BBCode."""

import re

_MARKUP = re.compile(
    r"</?[A-Za-z][A-Za-z0-9]*(?:\s+[a-z-]+=[^<>\n]{0,200})?\s?/?>|&(?:[a-z]{2,8}|#\d{2,6});"
    r"|\[/?(?:url|img|b|i|u|color|size|quote)(?:=[^\]\n]{0,200})?\]"
)


def holds_markup(text: str) -> bool:
    """Return whether what a page was made of still stands in its words."""
    return _MARKUP.search(text) is not None
