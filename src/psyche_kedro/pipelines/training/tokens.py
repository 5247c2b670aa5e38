"""What a model reads of a training example: token by token, never cut.

TRL 1.16 cuts without a word: ``SFTTrainer`` takes the first ``max_length`` tokens of a
longer conversation, which loses the end of the answer and of the turn. ``GRPOTrainer``
has no limit of prompts at all. So both sets are sieved before training, with the very
functions the trainers encode with.

Which tokens carry loss, a chat template says: what stands in its ``{% generation %}``.
Models come without such marks. They are added to the templates known here; TRL knows
more, and marks the line break after ``assistant`` too, which no model has to say.
"""

import itertools
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer
from transformers.utils.chat_template_utils import render_jinja_template
from trl.chat_template_utils import get_training_chat_template

from psyche_kedro.errors import TrainingFailedError
from psyche_kedro.llm.chat_tokens import hide_controls, prompt_ids, tokens_of

_IGNORED = -100
"""Label of a token without loss."""
_MARK = re.compile(r"{%-?\s*generation\s*-?%}")
_CHATML = re.compile(
    r"{{-?\s*(['\"])<\|im_start\|>\1 \+ message\[['\"]role['\"]\] \+ (['\"])(\\n|\n)\2"
    r" \+ message\[['\"]content['\"]\] \+ (['\"])<\|im_end\|>\4 \+ (['\"])\3\5\s*}}"
)
_MARKED_CHATML = (
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}"
    "{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\\n' }}"
)
_PROBE = [
    {"role": "system", "content": "system"},
    {"role": "user", "content": "question"},
    {"role": "assistant", "content": "answer"},
    {"role": "user", "content": "another"},
    {"role": "assistant", "content": "its answer"},
]

Messages = Sequence[dict[str, str]]


def read_tokenizer(model: Path) -> Any:
    """Return the tokenizer in a model's folder; it pads before the text."""
    return AutoTokenizer.from_pretrained(
        model, padding_side="left", trust_remote_code=False
    )


def training_template(tokenizer: Any, own: str | None = None) -> str:
    """Return a chat template whose generation span is what carries loss.

    Args:
        tokenizer: The model's.
        own: The user's template; without it the model's own, with its marks.

    Raises:
        TrainingFailedError: If there are no marks, or if it renders a conversation
            otherwise than the model's own, which is what answers are asked with.
    """
    template = own or _marked(tokenizer)
    if template is None or not _MARK.search(template):
        raise TrainingFailedError(
            f"The chat template of {tokenizer.name_or_path} does not say which tokens "
            "carry loss: copy it to a .jinja file, put {% generation %} and "
            "{% endgeneration %} around what the assistant says and the end of its "
            "turn, and name the file in training.sft.chat_template"
        )
    rendered, _ = _render(_PROBE, tokenizer, template)
    theirs = tokenizer.apply_chat_template(_PROBE, tokenize=False)
    if rendered != theirs:
        raise TrainingFailedError(
            f"The template with the marks renders {rendered!r}, and the model's own "
            f"{theirs!r}: make training.sft.chat_template render the same"
        )
    return template


def _marked(tokenizer: Any) -> str | None:
    template = str(tokenizer.chat_template or "")
    if _MARK.search(template):
        return template
    qwen = files("trl") / "chat_templates" / "qwen2_5.jinja"
    if template == qwen.read_text("utf-8"):
        ours = files("psyche_kedro.pipelines.training") / "templates" / "qwen2_5.jinja"
        return ours.read_text("utf-8")
    if _CHATML.search(template):
        return _CHATML.sub(lambda _: _MARKED_CHATML, template)
    try:
        known: str | None = get_training_chat_template(tokenizer)
    except ValueError:
        return None
    return known


def _render(
    messages: Messages, tokenizer: Any, template: str
) -> tuple[str, list[tuple[int, int]]]:
    """Return a conversation as text, and the spans of it that carry loss."""
    rendered, spans = render_jinja_template(
        [list(messages)],
        chat_template=template,
        return_assistant_tokens_mask=True,
        **tokenizer.special_tokens_map,
    )
    return rendered[0], spans[0]


def encode(messages: Messages, tokenizer: Any, template: str) -> dict[str, list[int]]:
    """Return ``input_ids`` and ``labels`` of a conversation, both ``[n_tokens]``.

    Labels are the token where an assistant says it, ``_IGNORED`` elsewhere.

    Args:
        messages: The conversation.
        tokenizer: The model's.
        template: ``training_template``.
    """
    hidden = hide_controls(messages, tokenizer)
    rendered, spans = _render(hidden, tokenizer, template)
    tokens = tokens_of(rendered, tokenizer)
    return {
        "input_ids": [token.id for token in tokens],
        "labels": [
            token.id
            if any(start <= token.start < end for start, end in spans)
            else _IGNORED
            for token in tokens
        ],
    }


def described(messages: Messages, tokenizer: Any, template: str) -> dict[str, Any]:
    """Return what ``encode`` makes of a conversation, and what of it carries loss.

    Returns:
        ``input_ids``, ``labels``, ``n_tokens``, ``n_taught``, and ``taught``: the text
        of every stretch that carries loss.
    """
    encoded = encode(messages, tokenizer, template)
    labels = encoded["labels"]
    stretches = itertools.groupby(labels, lambda label: label != _IGNORED)
    return encoded | {
        "n_tokens": len(labels),
        "n_taught": sum(label != _IGNORED for label in labels),
        "taught": [tokenizer.decode([*ids]) for carries, ids in stretches if carries],
    }


def prompt_length(prompt: Messages, tokenizer: Any) -> int:
    """Return how many tokens the policy reads before it writes."""
    return len(prompt_ids(prompt, tokenizer))
