"""Ten thousand made replies: hardly any is misread, most are read."""

import re
import time

import pytest
from replies_of_families import REPLIES
from templates import QUESTION, templates

from psyche_kedro.answers import plain_text, read_choice, read_choice_of, rules

MADE = list(templates())
DECLARING = [made for made in MADE if made.labels]


def test_there_are_ten_thousand_and_some_declare_nothing():
    assert len(MADE) > 10_000
    assert len(MADE) - len(DECLARING) > 400


def test_at_most_one_in_a_hundred_is_misread_and_most_are_read():
    read = [(made, read_choice_of(made.text, QUESTION).labels) for made in MADE]
    wrong = [made.text for made, labels in read if labels not in (made.labels, set())]
    unread = [made.text for made, labels in read if made.labels and not labels]
    assert len(wrong) <= 0.002 * len(MADE), wrong[:20]
    assert len(unread) <= 0.02 * len(DECLARING), unread[:20]


def test_without_the_options_texts_as_few_are_misread():
    read = [(made, read_choice(made.text, "ABCD").labels) for made in MADE]
    wrong = [made.text for made, labels in read if labels not in (made.labels, set())]
    assert len(wrong) <= 0.01 * len(MADE), wrong[:20]


def test_a_hundred_thousand_are_read_in_twenty_seconds():
    begun = time.process_time()
    for made in MADE:
        read_choice_of(made.text, QUESTION)
    assert time.process_time() - begun < 20 * len(MADE) / 100_000


@pytest.mark.parametrize("name", ["_DECLARED", "_DECLARED_WHERE_IT_FAILS", "_CHOSEN"])
def test_what_declares_is_found_wherever_it_begins(name):
    quick = getattr(rules, name)
    anywhere = re.compile(quick.pattern.split("]))", maxsplit=1)[1], quick.flags)
    texts = [made.text for made in MADE] + [text for _, _, text, _ in REPLIES]
    found = [quick.findall(text) for text in map(plain_text, texts)]
    assert any(found)
    assert found == [anywhere.findall(text) for text in map(plain_text, texts)]
