"""What a model reads of a training example: token by token, never cut.

TRL 1.16 cuts without a word: ``SFTTrainer`` takes the first ``max_length`` tokens of a
longer conversation, which loses the end of the answer and of the turn. ``GRPOTrainer``
has no limit of prompts at all. So both sets are sieved before training, with the very
functions the trainers encode with.

Which tokens carry loss, a chat template says: what stands in its ``{% generation %}``.
Models come without such marks. They are added to the templates known here; TRL knows
more, and marks the line break after ``assistant`` too, which no model has to say.
"""

import contextlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
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
_ANSWER = "its answer"
_SAID = f"<think>a thought</think>{_ANSWER}"
_PROBE = [
    {"role": "system", "content": "system"},
    {"role": "user", "content": "question"},
    {"role": "assistant", "content": "answer"},
    {"role": "user", "content": "another"},
    {"role": "assistant", "content": _SAID},
]

Messages = Sequence[dict[str, str]]


def read_tokenizer(model: Path) -> Any:
    """Return the tokenizer in a model's folder; it pads before the text.

    Raises:
        TrainingFailedError: If there is none.
    """
    try:
        return AutoTokenizer.from_pretrained(
            model, padding_side="left", trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise TrainingFailedError(
            f"{model} holds no tokenizer that transformers reads: download its "
            "tokenizer.json and tokenizer_config.json, too"
        ) from error


def training_template(tokenizer: Any, own: str | None = None) -> str:
    """Return a chat template whose generation span is what carries loss.

    Args:
        tokenizer: The model's.
        own: The user's template; without it the model's own, with its marks.

    Raises:
        TrainingFailedError: If there are no marks, if it renders a conversation
            otherwise than the model's own, which is what answers are asked with, or
            if a model cannot learn from it to think, to answer and to end.
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
    if fault := _unlearnable(template, tokenizer):
        raise TrainingFailedError(
            f"The chat template or the tokenizer of {tokenizer.name_or_path} {fault}: "
            "mend it in the model's folder"
        )
    return template


def _unlearnable(template: str, tokenizer: Any) -> str | None:
    """Return what a conversation loses on its way to tokens, or ``None``."""
    if "strftime_now" in template:
        return "writes the day's date into every prompt, so that no run can be repeated"
    rendered, spans = _render(_PROBE, tokenizer, template)
    if not any(start < end for start, end in spans):
        return "marks nothing of what the assistant says ({% generation %})"
    tokens = tokens_of(rendered, tokenizer)
    read = tokenizer.decode([token.id for token in tokens])
    if "".join(_SAID.split()) not in "".join(read.split()):
        return f"makes of {_SAID!r} in a reply {read!r}"
    end, ends = len(rendered) - len(rendered.rpartition(_ANSWER)[2]), _ends(tokenizer)
    if not any(token.id in ends for token in tokens if token.start >= end):
        return "ends no turn with a token that ends generation (eos_token)"
    return None


def _ends(tokenizer: Any) -> set[int | None]:
    """Return the tokens at which TRL and vLLM end a completion."""
    own = Path(tokenizer.name_or_path, "generation_config.json")
    said = json.loads(own.read_bytes()).get("eos_token_id") if own.exists() else None
    return {tokenizer.eos_token_id, *(said if isinstance(said, list) else [said])}


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
    with _told(messages, tokenizer):
        rendered, spans = render_jinja_template(
            [list(messages)],
            chat_template=template,
            return_assistant_tokens_mask=True,
            **tokenizer.special_tokens_map,
        )
    return rendered[0], spans[0]


@contextlib.contextmanager
def _told(messages: Messages, tokenizer: Any) -> Iterator[None]:
    """Say which conversation a template does not write.

    Raises:
        TrainingFailedError: With the template's reason and the roles of the turns.
    """
    try:
        yield
    except TemplateError as error:
        roles = ", ".join(message["role"] for message in messages)
        raise TrainingFailedError(
            f"The chat template of {tokenizer.name_or_path} does not write a "
            f"conversation of the turns {roles} ({error}): change the template in the "
            "model's folder, or training.sft.chat_template"
        ) from error


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
    with _told(prompt, tokenizer):
        return len(prompt_ids(prompt, tokenizer))
