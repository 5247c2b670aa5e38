"""Every scenario in every language: given, or translated, translated back, judged."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from psyche_kedro import answers
from psyche_kedro.datasets.language_packs import LanguagePack, Packs
from psyche_kedro.llm import ChatModel, ChatRequest, Failure, Outcome
from psyche_kedro.llm.pictures import user_message
from psyche_kedro.pipelines.cedar.parameters import TranslationParameters
from psyche_kedro.pipelines.cedar.tables import CedarRejections, ScenarioTexts
from psyche_kedro.tables import Row, frame, rejection

Answer = TypeVar("Answer", bound=BaseModel)
_OWN_SCRIPT = 0.7
"""Share of a text's letters that are of its language's script, at least: a brand stands
in another."""


class Translated(BaseModel):
    """What a translator answers."""

    model_config = ConfigDict(frozen=True)

    narrative: str
    question: str = Field(min_length=1)


class Compared(BaseModel):
    """What the judge answers."""

    model_config = ConfigDict(frozen=True)

    fidelity: int = Field(ge=1, le=5)


class _Wanted(NamedTuple):
    """A text that no file gives."""

    scenario: Row
    pack: LanguagePack


class _Said(NamedTuple):
    """A translation, and what it was asked for as."""

    wanted: _Wanted
    outcome: Outcome
    text: Translated | None


# ---- translated ------------------------------------------------------------------


def translate_scenarios(
    scenarios: pl.DataFrame,
    given_texts: pl.DataFrame,
    packs: Packs,
    translator: ChatModel,
    params: TranslationParameters,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the given texts and translations of what is missing, with their way back.

    Args:
        scenarios: ``Scenarios``.
        given_texts: ``GivenTexts``.
        packs: Languages, by culture.
        translator: Translates into a language, and back.
        params: ``cedar.translation``.

    Returns:
        ``ScenarioTexts``, not yet judged, and ``CedarRejections``.
    """
    given = set(given_texts.select("scenario_id", "language").iter_rows())
    wanted = [
        _Wanted(scenario, pack)
        for scenario in scenarios.iter_rows(named=True)
        for code, pack in packs.items()
        if (scenario["scenario_id"], code) not in given
    ]
    forth = _translated(wanted, map(_forth, wanted), translator, params)
    there = [said for said in forth if said.text]
    ways = [_way_back(said, packs) for said in there]
    back = _translated([said.wanted for said in there], ways, translator, params)
    rows = [row | {"origin": "given"} for row in given_texts.iter_rows(named=True)]
    rows += [
        _row(one, other) for one, other in zip(there, back, strict=True) if other.text
    ]
    lost = [_lost(said, "no_translation") for said in forth if not said.text]
    lost += [_lost(said, "no_back_translation") for said in back if not said.text]
    return frame(ScenarioTexts, rows), frame(CedarRejections, lost)


def _translated(
    wanted: Sequence[_Wanted],
    prompts: Iterable[str],
    translator: ChatModel,
    params: TranslationParameters,
) -> list[_Said]:
    sampling = {"temperature": 0.0, "max_tokens": params.max_tokens}
    requests = (
        ChatRequest([user_message(text)], "translate_scenarios", sampling)
        for text in prompts
    )
    outcomes = translator.complete(requests)
    return [
        _Said(one, outcome, _read(outcome, Translated))
        for one, outcome in zip(wanted, outcomes, strict=True)
    ]


def _forth(wanted: _Wanted) -> str:
    text = {name: wanted.scenario[name] for name in ("narrative", "question")}
    return wanted.pack.say("translate", **text)


def _way_back(said: _Said, packs: Packs) -> str:
    own = packs[said.wanted.scenario["language"]].name
    text = said.text.model_dump() if said.text else {}
    return said.wanted.pack.say("back_translate", language=own, **text)


def _read(outcome: Outcome, kind: type[Answer]) -> Answer | None:
    if isinstance(outcome, Failure):
        return None
    return answers.read_record(outcome.text, kind)


def _row(there: _Said, back: _Said) -> Row:
    scenario, pack = there.wanted
    text = there.text.model_dump() if there.text else {}
    # A text that is empty stays so, whatever a translator adds.
    text["narrative"] = text["narrative"] if scenario["narrative"] else ""
    return {
        "scenario_id": scenario["scenario_id"],
        "language": pack.code,
        **text,
        "origin": "translated",
        "back_translation": _joined(back.text.model_dump() if back.text else {}),
        "model": there.outcome.model,
        "reply_key": there.outcome.key,
        "prompt_digest": pack.digest("translate"),
    }


def _lost(said: _Said, reason: str) -> Row:
    scenario, pack = said.wanted
    failed = isinstance(said.outcome, Failure)
    why = said.outcome.reason if isinstance(said.outcome, Failure) else "unreadable"
    return rejection(
        scenario["scenario_id"],
        "translate_scenarios",
        f"{reason}:{pack.code}",
        source=scenario["source"],
        detail=f"{'failed' if failed else 'answered'}: {why}",
    )


# ---- checked ---------------------------------------------------------------------


def check_translations(
    scenarios: pl.DataFrame,
    translations: pl.DataFrame,
    packs: Packs,
    judge: ChatModel,
    params: TranslationParameters,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the texts of every scenario that has one in each language.

    Args:
        scenarios: ``Scenarios``.
        translations: ``ScenarioTexts``, not yet judged.
        packs: Languages, by culture.
        judge: Says how far a back-translation means the same.
        params: ``cedar.translation``.

    Returns:
        ``ScenarioTexts`` and ``CedarRejections``: rows in = kept + rejected. A scenario
        that lacks one language is out whole: all languages hold the same items.
    """
    own = {row["scenario_id"]: row for row in scenarios.iter_rows(named=True)}
    rows = list(translations.iter_rows(named=True))
    faults = [
        _fault(row, own[row["scenario_id"]], packs[row["language"]]) for row in rows
    ]
    judged = [
        row
        for row, fault in zip(rows, faults, strict=True)
        if not fault and row["origin"] == "translated"
    ]
    fidelity = dict(_fidelity(judged, own, packs, judge))
    for at, row in enumerate(rows):
        row["fidelity"] = fidelity.get((row["scenario_id"], row["language"]))
        if not faults[at] and row["origin"] == "translated":
            faults[at] = _unfaithful(row["fidelity"], params)
    return _complete(rows, faults, own, packs)


def _fault(row: Row, scenario: Row, pack: LanguagePack) -> str | None:
    """Return what rules find wrong with a text, as a slug, or None."""
    text = _joined(row)
    if not _is_in_script(text, pack):
        return "wrong_script"
    differs = _numbers(text) != _numbers(_joined(scenario))
    return "numbers_differ" if row["origin"] == "translated" and differs else None


def _is_in_script(text: str, pack: LanguagePack) -> bool:
    letters = [
        unicodedata.name(c, "") for c in text if unicodedata.category(c)[0] == "L"
    ]
    own = sum(name.startswith(pack.script) for name in letters)
    return own >= _OWN_SCRIPT * len(letters)


def _numbers(text: str) -> Counter[str]:
    """Return the numbers of a text, whatever the digits' script."""
    digits = "".join(
        str(unicodedata.decimal(c)) if c.isdecimal() else " " for c in text
    )
    return Counter(number.lstrip("0") for number in digits.split())


def _fidelity(
    rows: Sequence[Row], own: dict[str, Row], packs: Packs, judge: ChatModel
) -> Iterator[tuple[tuple[str, str], int | None]]:
    def requests() -> Iterator[ChatRequest]:
        for row in rows:
            scenario = own[row["scenario_id"]]
            text = packs[scenario["language"]].say(
                "compare",
                original=_joined(scenario),
                translation=row["back_translation"],
            )
            yield ChatRequest(
                [user_message(text)], "check_translations", {"temperature": 0.0}
            )

    for row, outcome in zip(rows, judge.complete(requests()), strict=True):
        said = _read(outcome, Compared)
        yield (row["scenario_id"], row["language"]), said.fidelity if said else None


def _unfaithful(fidelity: int | None, params: TranslationParameters) -> str | None:
    if fidelity is None:
        return "not_judged"
    return "low_fidelity" if fidelity < params.min_fidelity else None


def _complete(
    rows: list[Row], faults: list[str | None], own: dict[str, Row], packs: Packs
) -> tuple[pl.DataFrame, pl.DataFrame]:
    good = Counter(
        row["scenario_id"] for row, fault in zip(rows, faults, strict=True) if not fault
    )
    kept: list[Row] = []
    lost: list[Row] = []
    for row, fault in zip(rows, faults, strict=True):
        if not fault and good[row["scenario_id"]] == len(packs):
            kept.append(row)
            continue
        reason = f"{fault}:{row['language']}" if fault else "incomplete"
        lost.append(_rejected(row, reason, own[row["scenario_id"]]))
    return frame(ScenarioTexts, kept), frame(CedarRejections, lost)


def _rejected(row: Row, reason: str, scenario: Row) -> Row:
    return rejection(
        row["scenario_id"],
        "check_translations",
        reason,
        source=scenario["source"],
        detail=row["language"],
    )


def _joined(text: Row) -> str:
    return f"{text['narrative']}\n{text['question']}".strip()
