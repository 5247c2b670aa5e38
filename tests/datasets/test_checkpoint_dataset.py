import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner

from psyche_kedro.datasets import (
    BundleDataset,
    CheckpointDataset,
    LocalChatModelDataset,
)
from psyche_kedro.datasets.bundle_dataset import taking
from psyche_kedro.datasets.checkpoint_dataset import Checkpoint, read_checkpoint
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.hooks.configuration_check import ConfigurationCheck


def checkpoint(tmp_path, text="weights"):
    folder = tmp_path / f"run-{text}"
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_text(text)
    return Checkpoint(folder, {"weights": f"digest-of-{text}"})


def test_saves_and_loads_the_folder_and_its_manifest(tmp_path):
    dataset = CheckpointDataset(filepath=str(tmp_path / "model"))
    dataset.save(checkpoint(tmp_path))
    loaded = dataset.load()
    assert loaded.digest == "digest-of-weights"
    assert (loaded.path / "model.safetensors").read_text() == "weights"


def test_a_second_save_replaces_the_first_and_leaves_the_runs_alone(tmp_path):
    dataset = CheckpointDataset(filepath=str(tmp_path / "model"))
    first, second = checkpoint(tmp_path, "first"), checkpoint(tmp_path, "second")
    dataset.save(first)
    dataset.save(second)
    assert dataset.load().digest == "digest-of-second"
    assert (first.path / "model.safetensors").read_text() == "first"
    assert not (first.path / "manifest.json").exists()


def test_a_model_that_is_not_there_says_which_command_makes_it(tmp_path):
    with pytest.raises(DatasetError, match="kedro run --pipeline=training"):
        read_checkpoint(tmp_path / "model")


def test_a_model_that_is_not_required_is_left_out_with_a_sentence(tmp_path, caplog):
    folder = str(tmp_path / "sft_model")
    store = str(tmp_path / "replies.sqlite")
    absent = LocalChatModelDataset(filepath=folder, store=store, required=False)
    assert absent.load() is None
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"There is no model at {folder}: it is left out")
    with pytest.raises(DatasetError, match="no model at"):
        LocalChatModelDataset(filepath=folder, store=store).load()


def test_a_reference_to_a_folder_that_is_gone_is_named(tmp_path):
    dataset = CheckpointDataset(filepath=str(tmp_path / "model"))
    gone = {"weights": "digest", "reference": str(tmp_path / "gone")}
    dataset.save(Checkpoint(tmp_path, gone))
    with pytest.raises(DatasetError, match=r"refers to .*gone"):
        dataset.load()


def test_a_model_trained_on_test_items_says_so_in_its_name(tmp_path):
    folder = tmp_path / "grpo_model"
    tainted = {"weights": "digest", "variant": "ED-PRD-APD-contaminated"}
    made = checkpoint(tmp_path)
    CheckpointDataset(filepath=str(folder)).save(Checkpoint(made.path, tainted))
    store = str(tmp_path / "replies.sqlite")
    model = LocalChatModelDataset(filepath=str(folder), store=store).load()
    assert model.name == "grpo_model-contaminated@digest"


def test_what_reads_the_chat_model_runs_after_what_writes_the_checkpoint(tmp_path):
    """One entry makes the graph's edge: a free input would let Kedro ask first."""
    target = str(tmp_path / "model")
    CheckpointDataset(filepath=target).save(checkpoint(tmp_path, "old"))
    chat = {
        "type": LocalChatModelDataset,
        "filepath": target,
        "store": str(tmp_path / "replies.sqlite"),
    }
    model = BundleDataset(
        writes="checkpoint",
        parts={
            "checkpoint": {"type": CheckpointDataset, "filepath": target},
            "chat": chat,
        },
    )
    catalog = DataCatalog({"model": model, "name": MemoryDataset()})
    name = taking(lambda model: model.name, model="chat")
    ask = Node(name, {"model": "model"}, "name", name="a_ask")
    train = Node(lambda: checkpoint(tmp_path, "new"), None, "model", name="b_train")
    pipeline = Pipeline([ask, train])
    assert [node.name for node in pipeline.nodes] == ["b_train", "a_ask"]
    outputs = SequentialRunner().run(pipeline, catalog)
    assert outputs.get("name", catalog["name"]).load() == "model@digest-of-ne"


def test_training_stops_before_its_first_node_without_a_model_and_evaluation_not(
    tmp_path,
):
    folder, store = str(tmp_path / "sft_model"), str(tmp_path / "replies.sqlite")
    chat = {"filepath": folder, "store": store, "required": False}
    parts = {
        "checkpoint": {"type": CheckpointDataset, "filepath": folder},
        "chat": {"type": LocalChatModelDataset, **chat},
    }
    entry = BundleDataset(writes="checkpoint", parts=parts)
    catalog = DataCatalog({"sft_model": entry})
    check = ConfigurationCheck().before_pipeline_run
    check(Pipeline([taker("chat")]), catalog)
    assert entry.load()["chat"] is None
    with pytest.raises(ConfigurationError, match=f"There is no model at {folder}"):
        check(Pipeline([taker("checkpoint")]), catalog)


def taker(part):
    read = taking(lambda model: model, model=part)
    return Node(read, {"model": "sft_model"}, "read", name=part)


def test_weights_are_written_on_this_machine_alone():
    dataset = BundleDataset(
        writes="checkpoint",
        parts={
            "checkpoint": {
                "type": "psyche_kedro.datasets.CheckpointDataset",
                "filepath": "s3://bucket/06_models/sft_model",
            }
        },
    )
    with pytest.raises(ConfigurationError, match="Training needs a path on this mach"):
        dataset.check_save()
