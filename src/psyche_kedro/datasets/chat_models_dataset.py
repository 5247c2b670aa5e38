"""Several chat models as one catalog entry, by name; loading it asks nothing."""

from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any

from kedro.io import DatasetError
from kedro.io.core import parse_dataset_definition

from psyche_kedro.datasets.chat_model_dataset import Identity
from psyche_kedro.datasets.read_only import ReadOnlyDataset
from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import ChatModel
from psyche_kedro.llm.openai.endpoints import Contact

Entry = Mapping[str, Any]


class ChatModelsDataset(ReadOnlyDataset[dict[str, ChatModel]]):
    """Chat models that play the same part: one more is one more name below ``models``.

    ```yaml
    student_models:
      type: psyche_kedro.datasets.ChatModelsDataset
      models:
        a:
          type: psyche_kedro.datasets.OpenAIChatModelDataset
          model: Qwen/Qwen2.5-7B-Instruct
          base_url: http://127.0.0.1:8001/v1
          credentials: students
          store: ${root:store}
        b:
          type: psyche_kedro.datasets.OfflineChatModelDataset
          role: student-b
          store: ${root:store}
    ```

    Args:
        models: Catalog entries of chat models by name; the name stands in every table
            that they fill.
        identity: ``weights`` for models under test: an endpoint's model is then known
            by its weights, or by the server as it is now, and not by its name alone.
        checkpoints: Folder in which a served model's ``checkpoint`` is sought.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        models: Mapping[str, Entry],
        identity: Identity = "name",
        checkpoints: str = ".",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._models = models
        self._known_by = {"identity": identity, "checkpoints": checkpoints}
        self.metadata = metadata

    def load(self) -> dict[str, ChatModel]:
        """Return the models by name; nothing is sent before a node asks.

        Raises:
            ChatModelError: With what is wrong with every entry.
        """
        self.check()
        return {
            str(name): self._dataset(entry).load()
            for name, entry in self._models.items()
        }

    def check(self) -> None:
        """Stop a run that cannot succeed before its first node.

        Raises:
            ChatModelError: With what is wrong with every entry, all at once.
        """
        if faults := list(self.faults()):
            raise ChatModelError(" ".join(faults))

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with every entry, a sentence for each."""
        if not isinstance(self._models, Mapping) or not self._models:
            yield "`models` of a ChatModelsDataset must hold a `name: entry`."
            return
        for name, entry in self._models.items():
            try:
                model = self._dataset(entry)
                if hasattr(model, "check"):
                    model.check()
            except ChatModelError as error:
                yield str(error)
            except (DatasetError, TypeError) as error:
                # Kedro adds a paragraph on how to install what is not there.
                yield f"{name}: {str(error).splitlines()[0].rstrip('.')}."

    def contacts(self) -> Iterator[Contact]:
        """Yield what will be asked of every entry's endpoints."""
        for entry in self._models.values():
            model = self._dataset(entry)
            if hasattr(model, "contacts"):
                yield from model.contacts()

    def facts(self) -> dict[str, str]:
        """Return what a run's record says of every entry."""
        return {
            f"{name}.{fact}": said
            for name, entry in self._models.items()
            for fact, said in getattr(self._dataset(entry), "facts", dict)().items()
        }

    def _describe(self) -> dict[str, Any]:
        return {"models": sorted(map(str, self._models))}

    def _dataset(self, entry: Entry) -> Any:
        """Return the dataset of one model; ``from_config`` would take four lines.

        Raises:
            DatasetError: If it names no catalog type, or the type refuses a value.
            TypeError: If the type does not take a key.
        """
        if not isinstance(entry, Mapping) or "type" not in entry:
            raise DatasetError(
                "it has no `type`, such as"
                " `psyche_kedro.datasets.OpenAIChatModelDataset`"
            )
        kind, fields = parse_dataset_definition(dict(entry))
        known_by = self._known_by if _is_served(kind) else {}
        return kind(**known_by | fields)


def _is_served(kind: type) -> bool:
    return "identity" in signature(kind).parameters
