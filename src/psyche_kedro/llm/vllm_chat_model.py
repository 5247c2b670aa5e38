"""A ``ChatModel`` that generates in this process with vLLM, where that is installed.

For a GPU and a model that nobody serves: the prompts of a run are one batch, which vLLM
orders and packs itself. Where several runs or roles ask one model, serve it instead.
"""

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vllm import LLM, SamplingParams

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.accounts import Account
from psyche_kedro.llm.chat_model import ChatRequest, Outcome
from psyche_kedro.llm.chat_tokens import prompt_ids
from psyche_kedro.llm.engine import Answer, Call, Deliver, Engine, Fault
from psyche_kedro.llm.openai.completions import read_completion
from psyche_kedro.llm.store.reply_store import ReplyStore

_DEFAULT_MAX_TOKENS: Final = 1024
"""Section C.2: "maximum sequence lengths to 1024"."""
_WINDOW: Final = 4096
"""Calls that vLLM is given at once: what a kill loses at most."""
_FIELDS: Final = ("temperature", "top_p", "max_tokens", "seed", "repetition_penalty")


class VllmChatModel:
    """Answers batches by vLLM; greedy unless a temperature is given.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        name: Identity, the revision or the weights' digest included.
        store: Where replies are kept.
        sampling: ``temperature``, ``top_p``, ``max_tokens``, ``seed``,
            ``repetition_penalty``.
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
        self._engine = Engine(
            name,
            sampling=sampling,
            store=store,
            transport=_VllmTransport(model, engine),
            account=Account(name, hopeless_after=math.inf),
        )

    @property
    def name(self) -> str:
        """Identity of the weights."""
        return self._engine.name

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        """Answer every request; see ``ChatModel.complete``.

        A prompt that leaves less than ``max_tokens`` of the model's positions is a
        ``Failure`` of reason ``context_length``, as an endpoint's would be.

        Raises:
            ChatModelError: If the sampling has a field that is not known here.
        """
        return self._engine.complete(requests)


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
        new = call.sampling.get("max_tokens", _DEFAULT_MAX_TOKENS)
        if len(ids) + new > positions:
            said = f"{len(ids)} tokens of prompt and {new} of reply are more than"
            yield call, Fault("context_length", f"{said} {positions} positions")
        else:
            fitting.append((call, ids))
    outputs = llm.generate(
        [{"prompt_token_ids": ids} for _, ids in fitting],
        [_parameters(call) for call, _ in fitting],
        use_tqdm=False,
    )
    for (call, ids), output in zip(fitting, outputs, strict=True):
        yield call, _answer(call, ids, output.outputs[0])


def _parameters(call: Call) -> SamplingParams:
    sampling = call.sampling
    if unknown := sorted(sampling.keys() - set(_FIELDS)):
        raise ChatModelError(
            f"A model that vLLM generates with knows {', '.join(_FIELDS)} and not"
            f" {', '.join(unknown)}: take them out of its sampling, or serve it at an"
            " endpoint that does."
        )
    own = {"temperature": 0.0, "max_tokens": _DEFAULT_MAX_TOKENS} | dict(sampling)
    return SamplingParams(**own | {"seed": own.get("seed", 0) + call.request.seed})


def _answer(call: Call, ids: list[int], made: Any) -> Answer | Fault:
    completion = {
        "choices": [
            {"message": {"content": made.text}, "finish_reason": made.finish_reason}
        ],
        "usage": {
            "prompt_tokens": len(ids),
            "completion_tokens": len(made.token_ids),
        },
    }
    # Read as an endpoint's body is read: one reader for reasoning and faults.
    return read_completion(json.dumps(completion).encode(), call.request.messages)
