"""What a model reads of a training example: token by token, never cut.

TRL 1.16 cuts without a word: ``SFTTrainer`` takes the first ``max_length`` tokens of a
longer conversation, which loses the end of the answer and of the turn. ``GRPOTrainer``
has no limit of prompts at all. So both sets are sieved before training, with the very
functions the trainers encode with.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer
from trl.chat_template_utils import get_training_chat_template

_IGNORED = -100
"""Label of a token without loss."""

Messages = Sequence[dict[str, str]]


def read_tokenizer(model: Path) -> Any:
    """Return the tokenizer in a model's folder; it pads before the text."""
    return AutoTokenizer.from_pretrained(
        model, padding_side="left", trust_remote_code=False
    )


def encode(messages: Messages, tokenizer: Any) -> dict[str, list[int]]:
    """Return ``input_ids`` and ``labels`` of a conversation, both ``[n_tokens]``.

    Labels are the token where an assistant says it, ``_IGNORED`` elsewhere.
    """
    # The model's own template does not mark the assistant's tokens; TRL's twin does.
    template = get_training_chat_template(tokenizer) or tokenizer.chat_template
    encoded = tokenizer.apply_chat_template(
        list(messages),
        chat_template=template,
        tokenize=True,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    said = zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
    return {
        "input_ids": encoded["input_ids"],
        "labels": [token if mask else _IGNORED for token, mask in said],
    }


def conversation_length(messages: Messages, tokenizer: Any) -> int:
    """Return how many tokens SFT trains on, all turns and their marks included."""
    return len(encode(messages, tokenizer)["input_ids"])


def prompt_length(prompt: Messages, tokenizer: Any) -> int:
    """Return how many tokens the policy reads before it writes."""
    encoded = tokenizer.apply_chat_template(
        list(prompt), tokenize=True, return_dict=True, add_generation_prompt=True
    )
    return len(encoded["input_ids"])
