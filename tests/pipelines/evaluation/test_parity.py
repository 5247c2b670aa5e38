"""The layouts of public replies, in files of our own."""

import json

import pytest
from click.testing import CliRunner

from psyche_kedro.commands.parity import parity
from psyche_kedro.pipelines.evaluation.parity import (
    disagreements,
    read_published,
    rescore,
)

QUESTION = "题目：工作记忆是指什么？A:一 ;B:二 ;C:三 ;D:四。"


def put(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")


def law(folder, *said):
    rows = {
        str(n): {
            "origin_prompt": f"请作答。\n{QUESTION}",
            "prediction": text,
            "refr": "正确答案：B。",
        }
        for n, text in enumerate(said)
    }
    put(folder / "predictions/zero_shot/GPT4/1-2.json", rows)


def exam(folder, **changes):
    row = {
        "question": "1. 工作记忆是指（ ）\nA. 一\nB. 二\nC. 三\nD. 四",
        "standard_answer": ["B"],
        "model_output": "【答案】 B <eoa>",
        "model_answer": ["B"],
    }
    path = folder / "Results/gpt_obj/gpt_2010-2022_Biology_MCQs.json"
    put(path, {"example": [row | changes]})


def test_replies_are_read_as_their_publisher_does_and_as_we_do(tmp_path):
    law(tmp_path, "[正确答案]B<eoa>", "答案：B。A不对。", "我不知道。")
    read = list(read_published(tmp_path))
    assert [(r.official, r.ours) for r in read] == [("B", "B"), ("AB", "B"), ("", "")]
    assert [r.text for r in disagreements(read)] == ["答案：B。A不对。"]


def test_a_stored_reading_is_taken_as_it_is(tmp_path):
    exam(tmp_path, model_answer=["A"])
    (read,) = read_published(tmp_path)
    assert (read.official, read.ours, read.key) == ("A", "B", "B")


def test_a_passage_with_several_questions_is_passed_over(tmp_path):
    exam(tmp_path, standard_answer=["B", "C"])
    assert not list(read_published(tmp_path))


RESULTS = """,题号,模型答案,正确答案
1,1,B,AB
2,2,BA,AB
3,3,E,A
4,测评最终结果,共3题。严格正确率：0.0%，弹性正确率：50.0%,
"""


def test_stored_scores_are_computed_again_over_every_row_and_as_strings(tmp_path):
    put(tmp_path / "results/moral/multiple/a.csv", RESULTS)
    scores = {s.metric: (s.stored, s.ours) for s in rescore(tmp_path)}
    assert scores["official_accuracy"] == (0, 0)
    assert scores["official_elastic_accuracy"] == (50, pytest.approx(50))


def test_the_command_prints_agreement_and_lists_what_is_read_otherwise(tmp_path):
    law(tmp_path, "答案：B。A不对。")
    said = CliRunner().invoke(parity, [str(tmp_path)]).output
    assert "zero_shot/GPT4" in said
    assert "ours B · official AB · key B" in said


def test_another_folder_is_refused_in_a_sentence(tmp_path):
    result = CliRunner().invoke(parity, [str(tmp_path)])
    assert result.exit_code
    assert "is no checkout of LawBench" in result.output + str(result.exception)
