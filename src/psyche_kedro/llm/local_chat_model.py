"""A ``ChatModel`` that generates with transformers, in this process.

For the models that training makes: small ones on a CPU, a 7B one on a GPU. For anything
larger serve the checkpoint (``vllm serve data/06_models/grpo_model``) and point its
role at the endpoint, with the folder as its ``checkpoint``.

Prompts of like length share a batch, as many as fit in a budget of padded tokens:
``n_prompts * (longest prompt + new tokens)``. Padding is masked and holds no position,
so a reply is the same in any company, up to the rounding of its logits.

Memory, beside the weights. A padded token keeps ``2 * layers * key-value heads * head
size`` numbers, and while prompts are read their activations (``3 * intermediate size``
numbers a token) and a mask (its row's length in bytes):

====================  ==============  ======  ==================  ================
model                 bytes a token   budget  keys and values     while reading
====================  ==============  ======  ==================  ================
toy of ``conf/base``             384  16,384  6 MB                0.3 GB
7B (Qwen2.5), bf16            57,344  65,536  3.8 GB              8 GB
====================  ==============  ======  ==================  ================

The toy's process takes 0.9 GB in all (measured: whole exams, prompts up to 3,936
tokens; torch alone is 0.5). The 7B's 15 GB of weights and its budget come to 27 GB
(computed): a card of 40 GB; on one of 24 GB a budget of 16,384 leaves room. Weights are
in memory while a batch of requests is answered, and one model's at a time.
"""

import itertools
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils.logging import disable_progress_bar

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

disable_progress_bar()  # the run shows how far it is itself

_DEFAULT_BATCH_TOKENS: Final = 16_384

_WINDOW: Final = 1024
"""Calls that are sorted at once: their prompts are in memory together."""
_IN_TURN: Final = threading.RLock()


class LocalChatModel(InProcessChatModel):
    """Answers batches by transformers; see ``InProcessChatModel``.

    Args:
        path: The checkpoint's folder.
        name: Identity.
        store: Where replies are kept.
        sampling: Of every request. What the checkpoint's own ``generation_config.json``
            says of sampling and penalties is not taken over; its stop tokens are.
        batch_tokens: Padded tokens generated at once, prompts and replies; what they
            take in memory stands above.
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
        batch_tokens: int = _DEFAULT_BATCH_TOKENS,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        transport = _GenerationTransport(path, batch_tokens, device, threads)
        super().__init__(
            name, store=store, sampling=dict(sampling or {}), transport=transport
        )


class _GenerationTransport:
    def __init__(
        self, path: Path, batch_tokens: int, device: str, threads: int | None
    ) -> None:
        self._path = path
        self._batch_tokens = batch_tokens
        self._device = device
        self._threads = threads

    def send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        # Models share the machine, and torch has one seed for all.
        with _IN_TURN:
            self._send(calls, deliver)

    def _send(self, calls: Iterator[Call], deliver: Deliver) -> None:
        loaded = None
        while window := list(itertools.islice(calls, _WINDOW)):
            loaded = loaded or self._load()
            prompts = [_read(call, loaded) for call in window]
            for prompt in prompts:
                if not prompt.fits(loaded.positions):
                    n, new = len(prompt.tokens), prompt.new
                    deliver(prompt.call, too_long(n, new, loaded.positions))
            fitting = [p for p in prompts if p.fits(loaded.positions)]
            for batch in _batches(fitting, self._batch_tokens):
                for prompt, answer in zip(batch, _answers(batch, loaded), strict=True):
                    deliver(prompt.call, answer)

    def _load(self) -> "_Loaded":
        if self._threads:
            torch.set_num_threads(self._threads)
        return _load(self._path, _device(self._device))


class _Loaded(NamedTuple):
    """A model in memory; ``ends`` are the tokens that end a reply."""

    model: Any
    tokenizer: Any
    ends: frozenset[int]
    positions: float


class _Prompt(NamedTuple):
    """A call as the model reads it: ``tokens`` is ``[n_tokens]``."""

    call: Call
    tokens: torch.Tensor

    @property
    def new(self) -> int:
        return new_tokens(self.call.sampling)

    @property
    def length(self) -> int:
        return len(self.tokens) + self.new

    def fits(self, positions: float) -> bool:
        return self.length <= positions


def _load(path: Path, device: str) -> _Loaded:
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    model = AutoModelForCausalLM.from_pretrained(
        path, dtype="auto", trust_remote_code=False
    )
    model = model.to(device).eval()
    ends = _ends(model.generation_config.eos_token_id, tokenizer.eos_token_id)
    # generate() takes what a call leaves open from the model's own file: of Qwen's, a
    # repetition penalty of 1.05 would be laid over greedy decoding, silently.
    model.generation_config = GenerationConfig(
        eos_token_id=sorted(ends) or None, pad_token_id=tokenizer.pad_token_id or 0
    )
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", inf)
    return _Loaded(model, tokenizer, ends, positions)


def _ends(*named: int | list[int] | None) -> frozenset[int]:
    """Return the ids in ``named``: Qwen's file lists two, its tokenizer has one."""
    lists = ([ids] if isinstance(ids, int) else ids or [] for ids in named)
    return frozenset(itertools.chain.from_iterable(lists))


def _read(call: Call, loaded: _Loaded) -> _Prompt:
    ids = prompt_ids(call.request.messages, loaded.tokenizer)
    return _Prompt(call, torch.tensor(ids, dtype=torch.long))


def _batches(prompts: Iterable[_Prompt], budget: int) -> Iterator[list[_Prompt]]:
    """Yield prompts of one sampling, longest first, within a budget of padded tokens.

    A sampled call goes alone, so that its reply depends on its own seed and not on its
    neighbours; a prompt longer than the budget goes alone, too.
    """
    for (_, sampled), group in itertools.groupby(sorted(prompts, key=_order), _kind):
        left = list(group)
        while left:
            n = 1 if sampled else max(1, budget // left[0].length)
            yield left[:n]
            del left[:n]


def _order(prompt: _Prompt) -> tuple[str, bool, int]:
    # The longest first: what will not fit in memory fails at once, not after hours.
    return *_kind(prompt), -len(prompt.tokens)


def _kind(prompt: _Prompt) -> tuple[str, bool]:
    sampling = prompt.call.sampling
    return json.dumps(dict(sampling), sort_keys=True), bool(sampling.get("temperature"))


def _answers(batch: Sequence[_Prompt], loaded: _Loaded) -> list[Answer | Fault]:
    begun = time.monotonic()
    padded = _pad([p.tokens for p in batch], loaded.model.device)
    first = batch[0].call
    torch.manual_seed(first.sampling.get("seed", 0) + first.request.seed)
    with torch.inference_mode():
        outputs = loaded.model.generate(**padded, **_generation(first.sampling))
    made = outputs[:, padded["input_ids"].shape[1] :]
    each = (time.monotonic() - begun) / len(batch)
    return [
        _answer(prompt, tokens.tolist(), loaded).timed(each)
        for prompt, tokens in zip(batch, made, strict=True)
    ]


def _pad(prompts: Sequence[torch.Tensor], device: Any) -> dict[str, torch.Tensor]:
    # On the left: with right padding the model would continue after the padding.
    ids = pad_sequence(list(prompts), batch_first=True, padding_side="left")
    given = [torch.ones_like(prompt) for prompt in prompts]
    mask = pad_sequence(given, batch_first=True, padding_side="left")
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def _generation(sampling: Mapping[str, Any]) -> dict[str, Any]:
    check_sampling(sampling)
    common = {
        "max_new_tokens": new_tokens(sampling),
        "repetition_penalty": float(sampling.get("repetition_penalty", 1.0)),
    }
    if not sampling.get("temperature"):
        return common | {"do_sample": False}
    return common | {
        "do_sample": True,
        "temperature": float(sampling["temperature"]),
        "top_p": float(sampling.get("top_p", 1.0)),
        "top_k": 0,
    }


def _answer(prompt: _Prompt, tokens: list[int], loaded: _Loaded) -> Answer | Fault:
    made = list(itertools.takewhile(lambda token: token not in loaded.ends, tokens))
    finish = "length" if len(made) == len(tokens) else "stop"
    return read_generated(
        prompt.call,
        loaded.tokenizer.decode(made),
        given=len(prompt.tokens),
        made=len(made),
        finish=finish,
    )


def _device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"
