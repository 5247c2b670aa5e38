"""Posts, dialogues, public sets and benchmarks in the layouts they are published in."""

import json

import bank_files as banks
import pytest

from cards import CARDS
from psyche_kedro import tables
from psyche_kedro.pipelines.ingestion.nodes import (
    list_unreadable_sources,
    read_benchmarks,
    read_posts,
    read_public_sets,
)

TALK = [
    ("user", "我失眠了。"),
    ("assistant", "多久了？"),
    ("user", "一个月。"),
    ("assistant", "辛苦了。"),
]
LAYOUTS = {
    "smilechat.json": [
        {
            "id": 1,
            "turns": [
                {"role": {"user": "client", "assistant": "counselor"}[r], "content": c}
                for r, c in TALK
            ],
        }
    ],
    "one_file_per_dialogue.json": [
        {"role": {"user": "client", "assistant": "counselor"}[r], "content": c}
        for r, c in TALK
    ],
    "messages.json": [
        {
            "messages": [
                {"role": "system", "content": "你是咨询师。"},
                *({"role": r, "content": c} for r, c in TALK),
            ]
        }
    ],
    "sharegpt.json": [
        {
            "conversations": [
                {"from": {"user": "human", "assistant": "gpt"}[r], "value": c}
                for r, c in TALK
            ]
        }
    ],
    "triples.json": [
        {
            "conversation": [
                {"system": "你是咨询师。", "input": TALK[0][1], "output": TALK[1][1]},
                {"input": TALK[2][1], "output": TALK[3][1]},
            ]
        }
    ],
    "lines.json": [
        {
            "id": "c",
            "text": "来访者：我失眠了。\n\n心理咨询师：多久了？\n"
            "来访者：一个月。\n心理咨询师：辛苦了。",
        }
    ],
    "list.json": [
        [
            "求助者：我失眠了。",
            "支持者：多久了？",
            "求助者：一个月。",
            "支持者：辛苦了。",
        ]
    ],
}


def file(name: str, value: object):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return banks.file(name, data)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_dialogue_reads_the_same_in_every_layout(name):
    read = read_posts([file(name, LAYOUTS[name])])
    (row,) = read.rows.to_dicts()
    assert [(m["role"], m["content"]) for m in row["messages"]] == TALK
    assert row["kind"] == "dialogue"


def test_a_text_file_of_dialogues_falls_apart_at_its_rules():
    text = "来访者：你好\n咨询师：您好\n\n====\n\n来访者：在吗\n咨询师：在"
    assert read_posts([file("a.txt", text.encode())]).rows.height == 2


def test_a_post_with_n_replies_is_n_rows_of_one_thread():
    post = {
        "question": "失眠怎么办",
        "description": "一个月了",
        "answers": [{"answer_text": "先查一查作息。"}, {"answer_text": "会好的"}],
    }
    rows = read_posts([file("psyqa.json", [post])]).rows
    assert rows.height == 2
    assert rows["thread_id"].n_unique() == 1
    assert rows["post_id"].n_unique() == 2
    assert rows["messages"][0][0]["content"] == "失眠怎么办\n一个月了"
    tables.Posts.validate(rows)


def test_a_post_without_replies_is_kept_for_the_filter_to_reject():
    rows = read_posts([file("a.json", [{"question": "失眠", "answers": []}])]).rows
    assert [len(m) for m in rows["messages"]] == [1]


def test_the_rows_of_a_csv_are_gathered_by_their_thread():
    text = (
        "帖子id,标题,内容,回复\n1,失眠,一个月了,查作息\n"
        "1,失眠,一个月了,找医生\n2,焦虑,考试,深呼吸\n"
    )
    rows = read_posts([file("posts.csv", text.encode("gbk"))]).rows
    assert rows["thread_id"].n_unique() == 2
    assert [m[1]["content"] for m in rows["messages"]] == ["查作息", "找医生", "深呼吸"]


def test_a_row_below_merged_cells_goes_on_with_its_thread():
    text = (
        "帖子id,标题,回复\n1,失眠,查作息\n1,,找医生\n2,焦虑,深呼吸\n"
        ",,谁的回复\n,,又一个\n"
    )
    read = read_posts([file("posts.csv", text.encode())])
    assert [m[-1]["content"] for m in read.rows["messages"]] == [
        "查作息",
        "找医生",
        "深呼吸",
    ]
    assert read.rows["thread_id"].n_unique() == 2
    assert read.unreadable["detail"].to_list() == [
        "row 5: The post has no words.",
        "row 6: The post has no words.",
    ]


@pytest.mark.parametrize(
    "post",
    [
        {"title": "失眠", "content": "一个月了", "comments": [{"content": "查作息"}]},
        {"title": "失眠", "post": "一个月了", "replies": ["查作息"]},
    ],
)
def test_replies_and_comments_are_replies(post):
    (row,) = read_posts([file("a.json", [post])]).rows.to_dicts()
    assert [m["content"] for m in row["messages"]] == ["失眠\n一个月了", "查作息"]


@pytest.mark.parametrize(
    "turn",
    [
        "来访者：在吗",
        {"role": "user", "words": "在吗"},
        {"role": "user", "content": ["在吗"]},
        {"role": "user", "content": {"text": "在吗"}},
    ],
)
def test_a_turn_that_cannot_be_read_is_not_passed_over(turn):
    talk = {"messages": [{"role": "user", "content": "甲"}, turn]}
    read = read_posts([file("a.json", [talk])])
    assert read.rows.is_empty()
    assert read.unreadable["reason"].to_list() == ["unknown_layout"]


def test_a_record_of_no_known_layout_is_listed_and_the_others_are_read():
    records = [
        {"foo": 1},
        {"turns": [{"role": "moderator", "content": "甲"}]},
        LAYOUTS["smilechat.json"][0],
    ]
    read = read_posts([file("a.json", records)])
    assert read.rows.height == 1
    assert read.unreadable["reason"].to_list() == ["unknown_layout", "unknown_role"]
    assert read.unreadable["detail"][0].startswith("item 1: ")


# ---- public sets and benchmarks ---------------------------------------------------


def test_public_sets_are_told_apart_by_their_folder():
    read = read_public_sets(
        [
            file("dialogues/a.json", LAYOUTS["smilechat.json"]),
            file(
                "knowledge_qa/a.json", [{"question": "什么是记忆？", "answer": "是…"}]
            ),
            file("exam_questions/a.json", banks.records()),
            file("elsewhere/a.json", []),
        ]
    )
    assert read.samples["kind"].to_list() == ["dialogue", "knowledge_qa"]
    assert read.questions.height == len(banks.QUESTIONS)
    assert read.unreadable["reason"].to_list() == ["unknown_folder"]


def case(*questions: dict) -> dict:
    return {
        "general_info": "求助者，男性。",
        "case_introduction": "失眠。",
        "questions_and_answers": list(questions),
    }


def item(answer: str, **more) -> dict:
    options = dict(zip("ABCD", "一二三四", strict=True))
    return {
        "question": "单选：1．甲（）。",
        "options": options,
        "answer": answer,
    } | more


def test_a_case_question_is_multiple_by_its_gold_whatever_its_words_say():
    name = "pceb/cases/mix/second/a.json"
    items = read_benchmarks([file(name, [case(item("B"), item("BD"))])], CARDS).rows
    assert items["cell"].to_list() == ["case_single", "case_multiple"]
    assert items["cluster_id"].n_unique() == 1


def test_a_folder_says_the_type_even_of_an_item_with_one_gold():
    name = "pceb/theory/multiple/third/a.json"
    items = read_benchmarks([file(name, [item("B")])], CARDS).rows
    assert items.select("cell", "type").row(0) == ("theory_multiple", "multiple")


def test_an_item_without_gold_or_option_is_flagged_and_not_lost():
    broken = item("A", options={"A": "一", "C": "三"})
    name = "pceb/moral/single/second/a.json"
    items = read_benchmarks([file(name, [item(""), broken, item("A")])], CARDS).rows
    assert items["flags"].to_list() == [["no_gold"], ["options_missing"], []]


def test_essays_have_an_answer_and_no_options():
    essay = {"question": "1．说出诊断依据。（20分）", "answer": "…（1分）"}
    name = "pceb/cases/essay/second/a.json"
    items = read_benchmarks([file(name, [case(essay)])], CARDS).rows
    assert items.select("cell", "type", "answer_text").row(0) == (
        "case_essay",
        "case",
        "…（1分）",
    )


def exam(kind: str, answer: str) -> dict:
    return item(answer, kind=kind, question_type="single", subject_name="普通心理学")


def test_cpsyexam_names_its_splits_by_its_folders():
    items = read_benchmarks(
        [
            file("cpsyexam/mcq/train/KG.json", [exam("knowledge", "A")]),
            file("cpsyexam/mcq/dev/KG.json", [exam("knowledge", "A")]),
            file("cpsyexam/mcq/test/CA.json", [exam("analyse", "")]),
        ],
        CARDS,
    ).rows
    assert items.select("split", "cell").rows() == [
        ("exemplar", "knowledge_single"),
        ("dev", "knowledge_single"),
        ("test", "case_single"),
    ]


def test_a_folder_called_train_makes_no_exemplar_of_another_benchmark():
    name = "pceb/theory/single/train/a.json"
    assert (
        read_benchmarks([file(name, [item("B")])], CARDS).rows["split"].item() == "test"
    )


def test_cpsyexam_in_no_split_is_listed_and_not_taken_for_test():
    read = read_benchmarks(
        [file("cpsyexam/mcq/KG.json", [exam("knowledge", "A")])], CARDS
    )
    assert read.rows.is_empty()
    assert read.unreadable["reason"].to_list() == ["unknown_folder"]
    assert "<mcq|qa>/<train|dev|test>" in read.unreadable["detail"].item()


def test_the_last_reply_of_a_counselling_case_is_its_reference():
    items = read_benchmarks(
        [file("counselling/a.json", LAYOUTS["messages.json"])], CARDS
    ).rows
    row = items.to_dicts()[0]
    assert row["answer_text"] == TALK[-1][1]
    assert [m["role"] for m in row["messages"]] == ["user", "assistant", "user"]
    assert row["stem"] == "你是咨询师。"
    tables.BenchmarkItems.validate(items)


def test_what_could_not_be_read_is_listed_in_one_table():
    lost = read_benchmarks([file("arc/a.json", [])], CARDS).unreadable
    listed = list_unreadable_sources(
        lost, lost.clear(), lost.clear(), lost, lost.clear()
    )
    assert listed["reason"].to_list() == ["unknown_benchmark"] * 2
