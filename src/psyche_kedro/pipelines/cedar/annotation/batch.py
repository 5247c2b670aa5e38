"""What goes out to people: the tasks, and what they could not decide."""

from collections.abc import Iterable

import polars as pl

from psyche_kedro.datasets.language_packs import LanguagePack, Packs
from psyche_kedro.pipelines.cedar.annotation.form import Files, files_of
from psyche_kedro.pipelines.cedar.asking import picture_bytes, texts_by_language
from psyche_kedro.tables import Row, content_id

_TASKS_README = """\
# What people are asked

A folder for each culture: a workbook for each seat, the same tasks for Label Studio
(`label_studio_*.json`, with its labelling configuration), and a guide to read first.

Give a seat's file to one person. What comes back lies in
`raw/cedar/annotations/<culture>/` at the next run: the workbooks, CSV files of the same
columns, or Label Studio's JSON export.
"""
_ADJUDICATION_README = """\
# What people did not decide

A folder for each culture, for one more person who has not seen the scenarios and sees
no vote. What comes back lies in `raw/cedar/annotations/<culture>/adjudication/` at the
next run.
"""


def export_annotation_batch(
    annotation_tasks: pl.DataFrame,
    scenarios: pl.DataFrame,
    scenario_texts: pl.DataFrame,
    pictures: pl.DataFrame,
    packs: Packs,
) -> Files:
    """Return the folder that people are given.

    Args:
        annotation_tasks: ``AnnotationTasks``.
        scenarios: ``Scenarios``.
        scenario_texts: ``ScenarioTexts``.
        pictures: ``Pictures``.
        packs: Languages, by culture.
    """
    shown = _Shown(scenarios, scenario_texts, pictures)
    files: Files = {"README.md": _TASKS_README}
    for code, pack in packs.items():
        tasks = annotation_tasks.filter(culture=code)
        asked = tasks.select("scenario_id", "seat").iter_rows()
        files |= files_of(pack, shown.tasks(pack, asked))
    return files


def export_adjudication(
    ground_truth: pl.DataFrame,
    scenarios: pl.DataFrame,
    scenario_texts: pl.DataFrame,
    pictures: pl.DataFrame,
    packs: Packs,
) -> Files:
    """Return the folder of what is undecided, for another person of each culture.

    Args:
        ground_truth: ``GroundTruth``.
        scenarios: ``Scenarios``.
        scenario_texts: ``ScenarioTexts``.
        pictures: ``Pictures``.
        packs: Languages, by culture.
    """
    shown = _Shown(scenarios, scenario_texts, pictures)
    files: Files = {"README.md": _ADJUDICATION_README}
    for code, pack in packs.items():
        open_ = ground_truth.filter(culture=code, reason="undecided")["scenario_id"]
        seat = f"{code}-adjudicator"
        order = sorted(open_, key=lambda key: content_id("seat", seat, key))
        if order:
            files |= files_of(pack, shown.tasks(pack, ((key, seat) for key in order)))
    return files


class _Shown:
    """What a person sees of each scenario."""

    def __init__(
        self, scenarios: pl.DataFrame, texts: pl.DataFrame, pictures: pl.DataFrame
    ) -> None:
        self._pictures = picture_bytes(pictures)
        self._picture_of = dict(
            scenarios.select("scenario_id", "picture_id").iter_rows()
        )
        self._texts = texts_by_language(texts)

    def tasks(self, pack: LanguagePack, asked: Iterable[tuple[str, str]]) -> list[Row]:
        return [
            {
                "scenario_id": scenario,
                "seat": seat,
                "picture": self._pictures.get(self._picture_of[scenario] or ""),
                **{
                    name: self._texts[scenario, pack.code][name]
                    for name in ("narrative", "question")
                },
            }
            for scenario, seat in asked
        ]
