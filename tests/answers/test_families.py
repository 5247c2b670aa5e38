"""Replies in the manner of ten model families: none is misread, few are not read."""

import more_replies_of_families as second
import pytest
import replies_of_families as first

from psyche_kedro.answers import read_choice_of

SETS = pytest.mark.parametrize(
    ("replies", "most_unread"), [(first.REPLIES, 5), (second.REPLIES, 11)]
)


@SETS
def test_there_are_a_hundred_and_fifty_of_ten_families(replies, most_unread):
    assert len(replies) == 150
    assert len({family for family, *_ in replies}) == 10


@SETS
def test_no_reply_of_a_family_is_misread(replies, most_unread):
    misread = [
        (text, sorted(read))
        for _, question, text, labels in replies
        if (read := read_choice_of(text, question).labels) not in (labels, set())
    ]
    assert not misread


@SETS
def test_few_of_them_are_not_read(replies, most_unread):
    unread = [
        text
        for _, question, text, labels in replies
        if labels and not read_choice_of(text, question).labels
    ]
    assert len(unread) <= most_unread
