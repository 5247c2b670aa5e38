import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import beta

from prompt_set import made_up
from psyche_kedro import tables
from psyche_kedro.answers import split_thought
from psyche_kedro.errors import ContaminationError
from psyche_kedro.pipelines.selection.contamination import (
    near_pairs,
    question_texts,
)
from psyche_kedro.pipelines.selection.difficulty import audit_answer_keys
from psyche_kedro.pipelines.selection.nodes import (
    account_lengths,
    answer_as_students,
    build_grpo_set,
    build_sft_set,
    decontaminate,
    describe_difficulty,
    find_repeated_examples,
    refine_exam_questions,
    split_by_difficulty,
    trace_examples,
)
from psyche_kedro.pipelines.selection.parameters import (
    AuditParameters,
    DecontaminationParameters,
    DifficultyParameters,
    LengthParameters,
    SetParameters,
    StudentParameters,
    Variant,
)
from psyche_kedro.pipelines.selection.sets import split_of
from psyche_kedro.pipelines.selection.summary import contamination_summary, set_summary
from psyche_kedro.pipelines.synthesis.parameters import DeduplicationParameters
from scripted import ScriptedChatModel, fail

LETTERS = made_up(source="test", reply="letters", user="{{ question }}")
EXAM = made_up(source="test", reply="letters", user="{{ question }}{{ type_name }}")
SYSTEM = made_up(source="test", reply="open", system="你是咨询师。", user="")
TEACHER = made_up(source="test", reply="open", system="你是教师。", user="")
STUDENT = StudentParameters(samples=1, temperature=0, max_tokens=8)
ALL_WRONG = DifficultyParameters(
    rule="all_wrong", pass_rate=0.5, seed=1, hold_out_audited=False, group_size=4
)
THRESHOLD = DecontaminationParameters(
    threshold=0.8,
    min_case_chars=20,
    min_question_chars=6,
    drop_hits=True,
    most_lost=0.5,
)
EVERYTHING = {
    "name": "all",
    "sft": {"D_pr": 1, "D_em": 1, "D_ps": 1},
    "grpo": {"D_pc": 1, "D_cp": 1},
    "rationale": "iterated",
}
SETS = SetParameters(validation_share=0.2, seed=1)
WHOLE = Variant(**EVERYTHING)
DEDUPLICATION = DeduplicationParameters(
    ngram=3, threshold=0.8, permutations=128, target_recall=0.99, seed=1, threads=1
)
NO_HITS = tables.frame(tables.ContaminationHits, [])
NO_AUDIT = tables.frame(tables.AnswerKeyAudit, [])

CASE = (
    "求助者，女性，二十八岁，公司职员，因工作压力大、失眠三个月前来求助，自述情绪低落。"
)


def question(  # noqa: PLR0913 - the fields of a question
    stem, *, gold="B", origin="bank", case=None, kind="single", source="库"
):
    texts = [f"{stem}之一", f"{stem}之二", f"{stem}之三", f"{stem}之四"]
    labels = "ABCD"
    return {
        "type": kind,
        "case_text": case,
        "stem": stem,
        "options": [
            {"label": label, "text": text}
            for label, text in zip(labels, texts, strict=True)
        ],
        "gold": list(gold),
        "question_id": tables.content_id(stem, case or ""),
        "parent_id": tables.content_id("parent", stem),
        "origin": origin,
        "source": source,
    }


def reasoned(stem, **fields):
    return question(stem, **fields) | {
        "review": "not_reviewed",
        "rationale": f"{stem}的理由",
        "round": 0,
        "n_candidates": 1,
        "rationale_model": "offline-teacher",
        "rationale_key": "key",
    }


def samples(*rows):
    return tables.frame(tables.ReasoningSamples, rows)


def judged(*rows):
    counts = {"n_students": 3, "n_right": 0, "n_unread": 0}
    counts |= {"n_answers": 3, "pass_rate": 0.0}
    return tables.frame(tables.JudgedQuestions, [row | counts for row in rows])


def held_out_of(*rows):
    counted = judged(*rows).with_columns(reason=pl.lit("awaiting_student"))
    return tables.frame(tables.HeldOutQuestions, counted.rows(named=True))


def public(*rows):
    extra = {"locator": "1", "parse_status": "ok", "parse_errors": []}
    columns = tables.BankQuestions.to_schema().columns
    return tables.frame(
        tables.BankQuestions,
        [{k: v for k, v in (r | extra).items() if k in columns} for r in rows],
    )


def item(stem, *, messages=(), **fields):
    row = question(stem, **fields)
    kept = {k: row[k] for k in ("type", "case_text", "stem", "options", "gold")}
    return kept | {
        "item_id": tables.content_id("item", stem, row["case_text"] or ""),
        "benchmark": "pceb",
        "cell": "theory_single",
        "split": "test",
        "source": "考卷",
        "locator": "1",
        "cluster_id": tables.content_id("cluster", stem),
        "messages": list(messages),
        "flags": [],
    }


def turns(*texts):
    roles = ["user", "assistant"] * len(texts)
    return [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]


def dialogue(name, *texts, thread=None):
    return {
        "dialogue_id": tables.content_id("dialogue", name),
        "post_id": tables.content_id("post", name),
        "thread_id": tables.content_id("thread", thread or name),
        "messages": turns(*texts),
        "empathy": 4,
        "guidance": 4,
        "steps": 4,
        "deid_level": "rules_only",
        "judge_key": "key",
    }


def sample(name, kind, *texts):
    return {
        "sample_id": tables.content_id("sample", name),
        "source": "public",
        "locator": "1",
        "kind": kind,
        "messages": turns(*texts),
        "deid_level": "rules_only" if kind == "dialogue" else None,
    }


def parts(*, hard=(), easy=(), dialogues=(), public_samples=(), exam=()):
    return {
        "challenging": judged(*hard),
        "non_challenging": judged(*easy),
        "empathetic_dialogues": tables.frame(tables.EmpatheticDialogues, dialogues),
        "clean_public_samples": tables.frame(tables.CleanPublicSamples, public_samples),
        "exam_questions": public(*exam),
    }


def rounds_of(*rows):
    return tables.frame(
        tables.RationaleRounds,
        [
            {
                "question_id": row["question_id"],
                "round": 0,
                "prompt": "",
                "rationale": f"{row['stem']}的第一个理由",
                "prediction": row["gold"],
                "outcome": "verified",
                "prompt_digest": "rationale-prompt",
            }
            for row in rows
        ],
    )


def hit(row, **changes):
    return {
        "row_id": row["question_id"],
        "set_name": "D_cp",
        "item_id": tables.content_id("item"),
        "benchmark": "pceb",
        "split": "test",
        "kind": "exact",
        "score": 1.0,
        **changes,
    }


def post_of(row):
    return {
        "post_id": row["post_id"],
        "thread_id": row["thread_id"],
        "source": "社区",
        "locator": "1",
        "kind": "community",
        "messages": row["messages"],
        "risk": "none",
        "risk_categories": [],
        "deid_level": "rules_only",
        "reasonableness": 4,
        "relevance": 4,
    }


def posts_of(parts):
    retold = map(post_of, parts["empathetic_dialogues"].rows(named=True))
    return tables.frame(tables.UsefulPosts, retold)


def repeats_of(  # noqa: PLR0913 - what a test may change
    parts,
    hits=(),
    *,
    held_out=(),
    posts=None,
    params=SETS,
    variant=WHOLE,
    decontamination=THRESHOLD,
):
    return find_repeated_examples(
        **parts,
        held_out_questions=held_out_of(*held_out),
        useful_posts=posts_of(parts) if posts is None else posts,
        contamination_hits=tables.frame(tables.ContaminationHits, hits),
        deduplication=DEDUPLICATION,
        params=params,
        variant=variant,
        decontamination=decontamination,
    )


def sets_of(parts, hits=(), *, params=SETS, variant=WHOLE, decontamination=THRESHOLD):
    """Return the SFT set, the GRPO set, and the rejections of both."""
    barred = {
        "contamination_hits": tables.frame(tables.ContaminationHits, hits),
        "repeated_examples": repeats_of(
            parts,
            hits,
            params=params,
            variant=variant,
            decontamination=decontamination,
        ),
        "params": params,
        "variant": variant,
        "decontamination": decontamination,
        "exam_case": EXAM,
        "exam_knowledge": EXAM,
    }
    for_grpo = ("challenging", "exam_questions")
    sft = build_sft_set(
        **{name: part for name, part in parts.items() if name not in for_grpo},
        **barred,
        rationale_rounds=rounds_of(*parts["non_challenging"].rows(named=True)),
        counselling=SYSTEM,
        knowledge=TEACHER,
    )
    grpo = build_grpo_set(**{name: parts[name] for name in for_grpo}, **barred)
    return sft.examples, grpo.examples, pl.concat([sft.rejected, grpo.rejected])


def split_of_difficulty(questions, answers, params=ALL_WRONG, *, hits=(), audit=()):
    return split_by_difficulty(
        reasoning_samples=questions,
        contamination_hits=tables.frame(tables.ContaminationHits, hits),
        answer_key_audit=tables.frame(tables.AnswerKeyAudit, audit),
        params=params,
        student_answers=answers,
    )


def answered(questions, rules, name):
    return answer_as_students(
        reasoning_samples=questions,
        prompt=LETTERS,
        models={name: ScriptedChatModel(rules)},
        params=STUDENT,
    )


def with_answers(answers, others):
    """Return ``answers`` with the rows of ``others`` in the place of its students'."""
    kept = answers.join(others, on="student", how="anti")
    return pl.concat([kept, others])


# ---- students --------------------------------------------------------------------


def test_a_student_is_right_wrong_unread_or_failed():
    questions = samples(*map(reasoned, ["甲题", "乙题", "丙题", "丁题"]))
    rules = [("甲", "B"), ("乙", "答案：A"), ("丙", "不知道"), ("丁", fail("timeout"))]
    answers = answered(questions, rules, "a")
    assert answers["outcome"].to_list() == ["right", "wrong", "unread", "failed"]
    assert answers["prediction"].to_list() == [["B"], ["A"], [], []]
    assert answers["reason"].to_list() == [None, None, None, "timeout"]


def test_no_student_sees_gold_or_rationale():
    model = ScriptedChatModel([("", "A")])
    answer_as_students(
        reasoning_samples=samples(reasoned("甲题")),
        prompt=LETTERS,
        models={"a": model},
        params=STUDENT,
    )
    (request,) = model.requests
    assert "理由" not in request.messages[0]["content"]


def test_every_sample_is_asked_for_with_its_own_index():
    model = ScriptedChatModel([("", "A")])
    answers = answer_as_students(
        reasoning_samples=samples(reasoned("甲题")),
        prompt=LETTERS,
        models={"a": model},
        params=STUDENT.model_copy(update={"samples": 3}),
    )
    assert [request.sample for request in model.requests] == [0, 1, 2]
    assert answers["sample"].to_list() == [0, 1, 2]


def test_every_student_answers_under_its_own_name_in_one_table():
    models = {
        "b": ScriptedChatModel([("", "B")], name="phi"),
        "a": ScriptedChatModel([("", "A")], name="qwen"),
    }
    answers = answer_as_students(
        reasoning_samples=samples(*map(reasoned, ["甲题", "乙题"])),
        prompt=LETTERS,
        models=models,
        params=STUDENT,
    )
    told = answers.select("student", "model", "outcome").rows()
    assert told == 2 * [("b", "phi", "right")] + 2 * [("a", "qwen", "wrong")]


# ---- difficulty ------------------------------------------------------------------

# Who gets what right; 丙题 is the one with a planted wrong key: all say A, gold is B.
RIGHT_ON = {"a": "甲乙戊", "b": "甲乙", "c": "甲"}
STEMS = ["甲题", "乙题", "丙题", "丁题", "戊题"]


@pytest.fixture(scope="module")
def questions():
    return samples(*map(reasoned, STEMS))


@pytest.fixture(scope="module")
def answers(questions):
    # On 丁题 every student errs in its own way.
    own = {"a": "A", "b": "C", "c": "说不清"}
    return pl.concat(
        answered(
            questions, [(f"[{stems}]题", "B"), ("丁题", own[name]), ("", "A")], name
        )
        for name, stems in RIGHT_ON.items()
    )


@pytest.mark.parametrize(
    ("rule", "stems"),
    [
        ("all_wrong", ["丙题", "丁题"]),
        ("majority_wrong", ["丙题", "丁题", "戊题"]),
        ("pass_rate_below", ["丙题", "丁题", "戊题"]),
    ],
)
def test_each_rule_selects_exactly_the_planted_rows(questions, answers, rule, stems):
    params = ALL_WRONG.model_copy(update={"rule": rule})
    hard, easy, held_out = split_of_difficulty(questions, answers, params)
    assert hard["stem"].to_list() == stems
    assert easy["stem"].to_list() == [stem for stem in STEMS if stem not in stems]
    assert held_out.is_empty()


def test_a_judged_question_says_what_the_students_made_of_it(questions, answers):
    hard, easy, _ = split_of_difficulty(questions, answers)
    assert hard["n_unread"].to_list() == [0, 1]
    assert easy["n_right"].to_list() == [3, 2, 1]
    assert easy["pass_rate"].to_list() == pytest.approx([1, 2 / 3, 1 / 3])


def test_random_takes_as_many_as_all_wrong_gives_to_grpo(questions, answers):
    hit = {
        "row_id": tables.content_id("丙题", ""),
        "set_name": "D_p",
        "item_id": tables.content_id("item"),
        "benchmark": "pceb",
        "kind": "exact",
        "score": 1.0,
    }
    params = ALL_WRONG.model_copy(update={"rule": "random"})
    drawn = {
        seed: split_of_difficulty(
            questions,
            answers,
            params.model_copy(update={"seed": seed}),
            hits=[hit],
        )
        .challenging["stem"]
        .to_list()
        for seed in range(20)
    }
    assert {len(stems) for stems in drawn.values()} == {1}
    assert {stems[0] for stems in drawn.values()} == {"甲题", "乙题", "丁题", "戊题"}


def test_random_is_a_function_of_the_seed(questions, answers):
    params = ALL_WRONG.model_copy(update={"rule": "random"})
    one, other = (
        split_of_difficulty(table, answers, params).challenging["stem"].sort()
        for table in (questions, questions.reverse())
    )
    assert one.equals(other)


# Student c's calls fail on 丁题, which all got wrong, and on 甲题, which all got right.
CUT_OFF = [("丁题", fail("timeout")), ("甲题", fail("truncated")), ("", "A")]


@pytest.fixture
def interrupted(questions, answers):
    return with_answers(answers, answered(questions, CUT_OFF, "c"))


@pytest.mark.parametrize(
    "rule", ["all_wrong", "majority_wrong", "pass_rate_below", "random"]
)
def test_a_question_with_a_failed_call_is_in_neither_set(questions, interrupted, rule):
    params = ALL_WRONG.model_copy(update={"rule": rule})
    hard, easy, held_out = split_of_difficulty(questions, interrupted, params)
    waiting = held_out.select("stem", "reason").rows()
    assert waiting == [("甲题", "awaiting_student"), ("丁题", "awaiting_student")]
    assert not {"甲题", "丁题"} & {*hard["stem"], *easy["stem"]}
    assert hard.height + easy.height + held_out.height == questions.height


def test_the_run_that_has_the_answer_takes_the_question_in(
    questions, interrupted, answers
):
    before, after = (split_of_difficulty(questions, a) for a in (interrupted, answers))
    assert (before.challenging["stem"].to_list(), before.held_out.height) == (
        ["丙题"],
        2,
    )
    assert (after.challenging["stem"].to_list(), after.held_out.height) == (
        ["丙题", "丁题"],
        0,
    )


def test_a_question_that_a_student_was_never_asked_waits_too(questions, answers):
    unasked = (pl.col("student") == "a") & (
        pl.col("question_id") == tables.content_id("乙题", "")
    )
    *_, held_out = split_of_difficulty(questions, answers.filter(~unasked))
    assert held_out["stem"].to_list() == ["乙题"]


def test_the_run_says_how_many_wait_why_and_what_ends_it(
    questions, interrupted, answers, caplog
):
    split_of_difficulty(questions, answers)
    assert not caplog.records
    split_of_difficulty(questions, interrupted)
    assert "2 questions" in caplog.text
    assert "timeout 1, truncated 1" in caplog.text
    assert "kedro replies retry" in caplog.text


def test_random_gives_as_many_as_the_answered_questions_would(questions, interrupted):
    params = ALL_WRONG.model_copy(update={"rule": "random"})
    hard, *_ = split_of_difficulty(questions, interrupted, params)
    assert hard.height == 1


def test_the_audit_leaves_out_what_awaits_a_student(questions, interrupted):
    audit = audit_answer_keys(
        reasoning_samples=questions,
        params=AuditParameters(min_agreeing=2),
        student_answers=interrupted,
    )
    assert audit["stem"].to_list() == ["丙题", "戊题"]
    failing = with_answers(
        interrupted, answered(questions, [("丙题", fail("timeout"))], "b")
    )
    audit = audit_answer_keys(
        reasoning_samples=questions,
        params=AuditParameters(min_agreeing=2),
        student_answers=failing,
    )
    assert "丙题" not in audit["stem"]


def test_agreement_counts_the_questions_that_both_answered(questions, interrupted):
    hard, easy, _ = split_of_difficulty(questions, interrupted)
    account = describe_difficulty(
        challenging=hard,
        non_challenging=easy,
        params=ALL_WRONG,
        student_answers=interrupted,
    )
    overall = account.summary.filter(dimension="all").row(0, named=True)
    assert (overall["n"], overall["n_challenging"]) == (3, 1)
    pairs = {
        (r["student"], r["student_other"]): r for r in account.agreement.to_dicts()
    }
    assert (pairs["a", "b"]["n"], pairs["a", "c"]["n"]) == (5, 3)


def test_of_no_question_there_is_nothing_to_describe(questions, answers):
    hard, easy, _ = split_of_difficulty(questions, answers)
    account = describe_difficulty(
        challenging=hard.clear(),
        non_challenging=easy.clear(),
        params=ALL_WRONG,
        student_answers=answers.clear(),
    )
    assert tables.DifficultySummary.validate(account.summary).is_empty()
    assert account.agreement.is_empty()


def test_any_number_of_students_is_judged(questions, answers):
    fourth = answered(questions, [("", "B")], "d")
    hard, easy, _ = split_of_difficulty(questions, with_answers(answers, fourth))
    assert hard.is_empty()
    assert easy["n_students"].to_list() == [4] * 5


def test_the_audit_finds_the_planted_wrong_key(questions, answers):
    audit = audit_answer_keys(
        reasoning_samples=questions,
        params=AuditParameters(min_agreeing=2),
        student_answers=answers,
    )
    listed = audit.select("stem", "agreed", "n_agreeing", "n_students").rows()
    assert listed == [("丙题", ["A"], 3, 3), ("戊题", ["A"], 2, 3)]


def test_audited_questions_can_be_held_out_of_both_sets(questions, answers):
    audit = audit_answer_keys(
        reasoning_samples=questions,
        params=AuditParameters(min_agreeing=3),
        student_answers=answers,
    ).rows(named=True)
    holding = ALL_WRONG.model_copy(update={"hold_out_audited": True})
    listed = split_of_difficulty(questions, answers, audit=audit)
    held = split_of_difficulty(questions, answers, holding, audit=audit)
    assert listed.challenging["stem"].to_list() == ["丙题", "丁题"]
    assert held.held_out["stem"].to_list() == ["丙题"]
    assert held.challenging["stem"].to_list() == ["丁题"]
    assert sum(part.height for part in held) == questions.height


def test_agreement_and_difficulty_are_described(questions, answers):
    hard, easy, _ = split_of_difficulty(questions, answers)
    summary, agreement = describe_difficulty(
        challenging=hard,
        non_challenging=easy,
        params=ALL_WRONG,
        student_answers=answers,
    )
    overall = summary.filter(dimension="all").row(0, named=True)
    assert (overall["n"], overall["n_challenging"]) == (5, 2)
    sets = summary.filter(dimension="set").rows_by_key("value", named=True, unique=True)
    assert {name: row["n"] for name, row in sets.items()} == {
        "challenging": 2,
        "non_challenging": 3,
    }
    # 3, 2, 0, 0, 1 right of 3; after r of n, E[p^4] = B(r + 5, n - r + 1) / B(…).
    sure = beta(8, 1) / beta(4, 1) + beta(4, 5) / beta(4, 1)
    mixed = beta(7, 2) / beta(3, 2) + beta(3, 6) / beta(3, 2)
    assert overall["zero_variance"] == pytest.approx((3 * sure + 2 * mixed) / 5)
    pairs = {(r["student"], r["student_other"]): r for r in agreement.to_dicts()}
    assert pairs["a", "b"]["agreement"] == pytest.approx(3 / 5)
    assert pairs["b", "c"]["agreement_when_wrong"] == 1.0


# ---- decontamination -------------------------------------------------------------


def hits_of(parts, *items, exemplars=()):
    reasoning = [parts.pop("challenging"), parts.pop("non_challenging")]
    columns = list(tables.ReasoningSamples.to_schema().columns)
    return decontaminate(
        reasoning_samples=pl.concat(reasoning).select(columns),
        **parts,
        clean_benchmark_items=tables.frame(tables.BenchmarkItems, items),
        exemplars=tables.frame(tables.BenchmarkItems, exemplars),
        params=THRESHOLD,
    )


def test_the_same_stem_and_options_are_found_whatever_their_punctuation():
    ours = question("工作记忆的容量大约是多少个组块")
    theirs = item("工作记忆的容量，大约是（多少）个组块？") | {
        "options": list(reversed(ours["options"]))
    }
    hits = hits_of(parts(exam=[ours]), theirs)
    assert hits.rows(named=True) == [
        {
            "row_id": ours["question_id"],
            "set_name": "D_cp",
            "item_id": theirs["item_id"],
            "benchmark": "pceb",
            "split": "test",
            "kind": "exact",
            "score": 1.0,
        }
    ]


@pytest.mark.parametrize(("scanned", "printed"), [("O.25", "0.25"), ("l00", "100")])
def test_letters_that_are_read_for_digits_are_those_digits(scanned, printed):
    ours = question(f"下列相关系数中最接近{scanned}的是哪一个")
    theirs = item("") | {
        "stem": f"下列相关系数中最接近{printed}的是哪一个",
        "options": ours["options"],
    }
    (hit,) = hits_of(parts(exam=[ours]), theirs).rows(named=True)
    assert hit["kind"] == "exact"


def test_a_question_without_the_case_it_has_in_the_benchmark_is_found():
    asked = "厌恶疗法的基本步骤包括"
    ours, theirs = question(asked), item(asked, case=CASE)
    (hit,) = hits_of(parts(exam=[ours]), theirs).rows(named=True)
    assert hit["kind"] == "question_alone"


def test_a_case_that_stands_in_the_items_stem_is_told_from_its_question():
    asked = "厌恶疗法的基本步骤包括"
    ours = question(asked)
    theirs = item(f"{CASE * 3}{asked}") | {"options": ours["options"]}
    (hit,) = hits_of(parts(exam=[ours]), theirs).rows(named=True)
    assert hit["kind"] == "question_alone"


def test_a_short_question_or_other_options_are_no_hit_without_the_case():
    short, other = question("症状包括"), question("厌恶疗法的基本步骤包括")
    other["options"] = question("别的")["options"]
    theirs = [item("症状包括", case=CASE), item("厌恶疗法的基本步骤包括", case=CASE)]
    assert hits_of(parts(exam=[short, other]), *theirs).is_empty()


def test_what_no_score_and_no_prompt_shows_is_no_contamination():
    taught, shown, asked = map(question, ["普通题目甲", "普通题目乙", "普通题目丙"])
    found = hits_of(
        parts(exam=[taught, shown, asked]),
        item("普通题目甲") | {"split": "exemplar"},
        item("普通题目乙") | {"split": "exemplar"},
        item("普通题目丙"),
        exemplars=[item("普通题目乙") | {"split": "exemplar"}],
    )
    assert dict(found.select("row_id", "split").iter_rows()) == {
        shown["question_id"]: "exemplar",
        asked["question_id"]: "test",
    }


def test_dev_is_looked_for_where_it_is_scored_and_only_there():
    ours = question("普通题目甲")
    dev = item("普通题目甲") | {"split": "dev"}
    keyed, unkeyed = item("普通题目乙"), item("普通题目乙") | {"gold": []}
    assert hits_of(parts(exam=[ours]), dev, keyed).is_empty()
    assert hits_of(parts(exam=[ours]), dev, unkeyed)["split"].to_list() == ["dev"]


def test_a_near_duplicate_is_found_with_its_similarity():
    stem = "罗杰斯认为心理咨询中最重要的三个条件是真诚、共情与无条件积极关注"
    ours = reasoned(stem)
    theirs = item(stem) | {"stem": stem.replace("最重要的", "")}
    (hit,) = hits_of(parts(hard=[ours]), theirs).rows(named=True)
    assert hit["kind"] == "near_duplicate"
    assert 0.8 <= hit["score"] < 1


def test_a_benchmark_case_inside_a_dialogue_is_found():
    said = dialogue("甲", f"我的情况是这样的：{CASE}", "听起来很不容易。")
    (hit,) = hits_of(parts(dialogues=[said]), item("诊断是什么", case=CASE)).rows(
        named=True
    )
    assert (hit["kind"], hit["set_name"]) == ("case_contained", "D_em")


def test_a_case_put_into_the_stem_is_told_from_the_question():
    stem = f"案例三：{CASE * 3}该求助者的主要症状包括（）。多选"
    ours = question(stem) | {"options": item("症状")["options"]}
    theirs = item("症状", case=CASE * 3) | {"stem": "多选：3．该求助者的主要症状包括"}
    (hit,) = hits_of(parts(exam=[ours]), theirs).rows(named=True)
    assert (hit["kind"], hit["score"]) == ("exact", 1.0)


def test_the_same_question_on_another_case_is_no_hit():
    other = "求助者，男性，五十六岁，退休教师，老伴去世以后常常独坐流泪，子女陪同前来。"
    ours = question("该求助者的主要症状包括", case=other)
    theirs = item("该求助者的主要症状包括", case=CASE)
    assert hits_of(parts(exam=[ours]), theirs).is_empty()


def test_another_question_on_a_benchmarks_case_is_a_hit():
    ours = question("下一步应当怎么做", case=CASE)
    (hit,) = hits_of(parts(exam=[ours]), item("诊断是什么", case=CASE)).rows(named=True)
    assert hit["kind"] == "case_contained"


def test_a_counselling_conversation_of_the_benchmark_is_found():
    said = turns(
        "我和母亲吵架以后一直没有说话，心里又气又难过，不知道怎么办才好，晚上总睡不着。"
    )
    theirs = item("", messages=said) | {"options": [], "gold": []}
    ours = dialogue("甲", said[0]["content"], "听起来您心里很矛盾。")
    (hit,) = hits_of(parts(dialogues=[ours]), theirs).rows(named=True)
    assert hit["kind"] == "case_contained"


def test_other_questions_are_no_hits():
    ours = [reasoned("短时记忆的编码方式"), reasoned("经典条件反射的提出者是谁")]
    assert hits_of(parts(easy=ours), item("从众实验的研究者是哪一位")).is_empty()


def keyed(texts):
    schema = {"id": pl.String, "key": pl.String}
    ids = [str(i) for i in range(len(texts))]
    return pl.DataFrame({"id": ids, "key": texts}, schema=schema)


def trigrams(text):
    return {text[i : i + 3] for i in range(len(text) - 2)}


@given(
    rows=st.lists(st.text("甲乙丙a1", max_size=12), max_size=8),
    items=st.lists(st.text("甲乙丙a1", max_size=12), max_size=8),
    threshold=st.sampled_from([0.3, 0.5, 0.8, 1.0]),
)
def test_near_pairs_are_exactly_the_pairs_above_the_threshold(rows, items, threshold):
    found = near_pairs(keyed(rows), keyed(items), threshold)
    expected = {
        (str(i), str(j))
        for i, row in enumerate(rows)
        for j, other in enumerate(items)
        if row != other
        and (both := trigrams(row) & trigrams(other))
        and len(both) / len(trigrams(row) | trigrams(other)) >= threshold
    }
    assert set(found.select("row_id", "item_id").rows()) == expected


# ---- twins -----------------------------------------------------------------------

STEM_OF_TWINS = "罗杰斯认为心理咨询中最重要的三个条件是真诚、共情与无条件积极关注"
POST = "我和母亲吵架以后一直没有说话，心里又气又难过，不知道怎么办才好"


def copied(row, **changes):
    """Return a public set's copy of a question, under an id of its own."""
    return row | {"question_id": tables.content_id("copy", row["stem"])} | changes


def written(row, stem):
    return row | {"stem": stem, "question_id": tables.content_id(stem)}


def told(repeated):
    return repeated.select("part", "kind", "twin_part", "twin_id").rows()


def threads(split, n=2):
    names = (f"{split}{i}" for i in range(1000))
    return [x for x in names if split_of(tables.content_id("thread", x), 0.2) == split][
        :n
    ]


def test_a_question_stands_in_the_first_of_its_parts():
    ours = reasoned(STEM_OF_TWINS)
    other = reasoned("从众实验的研究者是哪一位心理学家")
    made = parts(
        hard=[ours], easy=[other], exam=[copied(ours), copied(other), question("考题")]
    )
    assert sorted(told(repeats_of(made))) == [
        ("D_cp", "duplicate", "D_pc", ours["question_id"]),
        ("D_cp", "duplicate", "D_pr", other["question_id"]),
    ]
    _, grpo, rejected = sets_of(made)
    assert grpo["part"].to_list() == ["D_pc", "D_cp"]
    twin_of = rejected["detail"].to_list()
    assert sorted(twin_of) == sorted(
        f"D_cp twin of {part} {row['question_id']}"
        for part, row in (("D_pc", ours), ("D_pr", other))
    )


def test_a_question_may_keep_its_id_in_both_parts():
    ours = reasoned(STEM_OF_TWINS)
    made = parts(hard=[ours], exam=[ours])
    sft, grpo, rejected = sets_of(made)
    assert (grpo["part"].to_list(), rejected["reason"].to_list()) == (
        ["D_pc"],
        ["duplicate"],
    )
    columns = list(tables.ReasoningSamples.to_schema().columns)
    traced = trace_examples(
        sft_set=sft,
        grpo_set=grpo,
        reasoning_samples=made.pop("challenging").select(columns),
        rationale_rounds=rounds_of(ours),
        useful_posts=tables.frame(tables.UsefulPosts, []),
        **{k: v for k, v in made.items() if k != "non_challenging"},
    )
    assert traced["origin"].to_list() == ["bank"]


@pytest.mark.parametrize(
    "changes",
    [
        {"stem": f"12. {STEM_OF_TWINS}（  ）。"},
        {"stem": f"[单选题]{STEM_OF_TWINS}"},
        {"options": list(reversed(question(STEM_OF_TWINS)["options"]))},
        {"gold": ["A"]},
    ],
    ids=["numbering", "tag", "order of the options", "another key"],
)
def test_a_twin_is_the_same_whatever_its(changes):
    ours = reasoned(STEM_OF_TWINS)
    made = parts(hard=[ours], exam=[copied(ours, **changes)])
    assert told(repeats_of(made)) == [
        ("D_cp", "duplicate", "D_pc", ours["question_id"])
    ]


def test_a_scan_that_misreads_options_is_a_twin_though_their_order_changes():
    read, misread = (
        [{"label": a, "text": t} for a, t in zip("ABCD", texts, strict=True)]
        for texts in (["6±2", "6±1", "7±1", "7±2"], ["6-+2", "6±1", "7±I", "7+2"])
    )
    ours = reasoned("短时记忆的容量平均是多少个组块") | {"options": misread}
    made = parts(hard=[ours], exam=[copied(ours, options=read)])
    assert told(repeats_of(made)) == [
        ("D_cp", "duplicate", "D_pc", ours["question_id"])
    ]


def test_a_reworded_twin_is_a_near_duplicate():
    ours = reasoned(STEM_OF_TWINS)
    reworded = copied(ours, stem=STEM_OF_TWINS.replace("三个条件", "三个基本条件"))
    made = parts(easy=[ours], exam=[reworded])
    assert told(repeats_of(made)) == [
        ("D_cp", "near_duplicate", "D_pr", ours["question_id"])
    ]


def test_the_twin_that_is_named_stands_itself():
    ours = reasoned(STEM_OF_TWINS)
    reworded = copied(ours, stem=STEM_OF_TWINS.replace("三个条件", "三个基本条件"))
    again = reworded | {"question_id": tables.content_id("again")}
    made = parts(hard=[ours], exam=[reworded, again])
    assert {row[3] for row in told(repeats_of(made))} == {ours["question_id"]}


@pytest.mark.parametrize("word", ["不", "三"])
def test_a_question_that_differs_in_negation_or_number_is_no_twin(word):
    changed = {"不": ("最重要", "最不重要"), "三": ("三个", "四个")}[word]
    ours = reasoned(STEM_OF_TWINS)
    other = copied(ours, stem=STEM_OF_TWINS.replace(*changed))
    training = SETS.model_copy(update={"validation_share": 0.0})
    made = parts(hard=[ours], exam=[other])
    assert repeats_of(made, params=training).is_empty()


def test_what_validates_gives_way_to_a_like_question_that_trains():
    ours = reasoned(STEM_OF_TWINS)
    halves = SETS.model_copy(update={"validation_share": 0.5})
    others = [
        question(STEM_OF_TWINS.replace("三个", f"{n}个")) | {"options": ours["options"]}
        for n in range(10, 30)
    ]
    made = parts(hard=[ours], exam=others)
    _, grpo, rejected = sets_of(made, params=halves)
    kept = dict(grpo.select("parent_id", "split").rows())
    assert set(kept.values()) == {"train"}
    assert set(rejected["reason"]) == {"near_duplicate"}
    assert grpo.height + rejected.height == 21


def test_questions_on_one_case_share_a_group_though_it_stand_in_the_stem():
    stems = [f"{CASE * 3}该求助者的{what}是（）。" for what in ("症状", "诊断", "病程")]
    _, grpo, _ = sets_of(parts(exam=[question(stem) for stem in stems]))
    assert grpo.height == 3
    assert grpo["group_id"].n_unique() == 1


@pytest.mark.parametrize(
    ("changes", "case"),
    [({"gold": []}, "no_gold"), ({}, "contaminated"), ({}, "not in the variant")],
)
def test_what_enters_no_set_displaces_no_twin(changes, case):
    ours = reasoned(STEM_OF_TWINS) | changes
    _, grpo, _ = sets_of(
        parts(hard=[ours], exam=[copied(ours, gold=["B"])]),
        [hit(ours, set_name="D_p")] if case == "contaminated" else [],
        variant=composed(grpo={"D_cp": 1}) if case == "not in the variant" else WHOLE,
        decontamination=THRESHOLD.model_copy(update={"most_lost": 1.0}),
    )
    assert grpo["part"].to_list() == ["D_cp"]


def test_the_twins_of_a_question_that_is_held_out_stay_out_with_it():
    waiting = reasoned(STEM_OF_TWINS)
    made = parts(exam=[copied(waiting)])
    assert told(repeats_of(made, held_out=[waiting])) == [
        ("D_cp", "duplicate", "held_out", waiting["question_id"])
    ]


BARE = st.sampled_from([f"{STEM_OF_TWINS}{i}" for i in "甲乙丙丁"])


@settings(max_examples=30)
@given(st.lists(BARE, max_size=5), st.lists(BARE, max_size=5), st.lists(BARE))
def test_no_question_stands_twice(hard, easy, exam):
    made = parts(
        hard=[written(reasoned(s), f"1. {s}") for s in hard],
        easy=[written(reasoned(s), f"{s}（）") for s in easy],
        exam=[question(s) for s in exam],
    )
    sft, grpo, rejected = sets_of(made)
    assert sft.height + grpo.height == len({*hard, *easy, *exam})
    assert rejected.height == len(hard + easy + exam) - sft.height - grpo.height


def test_twins_are_the_same_in_any_order():
    row = question(STEM_OF_TWINS)
    rows = [written(row, f"{i}. {STEM_OF_TWINS}") for i in range(6)]
    one, other = (repeats_of(parts(exam=r)) for r in (rows, rows[::-1]))
    assert one.height == 5
    assert one.sort("row_id").equals(other.sort("row_id"))


def test_a_public_dialogue_gives_way_to_the_post_it_is():
    said = dialogue("甲", f"{POST}。", "听起来您心里很矛盾。")
    raw = sample("甲", "dialogue", POST, "您愿意多说说吗？")
    post = post_of(said) | {"messages": turns(POST, "您愿意多说说吗？")}
    retold = said | {"messages": turns("这阵子我同妈妈闹翻了。", "我在听。")}
    made = parts(dialogues=[retold], public_samples=[raw])
    repeated = repeats_of(made, posts=tables.frame(tables.UsefulPosts, [post]))
    assert told(repeated) == [("D_ps", "duplicate", "D_em", said["dialogue_id"])]


def test_replies_to_one_post_stand_together_and_never_in_two_splits():
    (here, there), (away, _) = threads("train"), threads("validation")
    replies = ["听起来您心里很矛盾，您愿意多说一点吗？", "您希望母亲听到的是什么呢？"]
    rows = [
        dialogue(f"{name}{i}", POST, reply, thread=name)
        for name in (here, there, away)
        for i, reply in enumerate(replies)
    ]
    sft, _, rejected = sets_of(parts(dialogues=rows))
    assert sft["split"].to_list() == ["train"] * 2
    assert sorted(rejected["reason"]) == ["duplicate"] * 4


def test_a_short_opening_is_said_by_many():
    (here, _), (away, _) = threads("train"), threads("validation")
    rows = [
        dialogue(name, "总是失眠怎么办", f"{name}多久了？", thread=name)
        for name in (here, away)
    ]
    sft, _, _ = sets_of(parts(dialogues=rows))
    assert sorted(sft["split"]) == ["train", "validation"]


# ---- sets ------------------------------------------------------------------------

EVERY_PART = {
    "hard": [reasoned("难题", gold="AC", kind="multiple")],
    "easy": [reasoned("易题", case=CASE)],
    "dialogues": [dialogue("甲", "我很难过", "我在听")],
    "public_samples": [
        sample("乙", "dialogue", "睡不着", "多久了", "一周", "发生了什么"),
        sample("丙", "knowledge_qa", "什么是移情", "移情是……"),
    ],
    "exam": [question("考题")],
}


def test_each_part_goes_to_its_set():
    sft, grpo, rejected = sets_of(parts(**EVERY_PART))
    assert sft["part"].to_list() == ["D_pr", "D_em", "D_ps", "D_ps"]
    assert grpo["part"].to_list() == ["D_pc", "D_cp"]
    assert rejected.is_empty()


def test_a_reasoning_example_thinks_then_gives_the_letters():
    sft, _, _ = sets_of(parts(easy=[reasoned("题", gold="AC", kind="multiple")]))
    (messages,) = sft["messages"]
    assert split_thought(messages[-1]["content"]) == ("题的理由", "AC")


def test_each_kind_of_conversation_has_its_system_message():
    sft, _, _ = sets_of(parts(public_samples=EVERY_PART["public_samples"]))
    systems = [messages[0]["content"] for messages in sft["messages"]]
    assert systems == ["你是咨询师。", "你是教师。"]


def test_a_dialogue_that_ends_with_the_client_is_cut_to_the_last_reply():
    sft, _, _ = sets_of(parts(dialogues=[dialogue("甲", "我很难过", "我在听", "谢谢")]))
    assert sft["messages"][0][-1] == {"role": "assistant", "content": "我在听"}


def test_a_grpo_example_asks_without_telling():
    _, grpo, _ = sets_of(parts(hard=EVERY_PART["hard"]))
    (row,) = grpo.rows(named=True)
    assert (row["gold"], row["option_labels"]) == (["A", "C"], list("ABCD"))
    assert "理由" not in str(row["prompt"])


@pytest.mark.parametrize(
    ("part", "row", "reason"),
    [
        ("exam", question("题", gold=""), "no_gold"),
        ("exam", question("题", gold="E"), "gold_not_in_options"),
        ("exam", question("题", kind="short_answer"), "open_question"),
        (
            "easy",
            reasoned("题") | {"rationale": "<think>再想</think>"},
            "think_tag_in_rationale",
        ),
        ("dialogues", dialogue("甲", "只有一句"), "turns_do_not_alternate"),
        ("dialogues", dialogue("甲", "说了", " "), "empty_turn"),
    ],
)
def test_a_row_that_makes_no_example_is_rejected_with_a_reason(part, row, reason):
    sft, grpo, rejected = sets_of(parts(**{part: [row]}))
    assert (sft.height, grpo.height) == (0, 0)
    assert rejected["reason"].to_list() == [reason]


def test_a_contaminated_row_enters_no_set_and_the_same_question_only_once():
    one, other = question("甲题"), question("乙题")
    found = [hit(one)]
    _, grpo, rejected = sets_of(parts(exam=[one, other, other]), found)
    assert grpo["parent_id"].to_list() == [other["question_id"]]
    assert rejected["reason"].to_list() == ["contaminated", "duplicate"]


def test_a_drawn_exemplar_enters_no_set_and_the_reason_says_so():
    shown, both, other = map(question, ["甲题", "乙题", "丙题"])
    found = [hit(shown, split="exemplar"), hit(both), hit(both, split="exemplar")]
    keeping = THRESHOLD.model_copy(update={"most_lost": 0.7})
    _, grpo, rejected = sets_of(
        parts(exam=[shown, both, other]), found, decontamination=keeping
    )
    assert grpo["parent_id"].to_list() == [other["question_id"]]
    assert rejected["reason"].to_list() == ["exemplar", "contaminated"]


def test_a_part_that_would_lose_more_than_half_stops_the_run():
    rows = [question(f"第{n}题") for n in range(3)]
    found = [hit(rows[0]), hit(rows[1], benchmark="cpsyexam"), hit(rows[1])]
    told = (
        "D_cp would lose 2 of its 3 rows to contamination, 2 to the benchmark 'pceb', "
        "which is more than selection.decontamination.most_lost (0.5)"
    )
    with pytest.raises(ContaminationError, match=re.escape(told)):
        sets_of(parts(exam=rows), found)


def test_half_of_a_part_may_be_lost_and_all_of_it_where_the_setting_says_so():
    rows = [question(f"第{n}题") for n in range(2)]
    _, half, _ = sets_of(parts(exam=rows), [hit(rows[0])])
    assert half.height == 1
    allowing = THRESHOLD.model_copy(update={"most_lost": 1.0})
    _, none, _ = sets_of(parts(exam=rows), map(hit, rows), decontamination=allowing)
    assert none.is_empty()


@given(st.lists(st.sampled_from(["书一", "书二", "书三", "书四"]), max_size=20))
def test_siblings_of_one_document_stand_in_one_split(sources):
    rows = [
        reasoned(f"第{i}题", origin="textbook", source=source)
        for i, source in enumerate(sources)
    ]
    sft, _, rejected = sets_of(parts(easy=rows))
    splits = sft.group_by("group_id").agg(pl.col("split").n_unique())
    assert sft.height == len(rows)
    assert rejected.is_empty()
    assert set(splits["split"]) <= {1}


def test_dialogues_of_one_thread_stand_in_one_split():
    rows = [dialogue(f"{i}", "说", "答", thread="一") for i in range(8)]
    sft, _, _ = sets_of(parts(dialogues=rows))
    assert sft["split"].n_unique() == 1


@given(st.text(min_size=1))
def test_a_split_is_a_function_of_the_group(group):
    assert split_of(group, 0.3) == split_of(group, 0.3)
    assert split_of(group, 0.0) == "train"


def test_the_share_of_validation_groups_is_about_what_is_asked():
    splits = [split_of(str(i), 0.2) for i in range(2000)]
    assert splits.count("validation") == pytest.approx(400, abs=60)


# ---- variants, lengths, provenance -----------------------------------------------


def composed(**changes):
    return Variant(**EVERYTHING | {"name": "chosen"} | changes)


@pytest.mark.parametrize(
    ("rationale", "completion"),
    [
        ("none", "B"),
        ("first", "<think>\n题的第一个理由\n</think>\nB"),
        ("iterated", "<think>\n题的理由\n</think>\nB"),
    ],
)
def test_a_variant_chooses_the_rationale(rationale, completion):
    sft, _, _ = sets_of(
        parts(easy=[reasoned("题")]), variant=composed(rationale=rationale)
    )
    assert sft["messages"][0][-1]["content"] == completion
    assert sft["variant"].to_list() == ["chosen"]


@given(
    n=st.integers(0, 30),
    share=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
def test_a_part_enters_in_the_stated_share(n, share):
    rows = [dialogue(f"{i}", "说", "答") for i in range(n)]
    sft, _, rejected = sets_of(
        parts(dialogues=rows), variant=composed(sft={"D_em": share})
    )
    assert sft.height == round(share * n)
    assert rejected["reason"].to_list() == ["not_in_variant"] * (n - sft.height)


def test_a_part_that_the_variant_does_not_name_stays_out():
    sft, grpo, rejected = sets_of(
        parts(**EVERY_PART), variant=composed(sft={"D_em": 1}, grpo={})
    )
    assert (sft["part"].to_list(), grpo.height) == (["D_em"], 0)
    assert rejected.height == 5


def test_the_contaminated_sets_say_so():
    row = question("题")
    keeping = THRESHOLD.model_copy(update={"drop_hits": False})
    _, grpo, _ = sets_of(parts(exam=[row]), [hit(row)], decontamination=keeping)
    assert grpo["variant"].to_list() == ["all-contaminated"]


@settings(max_examples=30)
@given(st.permutations([f"{i}" for i in range(8)]))
def test_the_same_rows_give_the_same_sets_in_any_order(names):
    rows = [dialogue(name, "说", "答") for name in names]
    half = composed(sft={"D_em": 0.5})
    sft, _, _ = sets_of(parts(dialogues=rows), variant=half)
    ordered = [dialogue(name, "说", "答") for name in sorted(names)]
    other, _, _ = sets_of(parts(dialogues=ordered), variant=half)
    assert sft.sort("example_id").equals(other.sort("example_id"))


STEM = st.text("心理咨询测量记忆移情共", min_size=12, max_size=16)


@settings(max_examples=30)
@given(st.lists(STEM, max_size=6), st.lists(STEM, max_size=6))
def test_no_set_holds_a_benchmark_item(ours, theirs):
    exam = [question(stem) for stem in ours + theirs[:2]]
    benchmark = [item(stem) for stem in theirs]
    hits = hits_of(parts(exam=exam), *benchmark).rows(named=True)
    allowing = THRESHOLD.model_copy(update={"most_lost": 1.0})
    _, grpo, _ = sets_of(parts(exam=exam), hits, decontamination=allowing)
    asked = " ".join(messages[0]["content"] for messages in grpo["prompt"])
    assert not [row for row in benchmark if row["stem"] in asked]


def test_lengths_are_accounted_for_by_part_and_split():
    sft, grpo, _ = sets_of(parts(**EVERY_PART))
    params = LengthParameters(tokenizer=None, sft_limit=60, grpo_limit=60)
    account = account_lengths(sft, grpo, params)
    assert account["n"].sum() == sft.height + grpo.height
    assert set(account["measure"]) == {"tokens (estimated)"}
    assert account.filter(part="D_em")["n_over"].sum() == 0
    assert (account["longest"] <= account["total"]).all()


def test_what_the_sets_are_made_of_is_summed_up_with_the_hits_in_them():
    sft = pl.DataFrame({"part": ["D_pr", "D_em", "D_pr"], "parent_id": ["a", "b", "c"]})
    grpo = pl.DataFrame({"part": ["D_pc"], "parent_id": ["d"]})
    sets = {"sft_set": sft, "grpo_set": grpo}
    named = {name: t.with_columns(variant=pl.lit("PRD")) for name, t in sets.items()}
    hits = pl.DataFrame({"row_id": ["c", "c", "not in a set"]})
    assert set_summary(named, hits).rows() == [
        ("sft_set", "D_pr", "PRD", 2, 1),
        ("sft_set", "D_em", "PRD", 1, 0),
        ("grpo_set", "D_pc", "PRD", 1, 0),
    ]


def test_hits_are_summed_up_by_part_benchmark_split_and_kind():
    hits = [
        ("D_p", "pceb", "test", "exact", "row 1", "item 1"),
        ("D_p", "pceb", "test", "exact", "row 1", "item 2"),
        ("D_p", "pceb", "test", "case_contained", "row 1", "item 2"),
        ("D_cp", "cpsyexam", "exemplar", "exact", "row 2", "item 3"),
    ]
    names = ["set_name", "benchmark", "split", "kind", "row_id", "item_id"]
    table = pl.DataFrame(hits, names, orient="row")
    assert contamination_summary(table).rows() == [
        ("D_cp", "cpsyexam", "exemplar", "exact", 1, 1, 1),
        ("D_p", "pceb", "test", "case_contained", 1, 1, 1),
        ("D_p", "pceb", "test", "exact", 1, 2, 2),
    ]


def test_every_example_is_traced_to_its_source():
    made = parts(**EVERY_PART)
    sft, grpo, _ = sets_of(made)
    posts = posts_of(made)
    columns = list(tables.ReasoningSamples.to_schema().columns)
    reasoning = pl.concat([made.pop("challenging"), made.pop("non_challenging")])
    traced = trace_examples(
        sft_set=sft,
        grpo_set=grpo,
        reasoning_samples=reasoning.select(columns),
        rationale_rounds=rounds_of(*reasoning.rows(named=True)),
        useful_posts=posts,
        **made,
    )
    assert traced["example_id"].to_list() == [*sft["example_id"], *grpo["example_id"]]
    rationale = traced.filter(part="D_pr").row(0, named=True)
    assert rationale["models"] == ["offline-teacher"]
    assert rationale["prompt_digests"] == ["rationale-prompt"]
    assert traced.filter(part="D_ps")["deid_level"].to_list() == ["rules_only", None]


# ---- D_cp ------------------------------------------------------------------------


def test_exam_questions_are_refined_and_every_row_is_accounted_for():
    stem = "罗杰斯认为心理咨询中最重要的三个条件是真诚、共情与无条件积极关注"
    good, vague = question(stem), question("根据上文，他应该怎么做")
    near = question(stem.replace("三个条件", "三种条件")) | {"options": good["options"]}
    broken = question("坏题") | {"parse_status": "malformed"}
    rows = public(good, good, near, vague)
    rows = pl.concat(
        [rows, public(broken).with_columns(parse_status=pl.lit("malformed"))]
    )
    screen = made_up(source="test", reply="JSON", user="{{ examples }}{{ question }}")
    kept, rejected = refine_exam_questions(
        clean_public_questions=rows,
        prompt=screen,
        examples=[],
        judge=ScriptedChatModel([("根据上文", "不合理"), ("", "合理")]),
        params=DEDUPLICATION,
    )
    assert kept["question_id"].len() == 1
    assert sorted(rejected["reason"]) == [
        "duplicate",
        "malformed",
        "near_duplicate",
        "unreasonable",
    ]


def test_options_are_compared_whatever_their_order_and_an_open_question_has_none():
    def texts(*options):
        row = question("工作记忆是指（）。")
        listed = [{"label": k, "text": v} for k, v in zip("ABC", options, strict=False)]
        return row | {"options": listed}

    rows = [texts("7±2 个", "长时。"), texts(), texts("长时", "7±2个")]
    compared = question_texts(tables.frame(tables.QuestionPool, rows), "question_id")
    assert compared["options"].to_list() == ["72个长时", "", "72个长时"]
