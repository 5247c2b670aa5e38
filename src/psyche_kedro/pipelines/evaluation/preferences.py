"""Two models' replies to one conversation side by side, each order asked.

A judge that favours what it reads first prefers the one model in the one order and the
other in the other: only what it says in both orders is a preference, and how often it
takes the first is told beside it. The paper scores each reply by itself (§3.4); pairs
are ours, and none is compared unless ``evaluation.judging.pairs`` names it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.answers import read_verdicts
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.llm.chat_model import ChatModel, ChatRequest, Failure, Outcome, Reply
from psyche_kedro.llm.panel import ask_all
from psyche_kedro.llm.schemas import TEXT, an_object, one_of
from psyche_kedro.pipelines.evaluation.judging import Case, has_reply
from psyche_kedro.pipelines.evaluation.parameters import JudgingParameters
from psyche_kedro.prompts import Prompt, render_dialogue
from psyche_kedro.tables import Preferences, frame

_FIRST, _SECOND, _SAME = "1", "2", "same"
_BETTER = {_FIRST: "first", _SECOND: "second", _SAME: "same"}
_OTHER = {"first": "second", "second": "first", "same": "same"}


class Duel(NamedTuple):
    """Two replies to one conversation on one dimension, in the order they are read."""

    first: Case
    second: Case


def compare_replies(
    cases: Sequence[Case],
    prompt: Prompt,
    judges: Mapping[str, ChatModel],
    params: JudgingParameters,
) -> pl.DataFrame:
    """Return which reply each judge prefers, in either order: ``Preferences``.

    Args:
        cases: What is judged, of all models.
        prompt: The judge's, for two replies.
        judges: The models that judge.
        params: ``evaluation.judging``; its pairs are compared.

    Raises:
        ConfigurationError: If a pair names a model that has no reply to judge.
    """
    if cases:
        _check_names(cases, params)
    duels = list(_duels(cases, params.pairs))
    said = ask_all(judges, lambda _: (_request(d, prompt, params) for d in duels))
    return frame(
        Preferences,
        (
            _preference(judge, duel, outcome, prompt)
            for judge, outcomes in said.items()
            for duel, outcome in zip(duels, outcomes, strict=True)
        ),
    )


def _check_names(cases: Iterable[Case], params: JudgingParameters) -> None:
    roles = {case.prediction["role"] for case in cases}
    if unknown := [name for pair in params.pairs for name in pair if name not in roles]:
        raise ConfigurationError(
            f"evaluation.judging.pairs names '{unknown[0]}', and the models whose"
            f" replies are judged are {', '.join(sorted(roles))}."
        )


def _duels(cases: Iterable[Case], pairs: Sequence[tuple[str, str]]) -> Iterator[Duel]:
    replied = {
        (case.prediction["role"], case.prediction["item_id"], case.name): case
        for case in cases
        if case.dimension and has_reply(case)
    }
    for one, other in pairs:
        for (role, item_id, name), case in replied.items():
            opposite = replied.get((other, item_id, name))
            if role == one and opposite:
                yield Duel(case, opposite)
                yield Duel(opposite, case)


def _request(duel: Duel, prompt: Prompt, params: JudgingParameters) -> ChatRequest:
    case = duel.first
    messages = prompt.render(
        dimension=case.dimension.label if case.dimension else "",
        definition=case.dimension.definition if case.dimension else "",
        history=render_dialogue(case.item["messages"], prompt.words),
        first=case.prediction["text"],
        second=duel.second.prediction["text"],
    )
    return ChatRequest(
        messages,
        task="compare_replies",
        sampling=params.sampling.model_dump(),
        schema=an_object(analysis=TEXT, better=one_of(_BETTER)),
    )


def _preference(
    judge: str, duel: Duel, outcome: Outcome, prompt: Prompt
) -> dict[str, Any]:
    better = read_better(outcome)
    failed = "failed" if isinstance(outcome, Failure) else "unread"
    return {
        "item_id": duel.first.prediction["item_id"],
        "dimension": duel.first.name,
        "judge": judge,
        "first": duel.first.prediction["role"],
        "second": duel.second.prediction["role"],
        "better": better,
        "outcome": "read" if better else failed,
        "model": outcome.model,
        "reply_key": outcome.key,
        "prompt_digest": prompt.digest,
    }


def read_better(outcome: Outcome) -> str | None:
    """Return ``first``, ``second`` or ``same``; None where a judge says none, or two.

    >>> read_better(Reply('{"analysis": "略贴切", "better": 2}', "judge", "k"))
    'second'
    """
    if not isinstance(outcome, Reply):
        return None
    verdicts = read_verdicts(outcome.text)
    found = {str(verdict.get("better", "")) for verdict in verdicts}
    return _BETTER.get(*found) if len(found) == 1 else None


def summarise(preferences: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what each judge prefers of each pair on each dimension.

    Args:
        preferences: Rows of ``preferences``.

    Yields:
        Rows of ``JudgeAgreement``: per pair what it says in both orders, and how often
        it takes what it read first.
    """
    said: dict[tuple[str, ...], dict[tuple[str, str], str]] = {}
    for row in preferences:
        if row["better"]:
            pair = sorted((row["first"], row["second"]))
            place = row["judge"], row["dimension"], *pair
            at = row["item_id"], row["first"]
            said.setdefault(place, {})[at] = row["better"]
    for (judge, dimension, one, other), verdicts in said.items():
        group = {"group": f"{judge}: {one} or {other}", "dimension": dimension}
        for measure, hits, n in _measures(verdicts, one, other):
            value = hits / n if n else None
            yield group | {"measure": measure, "value": value, "n": n}


def _measures(
    verdicts: Mapping[tuple[str, str], str], one: str, other: str
) -> Iterator[tuple[str, int, int]]:
    """Yield what is counted, how often it is so, and of how many.

    Args:
        verdicts: By item and the role that was read first.
        one: A role.
        other: The other.
    """
    both = [
        (better, verdicts[item, other])
        for (item, first), better in verdicts.items()
        if first == one and (item, other) in verdicts
    ]
    firm = [better for better, swapped in both if better == _OTHER[swapped]]
    yield f"prefers {one}", firm.count("first"), len(both)
    yield f"prefers {other}", firm.count("second"), len(both)
    yield "prefers neither", firm.count("same"), len(both)
    yield "changes its mind with the order", len(both) - len(firm), len(both)
    yield "takes the first", list(verdicts.values()).count("first"), len(verdicts)
