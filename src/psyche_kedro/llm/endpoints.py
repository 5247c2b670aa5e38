"""Where a model is served and how hard it may be pushed; never part of a key."""

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
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


class Patience(BaseModel):
    """How long one request, and how long a silent endpoint, is waited for.

    Attributes:
        attempts: Most attempts at one request; waiting out a rate limit is none.
        backoff_seconds: Before the second attempt; twice as long before each further
            one, up to a minute.
        timeout_seconds: For one attempt.
        deadline_seconds: For one request, all its attempts and waits together.
        idle_seconds: Longest time without one reply before the run is stopped.
        startup_seconds: The same before the first reply, so that a wrong URL shows.
        poll_seconds: Between two questions about a batch, in batch mode.
        grace_seconds: For what is in flight when the run is stopped.
        hedge_after_seconds: In flight for longer, a request is sent once more and the
            first reply is taken; ``None`` never pays twice.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    attempts: int = Field(default=6, gt=0)
    backoff_seconds: float = Field(default=0.25, gt=0)
    timeout_seconds: float = Field(default=600.0, gt=0)
    deadline_seconds: float = Field(default=7200.0, gt=0)
    idle_seconds: float = Field(default=1200.0, gt=0)
    startup_seconds: float = Field(default=60.0, gt=0)
    poll_seconds: float = Field(default=30.0, gt=0)
    grace_seconds: float = Field(default=60.0, ge=0)
    hedge_after_seconds: float | None = Field(default=None, gt=0)

    @field_validator("hedge_after_seconds")
    @classmethod
    def _comes_before_the_timeout(
        cls, after: float | None, info: ValidationInfo
    ) -> float | None:
        timeout = info.data.get("timeout_seconds")
        if after is not None and timeout is not None and after >= timeout:
            raise ValueError(f"{after:g} is not below timeout_seconds, {timeout:g}")
        return after
