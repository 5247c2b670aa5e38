"""Every branch of section 2.2's method, over HTTP, against an endpoint with a script.

``CASES`` is the script and the table of expected rows in one: each line says what the
endpoint answers and what must become of it. One question plays one case; all play at
once, through the real nodes, the shipped prompts, the request engine and its store.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from questions_made import question, reviewed
from rationales_played import make_rationales

from llm.loopback import Ask, Behaviour, LoopbackServer
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.openai.patience import Patience
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.pipelines.synthesis.parameters import RationaleParameters
from scripted import as_json

PROJECT = Path(__file__).parents[3]
PARAMS = RationaleParameters(
    regenerations=2,
    regeneration_temperature=0.9,
    rounds=3,
    min_characters=20,
    refinement_input="rationale",
    votes=2,
)
PRICES = {"m": {"input": 4.0, "output": 12.0, "currency": "CNY", "as_of": "2026-11"}}

OPENING = "题目问的是记忆方法，要看哪一种能扩大单位"
SOUND = f"{OPENING}：复述只是重复，组块把材料合成单位，其余不符，所以选B。"


# ---- what the endpoint can say ---------------------------------------------------


def says(prediction: str, rationale: str = SOUND) -> Callable[[int], Behaviour]:
    """Answer in the form asked for; the rationale names the round it is of."""
    return lambda round_: Behaviour(
        text=as_json(rationale=f"第{round_}轮：{rationale}", prediction=prediction)
    )


def writes(text: str, **fields: Any) -> Callable[[int], Behaviour]:
    return lambda round_: Behaviour(text=text.format(round_), **fields)


def guide(round_: int) -> str:
    return f"第{round_}版：先辨清各个概念的定义，再逐项对照题干的条件。"


ANSWERS: dict[str, Callable[[int], Behaviour]] = {
    "right": says("B"),
    "right, as a list": lambda round_: Behaviour(
        text=as_json(rationale=f"第{round_}轮：{SOUND}", prediction=["B"])
    ),
    "right, in a fence": lambda round_: Behaviour(
        text=f"```json\n{as_json(rationale=SOUND, prediction='B. 组块')}\n```"
    ),
    "wrong": says("A"),
    "one too many": says("AB"),
    "two in a list": lambda round_: Behaviour(
        text=as_json(
            rationale=f"第{round_}轮：{SOUND}", prediction=["B. 组块", "A. 复述"]
        )
    ),
    "takes it back": lambda round_: Behaviour(
        text=says("B")(round_).text + "更正：" + says("A")(round_).text
    ),
    "no option": says("F"),
    "no prediction": writes(as_json(rationale=SOUND).replace("{", "{{")[:-1] + "}}"),
    "no rationale": writes('{{"rationale": "", "prediction": "B"}}'),
    "unreadable": writes("我想了想，所以选B"),
    "declines": writes("抱歉，我无法回答这个问题。"),
    "filtered": writes("", finish_reason="content_filter"),
    "cut off": writes('{{"rationale": "题目问的', finish_reason="length"),
    "nothing": writes(""),
    "another model": writes("选B", model="other-7b"),
    "too long a prompt": lambda _: Behaviour(
        status=400, body=b'{"error": {"message": "maximum context length is 4096"}}'
    ),
    "too short": lambda _: Behaviour(text=as_json(rationale="选B。", prediction="B")),
    "quotes none": says("B", "这道题考查记忆的规律，先回忆教材上的定义再作判断才行。"),
    "argues for A": says(
        "B", "题目问记忆方法，比较之后可以看到，正确答案是A，即复述策略。"
    ),
}
CANDIDATES: dict[str, Callable[[int], Behaviour]] = {
    "guides": lambda round_: Behaviour(text=guide(round_)),
    "tells a letter": writes("逐项分析之后可以得出，答案是B。"),
    "names the gold": writes("先弄清什么是组块，再逐项对照。"),
    "points at the gold": writes("先说明为什么B成立，再看其余。"),
    "judges each": writes("复述策略不合；系列位置效应不合；前摄抑制不合；组块符合。"),
    "leaves one over": writes("先排除复述策略、系列位置效应和前摄抑制。"),
    "lists all": writes("辨清复述策略、组块、系列位置效应、前摄抑制的定义。"),
    "quotes": writes(f"可以这样想：{OPENING}，再看其余。"),
    "declines": ANSWERS["declines"],
    "filtered": ANSWERS["filtered"],
    "cut off": writes("第{0}版：先辨清", finish_reason="length"),
    "nothing": ANSWERS["nothing"],
    "another model": ANSWERS["another model"],
}


def prefers(round_: int) -> Callable[[str], str]:
    """Choose the rationale of a round, wherever it is shown."""

    def verdict(asked: str) -> str:
        index = re.search(rf'index="(\d)">\s*第{round_}轮', asked)
        assert index, "the round stands among the candidates"
        return as_json(best_rationale_index=int(index[1]), reason="更清楚")

    return verdict


def first_shown(asked: str) -> str:
    return as_json(best_rationale_index=1, reason="好")


VERDICTS: dict[str, Callable[[str], str]] = {
    "0": prefers(0),
    "1": prefers(1),
    "3": prefers(3),
    "first": first_shown,
    "mute": lambda _: "都不错。",
    "ninth": lambda _: as_json(best_rationale_index=9, reason="好"),
}


# ---- the script, and what must become of it --------------------------------------


class Case(NamedTuple):
    """What is said to one question, each with what it must become.

    Attributes:
        attempts: ``said → outcome reason``.
        rounds: ``candidate / answer → outcome reason, round that is current``.
        choice: ``vote vote → round chosen_by, whether the votes agree``.
    """

    attempts: str
    rounds: str = ""
    choice: str = ""


ONCE = "right → right"
NEVER = "wrong → wrong | wrong → wrong | "
AGAIN = " | right → right"
ON = "guides / right → accepted, {}"
ALL_ON = f"{ON.format(1)} | {ON.format(2)} | {ON.format(3)}"
FROM_TWO = f" | {ON.format(2)} | {ON.format(3)}"

CASES: dict[str, Case] = {
    # attempts: right at k, never, and each way to fail
    "right at once": Case(ONCE, ALL_ON, "3 3 → 3 judge, agree"),
    "right at 1": Case(f"wrong → wrong{AGAIN}", ALL_ON, "0 0 → 0 judge, agree"),
    "right at 2": Case(
        f"wrong → wrong | one too many → wrong{AGAIN}", ALL_ON, "1 1 → 1 judge, agree"
    ),
    "never right": Case(f"{NEVER}wrong → wrong"),
    "a list is a set": Case("right, as a list → right", ALL_ON, "3 3 → 3 judge, agree"),
    "loose form": Case("right, in a fence → right", ALL_ON, "3 3 → 3 judge, agree"),
    "unreadable": Case(f"{NEVER}unreadable → unread unreadable_reply"),
    "declined": Case(f"{NEVER}declines → unread refusal"),
    "two in a list": Case(f"{NEVER}two in a list → wrong"),
    "takes it back": Case(f"{NEVER}takes it back → unread several_predictions"),
    "no such option": Case(f"{NEVER}no option → unread no_prediction"),
    "no prediction": Case(f"{NEVER}no prediction → unread no_prediction"),
    "no rationale": Case(f"{NEVER}no rationale → unread no_rationale"),
    "filtered": Case(f"{NEVER}filtered → failed content_filter"),
    "cut off": Case(f"{NEVER}cut off → failed truncated"),
    "nothing said": Case(f"{NEVER}nothing → failed empty_reply"),
    "another model": Case(f"{NEVER}another model → failed wrong_model"),
    "too long": Case(f"{NEVER}too long a prompt → failed context_length"),
    "weak: short": Case(f"{NEVER}too short → weak too_short"),
    "weak: no option": Case(f"{NEVER}quotes none → weak quotes_no_option"),
    "weak: for another": Case(f"{NEVER}argues for A → weak argues_for_another"),
    "failed, then right": Case(
        f"filtered → failed content_filter{AGAIN}", ALL_ON, "3 3 → 3 judge, agree"
    ),
    # rounds: each way to be reverted, and what goes on from there
    "reverted in 2": Case(
        ONCE,
        f"{ON.format(1)} | guides / wrong → reverted wrong, 1 | {ON.format(3)}",
        "3 3 → 3 judge, agree",
    ),
    "reverted twice": Case(
        ONCE,
        f"{ON.format(1)} | guides / wrong → reverted wrong, 1"
        " | guides / wrong → reverted wrong, 1",
        "1 1 → 1 judge, agree",
    ),
    "never better": Case(
        ONCE,
        "guides / wrong → reverted wrong, 0"
        " | guides / wrong → reverted wrong, 0"
        " | guides / wrong → reverted wrong, 0",
        "→ 0 only",
    ),
    "all options named": Case(
        ONCE, f"lists all / right → accepted, 1{FROM_TWO}", "1 1 → 1 judge, agree"
    ),
    **{
        f"candidate: {said}": Case(
            ONCE, f"{said} → reverted {reason}, 0{FROM_TWO}", "3 3 → 3 judge, agree"
        )
        for said, reason in {
            "tells a letter": "leak",
            "names the gold": "leak",
            "points at the gold": "leak",
            "judges each": "leak",
            "leaves one over": "leak",
            "quotes": "quotes_rationale",
            "declines": "refusal",
            "filtered": "content_filter",
            "cut off": "truncated",
            "nothing": "empty_reply",
            "another model": "wrong_model",
        }.items()
    },
    **{
        f"answer: {said}": Case(
            ONCE,
            f"guides / {said} → reverted {reason}, 0{FROM_TWO}",
            "3 3 → 3 judge, agree",
        )
        for said, reason in {
            "one too many": "wrong",
            "two in a list": "wrong",
            "takes it back": "several_predictions",
            "unreadable": "unreadable_reply",
            "declines": "refusal",
            "no prediction": "no_prediction",
            "no rationale": "no_rationale",
            "filtered": "content_filter",
            "cut off": "truncated",
            "nothing": "empty_reply",
            "too short": "too_short",
            "quotes none": "quotes_no_option",
            "argues for A": "argues_for_another",
        }.items()
    },
    # choice: by the judge, by position, by rule
    "votes by position": Case(ONCE, ALL_ON, "first first → ? rule, differ"),
    "votes differ": Case(ONCE, ALL_ON, "0 1 → 1 rule, differ"),
    "one vote is mute": Case(ONCE, ALL_ON, "mute 1 → 1 judge"),
    "no readable vote": Case(ONCE, ALL_ON, "mute ninth → 3 rule"),
}
NAMES = list(CASES)


class Line(NamedTuple):
    """One entry of a column of the table."""

    said: list[str]
    becomes: str

    @property
    def result(self) -> list[str]:
        return self.becomes.split(",")[0].split()

    @property
    def note(self) -> str:
        return self.becomes.partition(",")[2].strip()

    @property
    def outcome(self) -> tuple[str, str | None]:
        return self.result[0], (self.result[1:] or [None])[0]


def lines(column: str, between: str) -> list[Line]:
    pairs = [entry.split("→") for entry in column.split(" | ") if entry]
    return [
        Line([part.strip() for part in said.split(between)], becomes.strip())
        for said, becomes in pairs
    ]


# ---- the endpoint ----------------------------------------------------------------


def play(ask: Ask) -> Behaviour:
    """Answer as the case of the question says, at the step that the seed names."""
    content = ask.body["messages"][-1]["content"]
    case = CASES[NAMES[int(re.findall(r"第(\d+)题", content)[0])]]
    seed = ask.body.get("seed", 0)
    round_, attempt, sample = seed // 1_000_000, seed // 1_000 % 1_000, seed % 1_000
    if "best_rationale_index" in content:
        vote = lines(case.choice, " ")[0].said[sample]
        return Behaviour(text=VERDICTS[vote](content))
    if not round_:
        return ANSWERS[lines(case.attempts, " / ")[attempt].said[0]](0)
    candidate, *answer = lines(case.rounds, " / ")[round_ - 1].said
    if "<current_prompt>" in content:
        return CANDIDATES[candidate](round_)
    return ANSWERS[answer[0]](round_)


class Played(NamedTuple):
    """What the nodes made of the script, and what the endpoint was asked."""

    attempts: dict[str, list[dict[str, Any]]]
    unsolved: set[str]
    rounds: dict[str, list[dict[str, Any]]]
    chosen: dict[str, dict[str, Any]]
    summary: pl.DataFrame
    bodies: list[Any]
    seen: Counter[str]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    stem = "第{:02}题：把零散材料合成较大单位的记忆方法是（ ）。"
    asked = [
        question(stem.format(n), explanation="因为组块。") for n in range(len(CASES))
    ]
    questions = reviewed(*asked)
    store = ReplyStore(tmp_path_factory.mktemp("scripted") / "replies.sqlite")
    with LoopbackServer(play) as server:
        model = OpenAIChatModel(
            "m",
            endpoints=[Endpoint(base_url=server.url)],
            store=store,
            patience=Patience(attempts=2, backoff_seconds=0.01),
        )
        made = make_rationales(questions, model, model, PARAMS, PRICES)
    name_of = {row["question_id"]: NAMES[n] for n, row in enumerate(asked)}
    return Played(
        attempts=by_case(made.attempts.sort("attempt"), name_of),
        unsolved={name_of[q] for q in made.unsolved["question_id"]},
        rounds=by_case(made.rounds.sort("round"), name_of),
        chosen={name: rows[0] for name, rows in by_case(made.samples, name_of).items()},
        summary=made.summary,
        bodies=server.bodies,
        seen=server.seen,
    )


def by_case(
    table: pl.DataFrame, name_of: dict[str, str]
) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in table.iter_rows(named=True):
        rows.setdefault(name_of[row["question_id"]], []).append(row)
    return rows


# ---- row by row ------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_each_attempt_becomes_the_row_that_the_table_says(
    played: Played, name: str
) -> None:
    expected = [line.outcome for line in lines(CASES[name].attempts, " / ")]
    rows = played.attempts[name]
    assert [(row["outcome"], row["reason"]) for row in rows] == expected
    assert [row["attempt"] for row in rows] == list(range(len(expected)))
    assert (name in played.unsolved) == (expected[-1][0] != "right")


@pytest.mark.parametrize("name", [n for n in NAMES if CASES[n].rounds])
def test_each_round_becomes_the_row_that_the_table_says(
    played: Played, name: str
) -> None:
    zero, *rows = played.rounds[name]
    script = lines(CASES[name].rounds, " / ")
    assert (zero["round"], zero["outcome"]) == (0, "verified")
    assert [(row["outcome"], row["reason"]) for row in rows] == [
        line.outcome for line in script
    ]
    for row, line in zip(rows, script, strict=True):
        current = int(line.note)
        assert row["rationale"] == played.rounds[name][current]["rationale"]
        assert row["prompt"] == played.rounds[name][current]["prompt"]
        if line.said[0] == "guides":
            assert row["candidate_prompt"] == guide(row["round"])
        if line.outcome[0] == "accepted":
            assert row["prediction"] == ["B"]
            assert row["rationale"].startswith(f"第{row['round']}轮")


@pytest.mark.parametrize("name", [n for n in NAMES if CASES[n].choice])
def test_each_choice_becomes_the_row_that_the_table_says(
    played: Played, name: str
) -> None:
    line = lines(CASES[name].choice, " ")[0]
    row = played.chosen[name]
    assert row["chosen_by"] == line.result[1]
    assert row["votes_agree"] == {"agree": True, "differ": False, "": None}[line.note]
    if line.result[0] != "?":  # by position: which one depends on the shuffle
        assert row["round"] == int(line.result[0])
    assert row["rationale"] == played.rounds[name][row["round"]]["rationale"]


def test_rows_in_are_rows_out(played: Played) -> None:
    assert played.attempts.keys() == CASES.keys()
    assert (
        played.rounds.keys() == played.chosen.keys() == CASES.keys() - played.unsolved
    )


# ---- what was asked --------------------------------------------------------------


def expected_requests() -> Iterator[tuple[int, int]]:
    """Yield (case, seed) of every request that the script calls for, once each."""
    for n, case in enumerate(CASES.values()):
        for attempt in range(len(lines(case.attempts, " / "))):
            yield n, 1_000 * attempt
        for round_, line in enumerate(lines(case.rounds, " / "), 1):
            yield from [(n, 1_000_000 * round_)] * len(line.said)
        if case.choice and not case.choice.startswith("→"):
            yield from [(n, 0), (n, 1)]


def asked_for(body: Any) -> tuple[int, int]:
    number = re.findall(r"第(\d+)题", body["messages"][-1]["content"])[0]
    return int(number), body.get("seed", 0)


def test_no_request_is_sent_beyond_what_the_method_calls_for(played: Played) -> None:
    asked = Counter(map(asked_for, played.bodies))
    script = Counter(expected_requests())
    said = [
        said
        for case in CASES.values()
        for line in lines(case.attempts, " / ") + lines(case.rounds, " / ")
        for said in line.said
    ]
    # A silence and a stranger are asked once more, all else once.
    repeated = [what for what in said if what in {"nothing", "another model"}]
    assert not script - asked
    assert (asked - script).total() == len(repeated) == 5
    assert sum(n - 1 for n in played.seen.values()) == 5


def test_no_request_for_an_answer_shows_gold_explanation_or_rationale(
    played: Played,
) -> None:
    answering = [
        "\n".join(message["content"] for message in body["messages"])
        for body in played.bodies
        if '"prediction"' in body["messages"][-1]["content"]
    ]
    assert len(answering) > 100
    assert not [
        t for t in answering if re.search("因为组块|答案是|第.轮|题目问的是", t)
    ]


def test_a_regeneration_is_sampled_differently(played: Played) -> None:
    again = [body for body in played.bodies if body.get("seed", 0) // 1_000 % 1_000]
    assert {body["temperature"] for body in again} == {0.9}
    assert {body["seed"] for body in again} == {1_000, 2_000}


def test_candidates_are_shown_in_another_order_to_the_second_vote(
    played: Played,
) -> None:
    orders: dict[str, dict[int, list[str]]] = {}
    for body in played.bodies:
        content = body["messages"][-1]["content"]
        if "best_rationale_index" in content:
            case = NAMES[asked_for(body)[0]]
            shown = re.findall(r'index="\d">\s*第(\d)轮', content)
            orders.setdefault(case, {})[body.get("seed", 0)] = shown
    assert orders["right at once"][0] == orders["right at once"][1][::-1]
    assert sorted(orders["reverted in 2"][0]) == ["0", "1", "3"]
    assert len({tuple(order[0]) for order in orders.values()}) > 3


# ---- what it came to -------------------------------------------------------------


def test_the_summary_adds_up_what_every_round_took(played: Played) -> None:
    solved = len(played.chosen)
    rows = {row["round"]: row for row in played.summary.iter_rows(named=True)}
    assert rows[0]["calls"] == sum(len(rows) for rows in played.attempts.values())
    for number in (1, 2, 3):
        script = [
            lines(CASES[name].rounds, " / ")[number - 1] for name in played.chosen
        ]
        accepted = sum(line.outcome[0] == "accepted" for line in script)
        assert (rows[number]["played"], rows[number]["accepted"]) == (solved, accepted)
        assert rows[number]["calls"] == sum(len(line.said) for line in script)
    assert sum(row["won"] for row in rows.values()) == solved
    # The endpoint counts 10 and 5 tokens a reply; 12 yuan a million of output.
    for row in rows.values():
        assert row["input_tokens"] == 2 * row["output_tokens"] > 0
        assert row["money"] == pytest.approx(row["output_tokens"] * (8 + 12) / 1e6)
    assert rows[1]["output_tokens"] < 5 * rows[1]["calls"]  # some got no reply


def test_every_reason_is_in_the_list_of_reasons(played: Played) -> None:
    listed = set(
        re.findall(r"`([a-z_]+)`", (PROJECT / "docs/operations.md").read_text("utf-8"))
    )
    rows = [
        row
        for rows in (*played.attempts.values(), *played.rounds.values())
        for row in rows
    ]
    reasons = {row["reason"] for row in rows} - {None}
    assert len(reasons) > 12
    assert not reasons - listed
