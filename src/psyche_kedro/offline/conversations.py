"""What a conversation says on its surface: feelings, theme, danger, substance, harm.

Word lists (``signs.yml``), not understanding. They are enough to tell ``加油``
from a reply that explains something and names a step.
"""

import re
from collections import Counter
from functools import cache
from typing import Any

from psyche_kedro.offline import lexicon


def feelings(text: str) -> list[str]:
    """Return the feelings a text names, strongest first."""
    counts = Counter(
        {
            name: sum(text.count(word) for word in words)
            for name, words in lexicon.moves()["feelings"].items()
        }
    )
    return [name for name, n in counts.most_common() if n]


def theme(text: str) -> dict[str, Any]:
    """Return the counselling theme whose words a text has most of."""
    themes: list[dict[str, Any]] = lexicon.moves()["themes"]
    votes: Counter[str] = Counter()
    for word, name in _theme_words():
        votes[name] += text.count(word)
        text = text.replace(word, "\0")
    # max keeps the first of equals; the last theme, without words, is the fallback.
    best = max(themes[:-1], key=lambda each: votes[each["name"]])
    return best if votes[best["name"]] else themes[-1]


@cache
def _theme_words() -> list[tuple[str, str]]:
    """Return words with their theme, longest first: 男朋友 is not also a 朋友."""
    pairs = [(w, t["name"]) for t in lexicon.moves()["themes"] for w in t["words"]]
    return sorted(pairs, key=lambda pair: (-len(pair[0]), pair))


def is_crisis(text: str) -> bool:
    """Whether a text speaks of ending or hurting one's own life."""
    return any(word in text for word in lexicon.moves()["crisis"]["words"])


def sentences(text: str) -> list[str]:
    """Return the sentences of a text with their final marks."""
    return [
        s.strip() for s in re.findall(r"[^。！？!?\n]+[。！？!?]*", text) if s.strip()
    ]


def harm(reply: str) -> str:
    """Return the gravest harm a reply does, ``none`` where no list has it."""
    for name in lexicon.harms():
        for match in lexicon.sign(f"harm.{name}").finditer(reply):
            if not lexicon.sign("denied").search(reply[: match.start()]):
                return name
    return "none"


def substance(reply: str) -> list[str]:
    """Return the sentences that explain, ask or propose; none of a platitude's."""
    return [
        s
        for s in sentences(reply)
        if len(s) >= _SAYS_SOMETHING
        and lexicon.has("substance", s)
        and (len(s) >= 2 * _SAYS_SOMETHING or not lexicon.has("platitude", s))
    ]


_SAYS_SOMETHING = 12
"""Characters a sentence needs to say anything; twice as many beside a platitude."""


def shared_words(reply: str, post: str) -> int:
    """Return how many content words of the post a reply takes up."""
    return len(set(lexicon.words(reply)) & set(lexicon.words(post)))
