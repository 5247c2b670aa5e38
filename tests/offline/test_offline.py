"""The offline brain: pure, weight-free, extractive; and its endpoint on loopback."""

import asyncio
import csv
import json
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import test_utils

from prompt_set import EXAMPLES, NAMES, WORDS, shipped
from psyche_kedro import offline as package
from psyche_kedro.answers import read_choice, read_objects, split_thought
from psyche_kedro.offline import NATURES, ROLES, OfflineBrain
from psyche_kedro.offline.requests import read_question, read_turns, understand
from psyche_kedro.offline.server import make_app
from psyche_kedro.prompts import render_dialogue, render_question

ROOT = Path(__file__).parents[2]
PROMPTS = {name: shipped(name) for name in NAMES}
PASSAGE = (
    "# 第二章　记忆\n\n组块是指由若干较小单位联合而成的、人所熟悉的较大信息单位。"
    "工作记忆是指对信息进行暂时保持和加工的、容量有限的系统。"
    "关于事实和事件、能够用语言陈述的长时记忆，被称为陈述性记忆。"
    "情景记忆是指对个人亲身经历的、发生在一定时间和地点的事件的记忆。"
    "语义记忆是指对一般知识、概念和规律的记忆。"
    "记忆是指在头脑中积累和保存个体经验的心理过程，包括编码、存储和提取三个基本环节。"
    "情绪是指人对客观事物是否符合自身需要而产生的态度体验，"
    "包含主观体验、外部表现和生理唤醒三种成分。"
)
ROW = {
    "type": "single",
    "case_text": None,
    "stem": "刚好能够引起感觉的最弱刺激强度，称为（ ）。",
    "options": [
        {"label": "A", "text": "感觉适应"},
        {"label": "B", "text": "差别感觉阈限"},
        {"label": "C", "text": "绝对感觉阈限"},
        {"label": "D", "text": "感觉对比"},
    ],
}
QUESTION = render_question(ROW, WORDS)
CASE = render_question(
    ROW
    | {
        "type": "multiple",
        "case_text": "求助者，女，20岁。\n\n近一个月入睡困难，早醒，上课心慌。",
        "stem": "该求助者的躯体症状包括（ ）。",
        "options": [
            {"label": "A", "text": "入睡困难"},
            {"label": "B", "text": "心慌"},
            {"label": "C", "text": "消化不良"},
        ],
    },
    WORDS,
)
POST = (
    "来访者：大家好，我最近总是睡不着，凌晨三点还醒着。和[人名1]吵架以后更难受，"
    "上课一直犯困，很担心考试。我该怎么办"
)
CRISIS = "来访者：我不想活了，写好了遗书，活着没意思。"
FILLED = {
    "lines": ["plus_1：回应了情绪", "minus_1：说教"],
    "names": ["plus_1", "minus_1"],
    "first": "听起来你这几天很难受。",
    "second": "别想太多。",
    "conversation": POST + "\n咨询师：加油，一切都会好的！",
    "reply": "可以先把手机放到客厅，固定起床的时间，几天后看看有没有变化。",
    "passage": PASSAGE,
    "heading": "第二章　记忆",
    "n_questions": 3,
    "type_instruction": "单项选择题",
    "subfield": "临床心理学",
    "questions": [QUESTION, CASE],
    "examples": "略",
    "question": QUESTION,
    "current_prompt": "请一步一步分析。",
    "candidate_prompt": "请先界定概念，再逐项比对。",
    "rationale": "先看题干，再看选项。",
    "rationales": ["理由一，“绝对感觉阈限”成立。", "理由二。"],
    "type_name": "单项选择题",
    "subject": "普通心理学",
    "case_text": "求助者，男，20岁。近两个月失眠，觉得同学都看不起自己。",
    "dimension": "情感共情",
    "definition": "体会并回应来访者的感受",
    "levels": "0：没有\n1：少\n2：多\n3：完全",
    "history": POST,
    "reference": "",
}
ANSWERING = ["rationale", "revision", "student", "exam_case", "exam_direct"]


def messages(name: str, **values) -> list[dict[str, str]]:
    prompt = PROMPTS[name]
    given = {v: FILLED[v] for v in prompt.variables} | values
    turns = prompt.render(**given)
    return turns if prompt.user else [*turns, {"role": "user", "content": "我睡不着"}]


def answer(name: str, *, role="teacher", temperature=0.0, seed=0, **values) -> str:
    return OfflineBrain(role).answer(
        messages(name, **values), sampling={"temperature": temperature}, seed=seed
    )


def objects(name: str, **options) -> list[dict]:
    return read_objects(answer(name, **options))


# ---- what is asked ---------------------------------------------------------------

TASKS = {
    "rationale": "answer_with_rationale",
    "revision": "answer_with_rationale",
    "student": "answer_with_letters",
    "exam_case": "answer_after_thought",
    "exam_knowledge": "answer_after_thought",
    "exam_direct": "answer_on_a_line",
    "exam_letters": "answer_with_letters",
    # One aim at a time is answered as all three are.
    "resonance": "empathy",
    "guidance": "empathy",
    "steps": "empathy",
}
# A model pass needs a model: without an endpoint de-identification is by rules only.
NOT_OFFLINE = {"deidentification"}


@pytest.mark.parametrize("name", sorted(set(PROMPTS) - NOT_OFFLINE))
def test_every_prompt_is_recognised(name):
    assert understand(messages(name)).task == TASKS.get(name, name)


# Where the node that asks is known, its prompt may be worded in any way.
ASKED_BY = {
    "usefulness": "judge_replies",
    "question": "generate_questions",
    "distillation": "distil_questions",
    "ranking": "pick_representatives",
    "screening": "screen_questions",
    "rationale": "write_rationales",
    "refinement": "refine_rationales",
    "revision": "refine_rationales",
    "choice": "choose_best_rationales",
    "post": "refine_posts",
    "empathy": "write_dialogues",
    "resonance": "write_dialogues",
    "guidance": "write_dialogues",
    "steps": "write_dialogues",
    "dialogue_judge": "write_dialogues",
    "student": "answer_as_student",
    "exam_case": "answer_benchmarks",
    "exam_knowledge": "answer_benchmarks",
    "exam_direct": "answer_benchmarks",
    "exam_letters": "answer_benchmarks",
    "essay": "answer_benchmarks",
    "knowledge": "answer_benchmarks",
    "counselling": "answer_benchmarks",
    "counselling_judge": "judge_counselling",
    "rubric_judge": "judge_counselling",
    "pairwise_judge": "compare_replies",
}


@pytest.mark.parametrize("name", sorted(set(PROMPTS) - NOT_OFFLINE))
def test_the_node_and_the_form_say_the_same_of_our_prompts(name):
    assert understand(messages(name), ASKED_BY[name]).task == TASKS.get(name, name)


ALONE = ["usefulness", "question", "screening", "rationale", "post", "student"]


@pytest.mark.parametrize("name", ALONE)
def test_a_prompt_in_other_words_is_known_by_its_node(name):
    reworded = [{"role": "system", "content": "Please."}, messages(name)[-1]]
    reworded[-1] = {**reworded[-1], "content": reworded[-1]["content"].split("\n\n")[0]}
    assert understand(reworded, ASKED_BY[name]).task == TASKS.get(name, name)


@pytest.mark.parametrize("quoted", PROMPTS)
def test_a_post_that_quotes_a_prompt_is_still_a_post(quoted):
    text = "来访者：" + messages(quoted)[-1]["content"].replace("</conversation>", "")
    assert understand(messages("post", conversation=text)).task == "post"


def test_what_is_not_recognised_gets_an_apology():
    reply = OfflineBrain("teacher").answer(
        [{"role": "user", "content": "写一首诗"}], sampling={}, seed=0
    )
    assert "抱歉" in reply
    assert not read_objects(reply)


def test_a_question_is_read_as_it_was_shown():
    question = read_question("说明\n" + CASE + "\n\n请作答。")
    assert question.type == "多项选择题"
    assert question.stem == "该求助者的躯体症状包括（ ）。"
    assert question.options == {"A": "入睡困难", "B": "心慌", "C": "消化不良"}
    assert question.case.startswith("求助者")
    assert question.case.endswith("上课心慌。")


def test_turns_are_read_as_they_were_shown():
    shown = render_dialogue(
        [
            {"role": "user", "content": "第一行\n第二行"},
            {"role": "assistant", "content": "回复"},
        ],
        WORDS,
    )
    assert read_turns(shown) == [("来访者", "第一行\n第二行"), ("咨询师", "回复")]


def test_with_exemplars_the_last_question_is_answered():
    prompt = PROMPTS["exam_direct"]
    asked = messages("exam_direct")
    shown = prompt.render(
        **{v: FILLED[v] for v in prompt.variables} | {"question": CASE}
    )
    turns = [*asked[:-1], shown[-1], {"role": "assistant", "content": "答案：AB"}]
    brain = OfflineBrain("teacher")
    reply = brain.answer([*turns, asked[-1]], sampling={"temperature": 0}, seed=0)
    assert reply == "答案：C"


# ---- a reply depends on its request alone ----------------------------------------


@pytest.mark.parametrize("name", PROMPTS)
def test_equal_requests_have_equal_replies_in_any_order(name):
    first = answer(name, temperature=0.7, seed=3)
    for other in PROMPTS:
        answer(other)
    assert answer(name, temperature=0.7, seed=3) == first


def test_replies_are_the_same_in_another_process():
    names = ["question", "rationale", "empathy", "refinement", "screening"]
    here = [answer(name, temperature=0.7, seed=1) for name in names]
    script = (
        "import sys, json; sys.path[:0] = ['tests', 'tests/offline'];"
        "import test_offline as t;"
        f"print(json.dumps([t.answer(n, temperature=0.7, seed=1) for n in {names}]))"
    )
    there = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(there.stdout.splitlines()[-1]) == here


def test_another_seed_gives_other_replies_unless_decoding_is_greedy():
    sampled = {answer("rationale", temperature=1.0, seed=s) for s in range(40)}
    greedy = {answer("rationale", temperature=0.0, seed=s) for s in range(5)}
    assert len(sampled) > 1
    assert len(greedy) == 1


def test_the_name_pins_role_rules_and_data():
    names = {OfflineBrain(role).name for role in ROLES}
    assert len(names) == len(ROLES)
    assert all(re.fullmatch(r"offline-[a-z-]+-\d+@[0-9a-f]{12}", n) for n in names)


def test_an_unknown_role_is_refused():
    with pytest.raises(ValueError, match="choose one of"):
        OfflineBrain("student-d")


def test_a_reply_takes_little_time():
    answer("question")  # loads dictionaries once
    started = time.process_time()
    for seed in range(50):
        answer("rationale", temperature=0.7, seed=seed)
    assert (time.process_time() - started) / 50 < 0.01


# ---- writing questions -----------------------------------------------------------


@pytest.mark.parametrize("kind", ["单项选择题", "多项选择题", "判断题"])
def test_questions_are_as_many_and_of_the_kind_asked_for(kind):
    written = objects("question", type_instruction=kind, n_questions=2)
    assert [q["type"] for q in written] == [kind, kind]
    for question in written:
        assert set(question["answer"]) <= set(question["options"])
        assert len(set(question["options"].values())) == len(question["options"])
        assert (len(question["answer"]) > 1) == (kind == "多项选择题")


def test_the_right_option_of_a_question_is_in_the_passage():
    for question in objects("question", n_questions=6, temperature=0.5):
        for label in question["answer"]:
            right = question["options"][label]
            if "错误的是" not in question["question"]:
                assert right.partition("是指")[2] in PASSAGE or right in PASSAGE
            assert right not in question["question"]


def test_a_list_becomes_a_multiple_choice_question():
    written = objects("question", type_instruction="多项选择题", n_questions=4)
    lists = [q for q in written if q["question"] == "记忆包括（ ）。"]
    assert lists
    right = {lists[0]["options"][label] for label in lists[0]["answer"]}
    assert right == {"编码", "存储", "提取"}


def test_a_passage_without_facts_gives_no_questions():
    assert objects("question", passage="天气很好。我们去散步。") == []


def test_right_options_stand_in_every_place():
    places = Counter(
        question["answer"]
        for seed in range(30)
        for question in objects("question", temperature=1.0, seed=seed, n_questions=5)
    )
    assert set(places) == set("ABCD")
    assert max(places.values()) < 0.5 * places.total()


def test_distilled_questions_come_from_the_glossary_of_the_subfield():
    written = objects("distillation", type_instruction="单项选择题")
    glossary = Path(package.__file__).parent.joinpath("glossary.csv").read_text("utf-8")
    terms = [
        row["term"] for row in csv.DictReader(glossary.splitlines())
        if row["subfield"] == "临床心理学"
    ]  # fmt: skip
    assert len(written) == 3
    for question in written:
        text = question["question"] + "".join(question["options"].values())
        assert any(term in text for term in terms)


def test_nothing_is_distilled_for_a_subfield_that_it_does_not_know():
    assert objects("distillation", subfield="量子场论") == []


def test_the_glossary_is_broad_and_sound():
    path = Path(package.__file__).parent / "glossary.csv"
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert len(rows) >= 160
    assert len({row["subfield"] for row in rows}) >= 12
    assert len({row["term"] for row in rows}) == len(rows)
    assert not [row for row in rows if row["term"] in row["definition"]]


# ---- answering -------------------------------------------------------------------


@pytest.mark.parametrize("question", [QUESTION, CASE])
@pytest.mark.parametrize("name", ANSWERING)
@pytest.mark.parametrize("role", ROLES)
def test_an_answer_is_a_choice_among_the_options(role, name, question):
    labels = list(read_question(question).options)
    reply = answer(name, role=role, question=question)
    said = read_objects(reply)
    found = read_choice(said[0]["prediction"] if said else reply, labels)
    assert found.labels
    assert (len(found.labels) > 1) == (question is CASE)


def test_the_teacher_knows_the_glossary_and_students_do_not():
    assert answer("student", role="teacher") == "C"
    assert len({answer("student", role=r) for r in ROLES if "student" in r}) > 1


@pytest.mark.parametrize("question", [QUESTION, CASE])
def test_a_rationale_argues_for_what_it_predicts(question):
    said = objects("rationale", question=question)[0]
    options = read_question(question).options
    argued = read_choice(said["rationale"], list(options)).labels
    assert argued == set(said["prediction"])
    assert len(said["rationale"]) >= 80
    assert all(text in said["rationale"] for text in options.values())


def test_thinking_stands_apart_from_the_answer():
    thought = split_thought(answer("exam_knowledge"))
    assert thought is not None
    assert thought.answer == "C"
    assert "绝对感觉阈限" in thought.reasoning


def test_a_stem_that_asks_for_what_does_not_fit_turns_the_evidence_round():
    question = CASE.replace("症状包括", "症状不包括").replace("多项", "单项")
    assert answer("student", question=question) == "C"


def test_a_refined_prompt_adds_steps_and_tells_no_answer():
    first = answer("refinement")
    second = answer("refinement", current_prompt=first)
    assert second.count("\n") > first.count("\n") > 2
    for option in ROW["options"]:
        assert option["text"] not in second
    assert not read_choice(second, "ABCD").labels


def test_a_prompt_with_more_steps_gives_a_fuller_rationale():
    refined = answer("refinement")
    plain, guided = (
        objects("revision", candidate_prompt=p)[0]["rationale"] for p in ("", refined)
    )
    assert len(guided) > len(plain)


# ---- judging ---------------------------------------------------------------------


def useful(reply: str, post: str = POST) -> dict:
    conversation = f"{post}\n咨询师：{reply}"
    return objects("usefulness", role="judge", conversation=conversation)[0]


def test_a_platitude_is_told_from_substance():
    empty = useful("加油，一切都会好的！抱抱你。")
    full = useful(
        "睡不着又担心考试，确实很累。可以先固定起床时间，把担心的事写下来，"
        "因为躺着想事情会让人更清醒。"
    )
    assert not empty["substantive"]
    assert full["substantive"]
    assert empty["reasonableness"] < 3 <= full["reasonableness"]
    assert empty["relevance"] < full["relevance"]


@pytest.mark.parametrize(
    ("reply", "harm"),
    [
        ("你就是矫情，别人比你惨多了。", "blame"),
        ("你这肯定是抑郁症，吃点安定就好。", "medication"),
        ("加我微信，我私下给你讲。", "advert"),
        ("别去医院，谁都别说，自己扛着。", "danger"),
        ("请不要自行停药，和医生商量。", "none"),
    ],
)
def test_harm_is_named(reply, harm):
    assert useful(reply)["harm"] == harm


def test_a_crisis_without_referral_is_not_reasonable():
    left = useful("可以试试深呼吸，每天散步，因为运动会让人舒服一些。", CRISIS)
    helped = useful(
        "请现在就拨打热线 12356，让家人陪你去医院急诊，先保证安全。", CRISIS
    )
    assert left["reasonableness"] == 2
    assert helped["referral"]
    assert helped["reasonableness"] >= 3


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["reason"][:4])
def test_what_needs_its_source_is_screened_out(example):
    verdict = objects("screening", role="judge", question=example["question"])[0]
    if "都成立" not in example["reason"]:  # needs knowledge, which rules have not
        assert verdict["verdict"] == example["verdict"]
    assert verdict["reason"]


DANGLING = "【题型】单项选择题\n【题目】他认为（ ）。"
RATIONALES = ["短。", "先界定概念，“感觉适应”可以排除。", "无"]


@pytest.mark.parametrize(
    ("name", "variable", "key", "candidates"),
    [
        ("ranking", "questions", "best_index", [QUESTION, CASE, DANGLING]),
        ("choice", "rationales", "best_rationale_index", RATIONALES),
    ],
)
def test_a_comparison_does_not_look_at_the_order(name, variable, key, candidates):
    winners = set()
    for order in (candidates, candidates[::-1], candidates[1:] + candidates[:1]):
        verdict = objects(name, role="judge", **{variable: order})[0]
        winners.add(order[verdict[key] - 1])
    assert len(winners) == 1


def test_three_aims_are_scored_and_a_crisis_left_alone_is_unsafe():
    draft = answer("empathy", conversation=POST)
    before = objects("dialogue_judge", role="judge")[0]
    judged = {"role": "judge", "conversation": f"{POST}\n咨询师：{draft}"}
    after = objects("dialogue_judge", **judged)[0]
    for aim in ("empathy", "guidance", "steps"):
        assert before[aim] < 3 <= after[aim] <= 5
    alone = CRISIS + "\n咨询师：加油。"
    assert not objects("dialogue_judge", role="judge", conversation=alone)[0]["safe"]


@pytest.mark.parametrize(
    "dimension", ["情感共情", "认知共情", "会话策略", "状态与态度"]
)
def test_a_full_reply_scores_higher_than_an_empty_one(dimension):
    def score(reply: str) -> int:
        return objects(
            "counselling_judge", role="judge", dimension=dimension, reply=reply
        )[0]["score"]

    full = (
        "听起来你很难受，这份委屈不容易。其实担心往往让人更清醒，"
        "是因为注意力一直在它身上。最近一次是什么时候？"
    )
    assert 0 <= score("你应该想开点。") < score(full) <= 3


# ---- counselling -----------------------------------------------------------------


def test_a_retold_post_adds_no_fact_and_keeps_placeholders():
    told = answer("post", conversation=POST)
    assert "[人名1]" in told
    assert "我" in told
    assert "大家好" not in told
    assert set(re.findall(r"\d+|[一二三四五六七八九十]+", told)) <= set(
        re.findall(r"\d+|[一二三四五六七八九十]+", POST)
    )


def test_an_improved_reply_keeps_the_draft_and_quotes_the_client():
    reply = answer("empathy", conversation=POST)
    assert FILLED["reply"] in reply
    assert any(clause in reply for clause in re.split("[，。]", POST) if clause)


def test_harm_in_a_draft_is_not_kept():
    assert "矫情" not in answer("empathy", reply="你就是矫情，因为太闲，可以去跑步。")


@pytest.mark.parametrize("name", ["empathy", "counselling"])
def test_a_crisis_gets_a_hotline(name):
    if name == "empathy":
        reply = answer(name, conversation=CRISIS)
    else:
        turns = [*PROMPTS[name].render(), {"role": "user", "content": CRISIS[4:]}]
        reply = OfflineBrain("teacher").answer(turns, sampling={}, seed=0)
    assert "12356" in reply


def test_an_essay_rests_on_the_case():
    asked = "【题型】案例分析题\n【题目】指出该求助者的认知歪曲。"
    assert "觉得同学都看不起自己" in answer("essay", question=asked)
    assert "组块" in answer("essay", question="什么是组块？", case_text="")


def test_knowledge_is_what_the_glossary_holds():
    teacher = PROMPTS["knowledge"].render()
    for question, said in {
        "什么是组块？": "组块是指",
        "什么是量子？": "不知道",
    }.items():
        turns = [*teacher, {"role": "user", "content": question}]
        assert said in OfflineBrain("teacher").answer(turns, sampling={}, seed=0)


def test_a_small_share_of_replies_is_loose_json_as_models_write_it():
    replies = [answer("screening", role="judge", examples=str(i)) for i in range(400)]
    loose = [r for r in replies if r.startswith("```") or r.endswith(",}")]
    assert 0 < len(loose) / len(replies) < 0.06
    assert all(read_objects(r)[0]["verdict"] == "合理" for r in replies)


# ---- over HTTP -------------------------------------------------------------------


def ask_server(*bodies: dict) -> list[tuple[int, dict]]:
    async def ask():
        async with test_utils.TestClient(test_utils.TestServer(make_app())) as client:
            answers = []
            for body in bodies:
                response = await client.post("/v1/chat/completions", json=body)
                answers.append((response.status, await response.json()))
            listed = await (await client.get("/v1/models")).json()
            return answers, listed

    answers, listed = asyncio.run(ask())
    roles = {f"offline-{role}" for role in (*ROLES, *NATURES)}
    assert {m["id"] for m in listed["data"]} == roles
    return answers


@pytest.mark.parametrize("role", ROLES)
def test_the_server_answers_as_the_brain_does(role):
    body = {
        "model": f"offline-{role}",
        "messages": messages("rationale"),
        "temperature": 0.7,
        "seed": 1_000,
        "max_tokens": 512,
    }
    [(status, said)] = ask_server(body)
    assert status == 200
    expected = answer("rationale", role=role, temperature=0.7, seed=1_000)
    assert said["choices"][0]["message"]["content"] == expected
    assert said["usage"]["total_tokens"] > 0


def test_the_server_logs_what_was_asked_as_a_digest_only(caplog):
    caplog.set_level("INFO", logger="psyche_kedro.offline.server")
    body = {"model": "offline-teacher", "messages": messages("post")}
    ask_server(body, body | {"max_tokens": 9}, body | {"seed": 1})
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert lines[0] == lines[1] != lines[2]
    assert all(re.fullmatch(r"offline-teacher [0-9a-f]{64} seed=\d", x) for x in lines)


def test_the_server_refuses_what_it_cannot_read():
    model, good = "offline-teacher", messages("post")
    bodies = [{"model": model}, {"model": "gpt-4o", "messages": good}]
    bodies.append({"model": model, "messages": good, "stream": True})
    answers = ask_server(*bodies)
    assert [status for status, _ in answers] == [400, 404, 400]
    assert all(body["error"]["message"] for _, body in answers)


def test_the_module_serves_from_the_command_line():
    process = subprocess.Popen(
        [sys.executable, "-m", "psyche_kedro.offline", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert "127.0.0.1" in process.stdout.readline()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
