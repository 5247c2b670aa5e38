"""Rationales that argue for the options they pick, and prompts that guide them.

A rationale says only what the evidence says: which words of question and option meet,
what the glossary holds about a term, and where there is nothing to go by. A refined
prompt adds steps to think by; a prompt that names such a step makes the next rationale
take it, so that rounds of refinement differ in substance.

Example of a conclusion: ``第四步，结论：答案是A、C。``
"""

import re
from collections.abc import Iterator, Mapping

from psyche_kedro.offline import lexicon
from psyche_kedro.offline.answering import Verdict, asked_in, is_negated
from psyche_kedro.offline.chance import Chance
from psyche_kedro.offline.requests import Question

_STEPS: Mapping[str, str] = {
    "限定": "圈出题干中的限定词，弄清问的是符合的还是不符合的，避免答反。",
    "事实": "案例中的事实逐条列出来，分清原话、观察和推断，再与概念对应。",
    "界定": "先用一句话界定题目涉及的每个概念，写明它的必要条件。",
    "相近": "把容易混淆的相近概念成对比较，指出它们的关键差别。",
    "逐项": "逐项比对备选内容与界定，说明每一项成立或不成立的依据。",
    "反例": "对初步结论找一找反例，问一问在什么情况下它会不成立。",
    "绝对": "留意措辞过于绝对或范围过宽的表述，判断它是否超出了概念的边界。",
    "数量": "核对需要选出的数量与题型是否一致，多选时逐一确认有没有遗漏。",
    "把握": "说明每一步判断有多大把握，把握小的地方换一个角度再推一次。",
    "回看": "写出结论之前回看题干，确认推理的每一步都回应了所问的问题。",
}
"""Steps a refined prompt may add, by the word that a rationale looks for."""

_OPENINGS = (
    "你是一位心理学专家，擅长把复杂的问题拆成清楚的步骤。请按下面的步骤分析这道题，每一步都写出依据：",
    "你是一位严谨的心理学教师。请像批注教案一样把思路写全，按下列步骤推理：",
    "你是一位熟悉考试与实务的心理学专家。不要急于下结论，请依次完成下面各步：",
)


def write_rationale(question: Question, verdict: Verdict, *, prompt: str) -> str:
    """Return the argument for ``verdict``, with the extra steps ``prompt`` names.

    It is short on purpose: the bundled sample trains a model of a hundred thousand
    weights, which learns an argument of three steps in a minute, and not of eight.
    """
    parts = [
        *_place(question, prompt),
        *_examine(question, verdict),
        *_extra(question, verdict, prompt),
        _conclude(verdict),
    ]
    return "\n".join(
        f"第{n}步，{part}" for n, part in zip(_ORDINALS, parts, strict=False)
    )


_ORDINALS = "一二三四五六七八九十"


def _place(question: Question, prompt: str) -> Iterator[str]:
    if question.case:
        yield f"看案例：{'；'.join(_telling(question))}。"
    if is_negated(question):
        yield "看限定：要找的是不符合的一项。"
    entries = [
        e for e in lexicon.terms_in(question.stem) if _is_topic(e.term, question)
    ]
    if entries := entries[: 2 if "界定" in prompt else 1]:
        told = "；".join(f"“{e.term}”指{e.definition}" for e in entries)
        yield f"界定概念：{told}。"
    else:
        words = list(dict.fromkeys(lexicon.words(asked_in(question.stem))))[:2]
        about = "、".join(f"“{word}”" for word in words) or "题干的表述"
        yield f"定位：关键在于{about}。"


def _is_topic(term: str, question: Question) -> bool:
    """Whether a term is meant as such: two characters are often an everyday verb."""
    return len(term) not in _EVERYDAY or asked_in(question.stem).startswith(term)


_EVERYDAY = range(3)
"""Lengths of terms that are everyday words as well."""
_FACT = 5
"""Characters of the shortest sentence that states something."""


def _telling(question: Question) -> list[str]:
    """Return the two sentences of the case that share most with the question."""
    asked = lexicon.bigrams(question.stem + "".join(question.options.values()))
    sentences = [s.strip() for s in re.split(r"[。！？；\n]", question.case)]
    ranked = sorted(
        (s for s in sentences if len(s) > _FACT),
        key=lambda s: -len(asked & lexicon.bigrams(s)),
    )
    return [s for s in sentences if s in ranked[:2]]


def _examine(question: Question, verdict: Verdict) -> Iterator[str]:
    chosen = set(verdict.labels)
    kept = [label for label in question.options if label in chosen]
    yield "比较：" + "".join(_why(label, question, verdict) for label in kept)
    rest = [text for label, text in question.options.items() if label not in chosen]
    if rest:
        named = "".join(f"“{text}”" for text in rest)
        yield f"其余的{named}吻合程度较低，予以排除。"


def _why(label: str, question: Question, verdict: Verdict) -> str:
    ground = verdict.evidence[label].ground or "与题干的要求相容"
    said = f"“{question.options[label]}”"
    if is_negated(question):
        return f"{said}在题干中找不到依据，正是所问的一项。"
    return f"{said}：{ground}，予以保留。"


def _extra(question: Question, verdict: Verdict, prompt: str) -> Iterator[str]:
    if "相近" in prompt and len(question.options) > len("对错"):
        close = sorted(question.options, key=lambda k: -verdict.evidence[k].weight)[:2]
        one, other = (question.options[label] for label in sorted(close))
        yield f"辨析“{one}”与“{other}”：看哪一个与题干的条件对应得更紧。"
    if "绝对" in prompt:
        yield "检查措辞。" + _wording(question)
    if "数量" in prompt and question.many:
        kept = len(verdict.labels)
        yield f"核对数量。题型要求选出多项，目前保留{kept}项，与题型相符。"
    if "反例" in prompt or "把握" in prompt:
        yield _doubt(question, verdict)


def _doubt(question: Question, verdict: Verdict) -> str:
    weights = sorted((e.weight for e in verdict.evidence.values()), reverse=True)
    clear = len(weights) > 1 and weights[0] - weights[1] > _CLEAR
    if clear:
        return "检验结论。换成其余任何一个选项，题干的条件都更难说明，把握较大。"
    return "检验结论。几个选项的依据相差不大，只能选更贴近题意的，把握有限。"


_CLEAR = 0.15
"""Lead of the best evidence above which a rationale calls itself sure."""


def _wording(question: Question) -> str:
    strong = [
        t for t in question.options.values() if re.search("一定|必须|完全|所有", t)
    ]
    if strong:
        return f"“{strong[0]}”说得过于绝对，需要格外小心。"
    return "各选项没有过于绝对的说法，可以按含义判断。"


def _conclude(verdict: Verdict) -> str:
    return f"结论：答案是{'、'.join(verdict.labels)}。"


# ---- refinement ------------------------------------------------------------------


def refine_prompt(current: str, question: Question, chance: Chance) -> str:
    """Return a better prompt for this question: more steps, no word of an answer."""
    had = [key for key in _STEPS if _STEPS[key] in current]
    new = [key for key in _order(question, chance) if key not in had]
    steps = [_STEPS[key] for key in _STEPS if key in (*had, *new[: 3 if had else 4])]
    opening = chance.pick(_OPENINGS, "opening")
    lines = [line for line in steps if _is_clean(line, question)]
    numbered = [f"{i}. {line}" for i, line in enumerate(lines, 1)]
    return "\n".join([opening, *numbered])


def _order(question: Question, chance: Chance) -> list[str]:
    """Return the steps, those that fit this question first."""
    fitting = {
        "限定": is_negated(question),
        "事实": bool(question.case),
        "数量": question.many,
        "相近": not question.case,
        "逐项": True,
    }
    usable = [key for key in _STEPS if key != "事实" or question.case]
    return sorted(usable, key=lambda k: (not fitting.get(k, False), chance.unit(k)))


def _is_clean(line: str, question: Question) -> bool:
    return not any(text in line for text in question.options.values())
