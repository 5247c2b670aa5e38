"""A conversation as tokens, in which what people wrote is text.

``<|im_start|>`` in a post or a question would be read as the control token of that
name, and could open a turn of its own. So where a message holds the name of a control
token, it is rendered under a stand-in, and spelled out when the rest has become tokens.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_FIRST_STAND_IN = 0xF0000
"""Of Unicode's private use: no one's text has it, no tokenizer a token of it."""


class Token(NamedTuple):
    """A token, and which characters of the rendered conversation it stands for."""

    id: int
    start: int
    end: int


def prompt_ids(messages: Sequence[Mapping[str, str]], tokenizer: Any) -> list[int]:
    """Return ``[n_tokens]`` of what a model reads before it answers.

    Args:
        messages: The conversation so far.
        tokenizer: The model's; its chat template says how turns are marked.
    """
    rendered = tokenizer.apply_chat_template(
        hide_controls(messages, tokenizer), tokenize=False, add_generation_prompt=True
    )
    return [token.id for token in tokens_of(rendered, tokenizer)]


def hide_controls(
    messages: Sequence[Mapping[str, str]], tokenizer: Any
) -> list[dict[str, str]]:
    """Return the messages with a stand-in for the name of each control token."""
    stand_ins = {name: chr(c) for c, name in _names(tokenizer).items()}
    hidden = [dict(message) for message in messages]
    if stand_ins:
        named = re.compile("|".join(map(re.escape, stand_ins)))
        for message in hidden:
            message["content"] = named.sub(
                lambda found: stand_ins[found[0]], message["content"]
            )
    return hidden


def tokens_of(rendered: str, tokenizer: Any) -> list[Token]:
    """Return the tokens of a rendered conversation; stand-ins are spelled out."""
    names = _names(tokenizer)
    if not any(ord(character) in names for character in rendered):
        return list(_encode(rendered, tokenizer))
    # Between control tokens that the template wrote, every name is text.
    controls = "|".join(map(re.escape, names.values()))
    found: list[Token] = []
    at = 0
    for piece in re.split(f"({controls})", rendered):
        if piece in names.values():
            found += _shifted(_encode(piece, tokenizer), range(at, at + len(piece) + 1))
        else:
            found += _spelled(piece, at, names, tokenizer)
        at += len(piece)
    return found


def _names(tokenizer: Any) -> dict[int, str]:
    """Return the names of the control tokens by the stand-in of each."""
    added = tokenizer.added_tokens_decoder.values()
    controls = {token.content for token in added if token.special}
    # The longest first: one name may begin another.
    ordered = sorted(controls, key=lambda name: (-len(name), name))
    return {_FIRST_STAND_IN + i: name for i, name in enumerate(ordered)}


def _spelled(
    piece: str, at: int, names: Mapping[int, str], tokenizer: Any
) -> Iterator[Token]:
    spelled, origin = [], []
    for i, character in enumerate(piece):
        text = names.get(ord(character), character)
        spelled.append(text)
        origin += [at + i] * len(text)
    text = "".join(spelled)
    yield from _shifted(
        _encode(text, tokenizer, split_special_tokens=True), [*origin, at + len(piece)]
    )


def _shifted(tokens: Iterator[Token], origin: Sequence[int]) -> Iterator[Token]:
    for token in tokens:
        yield Token(token.id, origin[token.start], origin[token.end])


def _encode(text: str, tokenizer: Any, **options: Any) -> Iterator[Token]:
    encoded = tokenizer(
        text, add_special_tokens=False, return_offsets_mapping=True, **options
    )
    for id_, span in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
        yield Token(id_, *span)
