"""From a request to a reply: which task it is, who does it, how the reply looks."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from psyche_kedro.offline import (
    answering,
    counselling,
    essays,
    identity,
    judging,
    question_writing,
    rationales,
)
from psyche_kedro.offline.chance import Chance
from psyche_kedro.offline.requests import (
    Ask,
    Question,
    Turn,
    read_question,
    read_turns,
    understand,
)

ROLES = ("teacher", "judge", "student-a", "student-b", "student-c")
_RULES = 1
"""Version of the rules in a model's name; their digest stands behind it."""
_MISSHAPEN = 0.03
"""Share of JSON replies in a fence or with a trailing comma, as real models have."""
_APOLOGY = (
    "抱歉，我是不带语言模型的离线替身，只会做本项目提示词里的事，看不懂这个请求。"
)


class OfflineBrain:
    """A pure function from a request to a reply.

    Args:
        role: One of ``ROLES``; roles weigh different evidence.

    Raises:
        ValueError: If there is no such role.
    """

    def __init__(self, role: str) -> None:
        if role not in ROLES:
            raise ValueError(f"No offline role {role!r}: choose one of {ROLES}.")
        self._role = role

    @property
    def name(self) -> str:
        """Identity, e.g. ``offline-teacher-1@3f2a…``: new rules or data, new name."""
        return f"offline-{self._role}-{_RULES}@{identity.digest()}"

    def answer(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        sampling: Mapping[str, Any],
        seed: int,
        task: str = "",
    ) -> str:
        """Return the reply; equal arguments give equal replies.

        Args:
            messages: Chat messages, oldest first.
            sampling: Of it, ``temperature`` alone matters.
            seed: Lets a repeated request differ, unless the temperature is 0.
            task: The node that asks, where it is known.
        """
        chance = Chance.of(self._role, messages, sampling=sampling, seed=seed)
        ask = understand(messages, task)
        do = _TASKS.get(ask.task)
        return do(ask, self._role, chance) if do else _APOLOGY


Task = Callable[[Ask, str, Chance], str]


# ---- writing ---------------------------------------------------------------------


def _question(ask: Ask, role: str, chance: Chance) -> str:
    count, types = _wanted(ask)
    passage = ask.only("passage")
    drafts = question_writing.write_from_passage(
        passage, count=count, types=types, chance=chance
    )
    return _json(drafts, chance)


def _distillation(ask: Ask, role: str, chance: Chance) -> str:
    count, types = _wanted(ask)
    subfield = re.search(r"“(.+?)”", ask.user)
    drafts = question_writing.write_from_glossary(
        subfield[1] if subfield else "", count=count, types=types, chance=chance
    )
    return _json(drafts, chance)


def _wanted(ask: Ask) -> tuple[int, str]:
    """Return how many questions are asked for and the words that name their types."""
    task = re.search(r"(\d+)\s*道题，题型为(.*)", ask.frame)
    return (int(task[1]), task[2]) if task else (1, "")


def _post(ask: Ask, role: str, chance: Chance) -> str:
    return counselling.retell(read_turns(ask.only("conversation"))) or _APOLOGY


def _empathy(ask: Ask, role: str, chance: Chance) -> str:
    turns = read_turns(ask.only("conversation"))
    return counselling.improve(turns, ask.only("reply"), chance)


def _counselling(ask: Ask, role: str, chance: Chance) -> str:
    speakers = {"user": "来访者", "assistant": "咨询师"}
    turns = [
        Turn(speakers[m["role"]], m["content"])
        for m in ask.turns
        if m["role"] in speakers
    ]
    return counselling.respond(turns, chance)


def _essay(ask: Ask, role: str, chance: Chance) -> str:
    return essays.write_essay(ask.only("case"), ask.only("question"), chance)


def _knowledge(ask: Ask, role: str, chance: Chance) -> str:
    return essays.explain(ask.user)


def _refinement(ask: Ask, role: str, chance: Chance) -> str:
    question = read_question(ask.only("question"))
    return rationales.refine_prompt(ask.only("current_prompt"), question, chance)


# ---- answering -------------------------------------------------------------------


def _decided(ask: Ask, role: str, chance: Chance) -> tuple[Question, answering.Verdict]:
    question = read_question(ask.user)
    return question, answering.decide(question, role=role, chance=chance)


def _with_rationale(ask: Ask, role: str, chance: Chance) -> str:
    question, verdict = _decided(ask, role, chance)
    rationale = rationales.write_rationale(question, verdict, prompt=ask.system)
    said = {"rationale": rationale, "prediction": "".join(verdict.labels)}
    return _json(said, chance)


def _after_thought(ask: Ask, role: str, chance: Chance) -> str:
    question, verdict = _decided(ask, role, chance)
    thought = rationales.write_rationale(question, verdict, prompt=ask.system)
    return f"<think>\n{thought}\n</think>\n{''.join(verdict.labels)}"


def _on_a_line(ask: Ask, role: str, chance: Chance) -> str:
    _, verdict = _decided(ask, role, chance)
    return f"答案：{''.join(verdict.labels)}"


def _with_letters(ask: Ask, role: str, chance: Chance) -> str:
    _, verdict = _decided(ask, role, chance)
    return "".join(verdict.labels) or _APOLOGY


# ---- judging ---------------------------------------------------------------------


def _usefulness(ask: Ask, role: str, chance: Chance) -> str:
    turns = read_turns(ask.only("conversation"))
    return _json(judging.judge_usefulness(turns), chance)


def _dialogue_judge(ask: Ask, role: str, chance: Chance) -> str:
    turns = read_turns(ask.only("conversation"))
    return _json(judging.judge_dialogue(turns), chance)


def _counselling_judge(ask: Ask, role: str, chance: Chance) -> str:
    dimension = re.search(r"维度：(.*)", ask.frame)
    top = re.search(r"0 到 (\d+) 的整数", ask.frame)
    verdict = judging.judge_counselling(
        dimension[1].strip() if dimension else "",
        history=read_turns(ask.only("history")),
        reply=ask.only("reply"),
        top=int(top[1]) if top else 3,
    )
    return _json(verdict, chance)


def _pairwise_judge(ask: Ask, role: str, chance: Chance) -> str:
    dimension = re.search(r"维度：(.*)", ask.frame)
    first, second = (
        judging.judge_counselling(
            dimension[1].strip() if dimension else "",
            history=read_turns(ask.only("history")),
            reply=reply,
        )["score"]
        for reply in ask.material["reply"][:2]
    )
    better = "same" if first == second else "12"[second > first]
    verdict = {"analysis": f"两个回应各有{first}处和{second}处表现。", "better": better}
    return _json(verdict, chance)


def _rubric_judge(ask: Ask, role: str, chance: Chance) -> str:
    lines = dict(re.findall(r"^((?:plus|minus)_\d+)：(.*)$", ask.frame, re.MULTILINE))
    return _json(judging.judge_by_rubric(lines, ask.only("reply")), chance)


def _ranking(ask: Ask, role: str, chance: Chance) -> str:
    return _json(judging.rank_questions(ask.material["candidate"]), chance)


def _choice(ask: Ask, role: str, chance: Chance) -> str:
    texts, question = ask.material["rationale"], ask.only("question")
    return _json(judging.choose_rationale(texts, question), chance)


def _screening(ask: Ask, role: str, chance: Chance) -> str:
    return _json(judging.screen(ask.only("question")), chance)


_TASKS: Mapping[str, Task] = {
    "question": _question,
    "distillation": _distillation,
    "post": _post,
    "empathy": _empathy,
    "counselling": _counselling,
    "essay": _essay,
    "knowledge": _knowledge,
    "refinement": _refinement,
    "answer_with_rationale": _with_rationale,
    "answer_after_thought": _after_thought,
    "answer_on_a_line": _on_a_line,
    "answer_with_letters": _with_letters,
    "usefulness": _usefulness,
    "dialogue_judge": _dialogue_judge,
    "counselling_judge": _counselling_judge,
    "rubric_judge": _rubric_judge,
    "pairwise_judge": _pairwise_judge,
    "ranking": _ranking,
    "choice": _choice,
    "screening": _screening,
}


def _json(said: Any, chance: Chance) -> str:
    """Return ``said`` as JSON, now and then in the loose form that models write."""
    text = json.dumps(said, ensure_ascii=False)
    draw = chance.unit("form")
    if draw < _MISSHAPEN / 2:
        return f"```json\n{text}\n```"
    return text[:-1] + "," + text[-1] if draw < _MISSHAPEN else text
