"""Where a model is served and how hard it may be pushed; never part of a key."""

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
)


class Endpoint(BaseModel):
    """One base URL of a model.

    Attributes:
        base_url: Up to and including ``/v1``.
        api_key: ``None`` for a server that asks for none.
        weight: Share of the calls beside the model's other endpoints.
        concurrency: Most requests in flight, for each node that asks at a time;
            ``None`` finds out, from 32 upwards.
        requests_per_minute: Where the provider states a limit.
        tokens_per_minute: Where the provider states a limit, input and output together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    api_key: SecretStr | None = Field(default=None, repr=False)
    weight: float = Field(default=1.0, gt=0)
    concurrency: int | None = Field(default=None, gt=0)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
