"""Answers to exam questions by weighing words, and the argument for them.

Nothing here understands a question. Each role looks at other evidence, so that roles
disagree as models do:

- teacher: the glossary's definitions, words shared by stem and option, wording habits;
- student a: pairs of characters shared by stem and option;
- student b: how long and how specific an option is;
- student c: keywords shared by stem and option, and where the option stands.

Noise of the size of the request's temperature lets a regeneration differ. A question's
gold is nowhere in a request, so the reply is right sometimes and wrong sometimes.

Example: for ``刚刚能引起感觉的最小刺激量称为（ ）。`` the teacher's evidence is largest
for ``绝对感觉阈限``, whose definition in the glossary shares most words with it.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from psyche_kedro.offline import lexicon
from psyche_kedro.offline.chance import Chance
from psyche_kedro.offline.requests import Question

_NUMBERING = re.compile(r"^\s*(?:[单多]选|判断)?[：:]?\s*(?:\d+\s*[.．、]\s*)?")
_TRUE = frozenset(["正确", "对", "√", "是"])
_FALSE = frozenset(["错误", "错", "×", "否", "不正确"])
_NOISE = 0.12
"""Reach of the noise at temperature 1, on evidence that runs from 0 to about 1."""
_SHORT = 9
"""Options below so many characters name something; longer ones state something."""
_TELLING = 0.15
"""Weight above which a definition is quoted as the ground."""


class Evidence(NamedTuple):
    """What speaks for one option.

    Attributes:
        weight: How much, about 0 to 1.
        ground: Why, in words of the question or the glossary; ``""`` for a bare habit.
    """

    weight: float
    ground: str


class Verdict(NamedTuple):
    """The chosen labels, sorted, and the evidence for every option."""

    labels: tuple[str, ...]
    evidence: Mapping[str, Evidence]


Weigh = Callable[[Question], dict[str, Evidence]]


def decide(question: Question, *, role: str, chance: Chance) -> Verdict:
    """Return what ``role`` answers, and why."""
    weigh = _WEIGH.get(role, _weigh_wording)
    evidence = weigh(question) if question.options else {}
    scores = {
        label: found.weight + _NOISE * chance.noise("evidence", label)
        for label, found in evidence.items()
    }
    if is_negated(question):
        scores = {label: -score for label, score in scores.items()}
    pick = _pick_several if question.many else _pick_one
    return Verdict(pick(scores) if scores else (), evidence)


def is_negated(question: Question) -> bool:
    """Whether the stem asks for what does not fit."""
    return lexicon.has("negated", asked_in(question.stem)) and not _is_true_false(
        question
    )


def asked_in(stem: str) -> str:
    """Return the last sentence of a stem, which asks, without its numbering."""
    sentences = re.split(r"[。！？\n](?=.*\w)", without_number(stem))
    return without_number(sentences[-1]).strip("。 ")


def without_number(stem: str) -> str:
    """Return a stem without a leading ``单选：`` or ``12．``."""
    return _NUMBERING.sub("", stem)


def _pick_one(scores: Mapping[str, float]) -> tuple[str, ...]:
    return (max(sorted(scores), key=lambda label: scores[label]),)


def _pick_several(scores: Mapping[str, float]) -> tuple[str, ...]:
    """Return the options above a clear gap in the evidence, else the first three."""
    ranked = sorted(scores, key=lambda label: (-scores[label], label))
    gaps = [
        (scores[ranked[i - 1]] - scores[ranked[i]], i) for i in range(2, len(ranked))
    ]
    widest, cut = max(gaps, default=(0.0, len(ranked)))
    return tuple(sorted(ranked[: cut if widest > _GAP else 3]))


_GAP = 0.15
"""Gap above which evidence divides the options."""


# ---- evidence --------------------------------------------------------------------


def _weigh_knowledge(question: Question) -> dict[str, Evidence]:
    if _is_true_false(question):
        return _weigh_truth(question)
    near = lexicon.nearness(_core(question.stem))
    wording = _weigh_wording(question)
    return {
        label: _best(
            _by_meaning(text, question, near), _by_statement(text), wording[label]
        )
        for label, text in question.options.items()
    }


def _best(*found: Evidence) -> Evidence:
    """Return the summed weight with the ground that weighs most."""
    strongest = max(found, key=lambda e: (bool(e.ground), e.weight))
    return Evidence(sum(e.weight for e in found), strongest.ground)


def _by_meaning(text: str, question: Question, near: Mapping[str, float]) -> Evidence:
    """Weigh an option that is a term, or that says what the stem's term means."""
    entry = lexicon.by_term().get(text)
    if entry:
        ground = f"“{text}”指{entry.definition}"
        return Evidence(1.2 * near.get(text, 0.0), ground)
    asked = [e for e in lexicon.terms_in(question.stem) if e.term not in text]
    meanings = lexicon.nearness(text) if asked else {}
    fits = [(_said(text, e, meanings), e) for e in asked[:3]]
    weight, entry = max(fits, default=(0.0, None))
    ground = (
        f"“{entry.term}”指{entry.definition}" if entry and weight > _TELLING else ""
    )
    return Evidence(weight, ground)


def _said(text: str, entry: lexicon.Entry, meanings: Mapping[str, float]) -> float:
    """Return how far ``text`` is, or is a part of, the entry's definition."""
    pairs = lexicon.bigrams(text)
    listed = lexicon.contained(pairs, lexicon.bigrams(entry.definition))
    return max(
        meanings.get(entry.term, 0.0), 0.6 * listed if len(text) < _SHORT else 0.0
    )


def _by_statement(text: str) -> Evidence:
    """Weigh a statement about a term against the meanings of all terms."""
    subject = next(
        (e for e in lexicon.terms_in(text[:24]) if text.startswith(e.term)), None
    )
    if subject is None or len(text) < len(subject.term) + 6:
        return Evidence(0.0, "")
    near = lexicon.nearness(text[len(subject.term) :])
    own = near.get(subject.term, 0.0)
    other = max((s for t, s in near.items() if t != subject.term), default=0.0)
    ground = f"“{subject.term}”指{subject.definition}"
    margin = own - other
    return Evidence(margin + 0.3 if margin > 0 else margin - 0.1, ground)


def _weigh_truth(question: Question) -> dict[str, Evidence]:
    told = _by_statement(_core(question.stem))
    absolute = 0.2 if lexicon.has("absolute", question.stem) else 0.0
    true = (told.weight - 0.1 if told.ground else 0.08) - absolute
    return {
        label: Evidence(true if text in _TRUE else -true, told.ground)
        for label, text in question.options.items()
    }


def _weigh_wording(question: Question) -> dict[str, Evidence]:
    """Weigh what option and question share, and how the option is put."""
    stem, case = lexicon.bigrams(_core(question.stem)), lexicon.bigrams(question.case)
    longest = max(len(text) for text in question.options.values())
    return {
        label: Evidence(
            0.3 * lexicon.contained(lexicon.bigrams(text), stem)
            + 0.45 * lexicon.contained(lexicon.bigrams(text), case)
            + 0.1 * len(text) / longest
            + _habit(text),
            _shared(text, question),
        )
        for label, text in question.options.items()
    }


def _habit(text: str) -> float:
    sweeping = len(text) < _SHORT and lexicon.has("sweeping", text)
    return (
        0.08 * lexicon.has("modest", text)
        - 0.15 * lexicon.has("absolute", text)
        + 0.1 * sweeping
    )


def _weigh_pairs(question: Question) -> dict[str, Evidence]:
    asked = lexicon.bigrams(question.case + "。" + _core(question.stem))
    characters = set(question.case + question.stem)
    return {
        label: Evidence(
            lexicon.contained(lexicon.bigrams(text), asked)
            + 0.3 * lexicon.contained(text, characters),
            _shared(text, question),
        )
        for label, text in question.options.items()
    }


def _weigh_length(question: Question) -> dict[str, Evidence]:
    mean = sum(map(len, question.options.values())) / len(question.options)
    return {
        label: Evidence(
            0.3 * len(text) / mean
            + 0.1 * len(re.findall(r"[、，和与]", text))
            + 1.5 * _habit(text),
            "",
        )
        for label, text in question.options.items()
    }


def _weigh_keywords(question: Question) -> dict[str, Evidence]:
    asked = lexicon.words(question.case + _core(question.stem))
    return {
        label: Evidence(
            0.5 * lexicon.contained(lexicon.words(text), asked)
            + 0.2 * lexicon.contained(text, "".join(asked))
            + _PLACE.get(label, 0.0),
            _shared(text, question),
        )
        for label, text in question.options.items()
    }


_PLACE = {"A": 0.0, "B": 0.12, "C": 0.15, "D": 0.06, "E": 0.02}
"""Student c likes the middle, as guessing people do."""

_WEIGH: Mapping[str, Weigh] = {
    "teacher": _weigh_knowledge,
    "judge": _weigh_wording,
    "student-a": _weigh_pairs,
    "student-b": _weigh_length,
    "student-c": _weigh_keywords,
}


def _is_true_false(question: Question) -> bool:
    texts = set(question.options.values())
    return texts <= _TRUE | _FALSE and bool(texts & _TRUE) and bool(texts & _FALSE)


def _core(stem: str) -> str:
    """Return a stem without numbering, blanks and the words every stem has."""
    return re.sub(
        r"[（(]\s*[）)]|"
        r"下列|以下|关于|说法|表述|正确的|错误的|这一概念|称为|被称为|属于|的是|的有|包括",
        "",
        _NUMBERING.sub("", stem),
    )


def _shared(text: str, question: Question) -> str:
    """Return the longest run of characters that option and question share."""
    asked = question.case + "\n" + question.stem
    for size in range(min(len(text), 10), 1, -1):
        for start in range(len(text) - size + 1):
            run = text[start : start + size]
            if run in asked and run.strip("的是了一不和在，、。"):
                return f"与题目中的“{run}”相呼应"
    return ""
