import time

import pytest

from psyche_kedro.text.embedded_json import MOST_LEVELS, MOST_MARKS, find_json


def values(text):
    return [found.value for found in find_json(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('说 "好" 的：{"a": "[x"} 和 [1]', [{"a": "[x"}, [1]]),
        ("it's {'a': 'b'}", [{"a": "b"}]),
        (
            '{"a": 1} // 一\n{"b": "//", // 二\n "c": 2,}',
            [{"a": 1}, {"b": "//", "c": 2}],
        ),
        ('{不是 {"a": 1} 的}', [{"a": 1}]),
        ('[{"a": 1}, {"b": ', [{"a": 1}]),
        (r'{"a": "\"}"}', [{"a": '"}'}]),
        ("{'a': (1, 2)}", [{"a": [1, 2]}]),
        ("{'a': {1, 2}} [b'x']", []),
        (r'["\ud83d", "\ud83d\ude00"]', [["\ufffd", "😀"]]),
        ("{'a': 0x" + "f" * 4_000 + "}", []),
        ("[" + "9" * 5_000 + "]", []),
    ],
)
def test_finds_what_is_json_and_leaves_out_the_rest(text, found):
    assert values(text) == found


def test_says_where_a_value_stands_and_whether_in_a_broken_object():
    text = '{"说": "他写 {"a": 1} 了"} {"b": 2}'
    part, whole = find_json(text)
    assert (part.value, part.is_part) == ({"a": 1}, True)
    assert (whole.value, whole.is_part) == ({"b": 2}, False)
    assert text[whole.start : whole.end] == '{"b": 2}'


def test_what_no_one_asked_for_is_left_out_beyond_the_limits():
    deep = "[" * (MOST_LEVELS + 3) + "1" + "]" * (MOST_LEVELS + 3)
    (inner,) = values(deep)
    assert str(inner).count("[") == MOST_LEVELS
    assert values("[]" * MOST_MARKS) == []


@pytest.mark.parametrize(
    "unit", ["{", "[", "{}", '["', "{'", "[1,", "{a}", "[[1]", '\\"']
)
def test_takes_a_moment_for_100_kb(unit):
    text = unit * (100_000 // len(unit))
    started = time.process_time()
    find_json(text)
    assert time.process_time() - started < 0.5
