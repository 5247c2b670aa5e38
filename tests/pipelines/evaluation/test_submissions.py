"""Answers to what has no key, as CPsyExam's leaderboard takes them."""

from exam_rows import READING, answered, item, items, read

from cards import CARDS
from psyche_kedro.pipelines.evaluation.nodes import write_submissions
from psyche_kedro.tables import Predictions, frame

CPSYEXAM = {
    "benchmark": "cpsyexam",
    "cell": "knowledge_multiple",
    "source": "cpsyexam/mcq/test/KG-PCE-二级-多项选择题.json",
    "flags": ["no_gold"],
}
ASKED = [item(f"第{n}题", known_as=f"id{n}", **CPSYEXAM) for n in range(2)]


def submitted(*rows, exam=ASKED):
    told = frame(Predictions, rows)
    return write_submissions(
        predictions=told,
        answers=read(told, *exam),
        benchmark_items=items(*exam),
        benchmarks=CARDS,
        reading=READING,
    )


def test_a_model_has_a_file_a_protocol_a_block_and_a_file_of_questions_its_lines():
    found = submitted(
        *(answered(one, "答案：CA", protocol="zero_shot") for one in ASKED),
        answered(ASKED[0], "答案：B", protocol="five_shot"),
        answered(ASKED[0], "答案：D", protocol="zero_shot", role="grpo"),
    )
    assert found.keys() == {"cpsyexam_sft", "cpsyexam_grpo"}
    zero, five = (found["cpsyexam_sft"][name] for name in ("zero_shot", "five_shot"))
    (lines,) = zero.values()
    assert [(line["question_id"], line["prediction"]) for line in lines] == [
        ("id0", "AC"),
        ("id1", "AC"),
    ]
    assert five == {
        "KG-PCE-二级-多项选择题": [
            {
                "question_id": "id0",
                "question": "第0题",
                "options": {"A": "注意", "B": "记忆", "C": "情绪", "D": "意志"},
                "prediction": "B",
                "n_shot": 5,
            }
        ]
    }


def test_an_answer_that_cannot_be_read_is_an_empty_one_and_not_left_out():
    found = submitted(answered(ASKED[0], "很难说。", protocol="zero_shot"))
    ((line,),) = found["cpsyexam_sft"]["zero_shot"].values()
    assert line["prediction"] == ""


def test_what_has_a_key_or_a_benchmark_that_gives_its_keys_is_not_submitted():
    keyed = item("甲", gold="A", **CPSYEXAM)
    pceb = item("乙", cell="theory_single")
    rows = [answered(one, "答案：A", protocol="zero_shot") for one in (keyed, pceb)]
    assert submitted(*rows, exam=[keyed, pceb]) == {}
