"""What of a benchmark is scored, and which items are shown solved."""

import pytest

from psyche_kedro import tables
from psyche_kedro.pipelines.selection.exams import count_exams, exam_items
from psyche_kedro.pipelines.selection.nodes import choose_exemplars
from psyche_kedro.pipelines.selection.parameters import ExemplarParameters

KNOWLEDGE, CASE = "knowledge_multiple", "case_single"


def item(stem, gold="", split="test", **changes):
    item_id = tables.content_id(stem, split)
    return {
        "item_id": item_id,
        "benchmark": "cpsyexam",
        "cell": KNOWLEDGE,
        "split": split,
        "source": "exam.json",
        "locator": "1",
        "cluster_id": item_id,
        "type": "multiple",
        "stem": stem,
        "options": [{"label": label, "text": label} for label in "ABCD"],
        "gold": sorted(gold),
        "messages": [],
        "flags": [] if gold else ["no_gold"],
        **changes,
    }


def exemplar(stem, gold, **changes):
    return item(stem, gold, "exemplar", **changes)


def items(*rows):
    return tables.frame(tables.BenchmarkItems, rows)


def stems(table):
    return table["stem"].to_list()


# ---- what is scored --------------------------------------------------------------


def test_test_is_the_exam_and_dev_is_not_where_a_test_item_has_a_key():
    table = items(item("甲", "A"), item("乙"), item("丙", "A", "dev"))
    assert stems(exam_items(table)) == ["甲", "乙"]


def test_dev_stands_in_where_no_test_item_has_a_key():
    table = items(item("甲"), item("乙", "A", "dev"), exemplar("丙", "A"))
    assert stems(exam_items(table)) == ["甲", "乙"]


def test_open_and_choice_questions_of_one_benchmark_are_two_exams():
    is_open = {"type": "short_answer", "options": [], "answer_text": "答", "flags": []}
    table = items(
        item("甲"),
        item("乙", "A", "dev"),
        item("丙", **is_open),
        item("丁", split="dev", **is_open),
    )
    assert stems(exam_items(table)) == ["甲", "乙", "丙"]


def test_one_benchmarks_keys_are_not_anothers():
    table = items(item("甲", "A", benchmark="pceb"), item("乙"), item("丙", "A", "dev"))
    assert stems(exam_items(table)) == ["甲", "乙", "丙"]


def test_every_split_is_counted_with_its_keys():
    table = items(item("甲"), item("乙", "A", "dev"), exemplar("丙", "A"))
    assert count_exams(table).rows() == [
        ("cpsyexam", "choice", "test", 1, 0, True),
        ("cpsyexam", "choice", "exemplar", 1, 1, False),
        ("cpsyexam", "choice", "dev", 1, 1, True),
    ]


# ---- what is shown ---------------------------------------------------------------


def test_the_draw_of_exemplars_depends_on_neither_order_nor_other_cells():
    pool = [exemplar(f"第{n}题", "A") for n in range(20)]
    other = [exemplar("别的", "B", cell=CASE)]

    def drawn(rows, seed):
        params = ExemplarParameters(per_cell=5, seed=seed)
        frame = choose_exemplars(items(*rows), params)
        return frame.filter(cell=KNOWLEDGE)["item_id"].to_list()

    assert len(drawn(pool, 1)) == 5
    assert drawn(pool[::-1] + other, 1) == drawn(pool, 1)
    assert drawn(pool, 2) != drawn(pool, 1)


@pytest.mark.parametrize(
    "flag", ["options_missing", "conflicting_gold", f"duplicate_of:{'0' * 16}"]
)
def test_flagged_items_and_items_without_a_gold_are_no_exemplars(flag):
    shown = choose_exemplars(
        items(exemplar("甲", "A", flags=[flag]), exemplar("乙", "")),
        ExemplarParameters(per_cell=5, seed=1),
    )
    assert shown.is_empty()
