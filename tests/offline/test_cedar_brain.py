"""CEDAR's stand-ins: by the words they are asked in, and with pictures."""

import asyncio

import pytest
from aiohttp import test_utils

from psyche_kedro.llm import ChatRequest, Failure
from psyche_kedro.llm.pictures import user_message
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.offline import NATURES, CedarBrain, OfflineBrain, brain_of, identity
from psyche_kedro.offline.chat_model import OfflineChatModel
from psyche_kedro.offline.server import make_app

ASKED = (
    "What is felt?\n<question>Your dog, lost, comes home. And you?</question>"
    "\nWords: anger, disgust, fear, happiness, sadness, surprise, amusement, awe,"
    " contentment, desire, embarrassment, pain, relief, sympathy\nWrite the one word."
)


def say(
    role: str, text: str = ASKED, picture: bytes | None = None, seed: int = 0
) -> str:
    message = user_message(text, picture)
    return brain_of(role).answer([message], sampling={"temperature": 0}, seed=seed)


def test_a_cue_is_felt_by_every_labeller():
    assert {say(role) for role in ("labeller-a", "labeller-c")} == {"relief"}


def test_a_reply_depends_on_its_request_alone():
    assert say("labeller-a") == say("labeller-a")
    assert CedarBrain("labeller-a").name.startswith("offline-labeller-a-1@")


def test_psyche_r1s_stand_ins_keep_their_name():
    # Addresses of replies are made of it.
    assert identity.digest() == OfflineBrain("teacher").name.partition("@")[2]
    assert "cedar" not in OfflineBrain("teacher").name


def test_a_blind_model_says_nothing_of_a_picture(tmp_path):
    model = OfflineChatModel(
        brain_of("subject-blind"), ReplyStore(tmp_path / "s.sqlite")
    )
    [outcome] = model.complete([ChatRequest([user_message(ASKED, b"jpeg")], "answer")])
    assert isinstance(outcome, Failure) and outcome.reason == "empty_reply"


def test_psyche_r1s_stand_ins_read_the_words_beside_a_picture(tmp_path):
    model = OfflineChatModel(brain_of("teacher"), ReplyStore(tmp_path / "s.sqlite"))
    with_picture = ChatRequest([user_message("我睡不着", b"jpeg")], "answer")
    [outcome] = model.complete([with_picture])
    assert outcome.text


@pytest.mark.parametrize("role", ["teacher", "labeller-a"])
def test_the_server_takes_pictures(role):
    body = {"model": f"offline-{role}", "messages": [user_message(ASKED, b"jpeg")]}

    async def ask():
        async with test_utils.TestClient(test_utils.TestServer(make_app())) as client:
            response = await client.post("/v1/chat/completions", json=body)
            return response.status, await response.json()

    status, said = asyncio.run(ask())
    assert status == 200
    assert said["choices"][0]["message"]["content"]


def test_a_role_is_of_one_system():
    assert not set(NATURES) & {"teacher", "judge"}
    with pytest.raises(ValueError, match="No offline role 'nobody'"):
        brain_of("nobody")
