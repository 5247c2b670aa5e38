"""From a book to reviewed questions, node by node."""

import json
import random
import re
from collections import Counter

import polars as pl
import pytest
from questions_made import bank, pooled, question

from prompt_set import WORDS, made_up
from psyche_kedro.llm.chat_model import ChatRequest, Reply
from psyche_kedro.pipelines.synthesis.parameters import (
    Ask,
    DeduplicationParameters,
    DistillationParameters,
    QuestionParameters,
    Subfield,
)
from psyche_kedro.pipelines.synthesis.questions.identity import (
    NEVER_DIFFER,
    comparison,
)
from psyche_kedro.pipelines.synthesis.questions.nodes import (
    cluster_questions,
    distil_questions,
    generate_questions,
    pick_representatives,
    pool_questions,
    screen_questions,
)
from psyche_kedro.pipelines.synthesis.questions.slots import read_slots
from psyche_kedro.tables import Chunks, GeneratedQuestions, content_id, frame
from scripted import Answer, ScriptedChatModel, as_json, fail

SINGLE = Ask(type="single", count=2)
PASSAGE = made_up(
    source="test",
    reply="JSON",
    user="{{ heading }}|{{ passage }}|{{ n_questions }}|{{ type_instruction }}",
)
SUBFIELD = made_up(
    source="test",
    reply="JSON",
    user="{{ subfield }}|{{ n_questions }}|{{ type_instruction }}",
)
RANKING = made_up(
    source="test",
    reply="JSON",
    user="{% for q in questions %}<{{ loop.index }}>{{ q }}{% endfor %}",
)
SCREENING = made_up(
    source="test", reply="JSON", user="{{ examples }}|判断：{{ question }}"
)
DEDUPLICATION = DeduplicationParameters(
    ngram=3, threshold=0.8, permutations=128, target_recall=0.99, seed=1, threads=1
)


def written(
    stem: str = "把零散材料合成较大单位的方法是（ ）。", **fields: object
) -> dict[str, object]:
    options = {"A": "复述", "B": "组块化", "C": "联想", "D": "谐音"}
    return {"question": stem, "options": options, "answer": "B"} | fields


def chunks() -> pl.DataFrame:
    row = {
        "chunk_id": content_id("chunk"),
        "document_id": content_id("book"),
        "source": "book.md",
        "heading_path": ["第一章 记忆", "第一节 组块"],
        "page_ids": [content_id("page")],
        "text": "组块是……",
        "n_chars": 5,
    }
    return frame(Chunks, [row])


def reasons(rejections: pl.DataFrame) -> list[str]:
    return sorted(rejections["reason"].to_list())


# ---- replies ---------------------------------------------------------------------

FAULTS: dict[str, tuple[dict[str, object], str]] = {
    "no stem": ({"question": " "}, "empty_stem"),
    "stem of no substance": ({"question": "正确的是"}, "stem_too_short"),
    "needs the passage": (
        {"question": "根据上文，组织材料的方法是（ ）。"},
        "refers_to_passage",
    ),
    "needs a figure": (
        {"question": "由图3-2可知，遗忘最快的是（ ）。"},
        "refers_to_passage",
    ),
    "one option": ({"options": {"A": "组块化"}}, "options_missing"),
    "no options": ({"options": None}, "options_missing"),
    "letters with a gap": (
        {"options": {"A": "复述", "C": "组块化", "D": "联想"}, "answer": "C"},
        "options_missing",
    ),
    "letters in another order": (
        {"options": ["B. 复述", "A. 组块化"], "answer": "B"},
        "options_missing",
    ),
    "more options than letters": (
        {"options": [f"选项之{n}" for n in "一二三四五六七八九"]},
        "options_missing",
    ),
    "options under unknown names": (
        {"options": [{"label": "A", "words": "复述"}, {"label": "B", "words": "谐音"}]},
        "empty_option",
    ),
    "an empty option": ({"options": {"A": "复述", "B": "。"}}, "empty_option"),
    "the same option twice": (
        {"options": {"A": "复述", "B": "组块化", "C": "复述。"}},
        "duplicate_options",
    ),
    "no answer": ({"answer": ""}, "answer_missing"),
    "a label that is none": ({"answer": "E"}, "answer_not_in_options"),
    "two answers of a single choice": ({"answer": "AB"}, "answer_count"),
    "the answer in the stem": (
        {"question": "组块化是怎样的记忆方法，它又叫（ ）。"},
        "answer_in_stem",
    ),
}


@pytest.mark.parametrize(("change", "reason"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_question_is_rejected_with_its_reason(
    change: dict[str, object], reason: str
) -> None:
    one = SINGLE.model_copy(update={"count": 1})
    reply = Reply(json.dumps([written() | change], ensure_ascii=False), "m", "k")
    assert read_slots(reply, one, WORDS) == [reason]


FORMS: dict[str, dict[str, object]] = {
    "a map": {},
    "a list": {"options": ["复述", "组块化", "联想", "谐音"]},
    "a labelled list": {"options": ["A. 复述", "B、组块化", "(C) 联想", "D：谐音"]},
    "a list of maps": {
        "options": [
            {"label": label, "text": text}
            for label, text in zip(
                "ABCD", ("复述", "组块化", "联想", "谐音"), strict=True
            )
        ]
    },
    "a list of values": {
        "options": [
            {"label": label, "value": text}
            for label, text in zip(
                "ABCD", ("复述", "组块化", "联想", "谐音"), strict=True
            )
        ]
    },
    "a text": {"options": "A. 复述\nB. 组块化\nC. 联想\nD. 谐音"},
    "a text in one line": {"options": "A. 复述；B. 组块化；C. 联想；D. 谐音"},
    "answer as a list": {"answer": ["B"]},
    "answer in words": {"answer": "组块化"},
    "answer with its text": {"answer": "B. 组块化"},
}


@pytest.mark.parametrize("change", FORMS.values(), ids=FORMS)
def test_options_and_answers_are_read_in_every_form(change: dict[str, object]) -> None:
    one = SINGLE.model_copy(update={"count": 1})
    reply = Reply(json.dumps(written() | change, ensure_ascii=False), "m", "k")
    (slot,) = read_slots(reply, one, WORDS)
    assert isinstance(slot, dict)
    assert [o["text"] for o in slot["options"]] == ["复述", "组块化", "联想", "谐音"]
    assert slot["gold"] == ["B"]


@pytest.mark.parametrize("answer", ["对", "正确", "A", "a", "True", "T", "√"])
def test_a_statement_brings_its_options(answer: str) -> None:
    ask = Ask(type="true_false", count=1)
    reply = Reply(as_json(question="负强化使行为增加。", answer=answer), "m", "k")
    (slot,) = read_slots(reply, ask, WORDS)
    assert isinstance(slot, dict)
    assert ([o["text"] for o in slot["options"]], slot["gold"]) == (
        ["正确", "错误"],
        ["A"],
    )


ONE = json.dumps(written())
OTHER = json.dumps(written("另一道关于组织材料的题（ ）。"))
THIRD = json.dumps(written("又一道关于组织材料的题（ ）。"))
BAD = json.dumps(written(answer="Z"))
CUT = Reply(f'[{ONE}, {{"questi', "m", "k", finish_reason="length")

REPLIES: dict[str, tuple[Answer, int, list[str]]] = {
    "two good ones": (f"[{ONE}, {OTHER}]", 2, []),
    "in a fence, with words": (f"好的：\n```json\n[{ONE}]\n```", 1, ["not_written"]),
    "several objects": (f"{ONE}\n{OTHER}", 2, []),
    "single quotes": (str([written()]), 1, ["not_written"]),
    "trailing comma": (f"[{ONE},]", 1, ["not_written"]),
    "one of two": (f"[{ONE}, {BAD}]", 1, ["answer_not_in_options"]),
    "one too many": (f"[{ONE}, {OTHER}, {THIRD}]", 2, ["surplus"]),
    "not JSON": ("好的，我来出题。", 0, ["unreadable_reply"] * 2),
    "nothing, on purpose": ("[]", 0, ["not_written"] * 2),
    "a refusal": ("抱歉，我无法生成。", 0, ["refusal"] * 2),
    "empty": ("", 0, ["empty_reply"] * 2),
    "a failed call": (fail("timeout"), 0, ["timeout"] * 2),
    "cut off": (CUT, 1, ["truncated"]),
}


@pytest.mark.parametrize(("reply", "kept", "lost"), REPLIES.values(), ids=REPLIES)
def test_every_question_asked_for_is_kept_or_rejected(
    reply: Answer, kept: int, lost: list[str]
) -> None:
    questions, rejections = generate_questions(
        chunks(),
        prompt=PASSAGE,
        teacher=ScriptedChatModel([("", reply)]),
        params=QuestionParameters(asks=(SINGLE,)),
    )
    assert questions.height == kept
    assert reasons(rejections) == lost
    surplus = lost.count("surplus")
    assert questions.height + rejections.height == SINGLE.count + surplus


FAILING: list[tuple[Answer, str]] = [
    (f"[{ONE}, {{'question': ", "not_written"),  # broken JSON: the second is lost
    ("抱歉，我无法生成这些题目。", "refusal"),
    (CUT, "truncated"),
    (f"[{ONE}, {BAD}]", "answer_not_in_options"),
    (fail("rate_limited"), "rate_limited"),
]


def test_one_reply_in_five_is_bad_and_every_question_is_accounted_for() -> None:
    (chunk,) = chunks().iter_rows(named=True)
    many = frame(
        Chunks,
        [
            chunk | {"chunk_id": content_id(str(n)), "text": f"第{n}段"}
            for n in range(250)
        ],
    )

    def answer(request: ChatRequest) -> Answer:
        number = int(re.findall(r"第(\d+)段", request.messages[-1]["content"])[0])
        if number % 5:
            return f"[{ONE}, {OTHER}]"
        return FAILING[number // 5 % len(FAILING)][0]

    questions, rejections = generate_questions(
        many,
        prompt=PASSAGE,
        teacher=ScriptedChatModel([("", answer)]),
        params=QuestionParameters(asks=(SINGLE,)),
    )
    assert questions.height + rejections.height == 250 * SINGLE.count
    assert Counter(rejections["reason"]) == {
        "not_written": 10,
        "refusal": 20,
        "truncated": 10,
        "answer_not_in_options": 10,
        "rate_limited": 20,
    }


def test_the_prompt_holds_passage_headings_count_and_kind() -> None:
    teacher = ScriptedChatModel([("", "[]")])
    generate_questions(
        chunks(),
        prompt=PASSAGE,
        teacher=teacher,
        params=QuestionParameters(asks=(SINGLE,)),
    )
    (request,) = teacher.requests
    assert request.messages[-1]["content"] == (
        "第一章 记忆 > 第一节 组块|组块是……|2|单项选择题"
    )


# ---- distillation and pool -------------------------------------------------------


def test_only_what_a_subfield_lacks_is_asked_for() -> None:
    params = DistillationParameters(
        target=3,
        asks=(SINGLE,),
        taxonomy=(
            Subfield(name="运动心理学", words=("运动员",)),
            Subfield(name="普通心理学", words=("记忆",)),
        ),
    )
    covered = bank(*(question(f"关于记忆的第{c}道题（ ）。") for c in "甲乙"))
    teacher = ScriptedChatModel(
        [("运动心理学.2.", "[]"), ("", json.dumps([written()]))]
    )
    questions, rejections = distil_questions(
        frame(GeneratedQuestions, []),
        covered,
        prompt=SUBFIELD,
        teacher=teacher,
        params=params,
    )
    asked = [(r.messages[-1]["content"], r.sample) for r in teacher.requests]
    assert asked == [
        ("运动心理学|2|单项选择题", 0),
        ("运动心理学|1|单项选择题", 1),
        ("普通心理学|1|单项选择题", 0),
    ]
    assert questions["subfield"].to_list() == ["运动心理学", "普通心理学"]
    assert reasons(rejections) == ["not_written"] * 2


def test_the_pool_holds_each_choice_question_once_with_where_it_is_from() -> None:
    generated, _ = generate_questions(
        chunks(),
        prompt=PASSAGE,
        teacher=ScriptedChatModel([("", json.dumps([written(), written()]))]),
        params=QuestionParameters(asks=(SINGLE,)),
    )
    open_one = question("试述组块的意义。", type="short_answer", texts=(), gold=[])
    no_gold = question("没有答案的题目（ ）。", gold=[])
    asked_for = question("赛前焦虑用哪种方法调节（ ）。")
    distilled = asked_for | {"subfield": "运动心理学", "model": "m"}
    pool, rejections = pool_questions(
        generated,
        frame(GeneratedQuestions, [distilled]),
        bank(question(subject="记忆"), question(), open_one, no_gold),
        chunks(),
    )
    assert pool.select("origin", "source", "subject").rows() == [
        ("bank", "bank.json", "记忆"),
        ("textbook", "book.md", None),
        ("distilled", "m", "运动心理学"),
    ]
    assert pool["parent_id"].to_list() == [
        question()["question_id"],
        content_id("chunk"),
        asked_for["question_id"],
    ]
    assert reasons(rejections) == [
        "exact_duplicate",
        "exact_duplicate",
        "no_gold",
        "open_question",
    ]


# ---- near-duplicates -------------------------------------------------------------

STEM = "在记忆研究中，把零散的学习材料合成较大的、有意义的单位的方法通常称为（ ）。"


def clusters_of(*questions: dict[str, object]) -> int:
    table = cluster_questions(pooled(*questions), DEDUPLICATION)
    return table["cluster_id"].n_unique()


def test_numbering_punctuation_and_shuffled_options_make_no_new_question() -> None:
    shuffled = question(
        f"12．{STEM}",
        texts=("组块", "复述策略", "前摄抑制", "系列位置效应"),
        gold=["A"],
    )
    assert clusters_of(question(STEM), shuffled, question(STEM.replace("，", ","))) == 1


@pytest.mark.parametrize(
    "other",
    [
        question(STEM, gold=["A"]),  # another answer
        question(STEM.replace("通常称为", "通常不称为")),  # the opposite
        question(STEM.replace("材料合成", "材料按3个一组合成")),  # a number
    ],
    ids=["gold", "polarity", "number"],
)
def test_questions_that_only_look_alike_are_not_merged(
    other: dict[str, object],
) -> None:
    assert clusters_of(question(STEM), other) == 2


# ---- ranking ---------------------------------------------------------------------


def ranked(verdict: Answer) -> tuple[pl.DataFrame, pl.DataFrame]:
    pool = pooled(question(STEM), question(f"{STEM}请选择", explanation="见教材。"))
    clusters = cluster_questions(pool, DEDUPLICATION)
    assert clusters["cluster_id"].n_unique() == 1
    return pick_representatives(
        pool, clusters, prompt=RANKING, judge=ScriptedChatModel([("", verdict)])
    )


def test_clusters_are_the_same_in_one_part_and_in_eight():
    # What may never differ keeps blocks apart: no cluster stands in two parts.
    pick = random.Random(7)
    stems = [
        f"{topic}强化{end}，下列说法{how}的是（ ）。"
        for topic in "正负"
        for how in ("正确", "错误")
        for end in ("3次后反应增强", "5次后反应增强", "的作用")
    ]
    pool = pooled(
        *(
            question(
                stem + pick.choice(("", "？", "吗")),
                gold=[gold],
                question_id=content_id(stem, gold, str(copy)),
            )
            for stem in stems
            for gold in "ABCD"
            for copy in range(6)
        )
    )
    blocks = [
        tuple(comparison(row)[name] for name in NEVER_DIFFER)
        for row in pool.iter_rows(named=True)
    ]
    part = pl.Series([int(content_id(*block), 16) % 8 for block in blocks])
    apart = pl.concat(
        cluster_questions(pool.filter(part == n), DEDUPLICATION) for n in range(8)
    )
    whole = cluster_questions(pool, DEDUPLICATION)
    assert apart.sort("question_id").equals(whole.sort("question_id"))
    assert part.n_unique() == 8
    assert len(set(blocks)) <= whole["cluster_id"].n_unique() < pool.height / 2


def test_the_judges_choice_stays_and_the_others_are_listed() -> None:
    kept, lost = ranked(as_json(best_index=2, reason="更完整"))
    assert (kept.height, lost.height) == (1, 1)
    assert lost["kept_id"].to_list() == kept["question_id"].to_list()
    assert lost["reason"].to_list() == ["judged"]
    other, _ = ranked(as_json(best_index=1))
    assert kept["question_id"].to_list() != other["question_id"].to_list()


@pytest.mark.parametrize(
    "verdict",
    ["都很好", as_json(best_index=3), as_json(best_index=True), fail("timeout")],
)
def test_an_unreadable_ranking_falls_back_to_the_written_rule(verdict: Answer) -> None:
    kept, lost = ranked(verdict)
    assert kept["explanation"].to_list() == ["见教材。"]
    assert lost["reason"].to_list() == ["written_rule"]


def test_a_question_alone_is_not_ranked() -> None:
    pool = pooled(question(STEM))
    judge = ScriptedChatModel([])
    kept, lost = pick_representatives(
        pool, cluster_questions(pool, DEDUPLICATION), prompt=RANKING, judge=judge
    )
    assert (kept.height, lost.height, judge.requests) == (1, 0, [])


# ---- screening -------------------------------------------------------------------

VERDICTS: dict[str, tuple[Answer, str | None]] = {
    "reasonable": (as_json(verdict="合理", reason="自足"), None),
    "as Appendix D has it": ("合理。", None),
    "incomplete": (as_json(verdict="不合理", reason="信息残缺：没有图"), "incomplete"),
    "confused": (as_json(verdict="不合理", reason="逻辑混乱"), "confused"),
    "unclear": (as_json(verdict="不合理", reason="表述不清"), "unclear"),
    "without a reason": ("不合理", "unreasonable"),
    "unreadable": ("这道题不错", "unreadable_reply"),
    "failed": (fail("rate_limited"), "rate_limited"),
}


@pytest.mark.parametrize(("verdict", "reason"), VERDICTS.values(), ids=VERDICTS)
def test_the_screen_says_why(verdict: Answer, reason: str | None) -> None:
    judge = ScriptedChatModel([("判断：", verdict)])
    examples = [{"question": "例题", "verdict": "不合理", "reason": "缺图"}]
    kept, lost = screen_questions(
        pooled(question()), prompt=SCREENING, examples=examples, judge=judge
    )
    assert reasons(lost) == ([] if reason is None else [reason])
    assert kept.height == (reason is None)
    assert re.search(
        "例题\n判断：不合理。缺图", judge.requests[0].messages[-1]["content"]
    )
