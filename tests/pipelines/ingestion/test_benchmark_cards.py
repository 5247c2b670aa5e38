"""The shipped cards read what their benchmarks publish; the files here are made up."""

import json

import pytest

from cards import CARDS
from psyche_kedro.datasets.source_files import SourceFile
from psyche_kedro.pipelines.benchmarks import NOT_DRAWN, Benchmarks
from psyche_kedro.pipelines.ingestion.nodes import read_benchmarks
from psyche_kedro.pipelines.selection.exams import exam_items, has_key

OPTIONS = "\n".join(f"{letter}. 说法{letter}。" for letter in "ABCDEFGH")
RUBRIC = "加分项\n1、回应情绪{+5}\n2、给出建议{+3}\n\n减分项\n1、说教{-2}"


def file(name, text):
    data = text.encode()
    return SourceFile(name, lambda: data, len(data))


def sheet(*rows):
    return "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows)


def read(*files, benchmarks=CARDS):
    return read_benchmarks(list(files), benchmarks)


def items(*files, benchmarks=CARDS):
    tables = read(*files, benchmarks=benchmarks)
    assert tables.unreadable.is_empty()
    return tables.rows.to_dicts()


# ---- ABench ------------------------------------------------------------------------


def abench(answer, options=OPTIONS):
    head = ("mid", "standard_question", "standard_answer", "type")
    return file(
        "abench/Psy_MCQ.csv",
        "\ufeff" + sheet(head, (1, f"他在想什么？\n\n{options}", answer, "MCQ")),
    )


@pytest.mark.parametrize(
    ("answer", "kind", "gold"),
    [("H", "single", ["H"]), ("ACH", "multiple", ["A", "C", "H"])],
)
def test_options_a_to_h_stand_in_the_stem_and_may_have_several_golds(
    answer, kind, gold
):
    (item,) = items(abench(answer))
    assert [option["label"] for option in item["options"]] == list("ABCDEFGH")
    assert (item["stem"], item["cell"], item["gold"]) == ("他在想什么？", kind, gold)
    assert item["known_as"] == "1"


def test_an_item_whose_letters_come_twice_is_no_statement_to_judge():
    (item,) = items(abench("F", OPTIONS.replace("G. ", "F. ")))
    assert (item["type"], item["gold"]) == ("single", [])
    assert "option_letters_repeated" in item["flags"]


def test_a_rubric_is_what_an_open_item_is_marked_by():
    head = ("mid", "standard_question", "rubric", "type")
    (item,) = items(
        file("abench/Psy_QA.csv", sheet(head, (7, "怎么办？", RUBRIC, "QA")))
    )
    assert (item["cell"], item["answer_text"]) == ("counselling", RUBRIC)
    assert CARDS.exam_of(item) == CARDS.root["abench"].rubric


# ---- CMMLU, CPsyCounE --------------------------------------------------------------


def test_the_five_questions_of_dev_are_the_exemplars_of_cmmlu():
    head, row = (
        ("", "Question", "A", "B", "C", "D", "Answer"),
        (0, "记忆是", "一", "二", "三", "四", "C"),
    )
    name = "professional_psychology.csv"
    found = items(
        *(file(f"cmmlu/{split}/{name}", sheet(head, row)) for split in ("dev", "test"))
    )
    assert [item["split"] for item in found] == ["exemplar", "test"]
    assert {item["cell"] for item in found} == {"professional_psychology"}


def test_every_reply_of_a_conversation_is_an_item_with_what_was_said_before():
    lines = [
        "求助者：我睡不着。",
        "支持者：多久了？",
        "求助者：一个月。",
        "支持者：辛苦了。",
    ]
    talk = json.dumps(lines, ensure_ascii=False)
    first, second = items(file("cpsycoune/Career/1.json", talk))
    assert [len(item["messages"]) for item in (first, second)] == [1, 3]
    assert [first["answer_text"], second["answer_text"]] == ["多久了？", "辛苦了。"]
    assert first["cluster_id"] == second["cluster_id"]
    assert first["item_id"] != second["item_id"]


def test_a_card_brings_the_dimensions_that_its_judge_scores():
    exam = CARDS.root["cpsycoune"].judged
    tops = [len(dimension.levels) - 1 for dimension in exam.judged_on(())]
    assert tops == [2, 3, 3, 1]


# ---- CPsyExam ----------------------------------------------------------------------


def cpsyexam(split, number, **changes):
    options = {"A": "一", "B": "二", "C": "三", "D": "四", "E": ""}
    question = {
        "id": f"id{number}",
        "question_type": "single",
        "kind": "knowledge",
        "question": f"第{number}题问什么？",
        "options": options,
        **changes,
    }
    return file(f"cpsyexam/mcq/{split}/KG.json", json.dumps([question]))


def test_dev_stands_in_for_a_test_set_without_answers_and_says_so():
    tables = read(cpsyexam("test", 1), cpsyexam("dev", 2, answer="A"))
    asked = exam_items(tables.rows)
    assert asked.filter(has_key())["split"].to_list() == ["dev"]


def key(*answers):
    lines = [{"question_id": i, "answer": a} for i, a in answers]
    return file("cpsyexam/answers.json", json.dumps({"KG": lines}))


def test_with_the_users_key_the_test_set_is_scored_itself():
    tables = read(
        cpsyexam("test", 1), cpsyexam("dev", 2, answer="A"), key(("id1", "B"))
    )
    assert tables.unreadable.is_empty()
    asked = exam_items(tables.rows).filter(has_key())
    assert asked.select("split", "gold").rows() == [("test", ["B"])]


def test_a_key_that_answers_twice_or_with_no_option_answers_nothing():
    twice = read(cpsyexam("test", 1), key(("id1", "A"), ("id1", "B")))
    assert twice.rows["gold"].to_list() == [[]]
    beyond = read(cpsyexam("test", 1), key(("id1", "F")))
    assert beyond.rows["flags"].to_list() == [["answer_not_among_options"]]


def test_a_key_of_another_layout_is_listed_and_answers_nothing():
    tables = read(cpsyexam("test", 1), file("cpsyexam/answers.json", '{"KG": ["A"]}'))
    assert tables.unreadable["reason"].to_list() == ["unknown_layout"]
    assert tables.rows["gold"].to_list() == [[]]


# ---- a draw ------------------------------------------------------------------------


def drawn(files, n):
    card = CARDS.root["counselling"]
    smaller = card.model_copy(update={"draw": card.draw.model_copy(update={"n": n})})
    found = read(*files, benchmarks=Benchmarks(root={"counselling": smaller}))
    return {item["answer_text"] for item in exam_items(found.rows).to_dicts()}


def talk(number):
    turns = [("user", f"第{number}位来访者。"), ("assistant", f"第{number}句回应。")]
    messages = [{"role": role, "content": content} for role, content in turns]
    text = json.dumps([{"id": number, "messages": messages}])
    return file(f"counselling/{number}.json", text)


def test_a_card_draws_the_same_items_whatever_the_order_of_the_files():
    talks = [talk(n) for n in range(12)]
    some = drawn(talks, 5)
    assert len(some) == 5
    assert drawn(talks[::-1], 5) == some
    assert drawn(talks, 4) < some
    assert len(drawn(talks, 99)) == 12


def test_an_item_that_is_not_drawn_stays_in_the_table_flagged():
    card = CARDS.root["counselling"]
    one = card.model_copy(update={"draw": card.draw.model_copy(update={"n": 1})})
    found = read(talk(1), talk(2), benchmarks=Benchmarks(root={"counselling": one}))
    assert sorted(map(list, found.rows["flags"])) == [[], [NOT_DRAWN]]
