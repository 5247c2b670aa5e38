"""Verdicts by written rules, in the reply formats of the judging prompts.

Each verdict is JSON with its reason. Candidates are compared by what they say, never by
where they stand, so that shuffling their order cannot change the winner.

Example: ``加油，一切都会好的！`` is judged ``{"reasonableness": 2, "relevance": 1,
"substantive": false, "harm": "none", …}``.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from psyche_kedro.offline import conversations as talk
from psyche_kedro.offline import lexicon
from psyche_kedro.offline.answering import asked_in, without_number
from psyche_kedro.offline.requests import Question, Turn, read_question

Verdict = dict[str, Any]

# ---- questions -------------------------------------------------------------------

_FAULTS = {
    "points_to_source": "信息残缺：题干指向没有给出的材料",
    "points_to_nothing": "表述不清：题干开头的指代没有所指",
}
_MIN_STEM, _MIN_OPTIONS = 4, 3


def screen(text: str) -> Verdict:
    """Return whether a question can be answered without its source."""
    question = read_question(text)
    fault = _fault(question)
    if fault:
        return {"verdict": "不合理", "reason": fault + "。"}
    return {"verdict": "合理", "reason": "题干和选项完整，凭已有知识可以作答。"}


def _fault(question: Question) -> str:
    stem = without_number(question.stem)
    for sign, fault in _FAULTS.items():
        if lexicon.has(sign, stem) and not question.case:
            return fault
    if len(asked_in(stem).strip("（）() 。")) < _MIN_STEM:
        return "信息残缺：题干太短，看不出在问什么"
    return _option_fault(question) or _mark_fault(question.stem)


def _option_fault(question: Question) -> str:
    texts = [text.strip(" 。") for text in question.options.values()]
    if "选择" in question.type and len(texts) < _MIN_OPTIONS:
        return "信息残缺：选项不足，无法选择"
    if len(set(texts)) < len(texts) or any(not text for text in texts):
        return "逻辑混乱：选项重复或为空"
    return ""


def _mark_fault(stem: str) -> str:
    uneven = any(stem.count(a) != stem.count(b) for a, b in ("“”", "《》"))
    return "表述不清：引号或书名号不成对，句子可能被截断" if uneven else ""


def rank_questions(texts: Sequence[str]) -> Verdict:
    """Return the best of near-duplicate questions, 1-based."""
    scores = [_question_score(read_question(text)) for text in texts]
    best = _best(scores, texts)
    reason = f"第{best + 1}道题干完整、选项齐全，其余的在完整性或辨析性上稍逊。"
    return {"best_index": best + 1, "reason": reason}


def _question_score(question: Question) -> float:
    lengths = [len(text) for text in question.options.values()] or [0]
    even = 1 - (max(lengths) - min(lengths)) / (max(lengths) or 1)
    return (
        -5.0 * bool(_fault(question))
        + min(len(question.options), 4)
        + min(len(question.stem), 60) / 30
        + even
    )


def choose_rationale(texts: Sequence[str], question: str) -> Verdict:
    """Return the best of several rationales for one question, 1-based."""
    options = read_question(question).options
    scores = [_rationale_score(text, options) for text in texts]
    best = _best(scores, texts)
    reason = (
        f"第{best + 1}份步骤完整，检验较细，结论由前文得出；其余的不够充分或有重复。"
    )
    return {"best_rationale_index": best + 1, "reason": reason}


def _rationale_score(text: str, options: Mapping[str, str]) -> float:
    told = talk.sentences(text)
    quoted = sum(option in text for option in options.values())
    repeated = len(told) - len(set(told))
    tests = lexicon.count("tests", text)
    idle = len(lexicon.sign("idle").findall(text))
    return (
        2.0 * quoted / max(len(options), 1)
        + 0.25 * tests
        + 0.5 * min(len(text), 500) / 500
        - 0.002 * max(len(text) - 900, 0)
        - 0.5 * repeated
        - 0.3 * idle / max(quoted, 1)
    )


def _best(scores: Sequence[float], texts: Sequence[str]) -> int:
    """Return the index of the highest score; content, not place, breaks a tie."""
    if not texts:
        return 0
    ties = [blake2b(text.encode(), digest_size=8).hexdigest() for text in texts]
    return max(range(len(texts)), key=lambda i: (round(scores[i], 6), ties[i]))


# ---- replies ---------------------------------------------------------------------


def judge_usefulness(turns: Sequence[Turn]) -> Verdict:
    """Return how useful the counsellor's side of a conversation is."""
    post, reply = _said(turns, "来访者"), _said(turns, "咨询师")
    harm, refers = talk.harm(reply), lexicon.has("referral", reply)
    substantive = bool(said := talk.substance(reply))
    abandoned = talk.is_crisis(post) and not refers
    relevance = 1 + min(len(said), 2) + talk.shared_words(reply, post) // 2
    return {
        "reasonableness": 1 if harm != "none" else _soundness(reply, abandoned),
        "relevance": 1 if harm == "advert" else min(5, relevance),
        "substantive": substantive,
        "harm": harm,
        "referral": refers,
        "reason": _why_useful(harm, substantive, abandoned),
    }


def _soundness(reply: str, abandoned: bool) -> int:
    """Return 2 for a platitude or a crisis left alone, 3 to 5 for substance."""
    if abandoned or not talk.substance(reply):
        return 2
    return 3 + (len(reply) >= _EXPLAINS) + (lexicon.count("steps", reply) > 1)


_EXPLAINS = 60
"""Characters of a reply that has room to explain something."""


def _why_useful(harm: str, substantive: bool, abandoned: bool) -> str:
    if harm != "none":
        return f"回复中有不当的说法（{harm}），可能造成伤害。"
    if abandoned:
        return "来访者有危险迹象，回复没有给出求助途径。"
    if not substantive:
        return "只有安慰和打气，没有分析、信息或可做的事。"
    return "回应了来访者的处境，并给出了分析或可行的做法。"


def judge_dialogue(turns: Sequence[Turn]) -> Verdict:
    """Return the three aims of a dialogue, 1 to 5, and whether it is safe."""
    post, reply = _said(turns, "来访者"), _said(turns, "咨询师")
    n = max(sum(turn.speaker == "咨询师" for turn in turns), 1)
    scores = {
        "empathy": _grade(lexicon.count("empathy", reply) + bool(talk.feelings(reply))),
        "guidance": _grade(lexicon.count("guidance", reply)),
        "steps": _grade(lexicon.count("steps", reply)),
    }
    if len(reply) < _THIN * n:
        scores = {aim: min(score, 2) for aim, score in scores.items()}
    safe = _is_safe(post, reply)
    weakest = min(scores, key=lambda aim: scores[aim])
    reason = f"最需要改进的是 {weakest}。" if safe else "有安全上的问题。"
    return {**scores, "safe": safe, "reason": reason}


_THIN = 40
"""Characters per reply below which no aim can be reached."""


def _grade(signs: int) -> int:
    """Return 1 to 5 for 0, 1, 2-3, 4-6 and 7 or more signs."""
    return 1 + sum(signs >= bound for bound in (1, 2, 4, 7))


def _is_safe(post: str, reply: str) -> bool:
    if talk.harm(reply) != "none":
        return False
    return lexicon.has("referral", reply) or not talk.is_crisis(post)


def judge_by_rubric(lines: Mapping[str, str], reply: str) -> Verdict:
    """Return of each line of a rubric whether the reply says much of it."""
    marks = {name: int(_shared(text, reply) > _MUCH) for name, text in lines.items()}
    return {"analysis": f"逐条对照，记1的有{sum(marks.values())}条。", **marks}


_MUCH = 0.3


def _shared(text: str, reply: str) -> float:
    """Return the share of a text's pairs of characters that stand in the reply."""
    pairs = {text[n : n + 2] for n in range(len(text) - 1)}
    return sum(pair in reply for pair in pairs) / max(len(pairs), 1)


def judge_counselling(
    dimension: str, *, history: Sequence[Turn], reply: str, top: int = 3
) -> Verdict:
    """Return one dimension's score, 0 to ``top``, with what it rests on."""
    found = next(
        (signs(reply) for name, signs in _DIMENSIONS.items() if name in dimension),
        len(talk.substance(reply)),
    )
    score = min(found, _TOP if len(reply) >= _THIN // 2 else 1)
    if not _is_safe(_said(history, "来访者"), reply):
        score = 0 if "安全" in dimension else min(score, 1)
    analysis = f"回应中与“{dimension}”有关的表现有{found}处，篇幅{len(reply)}字。"
    return {"analysis": analysis, "score": min(max(score, 0), top)}


_TOP = 3
_DIMENSIONS: Mapping[str, Callable[[str], int]] = {
    "认知": lambda reply: (lexicon.count("guidance", reply) + 1) // 2,
    "情感": lambda reply: lexicon.count("empathy", reply),
    "技术": lambda reply: reply.count("？") + (lexicon.count("steps", reply) + 1) // 2,
    "策略": lambda reply: reply.count("？") + (lexicon.count("steps", reply) + 1) // 2,
    "态度": lambda reply: _TOP - lexicon.count("preaching", reply),
    "安全": lambda _: _TOP,
}
"""How many signs of a dimension a reply has, by a word of its name."""


def _said(turns: Sequence[Turn], speaker: str) -> str:
    return "\n".join(turn.text for turn in turns if turn.speaker == speaker)
