"""A label is read where it is said, and nowhere else."""

import pytest
from fresh_replies import FRESH

from packs import PACKS
from psyche_kedro.pipelines.cedar.labels import LabelReader

READERS = {code: LabelReader(pack, PACKS["en"]) for code, pack in PACKS.items()}


def read(code: str, reply: str) -> tuple[str | None, str]:
    return tuple(READERS[code].read(reply))


@pytest.mark.parametrize("code", PACKS)
def test_every_word_of_every_language_is_read_as_its_emotion(code):
    for emotion, word in PACKS[code].emotions.items():
        for said in (
            word,
            f"**{word}**",
            f"«{word}».",
            f"1. {word.upper()}\n",
            f"“{word}”。",
        ):
            assert read(code, said) == (emotion, "whole"), said


@pytest.mark.parametrize(
    ("code", "reply", "expected"),
    [
        ("en", "<think>sadness? no: joy</think>\n\nRelief", ("relief", "whole")),
        ("en", "maybe pain</think>Relief!", ("relief", "whole")),
        ("en", "Sadness or pain are near. Answer: relief", ("relief", "marker")),
        ("en", "The answer is relief, not sadness.", ("relief", "marker")),
        ("en", "Final answer: **Fear**. Sadness comes later.", ("fear", "marker")),
        ("en", "My answer is: sadness or relief", (None, "several")),
        ("en", "The answer is not sadness but relief", (None, "negated")),
        ("en", "I would say they feel relief here.", ("relief", "only")),
        ("en", "Not sadness but relief", (None, "negated")),
        ("en", "They do not feel fear.", (None, "negated")),
        ("en", "relief, because the pain is over", (None, "several")),
        ("en", "A painting. Desired by many.", (None, "none")),
        ("en", "", (None, "none")),
        ("en", "…", (None, "none")),
        ("zh", "不是恐惧，而是尴尬", (None, "negated")),
        ("zh", "他会感到不满足。", (None, "negated")),
        ("zh", "我认为他感到尴尬。", ("embarrassment", "only")),
        ("zh", "可能悲伤或痛苦。答案是：宽慰", ("relief", "marker")),
        ("zh", "Embarrassment", ("embarrassment", "whole")),
        ("ja", "恐怖ではなく安堵", (None, "negated")),
        ("ja", "答えは「安堵」です。", ("relief", "marker")),
        ("ja", "この人は安堵を感じます", ("relief", "only")),
        ("ar", "لا أشعر بالخوف بل بالارتياح", (None, "negated")),
        ("ar", "أشعر بالارتياح", ("relief", "only")),
        ("ar", "اِرْتِيَاح", ("relief", "whole")),
        ("ar", "ارتيــاح", ("relief", "whole")),
        ("ar", "الجواب: الاحراج", ("embarrassment", "marker")),
        ("ar", "المؤلم جدا", (None, "none")),
        ("hi", "मुझे डर नहीं, राहत है", (None, "negated")),
        ("hi", "वह निडर है", (None, "none")),
        ("hi", "मजा", ("amusement", "whole")),
        ("hi", "उत्तर: राहत", ("relief", "marker")),
        ("es", "Adolorido", (None, "none")),
        ("es", "VERGUENZA", ("embarrassment", "whole")),
        ("es", "Siento compasión por ella", ("sympathy", "only")),
        ("es", "No es miedo, es alivio", (None, "negated")),
        ("sw", "Anahisi aibu", ("embarrassment", "only")),
        ("sw", "Jibu: afueni", ("relief", "marker")),
        ("sw", "si hofu bali afueni", (None, "negated")),
    ],
)
def test_what_a_reply_says(code, reply, expected):
    assert read(code, reply) == expected


@pytest.mark.parametrize(
    ("code", "reply", "official"),
    [
        ("en", "Not sadness but relief", "sadness"),
        ("en", "painting", "pain"),
        ("en", "relief, because the pain is over", "pain"),
        ("zh", "不是恐惧，而是尴尬", "fear"),
        ("es", "adolorido", "pain"),
        ("ar", "لا أشعر بالخوف بل بالارتياح", "fear"),
        ("sw", "I cannot say", None),
    ],
)
def test_the_official_reader_takes_the_first_label_that_occurs(code, reply, official):
    assert READERS[code].read_official(reply) == official


def test_of_a_hundred_fresh_replies_none_is_read_wrongly_and_few_not_at_all():
    said = [(code, reply, meant, read(code, reply)[0]) for code, reply, meant in FRESH]
    assert not [row for row in said if row[3] not in (None, row[2])]
    assert sum(label is None is not meant for *_, meant, label in said) <= 15
    assert len(said) == 100


def test_of_a_word_inside_another_the_longer_is_read():
    emotions = PACKS["en"].emotions | {"desire": "pain relief", "awe": "great fear"}
    reader = LabelReader(PACKS["en"].model_copy(update={"emotions": emotions}))
    assert reader.read("I would say pain relief.").label == "desire"
    assert reader.read("great fear").label == "awe"
    assert reader.read("It is fear.").label == "fear"


def test_a_long_reply_is_read_in_linear_time():
    import time

    start = time.perf_counter()
    for reply in (
        "not " * 50_000,
        "!" * 200_000 + "a",
        "answer " * 50_000,
        "relief " * 20_000,
    ):
        READERS["en"].read(reply)
    assert time.perf_counter() - start < 5
