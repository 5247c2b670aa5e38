"""A ``ChatModel`` that generates with transformers, in this process.

For the models that training makes: small ones on a CPU, a 7B one on a GPU. For anything
larger serve the checkpoint (``vllm serve data/06_models/grpo_model``) and point its
role at the endpoint.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from psyche_kedro.llm.chat_model import ChatRequest, Outcome
from psyche_kedro.llm.engine import Answer, Call, Deliver, Engine, Fault
from psyche_kedro.llm.openai.completions import read_completion
from psyche_kedro.llm.store.reply_store import ReplyStore

DEFAULT_MAX_TOKENS = 1024
"""Section C.2: "maximum sequence lengths to 1024"."""


class LocalChatModel:
    """Answers batches by generation; greedy unless a temperature is given.

    Args:
        path: The checkpoint's folder.
        name: Identity, the weights' digest included: a retrained model must never be
            given an older one's replies.
        store: Where replies are kept.
        sampling: ``temperature``, ``top_p``, ``max_tokens``.
        batch_size: Conversations generated at once.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: CPU threads; torch's own choice without it. One is fastest for a tiny
            model: two that share busy cores took ten times as long.
    """

    def __init__(  # noqa: PLR0913 - what a model is
        self,
        path: Path,
        *,
        name: str,
        store: ReplyStore,
        sampling: Mapping[str, Any] | None = None,
        batch_size: int = 16,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._engine = Engine(
            name,
            sampling=dict(sampling or {}),
            store=store,
            transport=_GenerationTransport(path, batch_size, device, threads),
        )

    @property
    def name(self) -> str:
        """Identity of the weights."""
        return self._engine.name

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        """Answer every request; see ``ChatModel.complete``."""
        return self._engine.complete(requests)


class _GenerationTransport:
    def __init__(
        self, path: Path, batch_size: int, device: str, threads: int | None
    ) -> None:
        self._path = path
        self._batch_size = batch_size
        self._device = device
        self._threads = threads
        self._loaded: tuple[Any, Any] | None = None

    def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        for batch in _batches(calls, self._batch_size):
            for call, answer in zip(batch, self._answers(batch), strict=True):
                deliver(call, answer)

    def _answers(self, batch: Sequence[Call]) -> list[Answer | Fault]:
        model, tokenizer = self._model()
        prompts = [_render(tokenizer, call) for call in batch]
        inputs = tokenizer(
            prompts, return_tensors="pt", padding=True, add_special_tokens=False
        ).to(model.device)
        torch.manual_seed(batch[0].request.seed)
        with torch.inference_mode():
            outputs = model.generate(**inputs, **_generation(batch[0].sampling))
        made = outputs[:, inputs["input_ids"].shape[1] :]
        given = inputs["attention_mask"].sum(dim=1).tolist()
        return [
            _answer(call, tokens.tolist(), n, tokenizer)
            for call, tokens, n in zip(batch, made, given, strict=True)
        ]

    def _model(self) -> tuple[Any, Any]:
        if self._loaded is None:
            if self._threads:
                torch.set_num_threads(self._threads)
            # Left padding: with right padding the model continues after pad tokens.
            tokenizer = AutoTokenizer.from_pretrained(self._path, padding_side="left")
            model = AutoModelForCausalLM.from_pretrained(self._path, dtype="auto")
            self._loaded = model.to(_device(self._device)).eval(), tokenizer
        return self._loaded


def _batches(calls: Iterator[Call], size: int) -> Iterator[list[Call]]:
    """Yield runs of calls of one sampling; a sampled call goes alone.

    So that its reply depends on its own seed and not on its neighbours.
    """
    for (_, sampled), group in itertools.groupby(calls, key=_kind):
        while batch := list(itertools.islice(group, 1 if sampled else size)):
            yield batch


def _kind(call: Call) -> tuple[str, bool]:
    sampling = json.dumps(dict(call.sampling), sort_keys=True)
    return sampling, bool(call.sampling.get("temperature"))


def _render(tokenizer: Any, call: Call) -> str:
    text: str = tokenizer.apply_chat_template(
        [dict(message) for message in call.request.messages],
        tokenize=False,
        add_generation_prompt=True,
    )
    return text


def _generation(sampling: Mapping[str, Any]) -> dict[str, Any]:
    # A checkpoint's generation_config may sample (Qwen ships temperature 0.7).
    length = {"max_new_tokens": int(sampling.get("max_tokens", DEFAULT_MAX_TOKENS))}
    if not sampling.get("temperature"):
        greedy = {"temperature": None, "top_p": None, "top_k": None}
        return length | greedy | {"do_sample": False}
    return length | {
        "do_sample": True,
        "temperature": float(sampling["temperature"]),
        "top_p": float(sampling.get("top_p", 1.0)),
        "top_k": 0,
    }


def _answer(
    call: Call, tokens: list[int], given: int, tokenizer: Any
) -> Answer | Fault:
    ends = {tokenizer.eos_token_id, tokenizer.pad_token_id}
    made = list(itertools.takewhile(lambda token: token not in ends, tokens))
    finish = "length" if len(made) == len(tokens) else "stop"
    completion = {
        "choices": [
            {
                "message": {"content": tokenizer.decode(made)},
                "finish_reason": finish,
            }
        ],
        "usage": {"prompt_tokens": given, "completion_tokens": len(made)},
    }
    # Read as an endpoint's body is read: one reader for reasoning and faults.
    body = json.dumps(completion).encode()
    return read_completion(body, call.request.messages)


def _device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"
