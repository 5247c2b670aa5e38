"""Catalog types: how tables, prompts, models and checkpoints are loaded and saved.

Names resolve on first use, so that a run imports only the types its catalog names.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "BundleDataset": "bundle_dataset",
    "ChatModelsDataset": "chat_models_dataset",
    "CheckpointDataset": "checkpoint_dataset",
    "GroupedTableDataset": "grouped_table_dataset",
    "LanguagePacksDataset": "language_packs",
    "LocalChatModelDataset": "checkpoint_dataset",
    "MapEngineDataset": "map_engine_dataset",
    "OfflineChatModelDataset": "chat_model_dataset",
    "OpenAIChatModelDataset": "chat_model_dataset",
    "PartitionedTableDataset": "partitioned_table_dataset",
    "ReplayChatModelDataset": "replay_chat_model_dataset",
    "ReviewWorkbookDataset": "review_workbook_dataset",
    "ReleaseDataset": "release_dataset",
    "SourceFile": "source_files",
    "SourceFilesDataset": "source_files",
    "TableDataset": "table_dataset",
    "TablesDataset": "tables_dataset",
    "TaggerDataset": "tagger_dataset",
    "VllmChatModelDataset": "vllm_chat_model_dataset",
    "WholeJSONDataset": "whole_json_dataset",
}

__all__ = sorted(_MODULES)  # noqa: PLE0605 - one list of names, not two


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"{__name__} has no {name}: it has {sorted(_MODULES)}.")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
