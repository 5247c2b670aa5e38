"""CEDAR on its sample, from scenarios to the report, as a user runs it."""

import json
import shutil

import polars as pl
import pytest
import yaml
from kedro.config import OmegaConfigLoader

from packs import CONF, PACKS
from psyche_kedro.datasets import ReleaseDataset, SourceFilesDataset
from psyche_kedro.datasets.language_packs import LanguagePacksDataset
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.offline import brain_of
from psyche_kedro.offline.chat_model import OfflineChatModel
from psyche_kedro.pipelines.cedar import parameters
from psyche_kedro.pipelines.cedar.alignment.answering import answer_items
from psyche_kedro.pipelines.cedar.alignment.given import read_given_benchmarks
from psyche_kedro.pipelines.cedar.alignment.scoring import score_alignment
from psyche_kedro.pipelines.cedar.annotation.release import release_cedar
from psyche_kedro.settings import CONFIG_LOADER_ARGS
from test_tables import ENTRIES, ids_of, references, stored_keys
from whole_run import ROOT, Run, run_kedro

CEDAR = ("scenarios", "divergence", "cedar_items", "cedar_predictions", "cedar_scores")


SETTINGS = yaml.safe_load((CONF / "parameters/cedar.yml").read_text("utf-8"))["cedar"]
SAMPLE = ROOT / "data/01_raw/sample/cedar"


class Demo(Run):
    def read(self, name: str) -> pl.DataFrame:
        found = [*self.data.glob(f"0*/cedar/{name}.parquet")]
        found += self.data.glob(f"0*/{name}/*.parquet")
        return pl.concat(map(pl.read_parquet, found))


@pytest.fixture(scope="module")
def cedar(tmp_path_factory) -> Demo:
    """The whole of CEDAR, once, with the offline stand-ins."""
    data = tmp_path_factory.mktemp("cedar")
    command = ("run", "--pipeline=cedar", "--params", f"data={data}")
    result = run_kedro(*command, data=data)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return Demo(data, result.stdout + result.stderr)


def test_every_table_of_cedar_is_written(cedar):
    paths = {n: str(e.get("filepath") or e.get("path")) for n, e in ENTRIES.items()}
    own = {name for name, path in paths.items() if "cedar" in path}
    written = {p.stem for p in cedar.data.glob("0*/cedar/*.parquet")}
    written |= {p.parent.name for p in cedar.data.glob("0*/*/*.parquet")}
    assert own <= written | {"cedar_predictions"}
    assert all(cedar.read(name).height for name in CEDAR)


PLANTED = json.loads((SAMPLE / "planted.json").read_text("utf-8"))


@pytest.mark.parametrize(
    "planted", PLANTED, ids=lambda p: f"{p['case']} {p.get('number', '')}".strip()
)
def test_what_was_planted_ends_as_it_must(cedar, planted):
    rows = cedar.read(planted["table"])
    if number := planted.get("number"):
        key = "scenario_id" if "scenario_id" in rows.columns else "row_id"
        [scenario] = cedar.read("scenarios").filter(number=number)["scenario_id"]
        rows = rows.filter(pl.col(key) == scenario)
    for row in planted["rows"]:
        assert row in rows.select(row.keys()).to_dicts()


def test_every_scenario_of_the_sample_has_an_end_that_is_known():
    file = SAMPLE / "scenarios/sample_scenarios.json"
    numbers = {record["id"] for record in json.loads(file.read_text("utf-8"))}
    known = {p["number"] for p in PLANTED if "number" in p}
    refused = {r["source"] for p in PLANTED for r in p["rows"] if "source" in r}
    known |= {int(s.split()[-1]) for s in refused if " item " in s}
    assert known == numbers == set(range(1, 41))


def test_no_scenario_is_lost_on_its_way(cedar):
    scenarios = set(cedar.read("scenarios")["scenario_id"])
    isolated = set(cedar.read("isolated_scenarios")["scenario_id"])
    gone = set(cedar.read("rejected_by_isolation")["row_id"])
    assert isolated | gone == scenarios and not isolated & gone
    items = set(cedar.read("cedar_items")["scenario_id"])
    no_items = set(cedar.read("rejected_items")["row_id"])
    assert items | no_items == isolated and not items & no_items
    assert set(cedar.read("divergence")["scenario_id"]) == scenarios


def test_every_language_holds_the_same_items(cedar):
    languages = cedar.read("cedar_items").group_by("language").agg("scenario_id")
    assert languages.height == 7
    assert len({tuple(own) for own in languages["scenario_id"]}) == 1


def test_every_id_leads_to_its_row(cedar):
    held = {"replies.key": stored_keys(cedar.data)}
    tables = {
        path.stem: pl.read_parquet(path)
        for path in cedar.data.glob("0*/cedar/*.parquet")
    }
    lost = {}
    for name in tables.keys() & ENTRIES.keys():
        for column, places in references(name).items():
            if name.startswith("rejected_"):
                continue  # what was refused when it was read stands nowhere else
            for place in places:
                table, of = place.split(".")
                if place not in held:
                    held[place] = set(tables[table][of]) if table in tables else set()
            there = set().union(*(held[place] for place in places))
            if missing := ids_of(tables, name, column) - there:
                lost[name, column] = missing
    assert not lost


def test_what_was_written_for_the_sample_is_never_released(cedar):
    release = cedar.data / "08_reporting/cedar/release"
    assert [path.name for path in release.iterdir()] == ["README.md"]
    assert cedar.read("withheld_items")["reason"].unique().to_list() == ["no_people"]


@pytest.fixture(scope="module")
def released(cedar, tmp_path_factory):
    """The sample's benchmark, as it were if people had answered."""
    names = ("cedar_items", "isolated_scenarios", "pictures", "annotations")
    tables = {n: cedar.read(n) for n in (*names, "annotators", "annotation_summary")}
    params = parameters.CedarReleaseParameters(
        **SETTINGS["release"] | {"no_people": ()}
    )
    files, withheld = release_cedar(**tables, packs=PACKS, params=params)
    assert withheld.is_empty()
    folder = tmp_path_factory.mktemp("release") / "cedar"
    ReleaseDataset(filepath=str(folder)).save(files)
    return folder


def test_a_reader_of_the_official_layout_reads_the_release(released):
    for folder in ("multimodal", "text-only"):
        numbers = set()
        for language in ("english", "chinese", "arabic", "hindi"):
            [file] = (released / folder / "multilingual").glob(f"{language}_*.json")
            items = json.loads(file.read_text("utf-8"))
            numbers.add(tuple(item["id"] for item in items))
            for item in items:
                assert item["answer"] and item["english_ver_answer"]
                assert item["question"] and isinstance(item["narrative"], str)
                if folder == "multimodal":
                    shown = released / folder / "images" / f"{item['id']}.png"
                    assert shown.read_bytes().startswith(b"\x89PNG")
        assert len(numbers) == 1


def test_the_release_loads_as_a_dataset(released, tmp_path):
    from datasets import load_dataset

    def loaded(*name, **options):
        return load_dataset(*name, cache_dir=str(tmp_path), split="train", **options)

    items = loaded(str(released))
    assert len(items) == 20 * 7 and items[0]["votes"][0]["n"] > 0
    assert len(loaded(str(released), "pictures")) == 9
    for folder, n in (("multimodal", 9), ("text-only", 11)):
        file = released / folder / "multilingual/arabic_inq.json"
        own = loaded("json", data_files=str(file))
        fields = ["id", "narrative", "question", "answer", "english_ver_answer"]
        assert (len(own), own.column_names) == (n, fields)


def test_a_release_read_as_a_given_benchmark_scores_the_same(cedar, released, tmp_path):
    files = SourceFilesDataset(path=str(released.parent)).load()
    shown = parameters.PictureParameters(**SETTINGS["pictures"])
    given = read_given_benchmarks(files, PACKS, shown)
    params = parameters.AlignmentParameters(**SETTINGS["alignment"])
    store = ReplyStore(tmp_path / "replies.sqlite")
    names = ("steady", "open", "random")
    none = given.items.clear()
    predictions = answer_items(
        cedar_items=none,
        given_items=given.items,
        pictures=given.pictures.clear(),
        given_pictures=given.pictures,
        packs=PACKS,
        subjects={n: OfflineChatModel(brain_of(f"subject-{n}"), store) for n in names},
        params=params,
    )
    again = score_alignment(predictions, none, given.items, PACKS, params)
    lines = values(cedar.read("cedar_reference"))
    assert values(again.reference) == pytest.approx(lines)
    there, here = values(again.scores), values(cedar.read("cedar_scores"))
    # Words are reordered by a scenario's id, which a given one has of its own.
    there, here = (
        {key: value for key, value in found.items() if "reordered" not in key}
        for found in (there, here)
    )
    assert there.keys() == here.keys() and len(here) > 400
    assert there == pytest.approx(here)


def values(table: pl.DataFrame):
    """A figure by what it is of; CEDAR's layout has no votes."""
    told = table.filter(~pl.col("metric").str.contains("vote_share"))
    key = {"line", "subject", "way", "slice", "metric"} & set(table.columns)
    rows = told.select(*sorted(key), "value").drop_nulls().rows()
    return {row[:-1]: row[-1] for row in rows}


def test_the_report_says_that_no_model_and_no_people_were_involved(cedar):
    page = (cedar.data / "08_reporting/cedar/report.html").read_text("utf-8")
    first = page.partition('<p class="first')[2].partition("</p>")[0]
    assert "No language model was involved where offline-cedar-translator" in first
    assert "No people were involved" in first
    assert "<svg" in page and "http" not in page
    text = (cedar.data / "08_reporting/cedar/report.md").read_text("utf-8")
    narrative = cedar.read("scenarios")["narrative"].drop_nulls()
    assert not any(words in text for words in narrative if words)
    assert "report:" in cedar.output and "consistency" in cedar.output


def test_stand_ins_that_heed_culture_gain_and_the_steady_one_does_not(cedar):
    scores = cedar.read("cedar_scores").filter(
        pl.col("way") == "native", pl.col("metric") == "gain", pl.col("slice") != "text"
    )
    gain = dict(scores.filter(slice="all").select("subject", "value").iter_rows())
    assert gain["open"] > 0.2 > gain["steady"] == pytest.approx(0, abs=1e-9)
    consistency = cedar.read("cedar_scores").filter(
        subject="steady", metric="consistency", slice="all"
    )
    assert consistency["value"].to_list() == [1.0] * 4  # in every way to ask
    assert set(gain) == {"open", "steady"}  # the random one sat text alone


def test_sixteen_more_subjects_are_sixteen_lines_of_the_catalog(cedar, tmp_path):
    data, conf = tmp_path / "data", tmp_path / "conf"
    shutil.copytree(cedar.data, data)
    shutil.copytree(ROOT / "conf", conf)
    path = conf / "base/catalog/cedar.yml"
    line = "    random: {<<: *offline, role: subject-random}\n"
    before, after = path.read_text("utf-8").split(line)
    more = "".join(
        f"    m{n}: {{<<: *offline, role: subject-open}}\n" for n in range(16)
    )
    path.write_text(before + line + more + after, "utf-8")
    nodes = "cedar_alignment.answer_items,cedar_alignment.score_alignment"
    run = ("run", f"--conf-source={conf}", "--pipeline=cedar", f"--nodes={nodes}")
    result = run_kedro(*run, "--params", f"data={data}", data=data)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    scores = Demo(data, "").read("cedar_scores")
    assert scores.filter(metric="gain")["subject"].n_unique() == 3 + 16
    gains = scores.filter(metric="gain", way="native", slice="all")
    found = dict(gains.select("subject", "value").iter_rows())
    assert {found[f"m{n}"] for n in range(16)} == {found["open"]}


def test_what_a_run_will_take_is_told_before_its_first_call(cedar, tmp_path):
    def said(data):
        found = run_kedro(
            "estimate", "--pipeline=cedar", "--params", f"data={data}", data=tmp_path
        )
        assert found.returncode == 0, found.stderr[-3000:]
        return found.stdout

    first, again = said(tmp_path / "none"), said(cedar.data)
    assert "36 scenarios; by simulation" in first and "by the last run" in again
    for line in ("cedar_translator   calls 18", "a                  calls 1,008"):
        assert line in first and line in again
    assert "steady             calls 560" in again  # 20 items x 7 languages x 4 ways
    assert "people: " in again and " hours, " in again


def test_both_figures_can_be_drawn(cedar):
    for name in ("dissociation_figure", "culture_matrix_figure"):
        path = cedar.data / f"08_reporting/cedar/{name}.json"
        assert json.loads(path.read_text("utf-8"))["data"]


def test_psyche_r1_is_asked_nothing(cedar):
    calls = pl.read_parquet(cedar.data / "08_reporting/model_calls.parquet")
    assert not {"teacher", "judge", "student-a"} & set(calls["role"])


def test_the_sizes_of_the_paper_stand_in_its_environment():
    loader = OmegaConfigLoader(str(ROOT / "conf"), env="paper", **CONFIG_LOADER_ARGS)
    quota = yaml.safe_load(
        (ROOT / "conf/paper/parameters/cedar.yml").read_text("utf-8")
    )["cedar"]["benchmark"]["quota"]
    languages = loader["globals"]["cultures"]
    assert sum(quota.values()) * len(languages) == 10_962
    packs = LanguagePacksDataset(
        path=str(ROOT / "conf/base/languages"),
        emotions=loader["globals"]["emotions"],
        cultures=languages,
    )
    assert len(packs.load()) == 7
