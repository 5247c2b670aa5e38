"""Words without the tags of the page that they were pasted from."""

import pytest

from growth import takes_in_proportion
from psyche_kedro.pipelines.ingestion.files.plain_text import plain


@pytest.mark.parametrize(
    ("pasted", "seen"),
    [
        ("<p>甲<script>a<b></SCRIPT >乙</p>", "甲乙"),
        ("甲<!-- a -- <b> -->乙<!---->", "甲乙"),
        ("<style>a</style>甲<style>b</style>", "甲"),
        ("<script>甲<br>乙", "甲\n乙"),
        ("<b>甲</b> \t \n\n  乙", "甲\n乙"),
    ],
)
def test_what_no_reader_sees_is_gone(pasted, seen):
    assert plain(pasted) == seen


@pytest.mark.parametrize(
    "unit", ["<script>", "<!--", "<style ", "</script ", " ", "<s>"]
)
def test_an_opening_that_nothing_closes_takes_time_in_proportion(unit):
    assert takes_in_proportion(
        lambda n: plain(f"<b>甲</b>{unit * (n // len(unit))}乙"), 100_000
    )
