"""Open answers: points on a case from its own sentences, terms from the glossary."""

import re

from psyche_kedro.offline import lexicon
from psyche_kedro.offline.chance import Chance

_CLOSING = (
    "以上判断依据案例现有的资料，还需要在会谈中进一步核实。",
    "资料尚不充分之处，应当通过摄入性会谈和必要的评估加以补充。",
)


def write_essay(case: str, question: str, chance: Chance) -> str:
    """Return an answer in numbered points; each fact is a sentence of the case."""
    facts = _facts(case, question)
    terms = lexicon.terms_in(question) or _nearest(case + question)
    points = [f"本题涉及“{e.term}”，即{e.definition}" for e in terms[:2]]
    points += [f"案例中的依据：{fact}" for fact in facts]
    numbered = [f"{i}）{point}。" for i, point in enumerate(points, 1)]
    return "\n".join([*numbered, chance.pick(_CLOSING, "closing")])


def explain(question: str) -> str:
    """Return what the glossary says about a question's terms, or that it lacks them.

    Args:
        question: An open question on psychology.
    """
    told = [f"{e.term}是指{e.definition}。" for e in lexicon.terms_in(question)[:2]]
    return "".join(told) or "这个问题超出了我的术语表，我不知道答案。"


_FACT = 5
"""Characters of the shortest sentence that states something."""


def _facts(case: str, question: str) -> list[str]:
    """Return the four sentences of the case nearest to the question, in order."""
    told = [s.strip() for s in re.split(r"[。！？；\n]", case) if len(s) > _FACT]
    asked = lexicon.bigrams(question)
    ranked = sorted(
        told, key=lambda s: (-len(asked & lexicon.bigrams(s)), -len(lexicon.bigrams(s)))
    )
    return [s for s in told if s in ranked[:4]]


def _nearest(text: str) -> list[lexicon.Entry]:
    near = lexicon.nearness(text)
    best = sorted(near, key=lambda term: (-near[term], term))[:2]
    return [lexicon.by_term()[term] for term in best]
