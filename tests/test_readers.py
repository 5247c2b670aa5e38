"""Whatever a model says becomes an outcome with a reason, soon, and never an exception.

``readers.py`` lists the readers; here they are fed what no model should say.
"""

import itertools
import time
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth import cpu_seconds, takes_in_proportion
from psyche_kedro.llm.openai.completions import read_completion
from psyche_kedro.tables import content_id
from readers import READERS, readers_in_source, said

PIECES = [
    *"[]{}()<>\"'`\\:,;、。，；：？!|/*#$_-+.=~… \n\t\r\0\x1b\x85\u200b\u3000\ufeff",
    *"ABCDabhxⅣＡ1２零选是对错不√×的中项个",
    "\ud83d",
    "\\ud83d",
    "\\u0000",
    "😀",
    "\u0301\u0316",
    "NaN",
    "-Infinity",
    "1e999",
    "0x" + "F" * 40,
    "9" * 400,
    "true",
    "null",
    "{'a': ",
    '{"score": ',
    '"answer": ',
    '"prediction": "A"',
    '"rationale": "所以选A。"',
    '"verdict": "合理"',
    '"best_index": 1',
    '"spans": [{"text": "林小禾", "kind": "name"}]',
    '"question": "x", "options": {"A": "一"}',
    "Safety: ",
    "Unsafe",
    "Categories: ",
    "---\n",
    "primary_language: zh\n",
    "!!timestamp x\n",
    "&a [*a]",
    "<think>",
    "</think>",
    "```json\n",
    "// ",
    "\\boxed{",
    "答案",
    "正确",
    "错误",
    "最终",
    "以上都是",
    "可能",
    "选项",
    "焦虑",
    "因此",
    "叫做",
    "我无法提供",
    "来访者：",
]
MONSTERS = st.lists(
    st.tuples(
        st.sampled_from(PIECES) | st.text(max_size=4), st.sampled_from([1, 1, 2, 40])
    ),
    max_size=40,
).map(lambda parts: "".join(piece * n for piece, n in parts))
KNOWN = {
    "brackets": "[" * 1_500,
    "a long number": '{"best_index": ' + "1" * 5_000 + "}",
    "a long number as text": '{"best_index": "' + "1" * 5_000 + '"}',
    "a long score as text": '{"score": "' + "1" * 5_000 + '"}',
    "a long hexadecimal": "{'score': 0x" + "F" * 5_000 + "}",
    "half an emoji": '{"rationale": "\\ud83d第一步，选A。", "prediction": "A"}',
    "half a key": '{"\\ud83d": {"\\udc00": ["\\ud83d"]}}',
    "a raw half": "答案：A\ud83d",
    "no numbers": '{"score": NaN, "best_index": Infinity, "safe": -Infinity}',
    "deep": '{"a": ' * 3_000 + "1" + "}" * 3_000,
    "deep tuples": "{'a': " + "(" * 150 + "1," + ")" * 150 + "}",
    "nuls": '{"verdict": "\0", "score": "\0"}\0' * 50,
    "minuses": "[" + "-" * 3_000 + "1]",
    "yaml": "---\na: " + "[" * 1_500 + "\n---\nx",
    "yaml's own": "---\na: !!timestamp x\n---\nx",
}


def read_by_all(text: str) -> None:
    """Read a text by every reader, and hash and keep whatever comes of it."""
    reply = said(text)
    for read in READERS.values():
        outcome = repr(read(reply))
        content_id(outcome, reply.text)
    pl.DataFrame({"text": [reply.text]}).write_parquet(_Nowhere())


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None: ...
    def close(self) -> None: ...


def test_every_reader_of_the_source_is_fed_the_monsters():
    assert set(readers_in_source()) - READERS.keys() == set()


@pytest.mark.parametrize("text", KNOWN.values(), ids=KNOWN)
def test_what_once_stopped_a_run_is_an_outcome(text):
    read_by_all(text)


@given(MONSTERS)
@settings(max_examples=150)
def test_readers_are_total(text):
    read_by_all(text)


@pytest.mark.slow
@given(MONSTERS)
@settings(max_examples=100_000)
def test_readers_are_total_on_100_000_monsters(text):
    read_by_all(text)


@given(
    st.binary(max_size=300) | MONSTERS.map(lambda t: t.encode(errors="surrogatepass"))
)
@settings(max_examples=150)
def test_a_body_of_any_bytes_is_an_answer_or_a_fault(body):
    read_completion(body, [])


def test_a_half_character_becomes_one_that_files_can_hold():
    (value,) = READERS["answers.read_objects"](said(KNOWN["half an emoji"]))
    assert value["rationale"] == "\ufffd第一步，选A。"
    assert said(KNOWN["a raw half"]).text == "答案：A\ufffd"


# ---- time ------------------------------------------------------------------------

UNITS = [
    *" \n[{(\"'\\A选；;。，\0",
    " \n",
    "选A、",
    "A, ,",
    " A",
    "A对",
    "答案 A ",
    "正确答案：\nA. x\n",
    "[A]",
    "{'a':1}",
    '{"answer":"A"}',
    '["',
    "e//",
    "本题错误",
    "因为焦虑所以选焦虑。",
    "\\text{",
    "\u0301\u0316",
    "以上项",
    "Safety: ",
]
LONG = 48_000


def seconds(read: Callable[[object], object], text: str) -> float:
    reply = said(text)
    return cpu_seconds(lambda: read(reply))


@pytest.mark.parametrize("name", READERS)
def test_readers_take_time_in_proportion(name):
    for unit in UNITS:

        def work(size, unit=unit):
            return READERS[name](said(unit * (size // len(unit))))

        assert takes_in_proportion(work, LONG), unit


HEADS = ("", "A", "答案：A", "【", "<think>")


def is_read_at_once(text: str) -> bool:
    """Two ways to take a piece are 2^18 ways to miss what follows 18 of it."""
    reply, started = said(text), time.thread_time()
    for read in READERS.values():
        read(reply)
    return time.thread_time() - started < 0.5


@pytest.mark.parametrize("head", HEADS)
def test_what_repeats_behind_a_beginning_is_read_at_once(head):
    for piece in PIECES:
        assert is_read_at_once(head + piece * 18), piece


@pytest.mark.slow
def test_so_are_two_pieces_in_turn():
    for one, other in itertools.product(PIECES, repeat=2):
        assert is_read_at_once("A" + (one + other) * 18), one + other


def test_what_took_minutes_takes_a_moment():
    slow = [
        "B" + " " * 30_000 + "x",
        "选A、" * 8_000,
        "{" * 100_000,
        "答案" + " " * 99_000,
    ]
    for text in slow:
        assert seconds(READERS["answers.read_choice"], text) < 0.5
        assert seconds(READERS["answers.read_objects"], text) < 0.5


@pytest.mark.parametrize("unit", ["\n", "选", "'\n", "A\n"])
def test_letters_are_not_parted_in_every_way_that_they_could_be(unit):
    last = unit * 100 + "xA"  # of 40 blanks, 2 s; of 100, hours
    assert seconds(READERS["answers.read_as_psycollm"], last) < 0.5


def test_the_end_of_a_long_reply_is_read_as_its_beginning():
    long = "想一想。" * 5_000
    assert READERS["answers.read_choice"](said(long + "答案：B")).labels == {"B"}
    assert READERS["answers.read_objects"](said(long + '{"a": 1}')) == [{"a": 1}]
