"""The benchmark as a product: CEDAR's own files, the votes beside them, and a card.

What the files hold is what the public sample holds, so that what was written to run
CEDAR runs this. A scenario leaves the house only if its file's and its picture's
licences allow it, and if people answered it: answers that were written for the sample,
or by a model, are nobody's.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from importlib.resources import files
from io import BytesIO
from typing import Any

import polars as pl
from jinja2 import Environment, StrictUndefined
from PIL import Image

from psyche_kedro import __version__
from psyche_kedro.datasets.language_packs import ENGLISH, Packs
from psyche_kedro.pipelines.cedar.annotation.form import Files
from psyche_kedro.pipelines.cedar.asking import picture_bytes
from psyche_kedro.pipelines.cedar.layout import language_file, original_file
from psyche_kedro.pipelines.cedar.parameters import CedarReleaseParameters
from psyche_kedro.pipelines.cedar.tables import WithheldItems
from psyche_kedro.pipelines.selection.release import licence_of
from psyche_kedro.tables import content_id, frame

_FOLDERS = {"multimodal": "multimodal", "text": "text-only"}
# autoescape is off because the output is Markdown, not HTML.
_JINJA = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701


def release_cedar(  # noqa: PLR0913 - the node's inputs
    *,
    cedar_items: pl.DataFrame,
    isolated_scenarios: pl.DataFrame,
    pictures: pl.DataFrame,
    annotations: pl.DataFrame,
    annotators: pl.DataFrame,
    annotation_summary: pl.DataFrame,
    packs: Packs,
    params: CedarReleaseParameters,
) -> tuple[Files, pl.DataFrame]:
    """Return the release folder, and what is withheld.

    Args:
        cedar_items: ``Items``.
        isolated_scenarios: ``Scenarios``.
        pictures: ``Pictures``.
        annotations: ``Annotations``: which files hold the answers.
        annotators: ``Annotators``.
        annotation_summary: ``AnnotationSummary``.
        packs: Languages, by culture.
        params: ``cedar.release``.

    Returns:
        Files by path, and ``WithheldItems``.
    """
    sources = dict(isolated_scenarios.select("scenario_id", "source").iter_rows())
    withheld = _withheld(cedar_items, sources, pictures, annotations, params)
    items = cedar_items.filter(~pl.col("scenario_id").is_in(list(withheld)))
    rows = (
        {
            "row_id": scenario,
            "source": sources[scenario],
            "stage": "release_cedar",
            "reason": reason,
        }
        for scenario, reason in withheld.items()
    )
    told = _told(items, withheld, annotators, annotation_summary)
    card = _card(name=params.name, **told)
    own = benchmark_files(items, pictures, packs)
    return {**own, "README.md": card}, frame(WithheldItems, rows)


def _withheld(
    items: pl.DataFrame,
    sources: Mapping[str, str],
    pictures: pl.DataFrame,
    annotations: pl.DataFrame,
    params: CedarReleaseParameters,
) -> dict[str, str]:
    """Return why scenarios may not be passed on."""
    shown = dict(pictures.select("picture_id", "sources").iter_rows())
    answered: dict[str, set[str]] = defaultdict(set)
    for scenario, file in annotations.select("scenario_id", "source").iter_rows():
        answered[scenario].add(file)
    scenarios = items.select("scenario_id", "picture_id").unique(maintain_order=True)
    return {
        scenario: reason
        for scenario, picture in scenarios.iter_rows()
        if (
            reason := _reason(
                [sources[scenario], *shown.get(picture, [])],
                answered[scenario],
                params,
            )
        )
    }


def _reason(
    names: Sequence[str], answered: Iterable[str], params: CedarReleaseParameters
) -> str | None:
    """Return why a scenario may not be passed on, or None.

    Args:
        names: Its file, then its picture's.
        answered: Files of people's answers to it.
        params: ``cedar.release``.
    """
    licences = [licence_of(name, params.licences) for name in names]
    if any(licence is not None and not licence.redistribute for licence in licences):
        return "licence_forbids"
    if None in licences:
        return "unknown_licence" if licences[0] is None else "unknown_picture_right"
    patterns = params.no_people
    made_up = any(fnmatch(file, pattern) for file in answered for pattern in patterns)
    return "no_people" if made_up else None


def benchmark_files(items: pl.DataFrame, pictures: pl.DataFrame, packs: Packs) -> Files:
    """Return a benchmark in CEDAR's own files, and its votes and pictures beside.

    Args:
        items: ``Items``.
        pictures: ``Pictures``.
        packs: Languages, by culture.
    """
    found: Files = {}
    for (modality,), own in items.group_by("modality", maintain_order=True):
        folder = _FOLDERS[str(modality)]
        golds: dict[int, dict[str, str]] = defaultdict(dict)
        for number, language, gold in own.select(
            "number", "language", "gold"
        ).iter_rows():
            golds[number][packs[language].file_name] = gold
        for code, pack in packs.items():
            rows = list(own.filter(language=code).iter_rows(named=True))
            path = f"{folder}/multilingual/{pack.file_name}_inq.json"
            found[path] = language_file(rows)
        english = own.filter(language=ENGLISH).iter_rows(named=True)
        found[f"{folder}/original/ori_inq.json"] = original_file(english, golds)
    return found | _beside(items, pictures)


def _beside(items: pl.DataFrame, pictures: pl.DataFrame) -> Files:
    """Return the pictures as PNG, and what CEDAR's files have no place for."""
    numbered = (
        items.select("number", "picture_id").drop_nulls().unique(maintain_order=True)
    )
    jpegs = picture_bytes(pictures)
    if items.is_empty():
        return {}
    shown = pictures.join(numbered, on="picture_id").select(
        "picture_id", "number", "sha256", "width", "height", "jpeg"
    )
    return {
        **{
            f"multimodal/images/{number}.png": _png(jpegs[picture])
            for number, picture in numbered.iter_rows()
        },
        "data/items.parquet": items.drop("benchmark"),
        "data/pictures.parquet": shown,
    }


def _png(jpeg: bytes) -> bytes:
    file = BytesIO()
    with Image.open(BytesIO(jpeg)) as picture:
        picture.save(file, "PNG")
    return file.getvalue()


def _told(
    items: pl.DataFrame,
    withheld: Mapping[str, str],
    annotators: pl.DataFrame,
    annotation_summary: pl.DataFrame,
) -> dict[str, Any]:
    """Return what the card says of the items and the people."""
    counts = items.group_by("language", "modality", "gold").len("n")
    panel = annotators.group_by("culture", maintain_order=True).agg(
        n=pl.len(), counted=pl.col("counted").sum()
    )
    return {
        "n_scenarios": items["scenario_id"].n_unique(),
        "n_items": items.height,
        "counts": counts.sort("language", "modality", "gold").to_dicts(),
        "agreement": annotation_summary.filter(measure="alpha").to_dicts(),
        "panel": panel.to_dicts(),
        "withheld": sorted(Counter(withheld.values()).items()),
        "digest": content_id(*sorted(items["item_id"])),
    }


def _card(**values: Any) -> str:
    template = files(__package__) / "card.md.jinja"
    text = template.read_text(encoding="utf-8")
    return _JINJA.from_string(text).render(version=__version__, **values)
