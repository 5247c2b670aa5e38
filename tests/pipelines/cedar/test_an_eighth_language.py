"""An eighth language is an eighth file: from scenarios to scores, and no code."""

import json

import polars as pl
import pytest
import yaml
from cedar_rows import (
    ALIGNMENT,
    ANNOTATION,
    BENCHMARK,
    ISOLATION,
    LABELLING,
    NO_PICTURES,
    changed,
    source,
)
from test_reading_scenarios import DEDUPLICATION, SCENARIOS

from packs import CONF, CULTURES, EMOTIONS
from psyche_kedro.datasets.language_packs import LanguagePacksDataset
from psyche_kedro.llm.pictures import words_of
from psyche_kedro.pipelines.cedar.alignment.answering import answer_items
from psyche_kedro.pipelines.cedar.alignment.scoring import score_alignment
from psyche_kedro.pipelines.cedar.annotation.batch import export_annotation_batch
from psyche_kedro.pipelines.cedar.annotation.benchmark import assemble_benchmark
from psyche_kedro.pipelines.cedar.annotation.golds import (
    decide_ground_truth,
    weigh_annotators,
)
from psyche_kedro.pipelines.cedar.annotation.release import benchmark_files
from psyche_kedro.pipelines.cedar.annotation.tasks import deal_annotation_tasks
from psyche_kedro.pipelines.cedar.isolation.divergence import (
    isolate_scenarios,
    measure_divergence,
)
from psyche_kedro.pipelines.cedar.isolation.labelling import label_provisionally
from psyche_kedro.pipelines.cedar.isolation.scenarios import read_scenarios
from psyche_kedro.pipelines.cedar.isolation.translations import (
    check_translations,
    translate_scenarios,
)
from psyche_kedro.pipelines.cedar.parameters import TranslationParameters
from psyche_kedro.pipelines.cedar.tables import Annotations
from psyche_kedro.tables import frame
from scripted import ScriptedChatModel

TRANSLATION = TranslationParameters(min_fidelity=4, max_tokens=64)
KOREAN = [
    "분노",
    "혐오",
    "공포",
    "행복",
    "슬픔",
    "놀람",
    "즐거움",
    "경외",
    "만족",
    "욕망",
    "부끄러움",
    "고통",
    "안도",
    "동정",
]
EIGHT = [*CULTURES, "ko"]


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    """The seven as they ship, and one more file."""
    folder = tmp_path_factory.mktemp("languages")
    for file in (CONF / "languages").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    own = yaml.safe_load((folder / "en.yml").read_text("utf-8")) | {
        "code": "ko",
        "name": "Korean",
        "culture": "한국",
        "english_culture": "Korea",
        "script": ["HANGUL"],
        "emotions": dict(zip(EMOTIONS, KOREAN, strict=True)),
        "markers": ["답", "정답"],
        "negations": {"before": [], "after": ["아니"]},
    }
    text = yaml.safe_dump(own, allow_unicode=True, sort_keys=False)
    (folder / "ko.yml").write_text(text, "utf-8")
    return LanguagePacksDataset(
        path=str(folder), emotions=EMOTIONS, cultures=EIGHT
    ).load()


@pytest.fixture(scope="module")
def read(packs):
    text = {"narrative": "기차.", "question": "어때요?"}
    given = {c: {"narrative": "3 7.", "question": "3?"} for c in CULTURES[1:]}
    record = {"narrative": "A train.", "question": "How do you feel?"}
    file = source("a.json", json.dumps([record | {"texts": given | {"ko": text}}]))
    return read_scenarios([file], NO_PICTURES, packs, SCENARIOS, DEDUPLICATION)


def feels(culture: str) -> str:
    return "awe" if culture in {"ko", "zh", "ja", "hi"} else "relief"


def model(packs, name: str) -> ScriptedChatModel:
    """Answers in the language of the words that it is asked in."""

    def reply(request):
        text = words_of(request.messages[0])
        own = next(p for p in packs.values() if p.emotions["anger"] in text)
        return own.emotions[feels(own.code)]

    return ScriptedChatModel([("", reply)], name)


def test_an_eighth_culture_goes_all_the_way(packs, read):
    table, given, lost = read
    assert lost.is_empty() and "ko" in given["language"].to_list()
    silent = ScriptedChatModel([])
    texts, _ = translate_scenarios(table, given, packs, silent, TRANSLATION)
    texts, gone = check_translations(table, texts, packs, silent, TRANSLATION)
    assert gone.is_empty() and texts.height == 8
    labels = label_provisionally(
        scenarios=table,
        scenario_texts=texts,
        pictures=NO_PICTURES,
        packs=packs,
        labellers={name: model(packs, name) for name in "abc"},
        params=LABELLING,
    )
    measured = measure_divergence(table, labels, packs, LABELLING, ISOLATION)
    isolated, _ = isolate_scenarios(table, measured, gone, gone)
    assert isolated.height == 1

    seats = ANNOTATION.seats | {"ko": tuple(f"ko-{n}" for n in range(5))}
    params = changed(ANNOTATION, seats=seats)
    tasks = deal_annotation_tasks(isolated, measured, packs, params)
    batch = export_annotation_batch(tasks, table, texts, NO_PICTURES, packs)
    assert "ko/ko-0.xlsx" in batch
    said = frame(
        Annotations,
        [
            {
                **{k: task[k] for k in ("scenario_id", "culture", "seat", "kind")},
                "label": feels(task["culture"]),
                "source": "a",
            }
            for task in tasks.iter_rows(named=True)
        ],
    )
    people = weigh_annotators(said, tasks, packs, params)
    golds = decide_ground_truth(said, people, tasks, packs, params)
    items, _ = assemble_benchmark(
        isolated_scenarios=isolated,
        scenario_texts=texts,
        ground_truth=golds,
        packs=packs,
        params=params,
        benchmark=BENCHMARK,
    )
    assert dict(items.select("language", "gold_word").iter_rows())["ko"] == "경외"
    files = benchmark_files(items, NO_PICTURES, packs)
    assert "text-only/multilingual/korean_inq.json" in files

    answers = answer_items(
        cedar_items=items,
        given_items=items.clear(),
        pictures=NO_PICTURES,
        given_pictures=NO_PICTURES,
        packs=packs,
        subjects={"m": model(packs, "m")},
        params=changed(ALIGNMENT, ways=("native",)),
    )
    scores = score_alignment(answers, items, items.clear(), packs, ALIGNMENT).scores
    right = scores.filter(pl.col("slice") == "ko/text", metric="accuracy")
    assert right["value"].to_list() == [1.0]
