"""Trained models as catalog entries: one folder, written as weights, read as a model.

```yaml
grpo_model:
  type: psyche_kedro.datasets.BundleDataset
  writes: checkpoint
  parts:
    checkpoint:
      type: psyche_kedro.datasets.CheckpointDataset
      filepath: ${root:data}/06_models/grpo_model
    chat:
      type: psyche_kedro.datasets.LocalChatModelDataset
      filepath: ${root:data}/06_models/grpo_model
      store: ${root:store}
```

The two are one entry, so Kedro runs what writes the weights before what asks the model:
a run of both never scores an older one.
"""

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from kedro.io import AbstractDataset, DatasetError

from psyche_kedro.datasets.read_only import ReadOnlyDataset
from psyche_kedro.files.project import in_project
from psyche_kedro.files.roots import local_path
from psyche_kedro.files.swap import swapped_in
from psyche_kedro.files.versions import Place
from psyche_kedro.llm import ChatModel

MANIFEST = "manifest.json"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model in Hugging Face's layout.

    Attributes:
        path: Folder with configuration, weights and tokenizer.
        manifest: What it was made of. ``weights`` is the digest of its files,
            ``reference`` is set where the files stay where they are.
    """

    path: Path
    manifest: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Identity of the weights, tokenizer and configuration."""
        return str(self.manifest["weights"])


class CheckpointDataset(AbstractDataset[Checkpoint, Checkpoint]):
    """A model's folder with its ``manifest.json``.

    Weights are linked, not copied, where the file system can; what someone may edit is
    copied. A checkpoint with a
    ``reference`` (a downloaded base model) is saved as its manifest alone.

    Args:
        filepath: The folder.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self._url = filepath
        self._filepath = Path(filepath)
        self.metadata = metadata

    def check_save(self) -> None:
        """Stop a run that cannot train, before its first node.

        Raises:
            ConfigurationError: If the folder is a URL.
            DatasetError: If the extra ``train`` is not installed.
        """
        local_path(self._url, "Training")
        require_torch("Training needs")

    def load(self) -> Checkpoint:
        """Return the checkpoint.

        Raises:
            DatasetError: If there is none, or its reference is gone.
        """
        return read_checkpoint(self._filepath)

    def check(self) -> None:
        """Stop a run that needs a checkpoint which is not there; see ``load``."""
        read_checkpoint(self._filepath)

    def save(self, data: Checkpoint) -> None:
        """Write beside the folder, then swap: a kill leaves no half model."""
        with swapped_in(self._filepath) as partial:
            partial.mkdir()
            if "reference" not in data.manifest:
                shutil.copytree(
                    data.path, partial, dirs_exist_ok=True, copy_function=_link
                )
            manifest = partial / MANIFEST
            manifest.unlink(missing_ok=True)  # a link: writing would change the run's
            manifest.write_text(
                json.dumps(dict(data.manifest), ensure_ascii=False), encoding="utf-8"
            )

    def places(self) -> list[Place]:
        """Return the manifest, which holds the weights' digest."""
        return [(LocalFileSystem(), str(self._filepath / MANIFEST))]

    def _exists(self) -> bool:
        return (self._filepath / MANIFEST).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class LocalChatModelDataset(ReadOnlyDataset[ChatModel | None]):
    """A checkpoint as a ``ChatModel``; its name holds the digest of the weights.

    Args:
        filepath: The folder that a ``CheckpointDataset`` writes.
        store: SQLite file that keeps every reply.
        sampling: Fields of the chat-completions request; greedy without a temperature.
        batch_tokens: Padded tokens generated at once, prompts and replies; what they
            take in memory stands in ``psyche_kedro.llm.local_chat_model``.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: CPU threads; torch's own choice without it.
        required: Whether a missing checkpoint is an error, or loads as None.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(  # noqa: PLR0913 - the keys of a catalog entry
        self,
        *,
        filepath: str,
        store: str,
        sampling: dict[str, Any] | None = None,
        batch_tokens: int = 16_384,
        device: str = "auto",
        threads: int | None = None,
        required: bool = True,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = Path(filepath)
        self._required = required
        self._store = in_project(store)
        self._sampling = sampling or {}
        self._batch_tokens = batch_tokens
        self._device = device
        self._threads = threads
        self.metadata = metadata

    def load(self) -> ChatModel | None:
        """Return the model; its weights are read when it is first asked.

        Raises:
            DatasetError: If there is no checkpoint and one is required.
        """
        if not self._required and not self._exists():
            _LOG.warning(
                "There is no model at %s: it is left out (`kedro run"
                " --pipeline=training` makes it).",
                self._filepath,
            )
            return None
        require_torch(f"The model at {self._filepath} is asked with")
        from psyche_kedro.llm.local_chat_model import (  # noqa: PLC0415 - torch
            LocalChatModel,
        )
        from psyche_kedro.llm.store.reply_store import ReplyStore  # noqa: PLC0415

        checkpoint = read_checkpoint(self._filepath)
        return LocalChatModel(
            checkpoint.path,
            name=_name(self._filepath.name, checkpoint),
            store=ReplyStore(self._store),
            sampling=self._sampling,
            batch_tokens=self._batch_tokens,
            device=self._device,
            threads=self._threads,
        )

    def _exists(self) -> bool:
        return (self._filepath / MANIFEST).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "sampling": self._sampling}


def require_torch(who: str) -> None:
    """Stop where the extra ``train`` is not installed: nothing else needs it.

    Raises:
        DatasetError: If there is no torch.
    """
    if not _is_installed("torch"):
        raise DatasetError(
            f"{who} torch, which is not installed: `pip install 'psyche-kedro[train]'`,"
            " or name the other chapters, as in `kedro run"
            " --pipelines=ingestion,cleaning,synthesis,selection`."
        )


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ImportError:
        return False


def _name(role: str, checkpoint: Checkpoint) -> str:
    """Return a model's identity: its part, its weights, and a warning where due."""
    tainted = str(checkpoint.manifest.get("variant", "")).endswith("-contaminated")
    warning = "-contaminated" if tainted else ""
    return f"{role}{warning}@{checkpoint.digest[:12]}"


def read_checkpoint(folder: Path) -> Checkpoint:
    """Return the checkpoint in ``folder``.

    Raises:
        DatasetError: If there is none, or its reference is gone.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except FileNotFoundError as error:
        raise DatasetError(
            f"There is no model at {folder}: run `kedro run --pipeline=training` first."
        ) from error
    path = Path(manifest.get("reference", folder))
    if not path.is_dir():
        raise DatasetError(
            f"The model of {folder} is gone: it refers to {path}; run training again."
        )
    return Checkpoint(path, manifest)


def _link(source: str, target: str) -> None:
    """Link weights; an edit of what is small must not reach the run it came from."""
    with contextlib.suppress(OSError):
        if source.endswith(".safetensors"):
            os.link(source, target)
            return
    shutil.copy2(source, target)
