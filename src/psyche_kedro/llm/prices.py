"""What a model asks for its tokens, and what a run may spend."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from psyche_kedro.errors import ChatModelError

_PER = 1_000_000


class Price(BaseModel):
    """Price of a model, for a million tokens.

    Attributes:
        input: Of the prompt.
        output: Of the completion, reasoning included.
        batch_discount: Share taken off in batch mode.
        currency: E.g. ``CNY``.
        as_of: When the provider asked this price.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    batch_discount: float = Field(default=0.5, ge=0, le=1)
    currency: str
    as_of: str

    def of(self, given: float, made: float) -> float:
        """Return what so many tokens of prompts and of completions cost."""
        return (given * self.input + made * self.output) / _PER


class Budget(BaseModel):
    """What one run may spend; reached, nothing more is sent.

    Attributes:
        calls: Requests sent.
        tokens: Input and output together.
        money: In the currency of the price list.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: int | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    money: float | None = Field(default=None, gt=0)


def read_prices(path: str | Path) -> dict[str, Price]:
    """Return the prices by model id from a YAML file.

    Raises:
        ChatModelError: If the file is no price list.
    """
    import yaml  # noqa: PLC0415 - only where prices are given

    try:
        listed = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        prices = {model: Price(**price) for model, price in listed.items()}
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ChatModelError(
            f"The price list {path} must map model ids to input, output, currency and"
            f" as_of, and could not be read so ({type(error).__name__}): mend it or"
            " remove `prices` from the catalog entry."
        ) from error
    if len(currencies := {price.currency for price in prices.values()}) > 1:
        raise ChatModelError(
            f"The price list {path} mixes {sorted(currencies)}: give every price in one"
            " currency, for they are added up."
        )
    return prices


def price_of(prices: Mapping[str, Any], model: str | None) -> Price | None:
    """Return the price of a model; ``None`` where the list has none.

    Args:
        prices: Fields of ``Price`` by model id, as ``conf/base/prices.yml`` has them.
        model: Identity of a model; ``@`` and a revision may follow its id.
    """
    listed = prices.get((model or "").partition("@")[0])
    return Price(**listed) if listed else None


def cost(price: Price | None, tokens: Mapping[str, float | None]) -> dict[str, Any]:
    """Return the columns ``money`` and ``currency``, null without a price.

    Args:
        price: For a million tokens.
        tokens: ``input_tokens`` and ``output_tokens``.
    """
    if price is None:
        return {"money": None, "currency": None}
    given, made = tokens["input_tokens"] or 0, tokens["output_tokens"] or 0
    return {"money": price.of(given, made), "currency": price.currency}
