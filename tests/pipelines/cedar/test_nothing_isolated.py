"""Where nothing is isolated, or nothing becomes an item, all ends in order."""

import polars as pl
import pytest
from cedar_rows import (
    ALIGNMENT,
    ANNOTATION,
    BENCHMARK,
    ISOLATION,
    LABELLING,
    NO_PICTURES,
    RELEASE,
    changed,
    scenarios,
    texts,
)
from test_isolation import labels

from packs import PACKS
from psyche_kedro.pipelines.cedar import tables
from psyche_kedro.pipelines.cedar.alignment.answering import answer_items
from psyche_kedro.pipelines.cedar.alignment.figures import (
    draw_culture_matrix,
    draw_dissociation,
)
from psyche_kedro.pipelines.cedar.alignment.report import write_cedar_report
from psyche_kedro.pipelines.cedar.alignment.scoring import score_alignment
from psyche_kedro.pipelines.cedar.annotation.answers import read_annotations
from psyche_kedro.pipelines.cedar.annotation.batch import export_annotation_batch
from psyche_kedro.pipelines.cedar.annotation.benchmark import assemble_benchmark
from psyche_kedro.pipelines.cedar.annotation.golds import (
    decide_ground_truth,
    weigh_annotators,
)
from psyche_kedro.pipelines.cedar.annotation.release import release_cedar
from psyche_kedro.pipelines.cedar.annotation.summary import summarise_annotation
from psyche_kedro.pipelines.cedar.annotation.tasks import deal_annotation_tasks
from psyche_kedro.pipelines.cedar.isolation.divergence import (
    isolate_scenarios,
    measure_divergence,
)
from psyche_kedro.tables import ChapterAccount, Funnel, frame
from scripted import ScriptedChatModel

NOTHING_LOST = frame(tables.CedarRejections, [])


@pytest.mark.parametrize("n", [0, 2])
def test_nothing_isolated_ends_in_an_empty_benchmark_and_a_report(n):
    said = labels(lambda *_: "relief", n=n)
    divergence = measure_divergence(scenarios(n), said, PACKS, LABELLING, ISOLATION)
    isolated, gone = isolate_scenarios(
        scenarios(n), divergence, NOTHING_LOST, NOTHING_LOST
    )
    assert isolated.is_empty()
    assert gone["reason"].to_list() == ["no_divergence"] * n

    tasks = deal_annotation_tasks(isolated, divergence, PACKS, ANNOTATION)
    export_annotation_batch(tasks, scenarios(n), texts(n), NO_PICTURES, PACKS)
    answers = read_annotations([], tasks, PACKS)
    people = weigh_annotators(answers, tasks, PACKS, ANNOTATION)
    golds = decide_ground_truth(answers, people, tasks, PACKS, ANNOTATION)
    summary = summarise_annotation(tasks, answers, people, golds)
    items, lost = assemble_benchmark(
        isolated_scenarios=isolated,
        scenario_texts=texts(n),
        ground_truth=golds,
        packs=PACKS,
        params=ANNOTATION,
        benchmark=BENCHMARK,
    )
    assert items.is_empty() and lost.is_empty()
    files, withheld = release_cedar(
        cedar_items=items,
        isolated_scenarios=isolated,
        pictures=NO_PICTURES,
        annotations=answers,
        annotators=people,
        annotation_summary=summary,
        packs=PACKS,
        params=RELEASE,
    )
    assert list(files) == ["README.md"] and withheld.is_empty()

    params = changed(ALIGNMENT, n_resamples=10, permutations=9)
    predictions = answer_items(
        cedar_items=items,
        given_items=items,
        pictures=NO_PICTURES,
        given_pictures=NO_PICTURES,
        packs=PACKS,
        subjects={"m": ScriptedChatModel([])},
        params=params,
    )
    found = score_alignment(predictions, items, items, PACKS, params)
    assert all(table.is_empty() for table in found)
    draw_dissociation(found.scores, found.reference)
    draw_culture_matrix(found.culture_matrix)
    account: dict[str, pl.DataFrame] = {"account": frame(ChapterAccount, [])}
    report = write_cedar_report(
        cedar_funnel=frame(Funnel, []),
        cedar_scores=found.scores,
        cedar_reference=found.reference,
        culture_matrix=found.culture_matrix,
        model_pairs=found.model_pairs,
        isolation=account,
        annotation=account | {"annotation_summary": summary},
        alignment=account,
        params=params,
    )
    assert "What it took" in report.markdown
