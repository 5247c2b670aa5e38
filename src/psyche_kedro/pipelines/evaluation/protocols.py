"""How a benchmark item is put to a model: one function per protocol.

============  ==============  ======================================================
protocol      asks            with
============  ==============  ======================================================
reasoned      choice items    ``<think>``, then the letters
letters_only  choice items    the letters alone
zero_shot     choice items    the same, where a card has it beside ``five_shot``
five_shot     choice items    the same, after solved exemplars as earlier turns
essay         open items      the case text and the question
consultation  open items      the same, where a judge marks the answer by a rubric
counselling   conversations   the counsellor's role and the conversation so far
============  ==============  ======================================================

The card of its benchmark says which protocols are for an item.

No function reads an item's ``gold``, ``answer_text`` or ``explanation``; an exemplar
shows its own answer, after its question and never in it, and one that is nearly the
asked item is left out, because a tenth of CPsyExam's test items stand in its labelled
splits too. Which items are asked and which
exemplars are shown is settled before, in ``selection.exams``.

Source: §3.1 and Appendix C.2; PsycoLLM's and CPsyExam's public protocols.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from psyche_kedro.llm.chat_model import Message
from psyche_kedro.pipelines.benchmarks import Benchmarks, ProtocolName
from psyche_kedro.prompts import Prompt, render_question
from psyche_kedro.text.bare import bare

Row = Mapping[str, Any]


class Asked(NamedTuple):
    """One item under one protocol."""

    item: Row
    protocol: str
    prompt: Prompt
    messages: list[Message]
    exemplars: tuple[str, ...] = ()
    """Ids of those that are shown solved, in their order."""


class Room(NamedTuple):
    """What every protocol may use."""

    prompts: Mapping[str, Prompt]
    exemplars: Sequence[Row]
    benchmarks: Benchmarks


def ask(
    items: Iterable[Row], protocols: Sequence[ProtocolName], room: Room
) -> list[Asked]:
    """Return every item under every protocol that is for it.

    Args:
        items: ``[n_items]`` rows of ``benchmark_items`` to ask.
        protocols: Names out of ``PROTOCOLS``.
        room: Prompts by name, the chosen exemplars and the cards.
    """
    exams = [(item, room.benchmarks.exam_of(item)) for item in items]
    asked = (
        PROTOCOLS[name](item, room)
        for name in protocols
        for item, exam in exams
        if exam and name in exam.protocols
    )
    return [one for one in asked if one is not None]


def _ask_reasoned(item: Row, room: Room) -> Asked:
    prompt = room.prompts["exam_case" if item["case_text"] else "exam_knowledge"]
    messages = prompt.render(
        question=render_question(item, prompt.words),
        type_name=prompt.words.types[item["type"]],
    )
    return Asked(item, "reasoned", prompt, list(messages))


def _ask_essay(item: Row, room: Room) -> Asked:
    prompt = room.prompts["essay"]
    messages = prompt.render(case_text=item["case_text"] or "", question=item["stem"])
    return Asked(item, "essay", prompt, list(messages))


def _ask_consultation(item: Row, room: Room) -> Asked:
    return _ask_essay(item, room)._replace(protocol="consultation")


def _ask_zero_shot(item: Row, room: Room) -> Asked:
    prompt = room.prompts["exam_direct"]
    return Asked(item, "zero_shot", prompt, _direct(item, prompt))


def _ask_letters_only(item: Row, room: Room) -> Asked:
    return _ask_zero_shot(item, room)._replace(protocol="letters_only")


def _ask_five_shot(item: Row, room: Room) -> Asked | None:
    alone = _ask_zero_shot(item, room)
    shots = [shot for shot in room.exemplars if _may_show(shot, item)]
    if not shots:
        return None
    *system, question = alone.messages
    turns = [turn for shot in shots for turn in _solved(shot, alone.prompt)]
    return alone._replace(
        protocol="five_shot",
        messages=[*system, *turns, question],
        exemplars=tuple(shot["item_id"] for shot in shots),
    )


def _ask_counselling(item: Row, room: Room) -> Asked | None:
    turns = [turn for turn in item["messages"] if turn["role"] != "system"]
    if not turns:
        return None
    prompt = room.prompts["counselling"]
    return Asked(item, "counselling", prompt, [*prompt.render(), *turns])


def _direct(item: Row, prompt: Prompt) -> list[Message]:
    return list(
        prompt.render(
            question=render_question(item, prompt.words),
            subject=item["subject"] or prompt.words.unnamed_subject,
            type_name=prompt.words.types[item["type"]],
        )
    )


def _solved(shot: Row, prompt: Prompt) -> list[Message]:
    answer = prompt.words.say("answer", letters="".join(shot["gold"]))
    return [_direct(shot, prompt)[-1], {"role": "assistant", "content": answer}]


def _may_show(shot: Row, item: Row) -> bool:
    return (
        (shot["benchmark"], shot["cell"]) == (item["benchmark"], item["cell"])
        and shot["item_id"] != item["item_id"]
        and _likeness(shot["stem"], item["stem"]) < _NEARLY_ONE
    )


_NEARLY_ONE = 0.65
"""Jaccard of character 3-grams, as in ``selection.decontamination``."""


def _likeness(one: str, other: str) -> float:
    left, right = _grams(one), _grams(other)
    return len(left & right) / len(left | right)


@lru_cache(maxsize=1024)
def _grams(text: str) -> frozenset[str]:
    letters = bare(text) or text
    return frozenset(letters[n : n + 3] for n in range(max(1, len(letters) - 2)))


PROTOCOLS: dict[ProtocolName, Callable[[Row, Room], Asked | None]] = {
    "reasoned": _ask_reasoned,
    "letters_only": _ask_letters_only,
    "essay": _ask_essay,
    "consultation": _ask_consultation,
    "zero_shot": _ask_zero_shot,
    "five_shot": _ask_five_shot,
    "counselling": _ask_counselling,
}
