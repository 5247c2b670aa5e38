import os

import polars as pl
import pytest
import yaml

from psyche_kedro import tables
from psyche_kedro.datasets import ReleaseDataset
from psyche_kedro.pipelines.selection.nodes import write_release
from psyche_kedro.pipelines.selection.parameters import Licence, ReleaseParameters

OPEN = Licence(sources=("open*",), name="cc0-1.0", redistribute=True)
CLOSED = Licence(sources=("closed*",), name="all-rights-reserved", redistribute=False)
FORCIBLE = ("offline", "rules_only", "unknown_licence")
NO_HITS = tables.frame(tables.ContaminationHits, [])
# name: (part, source, models, deid_level)
ROWS = {
    "sound": ("D_pr", "open.json", ["Qwen"], None),
    "offline": ("D_pr", "open.json", ["Qwen", "offline-teacher-1@3f2a"], None),
    "rules_only": ("D_em", "open.json", ["Qwen"], "rules_only"),
    "unknown_licence": ("D_ps", "new.json", [], "rules_and_model"),
    "licence_forbids": ("D_ps", "closed.json", [], "rules_and_model"),
}


def example(name, part):
    return {
        "example_id": tables.content_id(name),
        "parent_id": tables.content_id("parent", name),
        "part": part,
        "split": "train",
        "variant": "all",
        "group_id": name,
    }


def sft_set(names):
    said = {"messages": [{"role": "user", "content": "问"}]}
    rows = [example(name, ROWS[name][0]) | said for name in names]
    return tables.frame(tables.SftExamples, rows)


def grpo_set():
    asked = {
        "prompt": [{"role": "user", "content": "问"}],
        "gold": ["A"],
        "option_labels": ["A", "B"],
    }
    return tables.frame(tables.GrpoExamples, [example("grpo", "D_cp") | asked])


def provenance():
    rows = ROWS | {"grpo": ("D_cp", "open.json", [], None)}
    return tables.frame(
        tables.ExampleProvenance,
        [
            {
                "example_id": tables.content_id(name),
                "part": part,
                "source": source,
                "origin": "bank",
                "models": models,
                "prompt_digests": ["3f2a"],
                "deid_level": deid_level,
            }
            for name, (part, source, models, deid_level) in rows.items()
        ],
    )


def released(names=ROWS, *, force=(), licences=(OPEN, CLOSED), rows_per_shard=10):
    return write_release(
        sft_set=sft_set(names),
        grpo_set=grpo_set(),
        example_provenance=provenance(),
        contamination_hits=NO_HITS,
        params=ReleaseParameters(
            name="corpus",
            force={name: name in force for name in FORCIBLE},
            licences=licences,
            rows_per_shard=rows_per_shard,
        ),
    )


def header(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_a_row_leaves_only_if_someone_may_pass_it_on():
    files, withheld = released()
    shard = files["data/sft/train-00000-of-00001.parquet"]
    assert shard["example_id"].to_list() == [tables.content_id("sound")]
    assert withheld["reason"].to_list() == [name for name in ROWS if name != "sound"]


@pytest.mark.parametrize("name", FORCIBLE)
def test_what_is_never_released_can_be_forced_by_name(name):
    files, withheld = released([name], force=(name,))
    assert files["data/sft/train-00000-of-00001.parquet"].height == 1
    assert withheld.is_empty()
    assert f"otherwise never released: {name}" in files["README.md"]


def test_a_licence_that_forbids_cannot_be_forced():
    files, withheld = released(["licence_forbids"], force=FORCIBLE)
    assert withheld["reason"].to_list() == ["licence_forbids"]
    assert "| D_ps | closed.json | licence_forbids | 1 |" in files["README.md"]


def test_an_empty_release_says_why():
    files, withheld = released(licences=())
    assert list(files) == ["README.md"]
    assert withheld.height == len(ROWS) + 1
    assert "Nothing: every example was withheld" in files["README.md"]
    assert "| D_pr | open.json | offline | 1 |" in files["README.md"]


def test_the_card_declares_configs_features_and_counts():
    files, _ = released()
    head = header(files["README.md"])
    assert head["license"] == "cc0-1.0"
    assert [c["config_name"] for c in head["configs"]] == ["sft", "grpo"]
    features = {f["name"]: f for f in head["dataset_info"][0]["features"]}
    assert features["messages"]["list"][0] == {"name": "role", "dtype": "string"}
    assert {"source", "models", "prompt_digests", "licence"} <= features.keys()


def test_licences_that_differ_are_named_row_by_row():
    other = Licence(sources=("new*",), name="mit", redistribute=True)
    files, _ = released(licences=(OPEN, CLOSED, other))
    assert header(files["README.md"])["license"] == "other"
    assert "| D_ps | new.json | mit | 1 |" in files["README.md"]


def test_large_sets_are_cut_into_shards():
    files, _ = released(force=FORCIBLE, rows_per_shard=2)
    names = [name for name in files if name.startswith("data/sft")]
    assert names == [
        "data/sft/train-00000-of-00002.parquet",
        "data/sft/train-00001-of-00002.parquet",
    ]


def test_a_card_of_contaminated_sets_says_so():
    files, _ = write_release(
        sft_set=sft_set(["sound"]).with_columns(variant=pl.lit("all-contaminated")),
        grpo_set=grpo_set(),
        example_provenance=provenance(),
        contamination_hits=NO_HITS,
        params=ReleaseParameters(
            name="corpus",
            force=dict.fromkeys(FORCIBLE, False),
            licences=(OPEN,),
            rows_per_shard=10,
        ),
    )
    assert "They are still in these sets" in files["README.md"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_datasets_loads_the_folder_with_the_declared_features(tmp_path, caplog):
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset, utils

    utils.logging.enable_propagation()
    files, _ = released()
    folder = str(tmp_path / "release")
    ReleaseDataset(filepath=folder).save(files)
    for name in ("sft", "grpo"):
        loaded = load_dataset(folder, name, cache_dir=str(tmp_path / "cache"))
        assert loaded["train"].num_rows == 1
        declared = [f["name"] for f in _declared(files, name)]
        assert loaded["train"].column_names == declared
    assert not caplog.records, "datasets ignores a part of the card"
    assert loaded["train"][0]["prompt"] == [{"role": "user", "content": "问"}]


def _declared(files, name):
    infos = header(files["README.md"])["dataset_info"]
    return next(i["features"] for i in infos if i["config_name"] == name)


def test_a_second_release_leaves_nothing_of_the_first(tmp_path):
    dataset = ReleaseDataset(filepath=str(tmp_path / "release"))
    dataset.save(released().files)
    dataset.save(released(licences=()).files)
    assert list(dataset.load()) == ["README.md"]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        ReleaseDataset(filepath=str(folder)).save(released().files)
    one, other = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()}
        for f in folders
    )
    assert one == other


def test_a_release_holds_other_files_byte_for_byte(tmp_path):
    files = {"README.md": "card", "images/1.png": b"\x89PNG", "a.json": "[\r\n]"}
    ReleaseDataset(filepath=str(tmp_path / "release")).save(files)
    assert (tmp_path / "release/images/1.png").read_bytes() == b"\x89PNG"
    assert (tmp_path / "release/a.json").read_bytes() == b"[\r\n]"
