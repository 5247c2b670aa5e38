"""Marks around words that stand out in a document, red or bold.

They are no characters of any text: a bank takes an option that stands out among its
neighbours for the right one, everyone else takes the marks away.
"""

import re

COLOUR, BOLD, END = "\ufdd0", "\ufdd1", "\ufdd2"
MARKS = re.compile(f"[{COLOUR}{BOLD}{END}]")


def emphasised(text: str, mark: str) -> str:
    """Return words between marks that say how they stand out.

    Args:
        text: The words.
        mark: ``COLOUR`` or ``BOLD``; '' where they do not.
    """
    return f"{mark}{text}{END}" if mark and text.strip() else text


def without_marks(text: str) -> str:
    """Return a line as its readers see it."""
    return MARKS.sub("", text)
