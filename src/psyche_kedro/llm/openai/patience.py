"""How long a request, and a silent endpoint, is waited for; never part of a key."""

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class Patience(BaseModel):
    """How long one request, and how long a silent endpoint, is waited for.

    Attributes:
        attempts: Most attempts at one request; waiting out a rate limit is none.
        backoff_seconds: Before the second attempt; twice as long before each further
            one, up to a minute.
        timeout_seconds: For one attempt.
        deadline_seconds: For one request, all its attempts and waits together.
        idle_seconds: Longest time without one reply before the run is stopped.
        startup_seconds: The same before anything was heard, so that a wrong URL shows.
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
