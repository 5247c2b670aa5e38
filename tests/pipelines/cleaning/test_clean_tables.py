"""Every filter gives back what it keeps and what it rejects, with its reason."""

import json
import re

import polars as pl
import pytest
from cleaning_parameters import POSTS, REPLIES
from hypothesis import given, settings
from hypothesis import strategies as st

from prompt_set import made_up
from psyche_kedro import tables
from psyche_kedro.errors import LeakError
from psyche_kedro.pipelines.cleaning import conversations
from psyche_kedro.pipelines.cleaning.deidentification.deidentify import (
    has_model_read,
)
from psyche_kedro.pipelines.cleaning.nodes import (
    clean_bank_questions,
    clean_benchmark_items,
    clean_posts,
    clean_public_sets,
    judge_replies,
    mask_by_model,
    sample_masked_posts,
)
from psyche_kedro.tables import content_id
from psyche_kedro.text.taggers import Tagged
from scripted import ScriptedChatModel, as_json, fail

PROMPT = made_up(source="§2.1", reply="JSON", user="请评：{{ conversation }}")
SPANS = made_up(source="§2.1", reply="JSON", user="请找：{{ conversation }}")
OPTIONS = [{"label": "A", "text": "马斯洛"}, {"label": "B", "text": "罗杰斯"}]


def question(number: int, **change) -> dict:
    row = {
        "question_id": content_id(str(number)),
        "source": "题库.csv",
        "locator": f"row {number}",
        "type": "single",
        "stem": f"{number}．需要层次理论由谁提出( )。",
        "options": OPTIONS,
        "gold": ["A"],
        "parse_status": "ok",
        "parse_errors": [],
    }
    return row | change


def bank(*rows: dict) -> pl.DataFrame:
    return tables.frame(tables.BankQuestions, rows)


# ---- questions -------------------------------------------------------------------


def test_a_stem_loses_numbering_type_and_width_but_not_its_words():
    stem = "单选：89．在“适应症候群”中( 　)。单选"
    kept = clean_bank_questions(bank(question(1, stem=stem))).kept
    assert kept["stem"].item() == "在“适应症候群”中（）。"


@pytest.mark.parametrize(
    ("stem", "clean"),
    [
        ("(3P65)知觉恒常性不包括【  】", "知觉恒常性不包括【】"),
        ("(7 P179) 表情可分为", "表情可分为"),
        ("(5Pl05)医生检查", "医生检查"),
        ("(6PⅢ)下列各种能力", "下列各种能力"),
        ("(5P埘)科学概念又称为", "科学概念又称为"),
        ("(P24)人的睡眠是一种", "人的睡眠是一种"),
        ("幼儿的游戏包括（  ）5-153/154", "幼儿的游戏包括（）"),
        ("其中之一?（　　） 6-185", "其中之一？（）"),
        ("量表适用于( )。BCD245-3/3", "量表适用于（）。"),
        ("社会化的途径是（ ）（见教材第65页）。", "社会化的途径是（）。"),
        ("社会化的途径是（ ）(教材P65)", "社会化的途径是（）"),
        ("观察法可分为(  )。确认答案", "观察法可分为（）。"),
        ("81[多选题]幼儿记忆的特点包括()。", "幼儿记忆的特点包括（）。"),
        ("(单项选择题)如果你", "如果你"),
        ("第 54 题思维贫乏的鉴别点是( )。", "思维贫乏的鉴别点是（）。"),
        ("63,针对心理问题的会谈属于()", "针对心理问题的会谈属于（）"),
        ("求助者:好吧。\n多选:86、疗法包括()。", "求助者：好吧。\n疗法包括（）。"),
        ("情绪较为低落。单选:51、该求助者(  )", "情绪较为低落。\n该求助者（）"),
        ("合计57 多选：2、可以判断（）。多选：89", "合计57\n可以判断（）。"),
    ],
)
def test_a_stem_loses_where_its_book_has_it(stem, clean):
    kept = clean_bank_questions(bank(question(1, stem=stem))).kept
    assert kept["stem"].item() == clean


@pytest.mark.parametrize(
    "stem",
    [
        "（P300）是一种脑电成分",
        "与意识更新有关的脑电成分是（P300）",
        "（16PF）量表的因素数是",
        "康拉德（Conrad, 1964）的研究表明",
        "F（2,24）=0.90，则检验的结果（）",
        "第29题所涉及的测验理论包括",
        "6，8，10，12，26这一组数据的集中趋势",
        "16PF适用于（）",
        "儿童处于形式运算阶段的年龄是（）岁，约11-15",
        "评分标准是（）0～4级",
        "说出该求助者的歪曲认知。（15分）",
        "在案例一（5）中，咨询师使用了（）",
    ],
)
def test_numbers_that_belong_to_the_question_stay(stem):
    kept = clean_bank_questions(bank(question(1, stem=stem))).kept
    assert kept["stem"].item() == stem


def test_options_keep_what_a_post_would_lose():
    options = [{"label": "A", "text": "A:P (SD=0.8)"}, {"label": "B", "text": ":)"}]
    kept = clean_bank_questions(bank(question(1, options=options))).kept
    assert [o["text"] for o in kept["options"].item()] == ["A:P (SD=0.8)", ":)"]


def test_a_malformed_row_is_rejected_with_its_first_error_and_all_in_the_detail():
    errors = ["options_missing", "answer_not_among_options"]
    cleaned = clean_bank_questions(
        bank(question(1, parse_errors=errors, parse_status="malformed"))
    )
    assert cleaned.rejected.select("stage", "reason", "detail").row(0) == (
        "clean_bank_questions",
        "options_missing",
        "row 1; options_missing; answer_not_among_options",
    )


def test_copies_with_other_golds_are_rejected_all_of_them():
    swapped = [{"label": "A", "text": "罗杰斯"}, {"label": "B", "text": "马斯洛"}]
    cleaned = clean_bank_questions(
        bank(question(1), question(2), question(3, gold=["B"]), question(4, stem="另"))
    )
    assert cleaned.rejected["reason"].to_list() == ["conflicting_duplicate"] * 3
    same = clean_bank_questions(
        bank(question(1), question(2, options=swapped, gold=["B"]))
    )
    assert same.rejected.is_empty()


@pytest.mark.parametrize(
    ("one", "other", "are_copies"),
    [
        ("3～6岁的幼儿", "3〜6岁的幼儿", True),
        ("3—6岁的幼儿", "3-6岁的幼儿", True),
        ("认识-领悟疗法", "认识——领悟疗法", True),
        ("G．W．奥尔波特", "G.W.奥尔波特", True),
        ("不计时间、不计成本", "不计时间，不计成本", True),
        ("3～6岁的幼儿", "36岁的幼儿", False),
        ("p<0.05", "p>0.05", False),
        ("得分为-1", "得分为1", False),
        ("平均数加1.5", "平均数加15", False),
    ],
)
def test_copies_may_differ_in_punctuation_but_in_no_number(one, other, are_copies):
    rows = [question(1, stem=one), question(2, stem=other, gold=["B"])]
    rejected = clean_bank_questions(bank(*rows)).rejected
    assert rejected["reason"].to_list() == ["conflicting_duplicate"] * 2 * are_copies


@settings(max_examples=100)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "stem": st.sampled_from(["1.甲", "2.甲", "乙", "", "⼼"]),
                "gold": st.sampled_from([["A"], ["B"], []]),
                "parse_errors": st.sampled_from([[], ["no_gold"]]),
            }
        )
    )
)
def test_questions_in_are_questions_kept_and_rejected(changes):
    rows = [question(n, **change) for n, change in enumerate(changes)]
    cleaned = clean_bank_questions(bank(*rows))
    ids = [*cleaned.kept["question_id"], *cleaned.rejected["row_id"]]
    assert sorted(ids) == sorted(row["question_id"] for row in rows)


def item(number: int, **change) -> dict:
    row = question(number, **change)
    for column in ("question_id", "parse_status", "parse_errors"):
        row.pop(column)
    extra = {
        "item_id": content_id("item", str(number)),
        "benchmark": "pceb",
        "cell": "theory_single",
        "split": "test",
        "cluster_id": content_id("item", str(number)),
        "messages": [],
        "flags": change.get("flags", []),
    }
    return row | extra


def test_no_benchmark_item_is_lost_and_copies_and_conflicts_are_flagged():
    items = tables.frame(
        tables.BenchmarkItems,
        [
            item(1),
            item(2),
            item(3, gold=["B"]),
            item(4, stem="⼼理", flags=["no_gold"]),
        ],
    )
    cleaned = clean_benchmark_items(items)
    first = content_id("item", "1")
    assert cleaned["item_id"].to_list() == items["item_id"].to_list()
    assert cleaned["flags"].to_list() == [
        ["conflicting_gold"],
        [f"duplicate_of:{first}", "conflicting_gold"],
        [f"duplicate_of:{first}", "conflicting_gold"],
        ["no_gold"],
    ]
    assert cleaned["stem"][3] == "心理"


# ---- posts -----------------------------------------------------------------------


def post(number: int, *texts: str, kind: str = "community") -> dict:
    roles = ("user", "assistant")
    return {
        "post_id": content_id("post", str(number)),
        "thread_id": content_id("thread", str(number)),
        "source": "posts.json",
        "locator": f"item {number}",
        "kind": kind,
        "messages": [
            {"role": roles[n % 2], "content": text} for n, text in enumerate(texts)
        ],
    }


def posts(*rows: dict) -> pl.DataFrame:
    return tables.frame(tables.Posts, rows)


def clean(*rows: dict, model=None, tagger=None):
    return cleaned(posts(*rows), model, tagger)


def cleaned(posts: pl.DataFrame, model=None, tagger=None):
    cleaned = clean_posts(
        posts, tagger=tagger, params=POSTS, replies_parameters=REPLIES
    )
    if model is None:
        return cleaned
    return cleaned._replace(kept=mask_by_model(cleaned.kept, SPANS, model, POSTS))


ASKING = "我最近总是失眠，怎么办😭(╥﹏╥)"
ADVICE = "先记录两周的作息，把上床的时间固定下来，睡不着就起来坐一会儿。"


def test_a_post_loses_faces_links_and_contacts():
    text = f"{ASKING}详见https://example.com/a吧，加QQ：564738291"
    kept = clean(post(1, text, ADVICE)).kept
    assert kept["messages"].item()[0]["content"] == (
        "我最近总是失眠，怎么办详见吧，加QQ：[QQ号]"
    )
    tables.CleanPosts.validate(kept)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (post(1, ASKING), "no_reply"),
        (post(1, "😭", ADVICE), "no_post"),
        (post(1, ASKING, "😭"), "no_reply"),
        (post(1, "长" * 20_001, ADVICE), "too_long"),
        (post(1, "加我看片，激情裸聊", ADVICE), "solicitation"),
        (post(1, "刷单日结，加微信mooncat1999", ADVICE), "solicitation"),
    ],
)
def test_a_conversation_that_is_none_is_rejected(row, reason):
    cleaned = clean(row)
    assert cleaned.kept.is_empty()
    assert cleaned.rejected["reason"].to_list() == [reason]


@pytest.mark.parametrize(
    ("text", "risk", "categories"),
    [
        ("我真的不想活了，每天都在想怎么结束这一切", "crisis", ["suicide"]),
        ("我自残三年了，手臂全是疤", "crisis", ["self_harm"]),
        ("小时候被亲戚性侵过，一直不敢说", "none", ["abuse"]),
        ("今天加班到十二点，累死我了", "none", []),
        ("气死我了，他又把碗打碎了", "none", []),
        ("大家都累得要死，困的要死", "none", []),
        ("跳楼机我都不敢坐", "none", []),
        ("昨晚吃了半瓶安眠药", "crisis", ["suicide"]),
        ("我不想待在这个世上了", "crisis", ["suicide"]),
        ("他骗我裸聊，录了像来要钱", "none", []),
        ("我刷单被骗了五万，不敢告诉家里", "none", []),
    ],
)
def test_what_a_person_discloses_is_kept_and_tagged(text, risk, categories):
    (row,) = clean(post(1, text, ADVICE)).kept.to_dicts()
    assert (row["risk"], row["risk_categories"]) == (risk, categories)


def test_who_says_it_decides_what_is_done():
    warning = ADVICE + "如果不想活了，请马上拨打12356。"
    (row,) = clean(post(1, ASKING, warning)).kept.to_dicts()
    assert row["risk"] == "none"
    quoting = post(1, "我爸说别吃药了，药都是骗钱的，我该信吗", ADVICE)
    result, _ = judge(quoting)
    assert result.kept.height == 1


def test_no_words_of_a_post_stand_in_a_rejection():
    cleaned = clean(post(1, "我叫李婷，手机13812345678"), post(2, "😭"))
    assert not re.search("李婷|138|😭", str(cleaned.rejected.rows()))


def test_without_a_model_all_is_marked_rules_only():
    assert clean(post(1, ASKING, ADVICE)).kept["deid_level"].item() == "rules_only"


def test_a_model_names_what_the_rules_missed_and_cannot_make_spans_up():
    spans = [
        {"text": "糖果", "kind": "name"},
        {"text": "富士康", "kind": "place"},
        {"text": "没有这个人", "kind": "name"},
    ]
    model = ScriptedChatModel(
        [("糖果", as_json(spans=spans)), (".", as_json(spans=[]))]
    )
    texts = "我闺蜜糖果在富士康上班，我叫李婷", "糖果还好吗？请带她看医生，先陪陪她。"
    (row,) = clean(post(1, *texts), model=model).kept.to_dicts()
    assert [m["content"] for m in row["messages"]] == [
        "我闺蜜[人名2]在[地点1]上班，我叫[人名1]",
        "[人名2]还好吗？请带她看医生，先陪陪她。",
    ]
    assert row["deid_level"] == "rules_and_model"


def named(*spans: tuple[str, str]) -> ScriptedChatModel:
    listed = [{"text": text, "kind": kind} for text, kind in spans]
    return ScriptedChatModel([(".", as_json(spans=listed))])


def test_a_number_that_a_named_span_uncovers_is_masked_and_stops_no_run():
    row = post(1, "我网名是shadow13812345678，失眠怎么办", ADVICE)
    (kept,) = clean(row, model=named(("shadow", "name"))).kept.to_dicts()
    assert kept["messages"][0]["content"] == "我网名是[人名1][电话]，失眠怎么办"


def test_a_model_cannot_mask_a_hotline():
    row = post(1, ASKING, "请现在就拨打12356，或者400-161-9995。")
    model = named(("12356", "contact"), ("400-161-9995", "contact"))
    (kept,) = clean(row, model=model).kept.to_dicts()
    assert kept["messages"][1]["content"] == "请现在就拨打12356，或者400-161-9995。"


def test_spans_that_overlap_or_are_placeholders_cut_nothing():
    row = post(1, "我叫李婷，小糖果睡不着，糖果怎么办", ADVICE)
    spans = ("糖果", "name"), ("小糖果", "name"), ("[人名1]", "name"), ("人名", "place")
    (kept,) = clean(row, model=named(*spans)).kept.to_dicts()
    assert kept["messages"][0]["content"] == (
        "我叫[人名1]，[人名2]睡不着，[人名3]怎么办"
    )


@pytest.mark.parametrize("said", ["看不懂", fail("timeout"), '{"spans": "没有"}'])
def test_an_answer_that_cannot_be_read_leaves_rules_only(said):
    model = ScriptedChatModel([(".", said)])
    kept = clean(post(1, ASKING, ADVICE), model=model).kept
    assert kept["deid_level"].to_list() == ["rules_only"]


@pytest.mark.parametrize(("kind", "n_kept"), [("dialogue", 1), ("community", 0)])
def test_a_counsellor_may_open_a_dialogue_and_no_post(kind, n_kept):
    opened = post(1, "", "你好，请坐。", ASKING, ADVICE, kind=kind)
    opened["messages"].pop(0)
    assert clean(opened).kept.height == n_kept


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("没事的:3 会好的", "face_unclear"),
        ("哈哈8)其实我很难过", "face_unclear"),
        ("真的:>", "face_unclear"),
        ("[url=x]这里[/url]写了经过", "markup_left"),
    ],
)
def test_what_may_be_a_face_or_a_tag_is_rejected(words, reason):
    assert clean(post(1, f"{ASKING}。{words}", ADVICE)).rejected["reason"][0] == reason


@pytest.mark.parametrize("words", ["焦虑:2 抑郁:3 睡眠:3", "7）散步8）睡觉", "选项:D"])
def test_figures_among_others_are_no_faces(words):
    assert clean(post(1, f"{ASKING}。{words}", ADVICE)).kept.height == 1


def test_cleaning_clean_posts_again_changes_nothing():
    once = clean(post(1, ASKING + "我叫李婷，住在杭州市西湖区", ADVICE)).kept
    again = cleaned(once.select(posts().columns)).kept
    assert again["messages"].to_list() == once["messages"].to_list()


@pytest.fixture
def forgetful(monkeypatch):
    """Masking that masks nothing."""
    monkeypatch.setattr(conversations, "mask_disguised", lambda text, _: text)
    monkeypatch.setattr(conversations, "mask_conversation", lambda texts, *_: texts)


def test_a_number_that_masking_forgets_is_rejected_by_other_means(forgetful):
    cleaned = clean(post(1, "打我电话13812345678", ADVICE), post(2, ASKING, ADVICE))
    assert cleaned.rejected["reason"].to_list() == ["contact_left"]
    assert cleaned.kept.height == 1


def test_a_number_that_masking_and_suspicion_forget_stops_the_run(
    forgetful, monkeypatch
):
    monkeypatch.setattr(conversations, "holds_contact", lambda *_: False)
    with pytest.raises(LeakError, match="'phone'"):
        clean(post(1, "打我电话13812345678", ADVICE))


def test_a_contact_told_by_an_emoji_is_masked_before_the_emoji_goes():
    row = post(1, "失眠🐧：123456789，加V❤️：lovely_88 聊聊，139❤1234❤5678", ADVICE)
    (kept,) = clean(row).kept.to_dicts()
    assert kept["messages"][0]["content"] == (
        "失眠：[QQ号]，加V：[微信号] 聊聊，[电话]"
    )


class Persons:
    """A tagger that sees persons in given words."""

    version = "words-1"

    def __init__(self, *words: str) -> None:
        self._words = words

    def tag(self, texts, expected_at=None):
        return [
            [
                Tagged(match.start(), match.end(), "PERSON")
                for word in self._words
                for match in re.finditer(word, text)
            ]
            for text in texts
        ]


def test_any_tagger_of_the_interface_finds_names_and_its_version_stands_in_the_row():
    row = post(1, "室友糖果李总说我，睡不着", ADVICE)
    (kept,) = clean(row, tagger=Persons("糖果李")).kept.to_dicts()
    assert kept["messages"][0]["content"] == "室友[人名1]总说我，睡不着"
    assert kept["deid_level"] == "rules_and_words-1"
    tables.CleanPosts.validate(clean(row, tagger=Persons("糖果李")).kept)


def test_after_a_tagger_a_model_makes_the_level_fit_for_release():
    row = post(1, ASKING, ADVICE)
    (kept,) = clean(row, model=named(), tagger=Persons("无人")).kept.to_dicts()
    assert kept["deid_level"] == "rules_and_words-1_and_model"
    assert has_model_read(kept["deid_level"])


def test_a_name_on_which_rules_and_tagger_disagree_is_shown_to_a_person():
    agreed = post(1, "我叫李婷婷，睡不着", ADVICE)
    denied = post(2, "我叫王小满，睡不着", ADVICE)
    cleaned = clean(agreed, denied, tagger=Persons("李婷婷")).kept
    assert cleaned["disputed_names"].to_list() == [0, 1]
    sample = sample_masked_posts(cleaned, POSTS.model_copy(update={"audit_rows": 1}))
    assert sample["disputed_names"].to_list() == [True, False]


def test_the_sample_for_a_person_shows_masked_and_unmasked_rows():
    rows = [post(n, ASKING + ("我叫李婷" if n % 2 else ""), ADVICE) for n in range(6)]
    sample = sample_masked_posts(
        clean(*rows).kept, POSTS.model_copy(update={"audit_rows": 2})
    )
    assert sample["masked"].to_list() == [True, True, False, False]
    assert "李婷" not in str(sample.rows())


@pytest.mark.parametrize("mark", ["=", "+", "-", "@", "＝", " ="])
def test_no_cell_of_the_sample_is_a_formula(mark):
    sample = sample_masked_posts(
        clean(post(1, f"{mark}1+cmd|calc!A1 {ASKING}", ADVICE)).kept, POSTS
    )
    assert sample["text"][0].startswith("'")


# ---- the judge -------------------------------------------------------------------


def verdict(**change) -> str:
    fields = {
        "reasonableness": 4,
        "relevance": 4,
        "substantive": True,
        "harm": "none",
        "referral": False,
        "reason": "具体",
    }
    return json.dumps(fields | change)


def judge(row: dict, *, said=None, guard=None):
    model = ScriptedChatModel([(".", said or verdict())])
    guard_model = guard and ScriptedChatModel([(".", guard)])
    kept = clean(row).kept
    return judge_replies(kept, PROMPT, model, guard_model, REPLIES), model


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("一切都会好起来的，加油！", "platitude"),
        ("抱抱楼主，会好的会好的，加油加油", "platitude"),
        ("嗯嗯", "too_short"),
        ("别吃药了，药都是骗钱的，停药自然就好", "harm:medication"),
        ("想死就去死啊，别在这里矫情，没有人想听", "harm:encouragement"),
        ("割腕要竖着割，横着割是没有效果的，真的", "harm:means"),
        ("你就是个废物，谁像你这样天天哭哭啼啼的啊", "harm:insult"),
        ("你这就是重度抑郁症，不用怀疑，我见得多了", "harm:diagnosis"),
        ("我最近总是失眠，怎么办", "repeats_post"),
    ],
)
def test_the_obvious_is_settled_without_a_call(reply, reason):
    result, model = judge(post(1, ASKING, reply))
    assert result.rejected["reason"].to_list() == [reason]
    assert model.requests == []


@pytest.mark.parametrize(
    "reply",
    [
        ADVICE,
        "会好的。试试睡前一小时放下手机，早上固定时间起床，坚持两周看看。",
        "别自己停药，停药就会复发，先和医生商量再慢慢减量。",
        "刷单和裸聊都是诈骗，保存好记录，尽快报警，也告诉家里人。",
        "最有效的办法肯定是你自己先放宽心态，再一步一步来。",
        "这不是你的错，也没人会在乎你的缺点，试着把这件事说出来。",
    ],
)
def test_advice_is_judged_in_one_call_and_kept_with_both_scores(reply):
    result, model = judge(post(1, ASKING, reply))
    (row,) = result.kept.to_dicts()
    assert (row["reasonableness"], row["relevance"]) == (4, 4)
    assert (row["model"], row["prompt_digest"]) == ("scripted", PROMPT.digest)
    assert len(model.requests) == 1
    tables.UsefulPosts.validate(result.kept)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (verdict(reasonableness=2), "not_reasonable"),
        (verdict(relevance=1), "not_relevant"),
        (verdict(substantive=False), "no_substantive_advice"),
        (verdict(harm="advert"), "harm:advert"),
        (verdict(harm="他说自己叫林小禾"), "harm:judged"),
        (verdict(harm="blame"), "harm:blame"),
        ("没法评", "needs_review"),
        (verdict(reasonableness=9), "needs_review"),
        (verdict(substantive="yes"), "needs_review"),
        (fail("timeout"), "needs_review"),
    ],
)
def test_a_judged_reply_is_dropped_with_its_reason(said, reason):
    result, _ = judge(post(1, ASKING, ADVICE), said=said)
    assert result.rejected["reason"].to_list() == [reason]
    assert result.kept.is_empty()


@pytest.mark.parametrize(
    ("reply", "said", "kept"),
    [
        (ADVICE, verdict(), 0),
        (ADVICE, verdict(referral=True), 1),
        (ADVICE + "也请马上拨打12356，有人会陪你。", verdict(), 1),
    ],
)
def test_a_crisis_goes_on_only_with_a_reply_that_sends_to_help(reply, said, kept):
    result, _ = judge(post(1, "我不想活了，睡不着，怎么办", reply), said=said)
    assert result.kept.height == kept
    if not kept:
        assert result.rejected["reason"].item() == "crisis_without_referral"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Safety: Safe\nCategories: None", None),
        ("Safety: Controversial\nCategories: Suicide & Self-Harm", None),
        ("Safety: Unsafe\nCategories: Suicide & Self-Harm", "harm:suicide_self_harm"),
        ("I cannot say.", "needs_review"),
    ],
)
def test_a_guard_model_has_a_word_on_harm(said, reason):
    result, _ = judge(post(1, ASKING, ADVICE), guard=said)
    assert result.rejected["reason"].to_list() == ([reason] if reason else [])


def test_conversations_in_are_conversations_kept_and_rejected():
    rows = [
        post(n, ASKING, r)
        for n, r in enumerate([ADVICE, "加油！会好的，加油！", "去死吧" * 4])
    ]
    cleaned = clean(*rows)
    result, _ = judge(rows[0])
    model = ScriptedChatModel([(".", verdict())])
    judged = judge_replies(cleaned.kept, PROMPT, model, None, REPLIES)
    assert judged.kept.height + judged.rejected.height == cleaned.kept.height == 3
    assert result.kept.height == 1


# ---- public sets ------------------------------------------------------------------


def sample(kind: str, *texts: str) -> dict:
    return {
        "sample_id": content_id(*texts),
        "source": "a.json",
        "locator": "item 1",
        "kind": kind,
        "messages": post(1, *texts)["messages"],
    }


def test_public_sets_are_cleaned_like_the_others():
    samples = tables.frame(
        tables.PublicSamples,
        [
            sample("dialogue", "我叫李婷😭，电话13812345678", "李婷你好"),
            sample("knowledge_qa", "⼼理学家艾利斯(Ellis)提出了什么?", "ABC理论。"),
            sample("knowledge_qa", "什么是记忆?", " "),
        ],
    )
    broken = question(2, parse_errors=["no_gold"], parse_status="malformed")
    cleaned = clean_public_sets(samples, bank(question(1), broken), None, POSTS)
    assert [[m["content"] for m in ms] for ms in cleaned.samples["messages"]] == [
        ["我叫[人名1]，电话[电话]", "[人名1]你好"],
        ["心理学家艾利斯（Ellis）提出了什么？", "ABC理论。"],
    ]
    assert cleaned.rejected_samples["reason"].to_list() == ["no_reply"]
    assert cleaned.questions.height == 1
    assert cleaned.rejected_questions["reason"].to_list() == ["no_gold"]
