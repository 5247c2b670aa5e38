"""The screen is measured, on labels that are balanced and no few-shot examples."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from prompt_set import EXAMPLES, WORDS, made_up
from psyche_kedro.commands.agreement import describe
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.pipelines.synthesis.questions.screening_agreement import (
    labelled_question,
    measure_agreement,
    read_labels,
)
from psyche_kedro.prompts import render_question
from scripted import ScriptedChatModel, as_json, fail

CONF = Path(__file__).parents[3] / "conf/base"
LABELS = yaml.safe_load((CONF / "screening_labels.yml").read_text("utf-8"))
PROMPT = made_up(source="t", reply="t", user="{{ examples }}|判断：{{ question }}")


def test_the_labels_are_many_and_balanced() -> None:
    counts = Counter(label["verdict"] for label in LABELS)
    assert counts["reasonable"] == counts["unreasonable"] >= 40
    for label in LABELS:
        assert ("kind" in label) == (label["verdict"] == "unreasonable")
    assert len({label["stem"] for label in LABELS}) == len(LABELS)


def test_no_label_is_a_few_shot_example() -> None:
    shown = "\n".join(example["question"] for example in EXAMPLES)
    assert not [label["stem"] for label in LABELS if label["stem"] in shown]


def test_every_label_can_be_shown() -> None:
    assert all(render_question(labelled_question(label), WORDS) for label in LABELS)


def test_agreement_counts_right_wrong_and_unread() -> None:
    good = {"options": ["甲", "乙"], "verdict": "reasonable"}
    bad = {"options": ["甲", "乙"], "verdict": "unreasonable", "kind": "unclear"}
    labels = [
        {"stem": "好题", **good},
        {"stem": "错过的好题", **good},
        {"stem": "坏题", **bad},
        {"stem": "失败的坏题", **bad},
    ]
    judge = ScriptedChatModel(
        [
            ("错过", as_json(verdict="不合理")),
            ("失败", fail("timeout")),
            ("判断：.*坏题", as_json(verdict="不合理")),
            ("", as_json(verdict="合理")),
        ]
    )
    found = measure_agreement(labels, prompt=PROMPT, examples=[], judge=judge)
    assert (found.n, found.right, found.unread) == (4, 2, 1)
    assert (found.kept_good, found.caught_bad) == (0.5, 0.5)
    assert found.caught_by_kind == {"unclear": (1, 2)}
    assert "agrees on 2 (50%)" in describe(found, "judge")


@pytest.mark.parametrize("word", ["合理", "不合理"])
def test_a_judge_that_always_says_the_same_is_no_better_than_chance(word: str) -> None:
    judge = ScriptedChatModel([("", as_json(verdict=word))])
    found = measure_agreement(LABELS, prompt=PROMPT, examples=[], judge=judge)
    assert found.right / found.n == 0.5
    assert found.alpha is not None and found.alpha < 0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- {stem: 好题, options: [甲, 乙], verdict: 合理}", "at 0.verdict"),
        ("- {stem: 好题, verdict: reasonable}", "Field required at 0.options"),
        ("", "a valid list"),
        ("[]", "at least 1 item"),
        ("not a database", "a valid list"),
        ("a: [", "no YAML in UTF-8"),
    ],
)
def test_labels_that_are_none_are_named(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "labels.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=rf"labels.yml cannot .*{fault}"):
        read_labels(path)


def test_the_labels_of_the_project_are_read() -> None:
    assert read_labels(CONF / "screening_labels.yml") == LABELS
