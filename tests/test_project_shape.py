"""The project keeps its shape: each guard here was seen to fail on a mutation."""

import ast
import pickle
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from inspect import getsourcefile, signature
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import get_type_hints

import pytest
from kedro.io import AbstractDataset, DataCatalog
from kedro.utils import load_obj

from psyche_kedro import pipeline_registry
from psyche_kedro.datasets.bundle_dataset import parts_taken
from psyche_kedro.hooks.configuration import ConfigLoader
from psyche_kedro.pipeline_registry import register_pipelines
from psyche_kedro.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ["local", "endpoint", "paper", "baselines", "ray"]
PIPELINES = register_pipelines()
CHAPTERS = {name: PIPELINES[name] for name in pipeline_registry.CHAPTERS}
CEDAR = {name: PIPELINES[name] for name in pipeline_registry.CEDAR}
SYSTEMS = PIPELINES["__default__"] + PIPELINES["cedar"]
NODES = SYSTEMS.nodes
# A registered chapter may take nodes of an earlier one along; these are its own.
OWN = {k: PIPELINES["__default__"].only_nodes_with_namespaces([k]) for k in CHAPTERS}
BOTH = OWN | {k: PIPELINES["cedar"].only_nodes_with_namespaces([k]) for k in CEDAR}
# Libraries that a command which trains nothing and calls nothing must not pay for.
HEAVY = {"torch", "trl", "transformers", "openai", "ray", "datasets", "datasketch"}


def models() -> dict[str, type]:
    """The model of every table, by the table's name."""
    loader = ConfigLoader(str(ROOT / "conf"), env="local", **CONFIG_LOADER_ARGS)
    paths = {n: model_path(e) for n, e in loader["catalog"].items()}
    return {n: load_obj(path) for n, path in paths.items() if path}


def model_path(entry: dict) -> str | None:
    """Where the model of a table is; that of one in parts is the work's to check."""
    if entry.get("type", "").endswith(".PartitionedTableDataset"):
        return entry["model"]
    return entry.get("validator")


MODELS = models()


def catalog_of(env: str) -> DataCatalog:
    loader = ConfigLoader(str(ROOT / "conf"), env=env, **CONFIG_LOADER_ARGS)
    credentials = loader["credentials"] if env not in ("local", "ray") else {}
    return DataCatalog.from_config(loader["catalog"], credentials=credentials)


def datasets() -> set[str]:
    pipelines = [*(CHAPTERS | CEDAR).values(), PIPELINES["ablation"]]
    names = {d for pipeline in pipelines for d in pipeline.datasets()}
    return {n for n in names if not n.startswith("params:")}


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_dataset_of_the_graph_is_declared(env):
    catalog = catalog_of(env)
    assert not {n for n in datasets() if n not in catalog}


def test_a_misspelt_dataset_is_refused():
    # A factory that takes any name would keep what no node reads.
    catalog = catalog_of("local")
    assert not {n for n in datasets() if f"{n}s" in catalog}


def test_every_catalog_entry_is_used_by_the_graph():
    loader = ConfigLoader(str(ROOT / "conf"), env="local", **CONFIG_LOADER_ARGS)
    names = {n for n in loader["catalog"] if "{" not in n and not n.startswith("_")}
    assert not names - datasets() - {"lineage"}, "lineage is a hook's"


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_prompt_of_the_graph_is_a_file_and_every_file_a_prompt_of_it(env):
    loader = ConfigLoader(str(ROOT / "conf"), env=env, **CONFIG_LOADER_ARGS)
    read = PIPELINES["__default__"].inputs() | PIPELINES["ablation"].inputs()
    inputs = {n.removeprefix("params:") for n in read}
    asked = {n.removeprefix("prompts.") for n in inputs if n.startswith("prompts.")}
    assert asked == loader["parameters"]["prompts"].keys()


def test_every_table_is_checked_against_its_model():
    loader = ConfigLoader(str(ROOT / "conf"), env="local", **CONFIG_LOADER_ARGS)
    tables = {
        name: entry
        for name, entry in loader["catalog"].items()
        if not name.startswith("_") and entry["type"].endswith("TableDataset")
    }
    assert tables
    assert not {n for n, e in tables.items() if not model_path(e)}


@pytest.mark.parametrize("node", NODES, ids=lambda n: n.name)
def test_annotations_of_nodes_resolve(node):
    # Kedro hands a node whose hints do not resolve a plain dict, unvalidated.
    assert "return" in get_type_hints(node.func)


# Lists and mappings without a model of their own.
RAW = {"examples", "prices", "prompts"}


@pytest.mark.parametrize("node", NODES, ids=lambda n: n.name)
def test_parameters_of_nodes_are_typed(node):
    from pydantic import BaseModel

    hints = get_type_hints(node.func)
    names = {a for a, d in _arguments(node).items() if d.startswith("params:")}
    assert not {a for a in names if not _is_model(hints[a], BaseModel)} - RAW


def _is_model(hint, base):
    return isinstance(hint, type) and issubclass(hint, base)


def _arguments(node) -> dict[str, str]:
    # A node wired by position would read its inputs in the wrong order one day.
    inputs = node._inputs
    assert isinstance(inputs, dict), f"{node.name}: wire its inputs by name"
    return inputs


@pytest.mark.parametrize("node", NODES, ids=lambda n: n.name)
def test_every_node_can_be_sent_to_another_process(node):
    sent = pickle.loads(ForkingPickler.dumps(node))  # noqa: S301 - made here
    assert (sent.name, sent.inputs) == (node.name, node.inputs)


def test_no_chapter_reads_what_a_later_chapter_writes():
    chapters = list(BOTH.items())
    for i, (name, pipeline) in enumerate(chapters):
        for later, other in chapters[i + 1 :]:
            read = pipeline.inputs() & other.all_outputs()
            assert not read, f"{name} reads what {later} writes"


def test_chapters_are_the_papers_and_the_report_in_reading_order():
    assert list(CHAPTERS) == [
        "ingestion",
        "cleaning",
        "synthesis",
        "selection",
        "training",
        "evaluation",
        "reporting",
    ]
    assert list(CEDAR) == ["cedar_isolation", "cedar_annotation", "cedar_alignment"]


def test_the_two_systems_share_no_table():
    written = PIPELINES["__default__"].all_outputs()
    assert not written & PIPELINES["cedar"].all_outputs()
    read = {n for n in PIPELINES["cedar"].inputs() if not n.startswith("params:")}
    assert not written & read


def test_evaluation_takes_along_what_reads_and_cleans_the_benchmarks():
    alone = CHAPTERS["evaluation"]
    models = {"evaluated_models", "counselling_judges"}
    trained = {"base_model", "sft_model", "grpo_model"}
    inputs = {n for n in alone.inputs() if not n.startswith("params:")}
    told = {"selection_account"}  # empty where that chapter has not run
    assert inputs == models | trained | told | {"raw_files"}
    taken = {part for node in alone.nodes for part in parts_taken(node)}
    assert {part for name, part in taken if name == "raw_files"} == {
        "benchmarks",
        "judgings",
    }
    assert set(alone.nodes) <= set(NODES)


# Pieces of pages, and no rows of a table.
NO_ROWS = {"removed_text"}


@pytest.mark.parametrize("chapter", [c for c in BOTH if c != "reporting"])
def test_every_table_of_rejected_rows_is_in_its_chapters_account(chapter):
    (account,) = (
        n for n in BOTH[chapter].nodes if n.short_name == f"account_for_{chapter}"
    )
    # What another node reads in order to list it again is listed there.
    read = {
        name
        for node in BOTH[chapter].nodes
        if node.short_name.startswith(("account_for_", "list_"))
        for name in node.inputs
    }
    written = {d for d in BOTH[chapter].all_outputs() if d in MODELS}
    gone = {name for name in written if _says_why(MODELS[name])}
    assert not gone - read - NO_ROWS
    assert {n for n in account.inputs if n in gone} or chapter == "evaluation"


def _says_why(model) -> bool:
    """Whether each row of a table has a reason, and so is a row that is gone."""
    reason = model.to_schema().columns.get("reason")
    return reason is not None and not reason.nullable


def test_evaluation_depends_on_training_in_the_graph():
    nodes = PIPELINES["__default__"].nodes
    order = {n.short_name: i for i, n in enumerate(nodes)}
    upstream = PIPELINES["__default__"].to_nodes("evaluation.answer_benchmarks")
    for trainer in ("make_base_model", "train_sft", "train_grpo"):
        assert trainer in {n.short_name for n in upstream.nodes}
        assert order[trainer] < order["answer_benchmarks"]


def test_the_registry_imports_no_heavy_library():
    code = (
        "import sys, psyche_kedro.settings, psyche_kedro.pipeline_registry as r;"
        f"r.register_pipelines(); print({HEAVY} & sys.modules.keys() or 'none')"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT / "src",
    )
    assert out.stdout.split()[-1] == "none"


def test_a_command_starts_without_a_warning():
    command = [sys.executable, "-m", "kedro", "registry", "list"]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "__default__" in out.stdout
    assert out.stderr == ""


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_selection_reckons_with_the_groups_that_training_makes(env):
    loader = ConfigLoader(str(ROOT / "conf"), env=env, **CONFIG_LOADER_ARGS)
    chapters = loader["parameters"]
    foreseen = chapters["selection"]["difficulty"]["group_size"]
    assert foreseen == chapters["training"]["grpo"]["group_size"]


def test_no_node_calls_its_parameters_otherwise_than_params():
    assert not [n.name for n in NODES if "parameters" in signature(n.func).parameters]


def test_one_way_to_cite_and_to_log():
    texts = {p: p.read_text("utf-8") for p in (ROOT / "src").rglob("*.py")}
    other = re.compile(r"\bSections? \d|^(?!_LOG)\w+ = logging.getLogger", re.MULTILINE)
    outside = {p for p in texts if "offline" not in p.parts}
    assert not [str(p) for p in outside if other.search(texts[p])]


def test_no_room_is_called_utils():
    names = {p.stem for p in (ROOT / "src").rglob("*") if "egg-info" not in str(p)}
    assert not names & {"utils", "common", "helpers", "misc", "core"}


# ---- the graph in Kedro-Viz ------------------------------------------------------


def shown_outside(chapter: str) -> set[str]:
    """What Kedro-Viz draws beside a folded chapter: what it reads, and what is read.

    A dataset that nothing reads is drawn beside its chapter as well.
    """
    whole, own = PIPELINES["__default__"], OWN[chapter]
    read = (whole - own).inputs() & own.all_outputs()
    return drawn(own.inputs() | own.outputs() | read)


def drawn(names) -> set[str]:
    """Boxes: parameters are hidden."""
    return {n for n in names if not n.startswith("params:")}


def test_no_dataset_is_read_under_another_name():
    # Kedro-Viz draws no edge from a folded chapter's `x@this` to another's `x@that`.
    assert not {name for name in datasets() if "@" in name}


def ranks() -> list[set[str]]:
    """Boxes side by side where each stands as far down as what it reads allows.

    What nothing writes stands just above its first reader.
    """
    rank = {chapter: 2 * i + 1 for i, chapter in enumerate(OWN)}
    rows = [set() for _ in range(2 * len(OWN) + 1)]
    for box in set().union(*map(shown_outside, OWN)):
        writers = [c for c in OWN if box in drawn(OWN[c].all_outputs())]
        readers = [c for c in OWN if box in drawn(OWN[c].inputs())]
        rows[rank[writers[0]] + 1 if writers else rank[readers[0]] - 1].add(box)
    return rows


MOST_BOXES, MOST_SIDE_BY_SIDE = 45, 14


def test_the_folded_graph_can_be_read_without_zooming():
    boxes = set().union(*map(shown_outside, OWN))
    assert len(boxes) <= MOST_BOXES, sorted(boxes)
    assert max(map(len, ranks())) <= MOST_SIDE_BY_SIDE, ranks()


@pytest.mark.parametrize("env", [*ENVIRONMENTS, "smollm2"])
def test_every_part_that_a_node_takes_is_in_the_catalog(env):
    entries = ConfigLoader(str(ROOT / "conf"), env=env, **CONFIG_LOADER_ARGS)["catalog"]
    taken = {taken for node in NODES for taken in parts_taken(node) if taken[1]}
    missing = {(n, part) for n, part in taken if part not in entries[n]["parts"]}
    assert len(taken) > 10
    assert not missing


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("system", ["__default__", "cedar"])
def test_layers_can_be_drawn_one_below_the_other(system, env):
    # Where two stand below each other, Kedro-Viz draws none.
    entries = ConfigLoader(str(ROOT / "conf"), env=env, **CONFIG_LOADER_ARGS)["catalog"]
    layer_of = {
        name: entry["metadata"]["kedro-viz"]["layer"]
        for name, entry in entries.items()
        if "kedro-viz" in entry.get("metadata", {})
    }
    read = {n: set(n.inputs) for n in PIPELINES[system].nodes}
    above = {out: read[n] for n in read for out in n.outputs}
    layers: dict[str, set[str]] = {}
    for name in PIPELINES[system].datasets():
        if name not in layer_of:
            continue
        seen, todo = set(), list(above.get(name, ()))
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo += above.get(one, ())
        higher = {layer_of[one] for one in seen & layer_of.keys()}
        layers.setdefault(layer_of[name], set()).update(higher)
    order = {layer: higher - {layer} for layer, higher in layers.items()}
    drawn_order = list(TopologicalSorter(order).static_order())
    assert drawn_order[0] == "raw"
    assert drawn_order[-1] == "reporting"


@pytest.mark.parametrize("node", NODES, ids=lambda n: n.name)
def test_kedro_viz_finds_the_source_of_every_node(node):
    shown = getattr(node.func, "__wrapped__", node.func)
    assert Path(getsourcefile(shown)).is_relative_to(ROOT / "src")


def test_nodes_are_found_by_what_they_do():
    tags = {n.short_name: n.tags for n in PIPELINES["__default__"].nodes}
    assert tags["judge_replies"] == {"models", "prompts", "rejections"}
    assert tags["split_chunks"] == set()


def test_what_nothing_reads_is_made_for_people():
    whole = PIPELINES["__default__"]
    for_people = {
        "review_batch",
        "judging_batch",
        "submissions",
        "release",
        "report",
    }
    assert drawn(whole.outputs()) == for_people | {"funnel_figure", "training_figure"}


DOCS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
OF_THE_USER = ("conf/local/", "conf/base/prompts/en")
TREE = ("src/", "conf/", "tests/", "docs/", "notebooks/")


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_every_file_that_the_docs_name_is_there(doc):
    text = doc.read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    named = re.findall(r"`([^`\s<>*{}]+)`", text)
    gone = [path for path in links if not (doc.parent / path).exists()]
    ours = [p for p in named if p.startswith(TREE) and not p.startswith(OF_THE_USER)]
    gone += [path for path in ours if not (ROOT / path).exists()]
    modules = {p for p in named if p.endswith(".py") and not p.startswith(TREE)}
    assert not gone
    modules -= {m for m in modules if (ROOT / m).exists()}
    assert not {m for m in modules if not any((ROOT / "src").rglob(m))}


def test_the_map_from_the_paper_names_what_there_is():
    text = (ROOT / "docs/paper_map.md").read_text("utf-8")
    rows = re.findall(r"^\| (?:§|Appendix).*\| (.+) \|$", text, re.MULTILINE)
    named = set(
        re.findall(r"[a-z]\w*_\w+", " ".join(re.findall(r"`[^`]+`", str(rows))))
    )
    known = {n.short_name for n in NODES} | PIPELINES["__default__"].datasets()
    known |= PIPELINES["ablation"].datasets()
    known |= {argument for n in NODES for argument in get_type_hints(n.func)}
    assert len(named) > 30
    assert not named - known


def test_few_files_stand_outside_a_room():
    assert len(list((ROOT / "src/psyche_kedro").glob("*.py"))) <= 13


def test_the_catalog_can_be_read_in_one_sitting():
    files = (ROOT / "conf/base/catalog").glob("*.yml")
    lines = {f.stem: len(f.read_text("utf-8").splitlines()) for f in files}
    assert lines.pop("cedar") <= 200
    assert lines.pop("ablation") <= 80
    assert sum(lines.values()) <= 560


def test_a_function_can_be_seen_whole():
    long = {
        f"{path.name}: {node.name}"
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= 45
        and node.name != "create_pipeline"
    }
    assert not long


# ---- text is UTF-8 on every machine ----------------------------------------------

TEXT_MODE = re.compile(r"[rwax]t?\+?t?")


def test_no_file_is_opened_in_the_machines_own_encoding():
    assert not [
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and _leaves_encoding_open(node)
    ]


def _leaves_encoding_open(call: ast.Call) -> bool:
    """Whether a call reads or writes text and does not say in which encoding."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if "encoding" in named:
        return False
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name in {"read_text", "write_text"}:
        return len(call.args) < (1 if name == "read_text" else 2)
    if name == "open":
        modes = [a.value for a in [*call.args, *named.values()] if _is_text(a)]
        return any(TEXT_MODE.fullmatch(mode) for mode in modes)
    # What a process says would be decoded.
    return ast.unparse(named.get("text", ast.Constant(value=False))) == "True"


def _is_text(node) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.parametrize(
    ("code", "left_open"),
    [
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(words)", True),
        ("path.write_text(words, encoding='utf-8')", False),
        ("path.open('a')", True),
        ("fs.open(path, mode='w')", True),
        ("fs.open(path, 'wb')", False),
        ("store.open()", False),
        ("run(command, text=True)", True),
        ("run(command, text=True, encoding='utf-8')", False),
    ],
)
def test_which_calls_leave_the_encoding_open(code, left_open):
    assert _leaves_encoding_open(ast.parse(code, mode="eval").body) is left_open


def kedro_datasets_in(entry) -> list[dict]:
    """Every entry of a file in Kedro's own types, parts of other entries too."""
    if not isinstance(entry, dict):
        return []
    inner = [found for value in entry.values() for found in kedro_datasets_in(value)]
    own = entry.get("type", "psyche_kedro").startswith("psyche_kedro")
    return inner if own or "filepath" not in entry else [entry, *inner]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_dataset_of_text_is_utf_8(env):
    loader = ConfigLoader(str(ROOT / "conf"), env=env, **CONFIG_LOADER_ARGS)
    opened = [
        (entry["filepath"], arguments.get("encoding"))
        for entry in kedro_datasets_in(dict(loader["catalog"]))
        for arguments in _opened_with(AbstractDataset.from_config("one", entry))
        if "b" not in arguments.get("mode", "rb")
    ]
    assert len(opened) > 8
    assert not [path for path, encoding in opened if encoding != "utf-8"]


def _opened_with(dataset) -> list[dict]:
    return [dataset._fs_open_args_load, dataset._fs_open_args_save]
