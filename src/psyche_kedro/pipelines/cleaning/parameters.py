"""Parameters of cleaning; every value stands in conf/base/parameters/cleaning.yml."""

from typing import Annotated, Literal

from pydantic import Field

from psyche_kedro.parameters import Parameters

Score = Annotated[int, Field(ge=1, le=5)]
Action = Literal["keep_as_crisis", "keep_and_tag", "drop_reply", "drop_row"]


class PageParameters(Parameters):
    """What is taken off textbook pages."""

    min_repeats: Annotated[int, Field(ge=2)]
    """Pages that must share a first or last line for it to be a running head."""
    similarity: Annotated[float, Field(ge=0, le=100)]
    """Of two such lines, without digits and spaces; 0 to 100."""
    matter: dict[str, tuple[str, ...]]
    """``{reason: headings}`` of front and back matter that is dropped."""


class PostParameters(Parameters):
    """What is masked in posts and what is dropped."""

    hotlines: tuple[str, ...]
    """Crisis and emergency numbers; never masked."""
    max_chars: Annotated[int, Field(ge=1)]
    """A conversation above it is no post."""
    audit_rows: Annotated[int, Field(ge=0)]
    """Masked conversations, and as many unmasked ones, that a person shall look at."""


class PolicyRule(Parameters):
    """What is done with a category of risky words, by who says them."""

    role: Literal["user", "assistant"]
    category: str
    action: Action
    patterns: tuple[str, ...]
    """Regular expressions; the obvious cases, the judge sees the rest."""


class ReplyParameters(Parameters):
    """Which replies are of use, and what a reply must never do."""

    min_reasonableness: Score
    min_relevance: Score
    min_chars: Annotated[int, Field(ge=0)]
    platitudes: tuple[str, ...]
    """Words of comfort; a short reply of nothing else is dropped without a call."""
    platitude_max_chars: Annotated[int, Field(ge=0)]
    referrals: tuple[str, ...]
    """Words by which a reply sends a person in danger to help."""
    policy: tuple[PolicyRule, ...]
