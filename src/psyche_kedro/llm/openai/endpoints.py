"""Where a model is served and how hard it may be pushed; never part of a key."""

from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
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
        max_reply_bytes: Of one reply; what is longer is cut off and no answer.
        schema_mode: How it is asked to follow a JSON schema; ``None`` finds out,
            ``none`` is for a model whose thoughts are written before its answer and
            not parsed by its server, which a schema would suppress.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    api_key: SecretStr | None = Field(default=None, repr=False)
    weight: float = Field(default=1.0, gt=0)
    concurrency: int | None = Field(default=None, gt=0)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    max_reply_bytes: int = Field(default=16 * 2**20, gt=0)
    schema_mode: Literal["json_schema", "guided_json", "json_object", "none"] | None = (
        None
    )

    @field_validator("base_url")
    @classmethod
    def _is_no_secret(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.query or "@" in parts.netloc:
            raise ValueError(
                "a URL is printed and logged: it ends where /chat/completions follows,"
                " and a user, a password or a key is no part of it (see credentials)"
            )
        return url


class Contact(NamedTuple):
    """A model that a run will ask, and where.

    Attributes:
        model: Its id at the endpoints.
        endpoints: That serve it.
        store: File that keeps its replies.
        waits: Seconds for which a server may not listen yet.
        completes: Whether a completion may be asked for; a Batch API may have none.
    """

    model: str
    endpoints: tuple[Endpoint, ...]
    store: Path
    waits: float
    completes: bool


Faults = dict[tuple[Endpoint, str], str]
"""By endpoint and model: why it will not answer."""

_SHORTEST_SECRET = 8
"""Characters; servers that ask for no key are given words such as ``none``."""


def secrets_of(endpoint: Endpoint) -> tuple[bytes, ...]:
    """Return what a reply must not keep: the key, in the forms that an echo has."""
    key = endpoint.api_key.get_secret_value() if endpoint.api_key else ""
    if len(key) < _SHORTEST_SECRET:
        return ()
    in_url, in_base64 = quote(key, safe=""), b64encode(key.encode()).decode()
    forms = (key, key.lower(), key.upper(), in_url, in_url.lower(), in_base64)
    return tuple(
        {form.replace("/", slash).encode() for form in forms for slash in ("/", "\\/")}
    )


def without_secrets(content: bytes, secrets: Iterable[bytes]) -> bytes:
    """Return ``content`` with each secret blotted out: some endpoints echo the key."""
    for secret in secrets:
        content = content.replace(secret, b"***")
    return content


def masked(said: str, secrets: Iterable[bytes]) -> str:
    """Return a text with each secret blotted out."""
    return without_secrets(said.encode(errors="replace"), secrets).decode()


def is_this_machine(url: str) -> bool:
    """Return whether what is sent to ``url`` stays on this machine."""
    host = ""
    with suppress(ValueError):  # no URL, or no address but a name
        host = urlsplit(url).hostname or ""
        return ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
