"""People score the replies that judges score: a sheet out, their scores in, agreement.

The sheet says nothing of who wrote a reply, nor what a judge gave. What people return
lies below ``raw/judgings`` at the next run, as a review does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

import polars as pl

from psyche_kedro.datasets import SourceFile
from psyche_kedro.errors import ReviewError
from psyche_kedro.pipelines.evaluation.judging import Case, has_reply, read_number
from psyche_kedro.pipelines.evaluation.parameters import PeopleParameters
from psyche_kedro.prompts import Dimension, Words, render_dialogue
from psyche_kedro.review.form import read_reviewer
from psyche_kedro.review.krippendorff import interval, krippendorff_alpha, ordinal
from psyche_kedro.review.verdicts import read_sheet
from psyche_kedro.tables import HumanScores, content_id, frame, lot

Row = Mapping[str, Any]

SHEET = ("编号", "评分人", "维度", "含义", "分级", "对话", "回应", "分数")
"""Headings of the sheet; only the last is to be filled in."""


def write_sheet(
    cases: Iterable[Case], params: PeopleParameters, words: Words
) -> pl.DataFrame:
    """Return the replies that people shall score, each for every person.

    Args:
        cases: What judges score; a part of the replies is drawn, on all dimensions.
        params: ``evaluation.judging.people``.
        words: What the prompts call the parts of a conversation.
    """
    scored = [case for case in cases if case.dimension and has_reply(case)]
    replies = sorted({c.prediction["prediction_id"] for c in scored})
    drawn = set(sorted(replies, key=lambda i: lot(params.seed, i))[: params.replies])
    rows = [
        _sheet_row(case, case.dimension, person, words)
        for person in params.names
        for case in scored
        if case.dimension and case.prediction["prediction_id"] in drawn
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(SHEET, pl.String), orient="row")


def _sheet_row(
    case: Case, dimension: Dimension, person: str, words: Words
) -> tuple[str, ...]:
    levels = "\n".join(
        words.say("level", score=n, text=text)
        for n, text in enumerate(dimension.levels)
    )
    return (
        _number_of(case.prediction["role"], case.prediction["item_id"], case.name),
        person,
        dimension.label,
        dimension.definition,
        levels,
        render_dialogue(case.item["messages"], words),
        case.prediction["text"],
        "",
    )


def _number_of(role: str, item_id: str, dimension: str) -> str:
    return content_id("judging", role, item_id, dimension)


def read_human_scores(
    judging_files: Sequence[SourceFile], judgements: pl.DataFrame
) -> pl.DataFrame:
    """Return what people scored: ``HumanScores``; an empty cell is none.

    Args:
        judging_files: The sheets that people gave back.
        judgements: What judges scored: by them a row of the sheet is known again.

    Raises:
        ReviewError: If a file is no such sheet, names a reply that no judge has read,
            or says what no number is: people's work is not dropped silently.
    """
    known = {
        _number_of(*place): place
        for place in judgements.select("role", "item_id", "dimension").iter_rows()
    }
    rows = (row for file in judging_files for row in _scored(file, known))
    return frame(HumanScores, rows)


def _scored(
    file: SourceFile, known: Mapping[str, tuple[str, str, str]]
) -> Iterator[dict[str, Any]]:
    table = read_sheet(file)
    if missing := {SHEET[0], SHEET[-1]} - set(table.columns):
        raise ReviewError(
            f"{file.name} is no sheet of judging_batch: it lacks the column"
            f" {sorted(missing)}, it has {table.columns}; give back that sheet."
        )
    for row in table.iter_rows(named=True):
        said = str(row[SHEET[-1]] or "").strip()
        if not said:
            continue
        number, score = row[SHEET[0]], read_number(said)
        if number not in known or score is None:
            raise ReviewError(
                f"{file.name} says {said!r} of {number}: expected a number, of a reply"
                " that the judges of this run have read; give back the run's own sheet."
            )
        role, item_id, dimension = known[number]
        yield {
            "role": role,
            "item_id": item_id,
            "dimension": dimension,
            "person": read_reviewer(row.get(SHEET[1]) or file.name),
            "score": score,
        }


# ---- agreement -------------------------------------------------------------------


def agreement(
    judgements: Iterable[Row], human_scores: Iterable[Row]
) -> Iterator[dict[str, Any]]:
    """Yield how far repeats, judges and people agree, on either scale.

    Args:
        judgements: Rows of ``judgements``.
        human_scores: Rows of ``human_scores``.

    Yields:
        Rows of ``JudgeAgreement``, for each dimension and group of those who scored.
    """
    by_judge = _units(judgements, "judge")
    by_person = _units(human_scores, "person")
    for dimension in {**by_judge, **by_person}:
        groups = _groups(by_judge.get(dimension, {}), by_person.get(dimension, {}))
        for group, units in groups.items():
            yield from _alphas(units, group, dimension)


Units = dict[tuple[str, str], dict[str, list[float]]]
"""Scores by reply, and by who gave them."""


def _groups(judged: Units, people: Units) -> dict[str, list[list[float]]]:
    """Return the values to agree on: a list for each reply, by who scored it."""
    groups = {
        "judges": [_means(said) for said in judged.values()],
        "people": [_means(said) for said in people.values()],
    }
    for name in dict.fromkeys(name for said in judged.values() for name in said):
        own = {reply: said[name] for reply, said in judged.items() if name in said}
        groups[f"{name} again"] = list(own.values())
        groups[f"{name} and people"] = [
            [fmean(scores), fmean(_means(people[reply]))]
            for reply, scores in own.items()
            if reply in people
        ]
    return groups


def _units(rows: Iterable[Row], who: str) -> dict[str, Units]:
    """Return the scores that were read, by dimension."""
    units: dict[str, Units] = {}
    for row in rows:
        if row["score"] is not None:
            of_reply = units.setdefault(row["dimension"], {}).setdefault(
                (row["role"], row["item_id"]), {}
            )
            of_reply.setdefault(row[who], []).append(row["score"])
    return units


def _means(said: Mapping[str, Sequence[float]]) -> list[float]:
    return [fmean(scores) for scores in said.values()]


def _alphas(
    units: Sequence[Sequence[float]], group: str, dimension: str
) -> Iterator[dict[str, Any]]:
    paired = [unit for unit in units if len(unit) > 1]
    for scale in (interval, ordinal) if paired else ():
        yield {
            "measure": f"alpha ({scale.__name__})",
            "group": group,
            "dimension": dimension,
            "value": krippendorff_alpha(paired, scale),
            "n": len(paired),
        }
