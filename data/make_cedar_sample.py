"""Draws the pictures of CEDAR's sample, and answers its tasks as invented people would.

    python data/make_cedar_sample.py                # the pictures
    kedro run --pipeline=cedar --to-nodes=cedar_annotation.export_annotation_batch
    python data/make_cedar_sample.py data           # the answers, to that run's tasks

A band of colour along the lower edge of a picture stands for what it shows: the offline
stand-ins see no more of it. Who feels what is invented (``offline/cedar/lexicon.yml``);
what was planted, and must become of it, stands in ``01_raw/sample/cedar/planted.json``.
"""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import yaml
from PIL import Image, ImageDraw

from psyche_kedro.datasets import LanguagePacksDataset
from psyche_kedro.datasets.language_packs import LanguagePack
from psyche_kedro.llm.pictures import pictures_of, user_message
from psyche_kedro.offline.cedar.brain import cues_of

PROJECT = Path(__file__).parents[1]
SAMPLE = PROJECT / "data/01_raw/sample/cedar"
FOLDER = SAMPLE / "scenarios/sample_pictures"
LEXICON = PROJECT / "src/psyche_kedro/offline/cedar/lexicon.yml"
SIZE = (480, 360)
BAND = 18
"""Height in pixels."""

Task = dict[str, Any]

# ---- people ----------------------------------------------------------------------

CARELESS = "es-04"
SLIPS = 0.08
"""Share of answers in which a person says something else."""
EVERYWHERE = ""
PLANTED = {
    (3, "sw"): "none_fits none_fits none_fits none_fits contentment",
    (6, "hi"): "embarrassment contentment relief surprise sadness",
    (20, "sw"): "desire pain anger awe surprise",
    (33, EVERYWHERE): "sadness sadness sadness anger anger",
    (33, "en"): "anger anger anger sadness sadness",
    (33, "sw"): "anger anger anger sadness sadness",
    (34, EVERYWHERE): "contentment contentment contentment contentment contentment",
    (35, "ja"): "embarrassment embarrassment - - -",
}
"""What a culture's five seats say whatever the labellers do; ``-`` is no answer."""


def answer(task: Task, emotions: list[str]) -> str | None:
    """Return what a seat says; None where it leaves the row empty.

    Args:
        task: A row of ``AnnotationTasks`` with ``number`` and ``feels``.
        emotions: All that there are.
    """
    number, culture, seat = task["number"], task["culture"], task["seat"]
    chance = Random(f"{number} {seat}")  # noqa: S311 - no secret
    if seat == CARELESS:
        return chance.choice(emotions)
    felt: str = task["feels"].get(culture, task["feels"]["all"])
    if task["kind"] == "check":
        return felt
    if said := PLANTED.get((number, culture)) or PLANTED.get((number, EVERYWHERE)):
        word = said.split()[int(seat[-1]) - 1]
        return None if word == "-" else word
    return felt if chance.random() > SLIPS else chance.choice(emotions)


def answer_tasks(root: Path) -> None:
    """Write what people say to the tasks of a run below ``root``."""
    packs = _packs()
    told = {row["scenario_id"]: row for row in _scenes(root)}
    tasks = pl.read_parquet(root / "04_feature/cedar/annotation_tasks.parquet")
    for code, pack in packs.items():
        rows = [
            t | told[t["scenario_id"]] for t in tasks.filter(culture=code).to_dicts()
        ]
        write = _write_export if code == "ja" else _write_sheet
        write(SAMPLE / f"annotations/{code}/written_for_the_sample", pack, rows)
    number = {row["number"]: key for key, row in told.items()}
    task = {"scenario_id": number[6], "seat": "hi-adjudicator", "says": "embarrassment"}
    _sheet(
        SAMPLE / "annotations/hi/adjudication/written_for_the_sample.csv",
        packs["hi"],
        [task],
    )


def _packs() -> Any:
    known = yaml.safe_load((PROJECT / "conf/base/globals.yml").read_text("utf-8"))
    folder = str(PROJECT / "conf/base/languages")
    return LanguagePacksDataset(
        path=folder, emotions=known["emotions"], cultures=known["cultures"]
    ).load()


def _scenes(root: Path) -> Iterator[dict[str, Any]]:
    """Yield the id and number of every scenario, and what is felt of it."""
    pictures = pl.read_parquet(root / "02_intermediate/cedar/pictures.parquet")
    shown = dict(pictures.select("picture_id", "jpeg").iter_rows())
    scenarios = pl.read_parquet(root / "02_intermediate/cedar/scenarios.parquet")
    for row in scenarios.iter_rows(named=True):
        message = user_message("", shown.get(row["picture_id"]))
        scene = f"{row['narrative']} {row['question']}"
        if cues := cues_of(scene, pictures_of(message)):
            yield {
                "scenario_id": row["scenario_id"],
                "number": row["number"],
                "feels": cues[0]["feels"],
            }


def _write_sheet(path: Path, pack: LanguagePack, tasks: list[Task]) -> None:
    said = [task | {"says": answer(task, list(pack.emotions))} for task in tasks]
    _sheet(path.with_suffix(".csv"), pack, said)


def _sheet(path: Path, pack: LanguagePack, tasks: list[Task]) -> None:
    words = pack.emotions | {"none_fits": pack.none_fits}
    heads = [pack.sheet[name] for name in ("item", "seat", "answer", "note")]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heads)
        for task in tasks:
            word = words[task["says"]] if task["says"] else ""
            writer.writerow([task["scenario_id"], task["seat"], word, ""])


def _write_export(path: Path, pack: LanguagePack, tasks: list[Task]) -> None:
    """Write the answers as Label Studio exports them."""
    done = [_exported(n, task, list(pack.emotions)) for n, task in enumerate(tasks, 1)]
    text = json.dumps(done, ensure_ascii=False, indent=1)
    path.with_suffix(".json").write_text(text + "\n", "utf-8")


def _exported(n: int, task: Task, emotions: list[str]) -> dict[str, Any]:
    said = answer(task, emotions)
    choice = {"from_name": "answer", "to_name": "question", "type": "choices"}
    result = [choice | {"value": {"choices": [said]}}] if said else []
    seconds = round(6 + 20 * Random(n).random(), 1)  # noqa: S311
    whole = {"id": n, "was_cancelled": False, "lead_time": seconds, "result": result}
    data = {"scenario_id": task["scenario_id"], "seat": task["seat"]}
    return {"id": n, "data": data, "annotations": [whole]}


# ---- pictures --------------------------------------------------------------------


def draw_pictures() -> None:
    """Draw the twelve, and one that is torn."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    cues = yaml.safe_load(LEXICON.read_text("utf-8"))["cues"]
    for cue in cues:
        if name := cue.get("picture"):
            _save(DRAWN[name](), cue["band"], FOLDER / f"{name}.png")
    whole = (FOLDER / "bowl.png").read_bytes()
    (FOLDER / "torn.png").write_bytes(whole[: len(whole) // 2])


def _save(picture: Image.Image, band: str, path: Path) -> None:
    width, height = SIZE
    ImageDraw.Draw(picture).rectangle((0, height - BAND, width, height), fill=band)
    if path.stem == "shoes":  # a JPEG that is named otherwise
        picture.save(path, "JPEG", quality=85)
    elif path.stem == "bread":
        picture.quantize(16).save(path, optimize=True)
    else:
        picture.save(path, optimize=True)


def _canvas(colour: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", SIZE, colour)
    return picture, ImageDraw.Draw(picture)


def _bowl() -> Image.Image:
    """Two sticks that stand upright in a bowl of rice."""
    picture, draw = _canvas("#e8dcc6")
    draw.rectangle((0, 270, 480, 360), fill="#9a6b43")
    for x in (225, 252):
        draw.rectangle((x, 60, x + 9, 215), fill="#6b2f1a")
    draw.ellipse((150, 165, 330, 245), fill="white", outline="#c9c2b6", width=3)
    draw.chord((130, 120, 350, 330), 0, 180, fill="#3d5a80")
    return picture


def _flowers() -> Image.Image:
    """A bunch of white flowers, on a transparent ground."""
    picture = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.polygon([(190, 350), (290, 350), (330, 210), (150, 210)], fill="#5b8e7d")
    for x, y in ((170, 150), (240, 110), (310, 150), (205, 195), (275, 195)):
        for dx, dy in ((-22, 0), (22, 0), (0, -22), (0, 22)):
            box = (x + dx - 20, y + dy - 20, x + dx + 20, y + dy + 20)
            draw.ellipse(box, fill="#fafafa", outline="#b8b8b8")
        draw.ellipse((x - 10, y - 10, x + 10, y + 10), fill="#f2c14e")
    return picture


def _bread() -> Image.Image:
    """A slice of bread with mould on it, in few colours."""
    picture, draw = _canvas("#dfe7ea")
    draw.rounded_rectangle((110, 60, 370, 310), 60, fill="#c98d4b")
    draw.rounded_rectangle((128, 78, 352, 292), 50, fill="#f0d9a8")
    for x, y, size in ((180, 130, 34), (260, 190, 46), (210, 240, 26), (310, 120, 20)):
        draw.ellipse((x - size, y - size, x + size, y + size), fill="#6f8f72")
        draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill="#3f5d45")
    return picture


def _shoes() -> Image.Image:
    """Two muddy shoes."""
    picture, draw = _canvas("#b5651d")
    for top in (70, 210):
        draw.rounded_rectangle((90, top, 390, top + 80), 40, fill="#33272a")
        draw.ellipse((105, top + 12, 200, top + 68), fill="#1b1416")
        for x in (250, 300, 350):
            draw.ellipse((x - 20, top + 50, x + 18, top + 84), fill="#6d4c32")
    return picture


def _envelope() -> Image.Image:
    """A red envelope."""
    picture, draw = _canvas("#f4efe6")
    draw.rectangle((110, 90, 370, 270), fill="#c1272d")
    draw.polygon([(110, 90), (370, 90), (240, 190)], fill="#9e1b20")
    draw.ellipse((222, 170, 258, 206), fill="#f2c14e")
    return picture


def _umbrella() -> Image.Image:
    """An open umbrella."""
    picture, draw = _canvas("#e9e4d8")
    draw.pieslice((90, 60, 390, 320), 180, 360, fill="#26547c")
    draw.rectangle((236, 190, 244, 310), fill="#4a3b2a")
    draw.arc((206, 290, 244, 330), 0, 180, fill="#4a3b2a", width=8)
    return picture


def _cat() -> Image.Image:
    """A black cat on a road."""
    picture, draw = _canvas("#b9c4c9")
    draw.rectangle((0, 250, 480, 360), fill="#6c757d")
    draw.ellipse((140, 170, 320, 270), fill="#141414")
    draw.ellipse((290, 120, 370, 200), fill="#141414")
    for x in (298, 338):
        draw.polygon([(x, 140), (x + 26, 140), (x + 13, 100)], fill="#141414")
    draw.arc((80, 110, 200, 260), 60, 190, fill="#141414", width=12)
    return picture


def _knife() -> Image.Image:
    """A knife with a ribbon."""
    picture, draw = _canvas("#f1ece2")
    draw.polygon([(60, 170), (290, 140), (290, 200)], fill="#c9ced3")
    draw.rectangle((290, 145, 420, 195), fill="#5b3a29")
    draw.line((330, 110, 370, 230), fill="#c1272d", width=10)
    draw.line((370, 110, 330, 230), fill="#c1272d", width=10)
    return picture


def _candles() -> Image.Image:
    """Three burning candles."""
    picture, draw = _canvas("#2b2d42")
    draw.rectangle((0, 280, 480, 360), fill="#5b3a29")
    for x in (120, 230, 340):
        draw.rectangle((x, 150, x + 28, 280), fill="#f7f3e3")
        draw.ellipse((x + 2, 95, x + 26, 150), fill="#ffb703")
    return picture


def _moon() -> Image.Image:
    """A full moon above hills."""
    picture, draw = _canvas("#14213d")
    draw.ellipse((170, 50, 310, 190), fill="#fdf6d8")
    draw.ellipse((-80, 240, 300, 500), fill="#0b132b")
    draw.ellipse((200, 260, 560, 520), fill="#0b132b")
    return picture


def _chair() -> Image.Image:
    """An empty chair."""
    picture, draw = _canvas("#dcd6ca")
    draw.rectangle((170, 60, 310, 190), fill="#8d6346")
    draw.rectangle((160, 190, 320, 220), fill="#6d4c32")
    for x in (165, 300):
        draw.rectangle((x, 220, x + 14, 320), fill="#6d4c32")
    return picture


def _clock() -> Image.Image:
    """A clock on a wall, late."""
    picture, draw = _canvas("#e3e7d3")
    draw.ellipse((130, 50, 350, 270), fill="#fbfbf8", outline="#333333", width=8)
    draw.line((240, 160, 240, 80), fill="#333333", width=8)
    draw.line((240, 160, 205, 105), fill="#333333", width=10)
    return picture


DRAWN = {
    "bowl": _bowl,
    "flowers": _flowers,
    "shoes": _shoes,
    "bread": _bread,
    "envelope": _envelope,
    "umbrella": _umbrella,
    "cat": _cat,
    "knife": _knife,
    "candles": _candles,
    "moon": _moon,
    "chair": _chair,
    "clock": _clock,
}

if __name__ == "__main__":
    if sys.argv[1:]:
        answer_tasks(Path(sys.argv[1]))
    else:
        draw_pictures()
