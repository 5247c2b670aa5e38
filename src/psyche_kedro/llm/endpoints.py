"""Where a model is served and how hard it may be pushed; never part of a key."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Endpoint(BaseModel):
    """One base URL of a model.

    Attributes:
        base_url: Up to and including ``/v1``.
        api_key: ``None`` for a server that asks for none.
        concurrency: Most requests in flight.
        timeout_seconds: For one attempt at one request.
        attempts: Most attempts at one request.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    api_key: SecretStr | None = Field(default=None, repr=False)
    concurrency: int = Field(default=64, gt=0)
    timeout_seconds: float = Field(default=600.0, gt=0)
    attempts: int = Field(default=6, gt=0)
