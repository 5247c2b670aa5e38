"""Cards: what they may say, and what is refused with the place and the reason."""

import re
from copy import deepcopy
from typing import get_args

import pytest
import yaml
from pydantic import ValidationError

from cards import CARDS
from prompt_set import WORDS
from psyche_kedro.pipelines import benchmarks
from psyche_kedro.pipelines.benchmarks import Benchmarks
from psyche_kedro.pipelines.evaluation.protocols import PROTOCOLS
from psyche_kedro.pipelines.evaluation.scoring import METRICS
from whole_run import ROOT

CARD = yaml.safe_load(benchmarks.__doc__.partition("::")[2])


def cards(**changes):
    """The card of the module's docstring; a key ``a__b`` is ``b`` below ``a``."""
    card = deepcopy(CARD)
    for path, value in changes.items():
        *above, key = path.split("__")
        place = card
        for name in above:
            place = place[name]
        place[key] = value
    return Benchmarks.model_validate({"arc": card})


def item(**changes):
    row = {"benchmark": "arc", "type": "single", "messages": [], "flags": []}
    return row | changes


def refused(**changes):
    with pytest.raises(ValidationError) as caught:
        cards(**changes)
    return str(caught.value)


# ---- what a card says --------------------------------------------------------------


def test_the_card_of_the_documentation_is_one():
    ((name, exam),) = cards().exams()
    assert (name, exam.title) == ("arc", "An examination")
    assert cards().root["arc"].layout.folders[0].names["dev"] == "exemplar"


def test_the_card_of_the_handbook_is_one():
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    card = text.partition("## Another benchmark")[2].split("```")[1]
    found = yaml.safe_load(card.removeprefix("yaml"))
    assert Benchmarks.model_validate({"arc": found}) == cards()


def test_an_item_is_of_the_exam_that_its_answer_has_the_form_of():
    arc = cards().root["arc"]
    assert cards().exam_of(item()) is not None
    assert cards().exam_of(item()) == arc.choice
    assert cards().exam_of(item(type="short_answer")) is None
    assert cards().exam_of(item(benchmark="elsewhere")) is None


@pytest.mark.parametrize(
    "conversation",
    [{"messages": [{"role": "user", "content": "我"}]}, {"flags": ["no_history"]}],
)
def test_a_conversation_is_judged_even_one_without_a_history(conversation):
    row = item(benchmark="counselling", type="short_answer", **conversation)
    assert CARDS.exam_of(row) == CARDS.root["counselling"].judged


def test_exams_stand_in_the_order_of_the_papers_tables_and_others_behind():
    named = Benchmarks(root={"a": cards().root["arc"], **CARDS.root})
    order = list(dict.fromkeys(name for name, _ in named.exams()))
    assert order[:4] == ["pceb", "cpsyexam", "counselling", "a"]


def test_cards_are_recorded_by_their_digests_which_every_word_is_part_of():
    one, other = str(cards(choice__note="a")), str(cards(choice__note="b"))
    assert re.fullmatch("arc@[0-9a-f]{16}", one)
    assert one != other


# ---- what the code knows -------------------------------------------------------------


def test_every_protocol_and_every_metric_that_a_card_may_name_is_there():
    named = {name for union in get_args(benchmarks.ProtocolName) for name in [union]}
    protocols = {name for literal in named for name in get_args(literal)}
    assert protocols == PROTOCOLS.keys()
    metrics = get_args(benchmarks.ChoiceMetric) + get_args(benchmarks.OpenMetric)
    assert set(metrics) == METRICS.keys()


def test_the_judge_scores_the_dimensions_that_a_card_shows():
    judged = {dimension.name for dimension in WORDS.dimensions}
    assert set(CARDS.root["counselling"].judged.metrics) <= judged


# ---- what is refused ---------------------------------------------------------------


def test_a_cell_is_made_of_what_the_layout_gives():
    assert "{part} and {type} only" in refused(layout__cell="{level}")
    assert "takes a part: say in `folders`" in refused(layout__cell="{part}_{type}")


def test_a_layout_that_the_code_does_not_know_is_refused():
    assert "'questions', 'conversations'" in refused(layout={"kind": "rubrics"})


def test_a_card_without_an_exam_of_its_layout_is_refused():
    talk = {"kind": "conversations", "cell": "talk"}
    assert "has judged as its exams, this one choice" in refused(layout=talk)
    assert "this one none" in refused(choice=None)


def test_a_protocol_for_another_form_is_refused():
    assert "choice.protocols.essay" in refused(choice__protocols={"essay": ""})


@pytest.mark.parametrize(
    ("scores", "fault"),
    [
        ({"reasoned": {}}, "names the protocol 'reasoned'"),
        ({"zero_shot": {"f1": {}}}, "names the metric 'f1'"),
        ({"zero_shot": {"elastic_accuracy": {"x": 1}}}, "names the cell 'x'"),
    ],
)
def test_a_published_score_without_a_place_in_the_table_is_refused(scores, fault):
    rows = [{"model": "M", "scores": scores}]
    assert fault in refused(choice__published={"table": 1, "rows": rows})


def test_what_stands_in_brackets_is_computed():
    said = refused(choice__metrics=["standard_accuracy"], choice__in_brackets=METRIC)
    assert f"`metrics` lacks '{METRIC}'" in said


METRIC = "elastic_accuracy"
