"""A model that vLLM generates with in this process, as a catalog entry."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kedro.io import DatasetError

from psyche_kedro.datasets.read_only import ReadOnlyDataset
from psyche_kedro.files.project import in_project
from psyche_kedro.llm import ChatModel


class VllmChatModelDataset(ReadOnlyDataset[ChatModel]):
    """A model on the GPUs of this machine, without a server.

    ```yaml
    qwen:
      type: psyche_kedro.datasets.VllmChatModelDataset
      model: Qwen/Qwen2.5-7B-Instruct
      revision: a09a35458c702b33eeacc393d103063234e8bc28
      store: ${root:store}
      engine: {tensor_parallel_size: 2, gpu_memory_utilization: 0.9}
    ```

    Args:
        model: A folder, or a name on the Hugging Face hub.
        revision: Commit of the hub, which is the one that is read, or what else pins a
            folder's weights: part of every reply's address.
        store: SQLite file that keeps every reply.
        sampling: Fields of the chat-completions request; greedy without a temperature.
        engine: What else ``vllm.LLM`` takes.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(  # noqa: PLR0913 - the keys of a catalog entry
        self,
        *,
        model: str,
        revision: str,
        store: str,
        sampling: dict[str, Any] | None = None,
        engine: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._model = model
        self._revision = revision
        self._store = in_project(store)
        self._sampling = sampling or {}
        self._engine = engine or {}
        self.metadata = metadata

    def load(self) -> ChatModel:
        """Return the model; its weights are read when it is first asked.

        Raises:
            DatasetError: If vLLM is not installed.
        """
        self.check()
        from psyche_kedro.llm.store.reply_store import ReplyStore  # noqa: PLC0415
        from psyche_kedro.llm.vllm_chat_model import (  # noqa: PLC0415 - vllm
            VllmChatModel,
        )

        return VllmChatModel(
            self._model,
            name=f"{self._model}@{self._revision[:12]}",
            store=ReplyStore(self._store),
            sampling=self._sampling,
            engine=self._engine | self._pinned(),
        )

    def _pinned(self) -> dict[str, str]:
        """Return what makes vLLM read the revision that the model is called after."""
        if Path(self._model).is_dir():
            return {}
        return dict.fromkeys(("revision", "tokenizer_revision"), self._revision)

    def check(self) -> None:
        """Stop a run before its first node where vLLM is not installed.

        Raises:
            DatasetError: If it is not.
        """
        if find_spec("vllm") is None:
            raise DatasetError(
                f"'{self._model}' is asked with vLLM, which is not installed: `pip"
                " install 'psyche-kedro[vllm]'` on a machine with a GPU, or serve the"
                " model and name its URL in an OpenAIChatModelDataset."
            )

    def _describe(self) -> dict[str, Any]:
        return {"model": self._model, "revision": self._revision}
