"""Exam questions from the facts of a passage, or from the glossary where there is none.

Every question asks what the text says in so many words: which term a definition
belongs to, what a term means, what a list holds, which of several statements is right.
Distractors are other terms of the same passage, then of its nearest subfield. Nothing
is invented, and a passage with few facts gives few questions.

Example: from ``组块是指由若干较小单位联合而成的较大信息单位。``::

    {"question": "由若干较小单位联合而成的较大信息单位，称为（ ）。",
     "options": {"A": "图式", "B": "组块", "C": "表象", "D": "定势"},
     "answer": "B", "type": "单项选择题"}
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, cycle, islice
from typing import Any, NamedTuple

from psyche_kedro.offline import lexicon
from psyche_kedro.offline.chance import Chance
from psyche_kedro.offline.facts import Definition, Facts, read_facts

SINGLE, MULTIPLE, TRUE_FALSE = "单项选择题", "多项选择题", "判断题"
_VERDICTS = ("正确", "错误")
_LABELS = "ABCDEFGH"
_WANTED = {
    SINGLE: re.compile(r"单项?选择?题|单选"),
    MULTIPLE: re.compile(r"多项?选择?题|多选|不定项"),
    TRUE_FALSE: re.compile(r"判断题|是非题"),
}


class Draft(NamedTuple):
    """A question before its options are shuffled.

    Attributes:
        about: The fact it asks for; a passage is asked about each fact once.
        type: Name of the question type.
        stem: What is asked.
        right: Texts of the right options.
        wrong: Texts of the wrong ones.
    """

    about: str
    type: str
    stem: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]


class Knowledge(NamedTuple):
    """Facts to ask about, and what may stand beside them as a wrong option."""

    facts: Facts
    beside: tuple[Definition, ...]
    """Definitions of the same kind from the glossary; none that the facts have."""


Writer = Callable[[Knowledge, Chance], Iterator[Draft]]


def write_from_passage(
    passage: str, *, count: int, types: str, chance: Chance
) -> list[dict[str, Any]]:
    """Return up to ``count`` questions on what ``passage`` states."""
    facts = read_facts(passage)
    return _write(Knowledge(facts, _beside(facts)), count, types, chance)


def write_from_glossary(
    subfield: str, *, count: int, types: str, chance: Chance
) -> list[dict[str, Any]]:
    """Return up to ``count`` questions on the glossary's entries of a subfield."""
    entries = [e for e in lexicon.glossary() if e.subfield == _known(subfield)]
    definitions = tuple(Definition(e.term, e.definition, "") for e in entries)
    facts = Facts(definitions, (), ())
    return _write(Knowledge(facts, ()), count, types, chance)


_LIKE = 0.5
"""Share of a subfield's characters that another name must have to stand for it."""


def _known(subfield: str) -> str:
    """Return the glossary's name for a subfield; ``""`` where it has none like it."""
    names = sorted({entry.subfield for entry in lexicon.glossary()})
    core = subfield.replace("心理学", "").replace("心理", "")
    if subfield in names or not core:
        return subfield
    near = max(names, key=lambda name: lexicon.contained(core, name))
    return near if lexicon.contained(core, near) >= _LIKE else ""


def _beside(facts: Facts) -> tuple[Definition, ...]:
    """Return the glossary's definitions of the subfield the facts are nearest to."""
    text = "".join(d.term + d.what for d in facts.definitions) or "".join(
        facts.sentences
    )
    near = lexicon.by_term()
    votes = Counter(
        {near[term].subfield: 0.0 for term in near}
        | _summed(
            (near[t].subfield, score) for t, score in lexicon.nearness(text).items()
        )
    )
    field = max(sorted(votes), key=lambda name: votes[name])
    entries = (e for e in lexicon.glossary() if e.subfield == field)
    beside = (Definition(e.term, e.definition, "") for e in entries)
    return tuple(d for d in beside if _is_new(d, facts) and d.term not in text)


def _is_new(candidate: Definition, facts: Facts) -> bool:
    """Whether no fact has the candidate's name or meaning, or nearly."""
    meaning = lexicon.bigrams(candidate.what)
    return not any(
        lexicon.contained(candidate.term, fact.term) > _SAME_NAME
        or lexicon.contained(meaning, lexicon.bigrams(fact.what)) > _SAME_MEANING
        for fact in facts.definitions
    )


_SAME_NAME, _SAME_MEANING = 0.8, 0.5
"""Shares of characters and of bigrams above which two terms may be synonyms."""


def _summed(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, score in pairs:
        sums[name] = sums.get(name, 0.0) + score
    return sums


# ---- from drafts to the reply ----------------------------------------------------


def _write(
    known: Knowledge, count: int, types: str, chance: Chance
) -> list[dict[str, Any]]:
    drafts = {
        name: [d for writer in _WRITERS[name] for d in writer(known, chance)]
        for name in _types_asked(types)
    }
    chosen: list[Draft] = []
    used: Counter[str] = Counter()
    for name in islice(cycle(drafts), 4 * count):
        fresh = sorted(
            (used[d.about], chance.unit("turn", d.stem), d)
            for d in drafts[name]
            if d not in chosen
        )
        if fresh and fresh[0][0] < _PER_FACT and len(chosen) < count:
            chosen.append(fresh[0][-1])
            used[fresh[0][-1].about] += 1
    return [_shown(draft, chance) for draft in chosen]


_PER_FACT = 2
"""Questions that one fact may give."""


def _types_asked(types: str) -> list[str]:
    """Return the type of each question in turn; single choice where none is named."""
    asked = [name for name, pattern in _WANTED.items() if pattern.search(types)]
    return asked or [SINGLE]


def _shown(draft: Draft, chance: Chance) -> dict[str, Any]:
    texts = chance.shuffled([*draft.right, *draft.wrong], draft.stem)
    if draft.type == TRUE_FALSE:
        texts.sort(key=_VERDICTS.index)
    options = dict(zip(_LABELS, texts, strict=False))
    return {
        "question": draft.stem,
        "options": options,
        "answer": "".join(k for k, text in options.items() if text in draft.right),
        "type": draft.type,
    }


# ---- single choice ---------------------------------------------------------------


def _ask_term(known: Knowledge, chance: Chance) -> Iterator[Draft]:
    for fact in known.facts.definitions:
        ask = chance.pick(_TERM_STEMS, fact.term)
        wrong = _other_terms(fact, known, chance)
        if len(wrong) == _WRONG:
            yield Draft(fact.term, SINGLE, ask.format(fact.what), (fact.term,), wrong)


_WRONG = 3
"""Wrong options of a single-choice question."""
_TERM_STEMS = (
    "{}，称为（ ）。",
    "{}，这一概念是（ ）。",
    "下列概念中，指“{}”的是（ ）。",
)


def _ask_meaning(known: Knowledge, chance: Chance) -> Iterator[Draft]:
    for fact in known.facts.definitions:
        others = _others(fact, known, chance)
        wrong = tuple(d.what for d in others if fact.term not in d.what)[:3]
        stem = chance.pick(
            (
                "下列对{}的解释，正确的是（ ）。",
                "关于{}的含义，下列表述正确的是（ ）。",
            ),
            fact,
        )
        if len(wrong) == _WRONG:
            yield Draft(fact.term, SINGLE, stem.format(fact.term), (fact.what,), wrong)


def _ask_example(known: Knowledge, chance: Chance) -> Iterator[Draft]:
    for fact in known.facts.definitions:
        wrong = _other_terms(fact, known, chance)
        if fact.example and fact.term not in fact.example and len(wrong) == _WRONG:
            stem = f"“{fact.example}”，这个例子最适合用来说明（ ）。"
            yield Draft(fact.term, SINGLE, stem, (fact.term,), wrong)


def _ask_gap(known: Knowledge, chance: Chance) -> Iterator[Draft]:
    """Blank a term in a sentence that uses it without defining it.

    A sentence may point back to the one before; the screen is there to find it.
    """
    for fact in known.facts.definitions:
        wrong = _other_terms(fact, known, chance)
        for sentence in known.facts.sentences if len(wrong) == _WRONG else ():
            stem = _whole(fact.term).sub("（ ）", sentence, count=1)
            fits = len(sentence) in _SENTENCE and stem != sentence
            defines = "是指" in sentence or "称" in sentence
            if fits and not defines and fact.term not in stem:
                yield Draft(fact.term, SINGLE, stem, (fact.term,), wrong)


def _whole(term: str) -> re.Pattern[str]:
    """Match a term where it is no part of a longer one."""
    return re.compile(rf"(?:(?<=[，、；：的与和是在对把于从或])|^){term}(?!阈限|型)")


_SENTENCE = range(18, 91)
"""Characters of a sentence that says enough, and not too much, to be a stem."""


def _ask_mistake(known: Knowledge, chance: Chance) -> Iterator[Draft]:
    for group in _groups(known, chance, size=4, tag="mistake"):
        wrong, *right = group
        statement = _mixed_up(wrong, known, chance)
        stem = f"{_named(group, chance)}，下列说法错误的是（ ）。"
        told = tuple(_statement(d) for d in right)
        if statement:
            yield Draft(wrong.term, SINGLE, stem, (statement,), told)


# ---- multiple choice and true/false ----------------------------------------------


def _ask_list(known: Knowledge, chance: Chance) -> Iterator[Draft]:
    for each in known.facts.listings:
        strangers = [
            item
            for other in known.facts.listings
            if other is not each
            for item in other.items
        ]
        terms = [d.term for d in (*known.facts.definitions, *known.beside)]
        wrong = [
            text
            for text in chain(
                chance.shuffled(strangers, each.lead), chance.shuffled(terms, each.lead)
            )
            if text not in each.lead and _apart(text, each.items)
        ]
        right = tuple(i for i in each.items if i not in each.lead)[:4]
        spare = max(5 - len(right), 1)
        if len(right) > 1:
            stem = f"{each.lead}（ ）。"
            yield Draft(
                each.lead, MULTIPLE, stem, right, tuple(dict.fromkeys(wrong))[:spare]
            )


def _ask_statements(known: Knowledge, chance: Chance) -> Iterator[Draft]:
    for group in _groups(known, chance, size=4, tag="statements"):
        n_right = chance.pick((2, 2, 3), group[0].term)
        right = tuple(_statement(d) for d in group[:n_right])
        wrong = _mixed_up_all(group[n_right:], known, chance)
        stem = f"{_named(group, chance)}，下列说法正确的有（ ）。"
        if len(wrong) == len(group) - n_right:
            yield Draft(group[0].term, MULTIPLE, stem, right, wrong)


def _judge_statement(known: Knowledge, chance: Chance) -> Iterator[Draft]:
    for fact in known.facts.definitions:
        true = chance.pick((True, False), "true", fact.term)
        stem = _statement(fact) if true else _mixed_up(fact, known, chance)
        right, wrong = _VERDICTS if true else reversed(_VERDICTS)
        if stem:
            yield Draft(fact.term, TRUE_FALSE, stem + "。", (right,), (wrong,))


_WRITERS: dict[str, tuple[Writer, ...]] = {
    SINGLE: (_ask_term, _ask_meaning, _ask_example, _ask_gap, _ask_mistake),
    MULTIPLE: (_ask_list, _ask_statements),
    TRUE_FALSE: (_judge_statement,),
}


# ---- wrong options ---------------------------------------------------------------


def _others(fact: Definition, known: Knowledge, chance: Chance) -> list[Definition]:
    """Return other definitions, those that look most like ``fact`` first."""
    own = [d for d in known.facts.definitions if d.term != fact.term]
    ranked = sorted(
        (*own, *known.beside),
        key=lambda d: (-_alike(d, fact), d in known.beside, chance.unit(d.term, fact)),
    )
    meaning = lexicon.bigrams(fact.what)
    return [
        d
        for d in ranked
        if _apart(d.term, [fact.term])
        and lexicon.contained(lexicon.bigrams(d.what), meaning) < _SAME_MEANING
    ]


def _other_terms(fact: Definition, known: Knowledge, chance: Chance) -> tuple[str, ...]:
    terms = (d.term for d in _others(fact, known, chance))
    return tuple(term for term in terms if term not in fact.what)[:3]


def _alike(one: Definition, other: Definition) -> float:
    """Return how alike two terms look: last character, length, shared characters."""
    same_end = one.term[-1] == other.term[-1]
    shared = len(set(one.term) & set(other.term))
    return same_end + 0.5 * min(shared, 2) - 0.2 * abs(len(one.term) - len(other.term))


def _apart(text: str, others: Sequence[str]) -> bool:
    return not any(text in other or other in text for other in others)


def _groups(
    known: Knowledge, chance: Chance, *, size: int, tag: str
) -> Iterator[tuple[Definition, ...]]:
    facts = chance.shuffled(known.facts.definitions, tag)
    for i in range(0, len(facts) - size + 1, size):
        yield tuple(facts[i : i + size])


def _named(group: Sequence[Definition], chance: Chance) -> str:
    one, other, *_ = chance.shuffled([d.term for d in group], "named")
    return f"关于{one}、{other}等概念"


def _statement(fact: Definition) -> str:
    return f"{fact.term}是指{fact.what}"


def _mixed_up(fact: Definition, known: Knowledge, chance: Chance) -> str:
    """Return the statement that gives ``fact``'s term another term's meaning."""
    return next(iter(_mixed_up_all([fact], known, chance)), "")


def _mixed_up_all(
    facts: Sequence[Definition], known: Knowledge, chance: Chance
) -> tuple[str, ...]:
    """Return a wrong statement for each fact, no meaning twice."""
    borrowed: dict[str, str] = {}
    for fact in facts:
        for other in _others(fact, known, chance):
            if fact.term not in other.what and other.what not in borrowed:
                borrowed[other.what] = f"{fact.term}是指{other.what}"
                break
    return tuple(borrowed.values())
