"""Chat models as catalog entries, one per role; loading one asks nothing."""

import functools
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from kedro.io import DatasetError
from pydantic import BaseModel, ValidationError

from psyche_kedro.datasets.checkpoint_dataset import read_checkpoint
from psyche_kedro.datasets.read_only import ReadOnlyDataset
from psyche_kedro.errors import ChatModelError, ConfigurationError
from psyche_kedro.files.project import in_project
from psyche_kedro.llm import ChatModel
from psyche_kedro.llm.accounts import Account
from psyche_kedro.llm.openai.endpoints import Contact, Endpoint, is_this_machine
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.prices import Budget, read_prices
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.parameters import first_fault
from psyche_kedro.text.tokens import (
    CountTokens,
    estimate_from_characters,
    read_tokenizer,
)

Settings = TypeVar("Settings", bound=BaseModel)
Endpoints = Sequence[Mapping[str, Any]] | Mapping[str, Mapping[str, Any]]

_LOG = logging.getLogger(__name__)

Identity = Literal["name", "weights"]
"""What a model is known by."""


class OfflineChatModelDataset(ReadOnlyDataset[ChatModel]):
    """The embedded offline model in one role: no weights, no key, no network.

    ```yaml
    teacher_model:
      type: psyche_kedro.datasets.OfflineChatModelDataset
      role: teacher
      store: ${root:store}
    ```

    Args:
        role: The part it plays, e.g. ``teacher``, ``judge``, ``student-a``.
        store: SQLite file that keeps every reply.
        prompts: The language that it is asked in; Psyche-R1's roles understand ``zh``.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        role: str,
        store: str,
        prompts: str = "zh",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._role = role
        self._prompts = prompts
        self._store = in_project(store)
        self.metadata = metadata

    def load(self) -> ChatModel:
        """Return the model."""
        self.check()
        from psyche_kedro.offline import brain_of  # noqa: PLC0415 - jieba
        from psyche_kedro.offline.chat_model import OfflineChatModel  # noqa: PLC0415

        # It costs nothing, and fails alike in every run.
        account = Account(self._role, hopeless_after=math.inf)
        return OfflineChatModel(brain_of(self._role), ReplyStore(self._store), account)

    def check(self) -> None:
        """Stop a run that asks this model in a language it would answer nonsense to.

        Raises:
            ConfigurationError: If that is any but Chinese; alike for every role, so
                that it is said once.
        """
        if self._prompts != "zh":
            raise ConfigurationError(
                "The embedded offline model reads Chinese prompts, and globals.yml has"
                f" `prompts: {self._prompts}`: run with --env=endpoint, or set zh."
            )

    def facts(self) -> dict[str, str]:
        """Return what a run's record says of it."""
        return {"model": f"offline-{self._role}"}

    def _describe(self) -> dict[str, Any]:
        return {"role": self._role, "store": str(self._store)}


class OpenAIChatModelDataset(ReadOnlyDataset[ChatModel]):
    """A model behind one or several OpenAI-compatible endpoints.

    ```yaml
    judge_model:
      type: psyche_kedro.datasets.OpenAIChatModelDataset
      model: gpt-4o-2024-05-13
      base_url: https://api.openai.com/v1
      credentials: judge
      store: ${root:store}
      sampling: {temperature: 0.0, max_tokens: 1024}
      limits: {requests_per_minute: 5000, tokens_per_minute: 800000}
      prices: ${conf:base/prices.yml}
      budget: {money: 50}

    teacher_model:
      type: psyche_kedro.datasets.OpenAIChatModelDataset
      model: Qwen/Qwen2.5-72B-Instruct
      credentials: teacher
      endpoints:
        one: {base_url: "http://gpu-1:8000/v1", weight: 2}
        two: {base_url: "http://gpu-2:8000/v1", credentials: second}
      store: ${root:store}
    ```

    Leave ``credentials`` out for a server that asks for no key. A checkpoint of this
    project that is served is named by its folder: its digest, and not the name under
    which it is served, tells which model's the replies are.

    ```yaml
    grpo:
      type: psyche_kedro.datasets.OpenAIChatModelDataset
      model: grpo_model
      checkpoint: grpo_model
      checkpoints: ${root:data}/06_models
      base_url: http://127.0.0.1:8000/v1
      store: ${root:store}
    ```

    Args:
        model: Id as the endpoints know it.
        store: SQLite file that keeps every reply.
        base_url: Of the only endpoint, up to and including ``/v1``.
        endpoints: Fields of ``Endpoint`` for each of several, as a list or by names of
            your own; those by name may have ``credentials`` each, which go before the
            model's (Kedro looks for none inside of a list).
        credentials: ``api_key`` and, for the message when it is empty, ``variable``:
            the environment variable that sets it.
        sampling: Fields of the chat-completions request.
        limits: Fields of ``Endpoint`` for the only, or for every, endpoint.
        patience: Fields of ``Patience``.
        mode: ``online``, or ``batch`` for the provider's Batch API: up to a day later,
            at half the price, from the same store.
        revision: Which weights stand behind the id; part of the model's identity.
        checkpoint: Folder of the weights behind the id, whose digest its manifest has;
            in place of a ``revision``.
        checkpoints: Folder in which ``checkpoint`` is sought.
        identity: ``name``, or ``weights`` for a model under test: where neither
            ``revision`` nor ``checkpoint`` is given, where it is served and what the
            server says of itself are part of the model's identity.
        aliases: Other names under which an endpoint may say it answered.
        role: Under which the calls are counted; the model's id if none is given.
        tokenizer: ``tokenizer.json`` that estimates the tokens of a reply where the
            endpoint reports none; 1.6 characters to a token if none is given.
        prices: YAML file of prices by model id.
        budget: Fields of ``Budget``, for this role in one run.
        run_budget: Fields of ``Budget``, for all roles of one run together.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(  # noqa: PLR0913 - the keys of a catalog entry
        self,
        *,
        model: str,
        store: str,
        base_url: str | None = None,
        endpoints: Endpoints | None = None,
        credentials: dict[str, str] | None = None,
        sampling: dict[str, Any] | None = None,
        limits: dict[str, Any] | None = None,
        patience: dict[str, Any] | None = None,
        mode: Literal["online", "batch"] = "online",
        revision: str | None = None,
        checkpoint: str | None = None,
        checkpoints: str = ".",
        identity: Identity = "name",
        aliases: Sequence[str] = (),
        role: str | None = None,
        tokenizer: str | None = None,
        prices: str | None = None,
        budget: dict[str, Any] | None = None,
        run_budget: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._model = model
        self._store = in_project(store)
        self._sampling = sampling or {}
        self._mode = mode
        self._revision = revision
        self._checkpoint = in_project(checkpoints) / checkpoint if checkpoint else None
        self._identity = identity
        self._aliases = aliases
        self._role = role or model
        self._tokenizer = in_project(tokenizer) if tokenizer else None
        self._prices = in_project(prices) if prices else None
        self.metadata = metadata
        served = _served(model, base_url, endpoints)
        self._keys = [each.get("credentials", credentials) for each in served]
        _refuse_texts(model, self._keys)
        self._endpoints = list(self._read_endpoints(served, limits or {}))
        self._patience = self._read(Patience, patience or {})
        self._budget = self._read(Budget, budget) if budget else None
        self._run_budget = self._read(Budget, run_budget) if run_budget else None

    def load(self) -> ChatModel:
        """Return the model; nothing is sent before a node asks."""
        self.check()
        revision = self._pinned_by()
        if revision or self._identity == "name":
            return self._pinned_as(revision)
        from psyche_kedro.llm.openai.served import ServedChatModel  # noqa: PLC0415

        return ServedChatModel(
            self._model, endpoints=self._endpoints, pinned_as=self._pinned_as
        )

    def _pinned_by(self) -> str | None:
        if self._checkpoint is None:
            return self._revision
        return read_checkpoint(self._checkpoint).digest[:12]

    def _pinned_as(self, revision: str | None) -> ChatModel:
        from psyche_kedro.llm.openai.chat_model import OpenAIChatModel  # noqa: PLC0415

        return OpenAIChatModel(
            self._model,
            endpoints=self._endpoints,
            store=ReplyStore(self._store),
            sampling=self._sampling,
            revision=revision,
            patience=self._patience,
            account=self._account(),
            aliases=self._aliases,
            mode=self._mode,
            count_tokens=self._count_tokens(),
        )

    def check(self) -> None:
        """Stop a run that cannot succeed before its first node.

        Raises:
            ChatModelError: With each of: credentials that hold no key, a URL without a
                scheme, a budget in money but no price, an unknown mode, an unreadable
                tokenizer.
            DatasetError: If there is no checkpoint in its folder.
        """
        if faults := list(self._faults()):
            raise ChatModelError(" ".join(faults))
        for endpoint in self._endpoints:
            _warn_of_plain_http(endpoint.base_url)
        self._count_tokens()
        self._pinned_by()

    def facts(self) -> dict[str, str]:
        """Return what a run's record says of it."""
        known_by = self._revision or (self._checkpoint and self._checkpoint.name)
        urls = " ".join(endpoint.base_url for endpoint in self._endpoints)
        name = f"{self._model}@{known_by}" if known_by else self._model
        return {"model": name, "url": urls}

    def contacts(self) -> Iterator[Contact]:
        """Yield what will be asked of its endpoints."""
        yield Contact(
            self._model,
            tuple(self._endpoints),
            store=self._store,
            waits=self._patience.startup_seconds,
            completes=self._mode == "online",
        )

    def _faults(self) -> Iterator[str]:
        for endpoint, key in zip(self._endpoints, self._keys, strict=True):
            if key is not None and not key.get("api_key"):
                yield self._keyless(endpoint, key)
            elif key is not None and not _fits_a_header(key["api_key"]):
                yield self._not_ascii(key)
            if not endpoint.base_url.startswith(("http://", "https://")):
                yield (
                    f"The base_url '{endpoint.base_url}' of model '{self._model}' needs"
                    " http:// or https:// in front, as in http://127.0.0.1:8000/v1."
                )
        if self._checkpoint and self._revision:
            yield (
                f"The catalog entry of model '{self._model}' has both revision and"
                " checkpoint, which say the same: leave one out."
            )
        if self._mode not in ("online", "batch"):
            yield (
                f"The catalog entry of model '{self._model}' has mode"
                f" '{self._mode}': it is online or batch."
            )
        budgets = (self._budget, self._run_budget)
        in_money = any(budget and budget.money for budget in budgets)
        if in_money and not self._account().priced:
            yield (
                f"Role '{self._role}' has a budget in money, but no price is known for"
                f" model '{self._model}': add it to the price list named by `prices`"
                " (0 where it costs nothing), or give the budget in tokens."
            )

    def _count_tokens(self) -> CountTokens:
        if self._tokenizer is None:
            return estimate_from_characters
        return read_tokenizer(self._tokenizer)

    def _account(self) -> Account:
        prices = read_prices(self._prices) if self._prices else {}
        return Account(
            self._role,
            price=prices.get(self._model),
            budget=self._budget,
            run_budget=self._run_budget,
            batch=self._mode == "batch",
        )

    def _keyless(self, endpoint: Endpoint, credentials: Mapping[str, str]) -> str:
        variable = credentials.get("variable", "the environment variable it reads")
        return (
            f"Model '{self._model}' at {endpoint.base_url} has credentials without an"
            f" api_key: set {variable} (see credentials.yml of this environment), or"
            " remove `credentials` from its catalog entry if the server asks for none."
        )

    def _read_endpoints(
        self, served: Sequence[Mapping[str, Any]], limits: Mapping[str, Any]
    ) -> Iterator[Endpoint]:
        for each, key in zip(served, self._keys, strict=True):
            yield self._read(Endpoint, {**limits, **_with_key(each, key)})

    def _not_ascii(self, credentials: Mapping[str, str]) -> str:
        # Alike for every role that has the key, so that it is said once.
        place = credentials.get("variable", f"the credentials of '{self._model}'")
        return (
            f"The api_key in {place} has a character that no HTTP header can hold (a"
            " full-width comma, a line break, a blank …): mend it."
        )

    def _read(self, kind: type[Settings], given: Mapping[str, Any]) -> Settings:
        try:
            return kind(**given)
        except ValidationError as error:
            where, said = first_fault(error)
            raise DatasetError(
                f"The catalog entry of model '{self._model}' has a wrong '{where}':"
                f" {said}."
            ) from error

    def _describe(self) -> dict[str, Any]:
        return {
            "model": self._model,
            "revision": self._revision,
            "checkpoint": str(self._checkpoint or ""),
            "endpoints": [endpoint.base_url for endpoint in self._endpoints],
            "mode": self._mode,
            "sampling": self._sampling,
            "store": str(self._store),
        }


def _fits_a_header(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key


@functools.cache
def _warn_of_plain_http(base_url: str) -> None:
    """Say, once for each URL, that anyone on the way can read what is sent there."""
    if base_url.startswith("http://") and not is_this_machine(base_url):
        _LOG.warning(
            "%s is plain HTTP beyond this machine: posts and the key can be read on the"
            " way; use https:// or a tunnel.",
            base_url,
        )


def _served(
    model: str, base_url: str | None, endpoints: Endpoints | None
) -> Sequence[Mapping[str, Any]]:
    if base_url and endpoints:
        raise DatasetError(
            f"The catalog entry of model '{model}' has both base_url and endpoints:"
            " put the base_url among the endpoints."
        )
    if isinstance(endpoints, Mapping):
        return list(endpoints.values())
    return endpoints or [{"base_url": base_url}]


def _refuse_texts(model: str, credentials: Sequence[object]) -> None:
    if any(isinstance(key, str) for key in credentials):
        raise DatasetError(
            f"The credentials of model '{model}' are a text: write `api_key: …`,"
            " with a space after the colon, below their name in credentials.yml; of"
            " several endpoints, give each a name (`endpoints: {one: {base_url: …}}`)."
        )


def _with_key(
    fields: Mapping[str, Any], credentials: Mapping[str, str] | None
) -> dict[str, Any]:
    own = {name: value for name, value in fields.items() if name != "credentials"}
    return {**own, "api_key": (credentials or {}).get("api_key") or None}
