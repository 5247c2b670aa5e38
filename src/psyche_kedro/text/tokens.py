"""How many tokens a text makes: by a tokenizer, or by its characters."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Final

from psyche_kedro.errors import ConfigurationError

_CHARACTERS_PER_TOKEN: Final = 1.6
"""For an estimate where no usage came: Qwen2.5 makes 1 token of 1.5-1.8 Chinese
characters; English runs to about 4, so an estimate errs on the dear side."""

CountTokens = Callable[[str], int]


def estimate_tokens(characters: int) -> int:
    """Return about how many tokens that many characters make, at 1.6 each."""
    return round(characters / _CHARACTERS_PER_TOKEN)


def estimate_from_characters(text: str) -> int:
    """Return about how many tokens ``text`` makes."""
    return estimate_tokens(len(text))


@functools.cache  # a large vocabulary takes a second to read, each node loads its model
def read_tokenizer(path: Path) -> CountTokens:
    """Return a counter of the tokens that a ``tokenizer.json`` makes of a text.

    Still an estimate of what is billed: the chat template's own tokens are left out.

    Raises:
        ConfigurationError: If ``tokenizers`` is not installed, or this is no file of
            its.
    """
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - only where it is asked for
    except ImportError as error:
        raise ConfigurationError(
            f"Counting tokens with {path} needs the package `tokenizers`: run `pip"
            " install psyche-kedro[train]`, or name no tokenizer."
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ConfigurationError(
            f"The tokenizer {path} must be a tokenizer.json and could not be read"
            f" ({error}): mend the path, or name no tokenizer."
        ) from error
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
