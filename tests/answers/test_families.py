"""Replies in the manner of ten model families: none is misread, few are not read."""

import pytest
from replies_of_families import FAMILIES, REPLIES

from psyche_kedro.answers import read_choice_of


def test_there_are_a_hundred_and_fifty_of_ten_families():
    assert (len(REPLIES), len(FAMILIES)) == (150, 10)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_reply_of_a_family_is_misread(family):
    misread = [
        (text, sorted(read))
        for name, question, text, labels in REPLIES
        if name == family
        and (read := read_choice_of(text, question).labels) not in (labels, set())
    ]
    assert not misread


def test_at_most_five_of_them_are_not_read():
    unread = [
        text
        for _, question, text, labels in REPLIES
        if labels and not read_choice_of(text, question).labels
    ]
    assert len(unread) <= 5
