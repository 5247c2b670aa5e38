"""Parameters of the review, validated before the first node."""

from pydantic import Field

from psyche_kedro.parameters import Parameters


class ReviewParameters(Parameters):
    """``synthesis.review``."""

    sample_size: int | None = Field(default=None, ge=1)
    shared_share: float = Field(ge=0, le=1)
    reviewers: tuple[str, ...] = Field(min_length=1)
