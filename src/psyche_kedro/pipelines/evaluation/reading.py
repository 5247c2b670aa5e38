"""What a reader makes of the kept replies: the table ``answers``; no model is asked.

Reading stands apart from asking, so that a mended reader needs no call. Every reply has
an outcome, and each is counted for itself:

=============  ======================================================================
outcome        what it means, and what it scores
=============  ======================================================================
``read``       an answer was read; it is marked
``unread``     the model ended and no answer can be told: wrong
``refused``    it declined in words, or a filter did: wrong
``truncated``  the token limit cut it; what answer stands in it is marked, none is wrong
``failed``     there is no reply: no score until it is asked again
``absent``     stored replies have none for the item: it is left out, nobody was asked
=============  ======================================================================

Example row of ``answers``: ``{"prediction_id": "90d1…", "role": "grpo", "reader":
"default", "rule": "declared", "labels": ["A", "C"], "outcome": "read", …}``.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from psyche_kedro.answers import READERS, Reader, Reading, read_cut_off
from psyche_kedro.llm.replay_chat_model import NOT_STORED
from psyche_kedro.pipelines.evaluation.parameters import ReadingParameters
from psyche_kedro.tables import CHOICE_TYPES, grouped
from psyche_kedro.text.thoughts import part_thought

Row = Mapping[str, Any]

_ANSWERS_NOTHING = "empty_reply"
_BY_FILTER = "content_filter"
_CUT = "truncated"

_DECLINES = re.compile(
    r"\A\W*(?:非常|很|十分|真的)?(?:抱歉|对不起|遗憾|不好意思|作为一[个名]?\w{0,6}?(?:AI|人工智能|语言模型|助手)"
    r"|我?(?:无法|不能|不便|没有办法)|(?:I['’]?m|I am) (?:really |very )?sorry|sorry"
    r"|I (?:can(?:['’]?t|not)|won['’]?t)|I am (?:unable|not able)|as an AI)",
    re.IGNORECASE,
)


def read_all(
    predictions: Iterable[Row], items: Mapping[str, Row], params: ReadingParameters
) -> Iterator[dict[str, Any]]:
    """Yield the row of ``answers`` of every prediction and reader.

    Args:
        predictions: Rows of ``predictions``.
        items: Rows of ``benchmark_items`` by id.
        params: ``evaluation.reading``.
    """
    for prediction in predictions:
        item = items[prediction["item_id"]]
        is_choice = item["type"] in CHOICE_TYPES
        for name in params.readers if is_choice else (params.scored,):
            read = _choice if is_choice else _text
            yield {
                "prediction_id": prediction["prediction_id"],
                "role": prediction["role"],
                "reader": name,
                **read(prediction, item, READERS[name]),
            }


def _choice(prediction: Row, item: Row, reader: Reader) -> dict[str, Any]:
    read = _read(prediction, item, reader)
    return {
        "rule": read.rule,
        "labels": list(read.letters),
        "outcome": _outcome(prediction, is_read=bool(read.letters)),
    }


def _read(prediction: Row, item: Row, reader: Reader) -> Reading:
    text = prediction["text"] or ""
    if prediction["failure"] == _CUT:
        return read_cut_off(text, item, reader)
    return reader(text, item)


def _text(prediction: Row, item: Row, reader: Reader) -> dict[str, Any]:
    said = part_thought(prediction["text"] or "").answer.strip()
    outcome = _outcome(prediction, is_read=bool(said))
    return {
        "labels": [],
        "text": None if outcome in {"failed", "absent"} else said,
        "outcome": outcome,
    }


def _outcome(prediction: Row, *, is_read: bool) -> str:
    if prediction["failure"] == _CUT:
        return "truncated"
    if prediction["failure"] == NOT_STORED:
        return "absent"
    if prediction["failure"] == _BY_FILTER:
        return "refused"
    if prediction["failure"] not in {None, _ANSWERS_NOTHING}:
        return "failed"
    if is_read:
        return "read"
    return "refused" if _DECLINES.match(prediction["text"] or "") else "unread"


# ---- what could not be read ------------------------------------------------------

_MOST_SHAPES = 3
_SHAPE_CHARACTERS = 48
_MASKS = (
    (re.compile(r"[A-Z](?![A-Za-z])(?<![A-Za-z].)"), "X"),
    (re.compile(r"[^\W\d_X][^\W\d_X]+|[^\W\d_X]"), "w"),
    (re.compile(r"\d+"), "9"),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r"(?:w[ ,.、，。；;：:]*)+w"), "w…w"),
)


def shape_of(text: str) -> str:
    """Return what a reply looks like: its marks, with words and letters masked.

    >>> shape_of("[正确答案]A<eoa>")
    '[w]X<w>'
    >>> shape_of("这道题考查焦虑，比较难说。")
    'w…w。'
    """
    if not text.strip():
        return "nothing"
    first, *rest = text.strip().splitlines()
    first = first[: 4 * _SHAPE_CHARACTERS]
    for words, mask in _MASKS:
        first = words.sub(mask, first)
    more = f" and {len(rest)} more lines" if rest else ""
    return first[:_SHAPE_CHARACTERS] + more


def summarise(
    predictions: Iterable[Row], answers: Mapping[str, Row]
) -> Iterator[dict[str, Any]]:
    """Yield how the replies of every model ended, exam by exam.

    Args:
        predictions: Rows of ``predictions``.
        answers: Rows of ``answers`` of the reader that counts, by prediction.
    """
    names = ("role", "model", "benchmark", "split", "protocol")
    answered = ((p, answers[p["prediction_id"]]) for p in predictions)
    sittings = grouped(answered, lambda pair: tuple(pair[0][n] for n in names))
    for sitting, pairs in sittings.items():
        yield dict(zip(names, sitting, strict=True)) | _counts(pairs)


def _counts(pairs: list[tuple[Row, Row]]) -> dict[str, Any]:
    ended = Counter(answer["outcome"] for _, answer in pairs)
    failed = Counter(p["failure"] for p, a in pairs if a["outcome"] == "failed")
    shapes = Counter(
        shape_of(p["text"] or "") for p, a in pairs if a["outcome"] == "unread"
    )
    return {
        "n": len(pairs) - ended["absent"],
        "n_absent": ended["absent"],
        **{f"n_{name}": ended[name] for name in ("read", "unread", "refused")},
        "n_truncated": ended["truncated"],
        "n_truncated_read": sum(
            a["outcome"] == "truncated" and bool(a["labels"] or a["text"])
            for _, a in pairs
        ),
        "n_failed": ended["failed"],
        "reasons": _told(failed),
        "shapes": _told(shapes),
    }


def _told(counts: Counter[str]) -> list[str]:
    return [f"{said} ({n})" for said, n in counts.most_common(_MOST_SHAPES)]


# ---- readers side by side --------------------------------------------------------


def compare_readers(
    predictions: Iterable[Row], answers: Iterable[Row], params: ReadingParameters
) -> Iterator[dict[str, Any]]:
    """Yield how often each reader reads what the one that counts does.

    Args:
        predictions: Rows of ``predictions``.
        answers: Rows of ``answers``, of all readers.
        params: ``evaluation.reading``.
    """
    said: dict[str, dict[str, frozenset[str]]] = {}
    for answer in answers:
        if answer["outcome"] not in {"failed", "absent"} and answer["text"] is None:
            labels = frozenset(answer["labels"])
            said.setdefault(answer["prediction_id"], {})[answer["reader"]] = labels
    counts: dict[tuple[str, ...], Counter[str]] = {}
    for prediction in predictions:
        read = said.get(prediction["prediction_id"], {})
        for reader in params.compared if read else ():
            place = *(prediction[n] for n in ("role", "benchmark", "protocol")), reader
            kind = _beside(read[params.scored], read[reader])
            counts.setdefault(place, Counter())[kind] += 1
    names = ("role", "benchmark", "protocol", "reader")
    for place, kinds in counts.items():
        yield {
            **dict(zip(names, place, strict=True)),
            "n": kinds.total(),
            **{f"n_{kind}": kinds[kind] for kind in _KINDS},
        }


_KINDS = ("same", "other", "only_scored", "only_reader")


def _beside(scored: frozenset[str], other: frozenset[str]) -> str:
    if scored == other:
        return "same"
    if scored and other:
        return "other"
    return "only_scored" if scored else "only_reader"
