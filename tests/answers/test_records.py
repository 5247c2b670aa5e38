import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from psyche_kedro.answers import read_json, read_objects, read_record
from psyche_kedro.text.thoughts import has_thought_mark


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('好的：\n```json\n{"a": 1}\n```', {"a": 1}),
        ("{'a': ['x', 'y']}", {"a": ["x", "y"]}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a": "一\n二"}', {"a": "一\n二"}),
        (r'{"a": "\(x\)"}', {"a": r"\(x\)"}),
        ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('[{"a": 1}, {"a": 2}, {"a": ', [{"a": 1}, {"a": 2}]),
        ('<think>{"a": 0}</think>{"a": 1}', {"a": 1}),
        ('<think>{"a": 0}', None),
        ('{"a": "<think>想</think>B"}', {"a": "<think>想</think>B"}),
        ("没有", None),
        ("{不是}", None),
    ],
)
def test_reads_json_as_models_write_it(text, value):
    assert read_json(text) == value


def test_lists_the_objects_of_arrays_and_of_lines_alike():
    objects = read_objects('[{"a": 1}, 3]\n{"a": 2}')
    assert objects == [{"a": 1}, {"a": 2}]


WORDS = st.text().filter(lambda text: not has_thought_mark(text))


@given(st.recursive(WORDS | st.integers() | st.booleans(), st.lists))
def test_json_round_trips(value):
    assert read_json("回答：" + json.dumps({"v": value}, ensure_ascii=False)) == {
        "v": value
    }


@given(st.text(alphabet="{}[]\"',:ab1\\\n<think>/"))
def test_reading_json_is_total(text):
    read_json(text)
    read_objects(text)


class Mark(BaseModel):
    model_config = ConfigDict(strict=True)

    score: int


@pytest.mark.parametrize(
    ("reply", "mark"),
    [
        ('好的：```json\n{"score": 4, "reason": "有理"}\n```', 4),
        ('{"score": "4"}', None),
        ('{"level": 4}', None),
        ('{"score": 4} 或者 {"score": 2}', None),
        ("四分", None),
    ],
)
def test_a_record_is_one_object_of_the_kind_asked_for(reply, mark):
    record = read_record(reply, Mark)
    assert (record.score if record else None) == mark
