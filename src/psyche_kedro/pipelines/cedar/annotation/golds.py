"""From answers to gold: who counts, what most likely is meant, who decides the rest."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
import polars as pl

from psyche_kedro.datasets.language_packs import Packs
from psyche_kedro.pipelines.cedar.annotation.form import NONE_FITS
from psyche_kedro.pipelines.cedar.parameters import AnnotationParameters
from psyche_kedro.pipelines.cedar.tables import Annotators, GroundTruth
from psyche_kedro.review.dawid_skene import dawid_skene, one_coin, votes_of
from psyche_kedro.tables import Row, frame

_TIE = 1e-6
"""Probabilities that differ by less are the same: the consensus stops there."""


def labels_of(packs: Packs) -> list[str]:
    """Return all that a person may say: the emotions, and that none fits."""
    return [*next(iter(packs.values())).emotions, NONE_FITS]


def said(annotations: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Return the answers of a kind, ``none_fits`` a label like the others.

    Args:
        annotations: ``Annotations``.
        kind: ``item``, ``check`` or ``adjudication``.
    """
    return annotations.filter(kind=kind).with_columns(
        pl.col("label").fill_null(NONE_FITS)
    )


def count_votes(items: pl.DataFrame) -> dict[str, Counter[str]]:
    """Return how many gave each label, by scenario.

    Args:
        items: Rows with ``scenario_id`` and ``label``.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for scenario, label in items.select("scenario_id", "label").iter_rows():
        counts[scenario][label] += 1
    return counts


# ---- who counts ------------------------------------------------------------------


def weigh_annotators(
    annotations: pl.DataFrame,
    annotation_tasks: pl.DataFrame,
    packs: Packs,
    params: AnnotationParameters,
) -> pl.DataFrame:
    """Return how far every person can be relied on, and who does not count.

    Args:
        annotations: ``Annotations``.
        annotation_tasks: ``AnnotationTasks``.
        packs: Languages, by culture.
        params: ``cedar.annotation``.

    Returns:
        ``Annotators``: a row for every seat that answered anything.
    """
    expected = {
        (scenario, culture, seat): label
        for scenario, culture, seat, label in annotation_tasks.filter(kind="check")
        .select("scenario_id", "culture", "seat", "expected")
        .iter_rows()
    }
    rows = (
        row
        for culture in packs
        for row in _people(annotations.filter(culture=culture), expected, packs, params)
    )
    return frame(Annotators, rows)


def _people(
    annotations: pl.DataFrame,
    expected: Mapping[tuple[str, str, str], str],
    packs: Packs,
    params: AnnotationParameters,
) -> Iterator[Row]:
    items = said(annotations, "item")
    accuracy = _accuracy(items, packs)
    agreement = _agreement(items)
    for (culture, seat), own in annotations.filter(
        pl.col("kind") != "adjudication"
    ).group_by("culture", "seat", maintain_order=True):
        checks = said(own, "check").select("scenario_id", "label").iter_rows()
        right = [expected[key, culture, seat] == label for key, label in checks]
        seconds = own["seconds"].drop_nulls().to_list()
        counted = not right or sum(right) >= params.min_checks_passed * len(right)
        yield {
            "culture": culture,
            "seat": seat,
            "n": own.filter(kind="item").height,
            "n_checks": len(right),
            "passed": sum(right),
            "accuracy": accuracy.get(seat),
            "agreement": agreement.get(seat),
            "median_seconds": median(seconds) if seconds else None,
            "counted": counted,
            "reason": None if counted else "failed_checks",
        }


def _accuracy(items: pl.DataFrame, packs: Packs) -> dict[str, float]:
    answers = list(items.select("scenario_id", "seat", "label").iter_rows())
    labels = labels_of(packs)
    votes, _, seats = votes_of(answers, labels)
    found = one_coin(votes, len(labels)).accuracy if answers else np.empty(0)
    return dict(zip(seats, found.tolist(), strict=True))


def _agreement(items: pl.DataFrame) -> dict[str, float]:
    """Return the share of each person's answers that most of the others give."""
    counts = count_votes(items)
    agrees: dict[str, list[bool]] = defaultdict(list)
    for scenario, seat, label in items.select(
        "scenario_id", "seat", "label"
    ).iter_rows():
        others = counts[scenario] - Counter([label])
        if others:
            agrees[seat].append(others[label] == max(others.values()))
    return {seat: sum(each) / len(each) for seat, each in agrees.items()}


# ---- what is meant ---------------------------------------------------------------


class _Meant(NamedTuple):
    """What a culture's people say of a scenario together."""

    label: str
    posterior: float
    is_tied: bool


def decide_ground_truth(
    annotations: pl.DataFrame,
    annotators: pl.DataFrame,
    annotation_tasks: pl.DataFrame,
    packs: Packs,
    params: AnnotationParameters,
) -> pl.DataFrame:
    """Return the gold of every isolated scenario in every culture, if it has one.

    Args:
        annotations: ``Annotations``.
        annotators: ``Annotators``.
        annotation_tasks: ``AnnotationTasks``.
        packs: Languages, by culture.
        params: ``cedar.annotation``.

    Returns:
        ``GroundTruth``: a row for every (scenario, culture) that was dealt.
    """
    counted = annotators.filter("counted").select("culture", "seat")
    items = said(annotations, "item").join(counted, on=["culture", "seat"])
    adjudicated = dict(
        said(annotations, "adjudication")
        .select(pl.concat_list("scenario_id", "culture").list.join("/"), "label")
        .iter_rows()
    )
    rows: list[Row] = []
    for culture in packs:
        own = items.filter(culture=culture)
        answers = list(own.select("scenario_id", "seat", "label").iter_rows())
        votes = count_votes(own)
        consensus = _consensus(answers, labels_of(packs))
        compared = _compared(answers, labels_of(packs))
        dealt = annotation_tasks.filter(culture=culture, kind="item")["scenario_id"]
        for scenario in dealt.unique(maintain_order=True):
            word = adjudicated.get(f"{scenario}/{culture}")
            row = _decided(votes[scenario], consensus.get(scenario), word, params)
            key = {"scenario_id": scenario, "culture": culture}
            rows.append(key | row | {"dawid_skene": compared.get(scenario)})
    return frame(GroundTruth, rows)


def _consensus(
    answers: Sequence[tuple[str, str, str]], labels: list[str]
) -> dict[str, _Meant]:
    if not answers:
        return {}
    votes, units, _ = votes_of(answers, labels)
    posterior = one_coin(votes, len(labels)).posterior
    best = posterior.argsort(-1)[:, ::-1]
    return {
        unit: _Meant(
            labels[best[n, 0]],
            float(row[best[n, 0]]),
            bool(row[best[n, 0]] - row[best[n, 1]] < _TIE),
        )
        for n, (unit, row) in enumerate(zip(units, posterior, strict=True))
    }


def _compared(
    answers: Sequence[tuple[str, str, str]], labels: list[str]
) -> dict[str, str]:
    """Return what full confusion matrices decide."""
    if not answers:
        return {}
    votes, units, _ = votes_of(answers, labels)
    best = dawid_skene(votes, len(labels)).posterior.argmax(-1)
    return {unit: labels[n] for unit, n in zip(units, best.tolist(), strict=True)}


def _decided(
    votes: Counter[str],
    meant: _Meant | None,
    word: str | None,
    params: AnnotationParameters,
) -> Row:
    plain = plurality(votes)
    row: Row = {
        "votes": [{"label": label, "n": n} for label, n in sorted(votes.items())],
        "n_people": votes.total(),
        "posterior": meant.posterior if meant else None,
        "plain_majority": plain,
    }
    if meant is None or votes.total() < params.min_annotators:
        return row | _gold(None, "undecided", "too_few")
    if meant.posterior >= params.posterior and not meant.is_tied:
        how = "majority" if plain == meant.label else "weighed"
        return row | _gold(meant.label, how)
    if word is not None:
        return row | _gold(word, "adjudicated")
    return row | _gold(None, "undecided", "undecided")


def _gold(label: str | None, decided_by: str, reason: str | None = None) -> Row:
    if label == NONE_FITS:
        label, reason = None, NONE_FITS
    return {"gold": label, "decided_by": decided_by, "reason": reason}


def plurality(votes: Mapping[str, int]) -> str | None:
    """Return what most said; None where two labels have most votes."""
    most = max(votes.values(), default=0)
    top = [label for label, n in votes.items() if n == most]
    return top[0] if len(top) == 1 else None
