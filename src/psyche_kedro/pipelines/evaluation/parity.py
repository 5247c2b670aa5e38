"""Replies that others published, read by their readers and by ours.

Three public repositories keep what models said beside what their own code made of it.
Their folders are given by the user; nothing of them is part of the project.

============  =======================  ==============================================
layout        what it has              how the official reader reads a choice
============  =======================  ==============================================
LawBench      ``predictions/*/*/1-2``  every option letter that occurs in the reply
GAOKAO-Bench  ``Results/*_obj``        stored beside the reply as ``model_answer``
Evaluation    ``results/**/*.csv``     stored with the accuracies that it came to
============  =======================  ==============================================

Source: open-compass/LawBench, OpenLMLab/GAOKAO-Bench, MACLAB-HFUT/Evaluation.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from psyche_kedro import metrics
from psyche_kedro.answers import READERS
from psyche_kedro.tables import grouped
from psyche_kedro.text import overlaps
from psyche_kedro.text.overlaps import segment

LETTERS = "ABCD"
_OPTIONS = re.compile(
    r"^(.*?)\n?\s*"
    + r"[;；]?\s*".join(rf"{letter}[.．、:：](.*?)" for letter in LETTERS)
    + r"$",
    re.DOTALL,
)
_ASKED = re.compile("请你回答：\n|<eoa>。请你严格按照这个格式回答。\n")
"""What stands before the question of a prompt; its full stop ends it."""
_PUBLISHED = (
    "predictions/*/*/1-2.json",
    "Results/*_obj/*MCQs.json",
    "results/**/*.csv",
)


class Published(NamedTuple):
    """A reply that its publisher read.

    Attributes:
        group: The model, or the file, that it is counted under.
        text: The reply.
        official: Letters that the official reader reads.
        ours: Letters that the default reader reads.
        key: Letters of the key.
    """

    group: str
    text: str
    official: str
    ours: str
    key: str


def read_published(folder: Path) -> Iterator[Published]:
    """Yield the replies to single choice questions below a folder, read in both ways.

    Args:
        folder: A checkout of LawBench or of GAOKAO-Bench.
    """
    for path in sorted(folder.glob(_PUBLISHED[0])):
        yield from _of_lawbench(path)
    for path in sorted(folder.glob(_PUBLISHED[1])):
        yield from _of_gaokao(path)


def _of_lawbench(path: Path) -> Iterator[Published]:
    group = f"{path.parts[-3]}/{path.parts[-2]}"
    for said in _json(path).values():
        asked = said["origin_prompt"]
        asked = asked if isinstance(asked, str) else asked[-1]["prompt"]
        text = said["prediction"]
        official = "".join(letter for letter in LETTERS if letter in text)
        question = _ASKED.split(asked)[-1]
        ours = _ours(text, question.rpartition("。")[0] or question)
        yield Published(group, text, official, ours, said["refr"][5])


def _of_gaokao(path: Path) -> Iterator[Published]:
    for said in _json(path)["example"]:
        key = "".join(said["standard_answer"])
        if len(said["standard_answer"]) != 1:
            continue  # a passage with several questions
        text, read = said.get("model_output") or "", said.get("model_answer") or ""
        official = "".join(sorted("".join(read)))
        yield Published(path.stem, text, official, _ours(text, said["question"]), key)


def _ours(text: str, question: str) -> str:
    found = _OPTIONS.search(question)
    texts = found.groups()[1:] if found else [""] * len(LETTERS)
    item = {
        "type": "single",
        "case_text": None,
        "stem": found[1] if found else "",
        "options": [
            {"label": label, "text": text.strip().rstrip("。;；")}
            for label, text in zip(LETTERS, texts, strict=True)
        ],
    }
    return "".join(sorted(READERS["default"](text, item).letters))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def compare(replies: Sequence[Published]) -> Iterator[str]:
    """Yield a line per group: how often each is right, and how often they agree.

    Args:
        replies: Of any number of groups.
    """
    groups = grouped(replies, attrgetter("group"))
    yield (
        f"{'':44} {'n':>6} {'official':>9} {'ours':>6} {'same':>6} {'unread':>7}"
        "   (official, ours: share that is the key)"
    )
    for name, group in [*groups.items(), ("all", list(replies))]:
        n = len(group)
        right = [
            sum(r.official == r.key for r in group) / n,
            sum(r.ours == r.key for r in group) / n,
        ]
        same = sum(r.ours == r.official for r in group)
        unread = sum(not r.ours for r in group)
        shares = f"{right[0]:9.3f} {right[1]:6.3f}"
        yield f"{name[:44]:44} {n:6} {shares} {same:6} {unread:7}"


def disagreements(replies: Sequence[Published]) -> list[Published]:
    """Return the replies that both readers read, differently, and ours alone reads."""
    return [r for r in replies if r.ours and r.ours != r.official]


# ---- stored scores ---------------------------------------------------------------


class Stored(NamedTuple):
    """A score at the end of a file of results, and ours of the same rows."""

    file: str
    metric: str
    stored: float
    ours: float


_NUMBERS: Mapping[str, str] = {
    "official_accuracy": r"正确率：([\d.]+)%",
    "official_elastic_accuracy": r"弹性正确率：([\d.]+)%",
    "rouge_1_pltrdy": r"'rouge-1': ([\d.]+)",
    "rouge_l_pltrdy": r"'rouge-l': ([\d.]+)",
    "bleu_4": r"'?bleu_4'?: ([\d.]+)",
}
_SUMMARY = "测评最终结果"


def rescore(folder: Path) -> Iterator[Stored]:
    """Yield every score that is stored in the result files below a folder, with ours.

    Choices are compared as the public code compares them: as strings, and over every
    row. Texts are scored as they stand in the file.

    Args:
        folder: A checkout of MACLAB-HFUT/Evaluation.
    """
    for path in sorted(folder.glob(_PUBLISHED[2])):
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))[1:]
        told = " ".join(cell for row in rows if _SUMMARY in row for cell in row)
        pairs = [(row[-2], row[-1]) for row in rows if _SUMMARY not in row]
        for metric, pattern in _NUMBERS.items():
            if found := re.search(pattern, told):
                name = str(path.relative_to(folder))
                yield Stored(name, metric, float(found[1]), _score(metric, pairs))


def _score(metric: str, pairs: Sequence[tuple[str, str]]) -> float:
    return 100 * fmean(_SCORES[metric](said, key) for said, key in pairs)


def _words(overlap: Callable[[Any, Any], float]) -> Callable[[str, str], float]:
    return lambda said, key: overlap(segment(said), segment(key))


_SCORES: Mapping[str, Callable[[str, str], float]] = {
    "official_accuracy": metrics.official_credit,
    "official_elastic_accuracy": metrics.official_elastic_credit,
    "rouge_1_pltrdy": _words(lambda *pair: overlaps.rouge_pltrdy(*pair).rouge_1),
    "rouge_l_pltrdy": _words(lambda *pair: overlaps.rouge_pltrdy(*pair).rouge_l),
    "bleu_4": _words(overlaps.bleu_4),
}
