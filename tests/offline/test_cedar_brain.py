"""CEDAR's stand-ins: by the words they are asked in, and with pictures."""

import asyncio
import io

import pytest
from aiohttp import test_utils
from PIL import Image

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


def drawn(band: str) -> bytes:
    """A picture whose lower edge has a colour."""
    picture, file = Image.new("RGB", (60, 60), "white"), io.BytesIO()
    picture.paste(band, (0, 50, 60, 60))
    picture.save(file, "JPEG")
    return file.getvalue()


def test_a_band_of_colour_stands_for_what_a_picture_shows():
    bread, chair = drawn("#84e622"), drawn("#e622e6")
    plain = ASKED.replace("Your dog, lost, comes home. And you?", "How do you feel?")
    said = [say("labeller-a", plain, shown) for shown in (bread, chair)]
    assert said == ["disgust", "sadness"]
    assert say("labeller-a", plain, drawn("white")) == say("labeller-a", plain, b"x")


def test_one_subject_answers_as_english_speakers_do_and_one_at_random():
    late = ASKED.replace("Your dog, lost, comes home", "Two hours late he sits down")
    words = "hasira kinyaa hofu furaha huzuni mshangao burudani kicho kuridhika hamu"
    swahili = f"<question>anachelewa?</question> {words} aibu maumivu afueni huruma"
    assert say("subject-steady", late) == "anger"
    assert "hasira" in say("subject-steady", swahili)
    assert "kuridhika" in say("labeller-c", swahili)
    said = {say("subject-random", f"{n} {ASKED}").strip("*“”.\n") for n in range(60)}
    assert len(said) > 8


def test_a_reply_depends_on_its_request_alone():
    assert say("labeller-a") == say("labeller-a")
    assert CedarBrain("labeller-a").name.startswith("offline-labeller-a-2@")


def test_psyche_r1s_stand_ins_keep_their_name():
    # Addresses of replies are made of it.
    assert identity.digest() == OfflineBrain("teacher").name.partition("@")[2]
    assert "cedar" not in OfflineBrain("teacher").name


def test_a_blind_model_says_nothing_of_a_picture(tmp_path):
    model = OfflineChatModel(
        brain_of("subject-random"), ReplyStore(tmp_path / "s.sqlite")
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
