"""vLLM in this process; the library is played, for it needs a GPU."""

import sys
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """Fields as vLLM documents them; of any other the real one is a TypeError, too."""

    n: int = 1
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = 16


class FakeLLM:
    """``vllm.LLM`` by its documented signature."""

    made: ClassVar[list] = []

    def __init__(
        self,
        model,
        *,
        tensor_parallel_size=1,
        revision=None,
        tokenizer_revision=None,
        gpu_memory_utilization=0.9,
    ):
        self.read = (model, revision, tokenizer_revision)
        self.tensor_parallel_size = tensor_parallel_size
        self.model_config = SimpleNamespace(max_model_len=2000)
        FakeLLM.made.append(self)
        self.asked = []

    def get_tokenizer(self):
        return Tokenizer()

    def generate(
        self, prompts, sampling_params=None, *, use_tqdm=True, lora_request=None
    ):
        assert all(isinstance(params, SamplingParams) for params in sampling_params)
        self.asked += list(zip(prompts, sampling_params, strict=True))
        return [RequestOutput(prompt) for prompt in prompts]


class RequestOutput:
    """One prompt's, with one completion; a long prompt's is cut by the limit."""

    def __init__(self, prompt):
        ids = prompt["prompt_token_ids"]
        reason = "length" if len(ids) > 500 else "stop"
        made = f"答案：{chr(ids[-1])}"
        self.outputs = [
            SimpleNamespace(text=made, token_ids=[1, 2], finish_reason=reason)
        ]


@pytest.fixture
def vllm(monkeypatch):
    module = ModuleType("vllm")
    module.__spec__ = ModuleSpec("vllm", None)
    module.LLM, module.SamplingParams = FakeLLM, SamplingParams
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
    assert llm.tensor_parallel_size == 2
    assert llm.asked[0][1] == SamplingParams(
        temperature=0.0, max_tokens=1024, top_p=0.95, seed=0
    )


def test_the_revision_that_replies_are_filed_under_is_the_one_that_is_read(
    vllm, tmp_path
):
    entries = entry(tmp_path), entry(tmp_path, model=str(tmp_path))
    for fields in entries:
        VllmChatModelDataset(**fields).load().complete(asked("选A"))
    of_the_hub, of_a_folder = (llm.read for llm in FakeLLM.made)
    assert of_the_hub[1:] == ("a09a35458c702b33", "a09a35458c702b33")
    assert of_a_folder == (str(tmp_path), None, None)


def test_a_reply_that_the_limit_cut_is_truncated_and_keeps_its_text(vllm, tmp_path):
    (cut,) = VllmChatModelDataset(**entry(tmp_path)).load().complete(asked("长" * 600))
    assert (cut.reason, cut.partial.text) == ("truncated", "答案：长")


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
