"""vLLM in this process; the library is played, for it needs a GPU."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import pytest
from kedro.io import DatasetError

from psyche_kedro.datasets import ChatModelsDataset, VllmChatModelDataset
from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.chat_model import ChatRequest, Failure, Reply


class Tokenizer:
    """One token for each character."""

    chat_template = "x"

    def apply_chat_template(self, messages, **_):
        return [ord(c) for m in messages for c in m["content"]]


class FakeLLM:
    made: ClassVar[list] = []

    def __init__(self, **settings):
        self.settings = settings
        self.model_config = SimpleNamespace(max_model_len=2000)
        FakeLLM.made.append(self)
        self.asked = []

    def get_tokenizer(self):
        return Tokenizer()

    def generate(self, prompts, parameters, use_tqdm):
        self.asked += list(zip(prompts, parameters, strict=True))
        return [
            SimpleNamespace(
                outputs=[
                    SimpleNamespace(
                        text=f"答案：{chr(p['prompt_token_ids'][-1])}",
                        finish_reason="stop",
                        token_ids=[1, 2],
                    )
                ]
            )
            for p in prompts
        ]


@pytest.fixture
def vllm(monkeypatch):
    module = ModuleType("vllm")
    module.__spec__ = ModuleSpec("vllm", None)
    module.LLM, module.SamplingParams = FakeLLM, dict
    FakeLLM.made = []
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.delitem(sys.modules, "psyche_kedro.llm.vllm_chat_model", raising=False)
    monkeypatch.setattr(
        "psyche_kedro.llm.chat_tokens.prompt_ids",
        lambda messages, tokenizer: tokenizer.apply_chat_template(messages),
    )
    return module


def entry(tmp_path, **changes):
    fields = {"model": "Qwen/Qwen2.5-7B-Instruct", "revision": "a09a35458c702b33"}
    return fields | {"store": str(tmp_path / "replies.sqlite")} | changes


def asked(*texts, **sampling):
    return [
        ChatRequest([{"role": "user", "content": t}], task="t", sampling=sampling)
        for t in texts
    ]


def test_prompts_are_one_batch_and_the_weights_are_read_once(vllm, tmp_path):
    engine = {"tensor_parallel_size": 2}
    model = VllmChatModelDataset(**entry(tmp_path, engine=engine)).load()
    replies = model.complete(asked("选A", "选B", top_p=0.95))
    assert [reply.text for reply in replies] == ["答案：A", "答案：B"]
    (llm,) = FakeLLM.made
    assert llm.settings["tensor_parallel_size"] == 2
    assert llm.asked[0][1] == {
        "temperature": 0.0,
        "max_tokens": 1024,
        "top_p": 0.95,
        "seed": 0,
    }


def test_what_was_answered_is_not_asked_again_and_another_revision_is(vllm, tmp_path):
    first = VllmChatModelDataset(**entry(tmp_path)).load()
    first.complete(asked("选A"))
    again = VllmChatModelDataset(**entry(tmp_path)).load()
    assert isinstance(again.complete(asked("选A"))[0], Reply)
    assert len(FakeLLM.made) == 1
    other = VllmChatModelDataset(**entry(tmp_path, revision="b")).load()
    other.complete(asked("选A"))
    assert len(FakeLLM.made) == 2


def test_a_prompt_that_does_not_fit_is_a_failure_and_the_others_go_on(vllm, tmp_path):
    model = VllmChatModelDataset(**entry(tmp_path)).load()
    long, short = model.complete(asked("长" * 1500, "选A"))
    assert isinstance(long, Failure)
    assert long.reason == "context_length"
    assert short.text == "答案：A"


def test_a_field_that_vllm_is_not_given_is_refused(vllm, tmp_path):
    model = VllmChatModelDataset(**entry(tmp_path)).load()
    with pytest.raises(ChatModelError, match="not logit_bias"):
        model.complete(asked("选A", logit_bias={}))


def test_without_vllm_a_run_stops_before_its_first_node_with_the_mend(tmp_path):
    fields = {"type": "psyche_kedro.datasets.VllmChatModelDataset", **entry(tmp_path)}
    with pytest.raises(DatasetError, match=r"pip install 'psyche-kedro\[vllm\]'"):
        VllmChatModelDataset(**entry(tmp_path)).check()
    models = ChatModelsDataset(models={"qwen": fields})
    with pytest.raises(ChatModelError, match="not installed"):
        models.check()
