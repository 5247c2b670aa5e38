"""A ``ChatModel`` that generates in this process with vLLM, where that is installed.

For a GPU and a model that nobody serves: the prompts of a run are one batch, which vLLM
orders and packs itself. Where several runs or roles ask one model, serve it instead.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from vllm import LLM, SamplingParams

from psyche_kedro.llm.chat_tokens import prompt_ids
from psyche_kedro.llm.engine import Answer, Call, Deliver, Fault
from psyche_kedro.llm.in_process import (
    InProcessChatModel,
    check_sampling,
    new_tokens,
    read_generated,
    too_long,
)
from psyche_kedro.llm.store.reply_store import ReplyStore

_WINDOW: Final = 4096
"""Calls that vLLM is given at once: what a kill loses at most."""


class VllmChatModel(InProcessChatModel):
    """Answers batches by vLLM; see ``InProcessChatModel``.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        name: Identity.
        store: Where replies are kept.
        sampling: Of every request.
        engine: What else ``vllm.LLM`` takes, e.g. ``tensor_parallel_size``.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str,
        store: ReplyStore,
        sampling: Mapping[str, Any],
        engine: Mapping[str, Any],
    ) -> None:
        transport = _VllmTransport(model, engine)
        super().__init__(name, store=store, sampling=sampling, transport=transport)


class _VllmTransport:
    def __init__(self, model: str, engine: Mapping[str, Any]) -> None:
        self._model = model
        self._settings = engine

    def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        llm = None
        while window := list(itertools.islice(calls, _WINDOW)):
            llm = llm or LLM(model=self._model, **self._settings)
            for call, answer in _answers(window, llm):
                deliver(call, answer)


def _answers(calls: list[Call], llm: Any) -> Iterator[tuple[Call, Answer | Fault]]:
    tokenizer, positions = llm.get_tokenizer(), llm.model_config.max_model_len
    fitting: list[tuple[Call, list[int]]] = []
    for call in calls:
        ids = prompt_ids(call.request.messages, tokenizer)
        new = new_tokens(call.sampling)
        if len(ids) + new > positions:
            yield call, too_long(len(ids), new, positions)
        else:
            fitting.append((call, ids))
    outputs = llm.generate(
        [{"prompt_token_ids": ids} for _, ids in fitting],
        [_parameters(call) for call, _ in fitting],
        use_tqdm=False,
    )
    for (call, ids), output in zip(fitting, outputs, strict=True):
        made = output.outputs[0]
        answer = read_generated(
            call,
            made.text,
            given=len(ids),
            made=len(made.token_ids),
            finish=made.finish_reason,
        )
        yield call, answer


def _parameters(call: Call) -> SamplingParams:
    check_sampling(call.sampling)
    own = {"temperature": 0.0, **call.sampling}
    own |= {"seed": own.get("seed", 0) + call.request.seed}
    return SamplingParams(**own | {"max_tokens": new_tokens(own)})
