"""What a reply says: the choice in it, or the JSON that was asked for.

The one room that knows what a reply looks like: the rewards, the difficulty split and
the benchmark metrics read with it, so they never disagree about an answer.
"""

from psyche_kedro.answers.choices import (
    UNREAD,
    Choice,
    Thought,
    read_choice,
    read_choice_of,
    read_field,
    split_thought,
)
from psyche_kedro.answers.readers import (
    READERS,
    Reader,
    ReaderName,
    Reading,
    read_cut_off,
)
from psyche_kedro.answers.records import (
    SEVERAL_VERDICTS,
    copies_example,
    has_placeholder,
    read_filled,
    read_json,
    read_objects,
    read_record,
    read_verdicts,
)
from psyche_kedro.answers.said import plain_text

__all__ = [
    "READERS",
    "SEVERAL_VERDICTS",
    "UNREAD",
    "Choice",
    "Reader",
    "ReaderName",
    "Reading",
    "Thought",
    "copies_example",
    "has_placeholder",
    "plain_text",
    "read_choice",
    "read_choice_of",
    "read_cut_off",
    "read_field",
    "read_filled",
    "read_json",
    "read_objects",
    "read_record",
    "read_verdicts",
    "split_thought",
]
