"""Posts retold and replies improved, from the words that are there.

A post is retold in its own sentences, put in order; nothing is added but the name of a
feeling the post has words for, and the wish for advice. A reply joins counselling moves
(``moves.yml``) with what the draft has of substance: the feeling is named, called
understandable, explained by a term of the glossary, and answered with steps.
"""

import re
from collections.abc import Sequence
from typing import Any

from psyche_kedro.offline import conversations as talk
from psyche_kedro.offline import lexicon
from psyche_kedro.offline.chance import Chance
from psyche_kedro.offline.requests import Turn


def retell(turns: Sequence[Turn]) -> str:
    """Return the client's first words as a clear account in the first person."""
    first = next((turn.text for turn in turns if turn.speaker == "来访者"), "")
    told = _distinct([_clean(s) for s in talk.sentences(first)])
    if not told:
        return ""
    body = "".join(told if "我" in "".join(told) else [_LATELY, *told])
    named = talk.feelings(first)[:2]
    feeling = f"{_FELT}{'、'.join(named)}。" if named else ""
    wish = "" if lexicon.has("wish", body) else _WISH
    return "\n".join(part for part in (body, feeling + wish) if part)


_LATELY = "我想说说最近的事。"
_FELT = "这些事让我感到"
_WISH = "我想知道该怎样面对这件事。"


def _clean(sentence: str) -> str:
    text = lexicon.sign("greeting").sub("", sentence)
    text = lexicon.sign("filler").sub("", text).strip("，,、；; ")
    if not text or text[-1] in "。！？!?":
        return text
    return text + ("？" if re.search("怎么办|怎么做|吗$", text) else "。")


def _distinct(told: list[str]) -> list[str]:
    """Return the sentences without those that another one says whole."""
    pairs = [lexicon.bigrams(s) for s in told]
    return [
        s
        for i, s in enumerate(told)
        if len(pairs[i]) > 1
        and not any(
            lexicon.contained(pairs[i], other) > _SAYS_THE_SAME
            for j, other in enumerate(pairs)
            if (len(other), j) > (len(pairs[i]), i) or (j < i and told[j] == s)
        )
    ]


_SAYS_THE_SAME = 0.8


def improve(turns: Sequence[Turn], draft: str, chance: Chance) -> str:
    """Return a reply with feeling, explanation and steps around the draft's own."""
    post = "\n".join(turn.text for turn in turns if turn.speaker == "来访者")
    latest = next((t.text for t in reversed(turns) if t.speaker == "来访者"), post)
    if talk.is_crisis(post):
        return _answer_crisis(latest, chance)
    if sum(turn.speaker == "来访者" for turn in turns) > 1:
        return _answer_turn(turns, draft, chance)
    kept = [] if talk.harm(draft) != "none" else talk.substance(draft)[:3]
    theme = talk.theme(post)
    steps = chance.shuffled(theme["steps"], "steps")[: 2 if kept else 3]
    parts = [
        _resonate(latest, theme, chance),
        _explain(theme, chance),
        "".join(kept) + _ordered(steps),
        chance.pick(_phrases("closing"), "closing"),
    ]
    if chance.noise("forgets") > _FORGETS:
        parts.pop(int(chance.unit("what") * 3))
    return "\n\n".join(parts)


_FORGETS = 0.85
"""Noise above which a reply lacks one of the three aims, as a model's does at times."""


def respond(turns: Sequence[Turn], chance: Chance) -> str:
    """Return the counsellor's next words in a conversation."""
    latest = next((t.text for t in reversed(turns) if t.speaker == "来访者"), "")
    if talk.is_crisis("\n".join(t.text for t in turns if t.speaker == "来访者")):
        return _answer_crisis(latest, chance)
    theme = talk.theme("\n".join(turn.text for turn in turns))
    question = chance.pick(_phrases("questions"), "question")
    step = chance.pick(theme["steps"], "step")
    return "\n\n".join(
        [
            _resonate(latest, theme, chance),
            _explain(theme, chance) + "可以先试一件小事：" + step,
            question,
        ]
    )


def _answer_turn(turns: Sequence[Turn], draft: str, chance: Chance) -> str:
    """Return one turn of a longer conversation: it keeps the draft and adds one move.

    Explanation and step take turns, as the history shows only drafts.
    """
    told = [turn.text for turn in turns if turn.speaker == "来访者"]
    theme = talk.theme("\n".join(told))
    heard = chance.pick(_phrases("heard"), "heard")
    opened = heard.format(quote=_quote(told[-1]), feelings=_feelings(told[-1]))
    kept = draft.strip() if talk.harm(draft) == "none" else ""
    step = theme["steps"][len(told) % len(theme["steps"])]
    move = f"如果愿意，可以先试一件小事：{step}"
    if len(told) % 2:
        move = _explain(theme, chance)
    return f"{opened}{kept}\n\n{move}"


def _answer_crisis(latest: str, chance: Chance) -> str:
    crisis: dict[str, Any] = lexicon.moves()["crisis"]
    heard = (
        f"{crisis['opening']}我能感觉到你现在的{_feelings(latest)}，这一定非常难受。"
    )
    normal = (
        "人在痛苦到极点的时候会有这样的念头，它说明你已经承受了太多，并不说明你软弱。"
    )
    return "\n\n".join([heard + crisis["question"], normal, "".join(crisis["steps"])])


def _resonate(latest: str, theme: dict[str, Any], chance: Chance) -> str:
    heard = chance.pick(_phrases("heard"), "heard")
    normal = chance.pick(_phrases("normal"), "normal")
    opened = heard.format(quote=_quote(latest), feelings=_feelings(latest))
    return f"{opened}{theme['reflection']}。{normal}"


def _explain(theme: dict[str, Any], chance: Chance) -> str:
    entry = lexicon.by_term()[theme["term"]]
    phrase: str = chance.pick(_phrases("insight"), "insight")
    return phrase.format(
        term=entry.term, definition=entry.definition, bridge=theme["bridge"]
    )


def _ordered(steps: Sequence[str]) -> str:
    lead = ("你可以先这样做：", "接着，", "另外，")
    return "".join(f"{word}{step}" for word, step in zip(lead, steps, strict=False))


def _quote(text: str) -> str:
    """Return the clause of a text that says most about being troubled."""
    clauses = [c.strip() for c in re.split(r"[，。！？!?；;\n]", text)]
    own = [c for c in clauses if c and _FELT not in c and c + "。" != _WISH]
    fitting = [c for c in own if len(c) in _QUOTABLE] or [text.strip()[:20]]
    return max(
        fitting,
        key=lambda c: (bool(talk.feelings(c)), lexicon.has("troubled", c), len(c)),
    )


_QUOTABLE = range(5, 23)
"""Characters of a clause worth quoting."""


def _feelings(text: str) -> str:
    return "和".join(talk.feelings(text)[:2]) or "不容易"


def _phrases(name: str) -> list[str]:
    phrases: list[str] = lexicon.moves()["phrases"][name]
    return phrases
