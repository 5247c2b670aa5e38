"""Chat models as catalog entries, one per role; loading one asks nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError
from kedro.utils import find_kedro_project
from pydantic import ValidationError

from psyche_kedro.llm import ChatModel, ChatModelError
from psyche_kedro.llm.endpoints import Endpoint
from psyche_kedro.llm.reply_store import ReplyStore


class OfflineChatModelDataset(AbstractDataset[None, ChatModel]):
    """The embedded offline model in one role: no weights, no key, no network.

    ```yaml
    teacher_model:
      type: psyche_kedro.datasets.OfflineChatModelDataset
      role: teacher
      store: ${globals:data}/replies.sqlite
    ```

    Args:
        role: The part it plays, e.g. ``teacher``, ``judge``, ``student-a``.
        store: SQLite file that keeps every reply.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self, *, role: str, store: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._role = role
        self._store = _in_project(store)
        self.metadata = metadata

    def load(self) -> ChatModel:
        """Return the model."""
        from psyche_kedro.llm.offline import OfflineBrain  # noqa: PLC0415 - jieba
        from psyche_kedro.llm.offline_chat_model import (  # noqa: PLC0415
            OfflineChatModel,
        )

        return OfflineChatModel(OfflineBrain(self._role), ReplyStore(self._store))

    def save(self, data: None) -> NoReturn:
        """Refuse: a model is asked, not written."""
        raise DatasetError("A chat model is read-only: no node may write one.")

    def check(self) -> None:
        """Return: this model needs nothing."""

    def _describe(self) -> dict[str, Any]:
        return {"role": self._role, "store": str(self._store)}


class OpenAIChatModelDataset(AbstractDataset[None, ChatModel]):
    """A model behind one OpenAI-compatible endpoint.

    ```yaml
    teacher_model:
      type: psyche_kedro.datasets.OpenAIChatModelDataset
      model: Qwen/Qwen2.5-72B-Instruct
      base_url: http://127.0.0.1:8000/v1
      credentials: teacher
      sampling: {temperature: 0.7, max_tokens: 2048}
      store: ${globals:data}/replies.sqlite
    ```

    Leave ``credentials`` out for a server that asks for no key.

    Args:
        model: Id as the endpoint knows it.
        store: SQLite file that keeps every reply.
        base_url: Of the endpoint, up to and including ``/v1``.
        credentials: ``api_key`` and, for the message when it is empty, ``variable``:
            the environment variable that sets it.
        sampling: Fields of the chat-completions request.
        limits: Further fields of ``Endpoint``, e.g. ``concurrency``.
        revision: Which weights stand behind the id; part of the model's identity.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(  # noqa: PLR0913 - the keys of a catalog entry
        self,
        *,
        model: str,
        store: str,
        base_url: str,
        credentials: dict[str, str] | None = None,
        sampling: dict[str, Any] | None = None,
        limits: dict[str, Any] | None = None,
        revision: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._model = model
        self._store = _in_project(store)
        self._credentials = credentials
        self._sampling = sampling or {}
        self._revision = revision
        self._endpoint = self._read_endpoint({"base_url": base_url, **(limits or {})})
        self.metadata = metadata

    def load(self) -> ChatModel:
        """Return the model; nothing is sent before a node asks."""
        from psyche_kedro.llm.openai_chat_model import (  # noqa: PLC0415
            OpenAIChatModel,
        )

        self.check()
        return OpenAIChatModel(
            self._model,
            endpoint=self._endpoint,
            store=ReplyStore(self._store),
            sampling=self._sampling,
            revision=self._revision,
        )

    def save(self, data: None) -> NoReturn:
        """Refuse: a model is asked, not written."""
        raise DatasetError("A chat model is read-only: no node may write one.")

    def check(self) -> None:
        """Stop a run that cannot succeed before its first node.

        Raises:
            ChatModelError: If credentials are named but hold no key.
        """
        if self._credentials is None or self._credentials.get("api_key"):
            return
        variable = self._credentials.get("variable", "the variable it reads")
        raise ChatModelError(
            f"Model '{self._model}' at {self._endpoint.base_url} has an empty api_key:"
            f" set {variable} (see credentials.yml of this environment), or remove"
            " `credentials` from its catalog entry if the server asks for none."
        )

    def _read_endpoint(self, fields: Mapping[str, Any]) -> Endpoint:
        key = (self._credentials or {}).get("api_key") or None
        try:
            return Endpoint(api_key=key, **fields)
        except (ValidationError, TypeError) as error:
            raise DatasetError(_complaint(self._model, error)) from error

    def _describe(self) -> dict[str, Any]:
        return {
            "model": self._model,
            "revision": self._revision,
            "base_url": self._endpoint.base_url,
            "sampling": self._sampling,
            "store": str(self._store),
        }


def _in_project(path: str) -> Path:
    """Return ``path`` below the project's root, wherever the command was typed.

    Kedro does this for keys called ``filepath`` only.
    """
    return (find_kedro_project(Path.cwd()) or Path.cwd()) / path


def _complaint(model: str, error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return f"The limits of model '{model}' are no mapping of settings: {error}."
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return (
        f"The catalog entry of model '{model}' has a wrong '{where}': {first['msg']}."
    )
