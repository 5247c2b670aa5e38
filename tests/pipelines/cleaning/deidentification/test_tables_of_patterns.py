"""Every row of a table of patterns finds what its own example marks."""

import pytest

from psyche_kedro.pipelines.cleaning.deidentification.contacts import (
    ANY_MARK,
    CONTACTS,
    find_contacts,
)
from psyche_kedro.pipelines.cleaning.deidentification.disguises import undisguised
from psyche_kedro.pipelines.cleaning.deidentification.names import (
    find_names_by_rule,
    name_rules,
)
from psyche_kedro.pipelines.cleaning.deidentification.spans import Span


def _read(example: str) -> tuple[str, int, int]:
    before, rest = example.split("<")
    found, after = rest.split(">")
    return before + found + after, len(before), len(before) + len(found)


@pytest.mark.parametrize("example", CONTACTS)
def test_a_contact_is_found_by_its_own_pattern(example):
    kind, pattern = CONTACTS[example]
    text, start, end = _read(example)
    plain = undisguised(text)
    group = "v" if "v" in pattern.groupindex else 0
    first, last = pattern.search(plain.text).span(group)
    assert (plain.places[first], plain.places[last - 1] + 1) == (start, end)
    assert ANY_MARK.search(plain.text)
    spans = list(find_contacts(text, frozenset()))
    assert Span(start, end, kind) in spans or kind == "phone_by_words"


@pytest.mark.parametrize("example", name_rules())
def test_a_name_is_found_by_its_own_pattern(example):
    text, start, end = _read(example)
    assert name_rules()[example].search(text).span("v") == (start, end)
    assert Span(start, end, "name") in find_names_by_rule(text)
