"""A picture goes out as the bytes that it is, and counts for its pixels."""

import base64
import io

from loopback import Ask, Behaviour, LoopbackServer
from PIL import Image

from psyche_kedro.llm import ChatRequest, Failure, Reply
from psyche_kedro.llm.accounts import Account, Ledger
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.completions import count_prompt
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.pictures import count_picture_tokens, user_message, words_of
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.text.tokens import estimate_from_characters


def jpeg(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "JPEG")
    return file.getvalue()


def test_words_come_first_and_the_picture_arrives_byte_for_byte():
    picture = jpeg(40, 30)
    words, shown = user_message("How do you feel?", picture)["content"]
    assert words == {"type": "text", "text": "How do you feel?"}
    media, _, data = shown["image_url"]["url"].partition(";base64,")
    assert media == "data:image/jpeg"
    assert base64.b64decode(data) == picture


def test_without_a_picture_a_message_is_its_words():
    assert user_message("Hello") == {"role": "user", "content": "Hello"}
    assert words_of(user_message("Hello", jpeg(9, 9))) == "Hello"


def test_a_picture_counts_for_its_pixels():
    shown = user_message("one two", jpeg(280, 140))
    assert count_picture_tokens(shown) == 280 * 140 // 784
    assert count_prompt([shown], estimate_from_characters) == 50 + 4


def test_what_is_no_picture_counts_for_nothing():
    assert count_picture_tokens(user_message("a", b"no picture")) == 0
    linked = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    assert count_picture_tokens({"role": "user", "content": [linked]}) == 0


def asked(tmp_path, script, *messages):
    requests = [ChatRequest([message], "answer_items") for message in messages]
    with LoopbackServer(script) as server:
        endpoint = Endpoint(base_url=server.url)
        store = ReplyStore(tmp_path / "replies.sqlite")
        account = Account("m", ledger=Ledger())  # no earlier test's answer counts
        model = OpenAIChatModel("m", endpoints=[endpoint], store=store, account=account)
        return model.complete(requests), server.bodies


def test_a_picture_reaches_the_endpoint_as_it_is(tmp_path):
    shown = user_message("How?", jpeg(30, 30))
    _, [body] = asked(tmp_path, lambda ask: Behaviour(text="awe"), shown)
    assert body["messages"] == [shown]


def test_a_model_that_refuses_pictures_fails_on_those_alone(tmp_path):
    def refuse(ask: Ask) -> Behaviour:
        is_picture = "image_url" in ask.content
        return Behaviour(status=400) if is_picture else Behaviour(text="awe")

    messages = [user_message(f"{n}?", jpeg(30 + n, 30)) for n in range(30)]
    outcomes, _ = asked(tmp_path, refuse, *messages, user_message("How?"))
    assert all(isinstance(outcome, Failure) for outcome in outcomes[:-1])
    assert isinstance(outcomes[-1], Reply)


def test_a_model_that_refuses_every_picture_stops_nothing(tmp_path):
    messages = [user_message(f"{n}?", jpeg(30 + n, 30)) for n in range(90)]
    outcomes, _ = asked(tmp_path, lambda ask: Behaviour(status=400), *messages)
    assert {outcome.reason for outcome in outcomes} == {"bad_request"}


def test_nor_does_one_that_fails_once_at_words_before_it_answers_any(tmp_path):
    def answer(ask: Ask) -> Behaviour:
        if "image_url" in ask.content:
            return Behaviour(status=400)
        is_cut = "Long" in ask.content
        return Behaviour(text="awe", finish_reason="length" if is_cut else "stop")

    pictures = [user_message(f"{n}?", jpeg(30 + n, 30)) for n in range(300)]
    long, short = user_message("Long?"), user_message("How?")
    outcomes, _ = asked(tmp_path, answer, long, *pictures, short)
    assert isinstance(outcomes[-1], Reply)
