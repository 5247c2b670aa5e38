"""Formulas of Word (OMML) and of web pages (MathML) as text in one line.

A fraction is ``(a+b)/c``, a power ``x²`` or ``x^(n-1)``: read without its structure
``x²`` would be x2.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from psyche_kedro.pipelines.ingestion.files.plain_text import lowered, raised

_IGNORED = frozenset(["", "annotation", "annotation-xml"])


def _grouped(text: str) -> str:
    return text if len(text) <= 1 or text.isalnum() else f"({text})"


def _fraction(parts: Sequence[str]) -> str:
    return f"{_grouped(parts[0])}/{_grouped(parts[1])}"


def _both(parts: Sequence[str]) -> str:
    return f"{parts[0]}{lowered(parts[1])}{raised(parts[2])}"


def _raised(parts: Sequence[str]) -> str:
    return f"{parts[0]}{raised(parts[1])}"


def _lowered(parts: Sequence[str]) -> str:
    return f"{parts[0]}{lowered(parts[1])}"


def _root(parts: Sequence[str]) -> str:
    return f"√{_grouped(''.join(parts))}"


def _degree_root(degree: str, inside: str) -> str:
    return f"{raised(degree) if degree else ''}√{_grouped(inside)}"


_JOINED: tuple[Callable[[Sequence[str]], str], int] = ("".join, 0)
_BUILT: dict[str, tuple[Callable[[Sequence[str]], str], int]] = {
    "mfrac": (_fraction, 2),
    "f": (_fraction, 2),
    "msup": (_raised, 2),
    "sSup": (_raised, 2),
    "msub": (_lowered, 2),
    "sSub": (_lowered, 2),
    "msubsup": (_both, 3),
    "sSubSup": (_both, 3),
    "msqrt": (_root, 1),
    "mroot": (lambda parts: _degree_root(parts[1], parts[0]), 2),
    "rad": (lambda parts: _degree_root("".join(parts[:-1]), parts[-1]), 1),
}
"""What makes a line of an element's parts, and how many it needs."""


_MARKED = {"nary": "∫", "acc": "\u0302", "bar": "\u0304", "d": "("}
"""Elements of OMML whose signs stand in their properties, and the usual one."""


def _with_signs(node: Any, name: str, parts: Sequence[str]) -> str:
    """Return ∑x², x̄, |x|: what a property says belongs to the text."""
    told = {
        re.split("[}:]", e.tag)[-1]: next(iter(e.attrib.values()), "")
        for e in node.iterfind("./*/*")
    }
    if name == "d":
        begins, ends = told.get("begChr", "("), told.get("endChr", ")")
        return f"{begins}{', '.join(parts)}{ends}"
    sign = told.get("chr", _MARKED[name])
    if name != "nary":
        return "".join(parts) + sign
    *limits, body = parts
    below, above = [*limits, "", ""][:2]
    bounds = (lowered(below) if below else "") + (raised(above) if above else "")
    return f"{sign}{bounds}{body}"


def formula_text(node: Any) -> str:
    """Return a formula's text in one line.

    Args:
        node: ``m:oMath`` or ``math``, or a part of it.
    """
    name = re.split("[}:]", node.tag)[-1] if isinstance(node.tag, str) else ""
    if name in _IGNORED or name.endswith("Pr"):
        return ""
    children = [child for child in node if isinstance(child.tag, str)]
    if not children:
        return (node.text or "").strip()
    parts = [formula_text(c) for c in children if not c.tag.endswith("Pr")]
    if name in _MARKED:
        return _with_signs(node, name, parts)
    build, needed = _BUILT.get(name, _JOINED)
    return build(parts) if len(parts) >= needed else "".join(parts)
