"""What an endpoint at work sets aside for a request, where its tokens are limited."""

import pytest

from psyche_kedro.llm import ChatRequest, Message, Usage
from psyche_kedro.llm.engine import Answer, Call, Fault
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.openai.lanes import Lane

TEXT = "请把这一页的文字读出来。" * 40
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
AS_TEXT = {"role": "user", "content": TEXT}
AS_PARTS = {"role": "user", "content": [{"type": "text", "text": TEXT}, PICTURE]}


@pytest.fixture
def lane(request: pytest.FixtureRequest) -> Lane:
    url = f"http://{request.node.name}/v1"  # what was learned of another is kept
    return Lane(Endpoint(base_url=url, tokens_per_minute=60_000), client=None)


def call(message: Message) -> Call:
    return Call("key", ChatRequest([message], "read_textbooks"), {})


def test_text_beside_a_picture_is_set_aside_as_any_other(lane: Lane) -> None:
    bare, beside = lane.begin(call(AS_TEXT), 0.0), lane.begin(call(AS_PARTS), 0.0)
    assert bare.text == beside.text == 300
    assert bare.reserved == beside.reserved > 300


def test_what_pictures_cost_is_learned_from_the_replies(lane: Lane) -> None:
    first = lane.begin(call(AS_PARTS), 0.0)
    page = Answer("读到了", usage=Usage(input_tokens=300 + 2_000, output_tokens=500))
    for _ in range(200):
        lane.note(page, 1.0, lane.begin(call(AS_PARTS), 0.0))
    later = lane.begin(call(AS_PARTS), 0.0)
    assert first.reserved < 600
    assert later.reserved == pytest.approx(300 + 2_000 + 500, rel=0.01)


def test_a_limit_learned_by_one_node_is_known_to_the_next(lane: Lane) -> None:
    for number in range(400):
        now = number / 100
        said = Fault("rate_limited", "") if number % 2 else Answer("ja")
        lane.note(said, now, lane.begin(call(AS_TEXT), now))
    assert lane.pace.learned
    assert Lane(lane.endpoint, client=None).pace.rate == lane.pace.rate
    elsewhere = Endpoint(base_url="http://elsewhere/v1")
    assert Lane(elsewhere, client=None).pace.rate is None
