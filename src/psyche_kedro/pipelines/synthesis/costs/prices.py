"""What tokens cost at the list price, where the user's price list knows the model."""

from collections.abc import Mapping
from typing import Any

from psyche_kedro.llm.prices import Price

_PER = 1_000_000


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
    money = (given * price.input + made * price.output) / _PER
    return {"money": money, "currency": price.currency}
