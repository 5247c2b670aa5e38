"""A trained checkpoint as a chat model: what evaluation asks."""

import pytest
from toy import GOLD, prompt

from psyche_kedro.datasets import CheckpointDataset, LocalChatModelDataset
from psyche_kedro.llm import ChatRequest, Failure

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:transformers")


@pytest.fixture
def folder(tmp_path, sft):
    CheckpointDataset(filepath=str(tmp_path / "sft_model")).save(sft.checkpoint)
    return tmp_path / "sft_model"


def model(folder, **changes):
    settings = {"store": str(folder.parent / "replies.sqlite"), "device": "cpu"}
    settings["sampling"] = {"max_tokens": 16}
    return LocalChatModelDataset(filepath=str(folder), **settings | changes).load()


def requests():
    return [ChatRequest(prompt(word * n), "test") for word in GOLD for n in (1, 3)]


def test_reasoning_and_answer_are_told_apart(folder):
    (reply, *_) = model(folder).complete(requests())
    assert reply.reasoning == "保密"
    assert set(reply.text) <= set("ABCD")
    assert reply.usage.output_tokens > 0
    assert not reply.usage.estimated


def test_a_reply_does_not_depend_on_what_it_is_batched_with(folder, tmp_path):
    together = model(folder, batch_tokens=100).complete(requests())
    other = str(tmp_path / "other.sqlite")
    alone = model(folder, batch_tokens=1, store=other).complete(requests())
    assert [r.text for r in together] == [r.text for r in alone]


def test_the_name_pins_the_weights(folder, sft, grpo):
    before = model(folder).name
    CheckpointDataset(filepath=str(folder)).save(grpo.checkpoint)
    after = model(folder).name
    assert before == f"sft_model@{sft.checkpoint.digest[:12]}"
    assert before != after


def test_what_was_answered_is_not_generated_again(folder):
    first = model(folder).complete(requests())
    unusable = model(folder, device="no such device")
    assert unusable.complete(requests()) == first


def test_a_reply_cut_by_the_limit_is_a_failure(folder):
    (outcome,) = model(folder, sampling={"max_tokens": 2}).complete(requests()[:1])
    assert isinstance(outcome, Failure)
    assert outcome.reason == "truncated"
