"""What pins a model's weights, as its name says it: ``grpo_model@11af7a58de6b``."""

NOT_PINNED = "unpinned-"
"""How what stands after the @ begins where nothing pins the weights."""


def weights_in(name: str) -> str | None:
    """Return the digest or revision in a model's name; ``None`` where nothing pins it.

    >>> weights_in("grpo_model@11af7a58de6b")
    '11af7a58de6b'
    >>> weights_in("gpt-4o") is weights_in("qwen@unpinned-3f2a") is None
    True
    """
    _, _, pinned = name.partition("@")
    return None if not pinned or pinned.startswith(NOT_PINNED) else pinned
