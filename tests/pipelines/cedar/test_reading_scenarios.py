"""Pictures by their content, scenarios by what may be asked."""

import io
import json

import polars as pl
import pytest
from cedar_rows import NO_PICTURES, PARAMETERS, PICTURES, source
from decoders import ends_at_the_second
from PIL import Image

from packs import PACKS
from psyche_kedro.pipelines.cedar.isolation import pictures as room
from psyche_kedro.pipelines.cedar.isolation.pictures import prepare_pictures
from psyche_kedro.pipelines.cedar.isolation.scenarios import read_scenarios
from psyche_kedro.pipelines.cedar.parameters import ScenarioParameters
from psyche_kedro.pipelines.synthesis.parameters import DeduplicationParameters
from test_project_shape import ROOT

SCENARIOS = ScenarioParameters(**PARAMETERS["scenarios"])
DEDUPLICATION = DeduplicationParameters(
    ngram=3, threshold=0.8, permutations=128, target_recall=0.99, seed=1, threads=1
)


def encoded(picture: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def opened(table: pl.DataFrame) -> Image.Image:
    return Image.open(io.BytesIO(table["jpeg"][0]))


# ---- pictures --------------------------------------------------------------------


def test_a_jpeg_that_is_named_png_is_opened_by_its_content():
    data = encoded(Image.new("RGB", (300, 400), "red"), "JPEG")
    table, lost = prepare_pictures([source("a.png", data)], PICTURES)
    assert table["kind"].to_list() == ["jpeg"]
    assert lost.is_empty()


def test_a_picture_is_turned_and_carries_nothing_of_who_took_it():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    exif[0x010F] = "Camera of a person"
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    photo = Image.new("RGB", (400, 300), "red")
    data = encoded(photo, "JPEG", exif=exif, comment=b"a person")
    table, _ = prepare_pictures([source("a.jpg", data)], PICTURES)
    assert table.select("width", "height").row(0) == (300, 400)
    assert not opened(table).getexif()
    assert b"person" not in table["jpeg"][0]


def test_what_is_transparent_becomes_white_and_what_is_large_is_shrunk():
    data = encoded(Image.new("RGBA", (2000, 1000), (0, 0, 0, 0)), "PNG")
    table, _ = prepare_pictures([source("a.png", data)], PICTURES)
    assert table.select("width", "height").row(0) == (768, 384)
    assert opened(table).getpixel((5, 5)) == (255, 255, 255)


def test_the_same_picture_twice_is_one_row_and_is_found_by_both_names():
    data = encoded(Image.new("P", (300, 300)), "PNG")
    files = [source("x/a.png", data), source("y/b.png", data)]
    table, _ = prepare_pictures(files, PICTURES)
    assert table["sources"].to_list() == [["x/a.png", "y/b.png"]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no picture", "no_picture"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "no_picture"),
        (encoded(Image.new("RGB", (1, 1)), "PNG"), "too_small"),
        (encoded(Image.new("1", (20_000, 9_000)), "PNG"), "no_picture"),  # a bomb
        (encoded(Image.new("RGB", (300, 300)), "PNG")[:80], "no_picture"),
        (encoded(Image.new("RGB", (300, 90)), "PNG"), "too_small"),
        (encoded(Image.new("RGB", (300, 300)), "EPS"), "no_picture"),  # a program
    ],
)
def test_what_shows_nothing_is_rejected_with_its_name(data, reason):
    table, lost = prepare_pictures([source("a.png", data)], PICTURES)
    assert table.is_empty()
    assert lost.select("reason", "source").row(0) == (reason, "a.png")


@pytest.mark.parametrize(
    ("picture", "form", "options"),
    [
        (Image.new("CMYK", (300, 300)), "JPEG", {}),
        (Image.new("P", (300, 300)), "PNG", {"transparency": 0}),
        (Image.new("I;16", (300, 300)), "PNG", {}),
        (Image.new("RGB", (20_000, 300)), "PNG", {}),
        (
            Image.new("RGB", (300, 300), "red"),
            "GIF",
            {"save_all": True, "append_images": [Image.new("RGB", (300, 300), "blue")]},
        ),
    ],
    ids=["cmyk", "palette", "16 bits", "wide", "animated"],
)
def test_whatever_kind_it_is_it_is_one_still_jpeg(picture, form, options):
    data = encoded(picture, form, **options)
    table, lost = prepare_pictures([source("a.png", data)], PICTURES)
    assert lost.is_empty()
    shown = opened(table)
    assert (shown.format, shown.mode) == ("JPEG", "RGB")
    assert max(shown.size) <= PICTURES.longest_side
    if form == "GIF":
        assert shown.getpixel((9, 9))[0] > 200  # the first of its pictures


def test_the_same_file_makes_the_same_bytes():
    data = encoded(Image.radial_gradient("L").resize((900, 900)), "PNG")
    first, second = (
        prepare_pictures([source("a.png", data)], PICTURES)[0] for _ in "ab"
    )
    assert first.equals(second)


# ---- scenarios -------------------------------------------------------------------


def read(*files, pictures=NO_PICTURES):
    return read_scenarios(list(files), pictures, PACKS, SCENARIOS, DEDUPLICATION)


def scene(**values):
    return {"narrative": "You miss the train.", "question": "How do you feel?"} | values


def as_json(*records) -> str:
    return json.dumps(records, ensure_ascii=False)


def test_a_scenario_keeps_its_number_topic_and_the_texts_that_are_given():
    zh = {"zh": {"narrative": "你误了火车。", "question": "你有什么感受？"}}
    record = scene(id=7, topic="journeys", texts=zh | {"xx": {"question": "?"}})
    table, given, lost = read(source("a.json", as_json(record)))
    assert table.select("number", "topic", "modality").row(0) == (7, "journeys", "text")
    assert given["language"].to_list() == ["en", "zh"]
    assert lost.is_empty()


@pytest.mark.parametrize("number", ["9" * 5000, 10**400, 1e400, -1, [], True, "x"])
def test_a_number_that_is_none_is_no_number(number):
    table, _, lost = read(source("a.json", as_json(scene(id=number))))
    assert (table["number"].to_list(), lost.height) == ([None], 0)
    item = scene(id=number, answer="awe")
    table, _, lost = read(source("s/multilingual/english_a.json", as_json(item)))
    assert table.height + lost.height == 1


def test_a_decoder_that_ends_its_process_costs_no_other_picture(monkeypatch):
    monkeypatch.setattr(room, "_opened", ends_at_the_second)
    sound = encoded(Image.new("RGB", (300, 300)), "PNG")
    files = [source(f"{n}.png", sound) for n in (1, 2, 3)]
    table, lost = prepare_pictures(files, PICTURES)
    assert table["sources"].to_list() == [["1.png", "3.png"]]
    assert lost.select("reason", "source").rows() == [("no_picture", "2.png")]


def test_a_table_gives_other_languages_in_columns_of_their_own():
    csv = (
        "narrative,question,question:zh,narrative:zh\nA bus.,And you?,你呢？,公交车。\n"
    )
    table, given, _ = read(source("a.csv", csv))
    assert table["locator"].to_list() == ["row 2"]
    assert given.filter(language="zh")["narrative"].to_list() == ["公交车。"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (scene(question=""), "no_question"),
        (scene(question=" \n\t "), "no_question"),
        (scene(narrative=""), "no_narrative"),
        (scene(narrative="   "), "no_narrative"),
        (scene(picture="gone.png"), "picture_missing"),
        (scene(narrative="All you feel is sadness."), "names_emotion:en"),
        (scene(narrative="A Japanese guest bows."), "names_culture:en"),
        (scene(texts={"zh": {"question": "你感到悲伤吗？"}}), "names_emotion:zh"),
        (scene(texts={"zh": {"narrative": "无"}}), "no_question"),
        (scene(narrative="word " * 200), "over_long"),
        (scene(language="fr"), "unknown_language"),
        ("a text", "no_record"),
    ],
)
def test_what_may_not_be_asked_is_rejected_with_a_reason(record, reason):
    table, given, lost = read(source("a.json", as_json(record)))
    assert table.is_empty() and given.is_empty()
    assert lost["reason"].to_list() == [reason]


def test_a_painting_of_a_desired_house_names_no_emotion():
    table, *_ = read(source("a.json", as_json(scene(narrative="A painting; desired."))))
    assert table.height == 1


def test_the_same_scene_twice_is_one_and_so_is_nearly_the_same():
    long = "You arrive at the station and see the last train of the evening leave."
    table, given, lost = read(
        source("a.json", as_json(scene(narrative=long))),
        source("b.json", as_json(scene(narrative=long.upper() + "!"))),
        source("c.json", as_json(scene(narrative=long.replace("see", "saw")))),
    )
    assert sorted(lost["reason"]) == ["duplicate", "near_duplicate"]
    assert table.height == given.height == 1


def test_a_picture_is_named_from_the_folder_of_its_record_whatever_its_ending():
    data = encoded(Image.new("RGB", (300, 300)), "JPEG")
    pictures, _ = prepare_pictures([source("set/images/a.jpg", data)], PICTURES)
    record = scene(narrative="", picture="images/a.png")
    table, *_ = read(source("set/a.json", as_json(record)), pictures=pictures)
    assert table.select("modality", "picture_id").row(0) == (
        "multimodal",
        pictures["picture_id"][0],
    )


def test_cedars_own_layout_is_read_as_one_scenario_for_an_id():
    english = [{"id": 3, "narrative": "A bus.", "question": "How?", "answer": "awe"}]
    chinese = [
        {"id": 3, "narrative": "公交车。", "question": "如何？", "answer": "敬畏"}
    ]
    table, given, _ = read(
        source("text-only/multilingual/chinese_inq.json", json.dumps(chinese)),
        source("text-only/multilingual/english_inq.json", json.dumps(english)),
        source("text-only/original/ori_inq.json", json.dumps(english)),
    )
    assert table.select("number", "language", "narrative").row(0) == (3, "en", "A bus.")
    assert given["language"].to_list() == ["en", "zh"]


def test_an_id_that_stands_twice_is_no_scenario():
    item = {"id": 3, "narrative": "A bus.", "question": "How?", "answer": "awe"}
    file = source("set/multilingual/english_inq.json", json.dumps([item, item]))
    table, _, lost = read(file)
    assert table.is_empty()
    assert lost["reason"].to_list() == ["duplicate_id"]


def test_a_broken_file_is_a_row_and_stops_nothing():
    table, _, lost = read(source("a.json", "[{"), source("b.json", as_json(scene())))
    assert table.height == 1
    assert lost.select("reason", "source").row(0) == ("invalid_json", "a.json")


def test_rows_in_are_rows_kept_and_rejected_of_the_bundled_sample():
    folder = ROOT / "data/01_raw/sample/cedar/scenarios"
    file = folder / "sample_scenarios.json"
    shown = [
        source(f"sample_pictures/{p.name}", p.read_bytes())
        for p in sorted((folder / "sample_pictures").iterdir())
    ]
    pictures, _ = prepare_pictures(shown, PICTURES)
    table, _, lost = read(source(file.name, file.read_bytes()), pictures=pictures)
    assert table.height + lost.height == len(json.loads(file.read_text("utf-8"))) == 40
    modalities = table["modality"].value_counts().sort("modality")
    assert modalities["count"].to_list() == [12, 24]
