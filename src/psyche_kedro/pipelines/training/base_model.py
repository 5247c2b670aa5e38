"""A tiny Qwen2 with its own tokenizer, made offline.

For running the whole chain on a machine without weights or network: the architecture,
the chat template and the special tokens are Qwen2.5's, the size is not (the default is
about two hundred thousand parameters), and it knows nothing.
"""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from transformers.utils.logging import disable_progress_bar

from psyche_kedro.pipelines.training.parameters import TinyModelParameters

disable_progress_bar()  # the run shows how far it is itself

# <think> is no special token: TRL strips those before the reward reads the completion.
_SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# The words of Qwen2's own pre-tokenizer.
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_MAX_POSITIONS = 4096


def write_tiny_model(
    folder: Path, texts: Iterable[str], params: TinyModelParameters
) -> None:
    """Write a random model and a tokenizer trained on ``texts`` into ``folder``."""
    tokenizer = _tokenizer(texts, params.vocabulary)
    tokenizer.save_pretrained(str(folder))
    _model(tokenizer, params).save_pretrained(str(folder))


def _tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(_SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",  # noqa: S106
        pad_token="<|endoftext|>",  # noqa: S106
        clean_up_tokenization_spaces=False,
        model_max_length=_MAX_POSITIONS,
    )
    # Byte for byte: TRL knows Qwen2.5 by this very text.
    template = files("trl") / "chat_templates" / "qwen2_5.jinja"
    fast.chat_template = template.read_text(encoding="utf-8")
    return fast


def _model(
    tokenizer: PreTrainedTokenizerFast, params: TinyModelParameters
) -> Qwen2ForCausalLM:
    torch.manual_seed(params.seed)
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": params.hidden,
        "intermediate_size": 2 * params.hidden,
        "num_hidden_layers": params.layers,
        "num_attention_heads": params.heads,
        "num_key_value_heads": max(1, params.heads // 2),
        "max_position_embeddings": _MAX_POSITIONS,
        "tie_word_embeddings": True,
    }
    model = Qwen2ForCausalLM(
        Qwen2Config(
            **shape,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    ends = [tokenizer.eos_token_id, tokenizer.pad_token_id]
    model.generation_config.eos_token_id = ends
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model
