"""olmOCR, page by page.

The paper reads images and PDFs with olmOCR (§2.1). Its command line discards a whole
book for one page that fails and exits with 0 (tried: 1 page of 61), so we take its
renderer, its prompt and its reply format and ask through our own ``ChatModel``:
back-off is the gateway's, and its reply store, keyed by the picture, the prompt, the
model and the sampling, is the page store. A rerun asks only for what is missing.

A reply is YAML front matter, then the page in Markdown::

    ---
    primary_language: zh
    is_rotation_valid: True
    rotation_correction: 0
    is_table: False
    is_diagram: False
    ---
    # 第一章 …
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from psyche_kedro.llm.chat_model import ChatModel, ChatRequest, Failure, Outcome
from psyche_kedro.llm.pictures import user_message
from psyche_kedro.pipelines.ingestion.files.sources import Bounded
from psyche_kedro.pipelines.ingestion.parameters import OlmocrParameters
from psyche_kedro.pipelines.ingestion.textbooks.olmocr_pictures import (
    draw,
    require_renderer,
    turn,
)
from psyche_kedro.pipelines.ingestion.textbooks.page_images import PageRef

_FENCE = re.compile(r"\A\s*```[a-z]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_WORTH_ANOTHER_TRY = frozenset(
    {"truncated", "empty_reply", "no_front_matter", "turned", "repeating_reply"}
)
"""What another temperature may mend; the gateway has retried all else already."""
_FORM = re.compile(r"---\n(.{0,1000}?)\n---(.*)", re.DOTALL)
"""The front matter, whose five lines have 130 characters, and the page."""
_NO_FORM = (
    *(ValueError, TypeError, AttributeError, ArithmeticError, RecursionError),
    yaml.YAMLError,
)
_CIRCLE = range(4, 61)
"""Characters of a stretch that ten copies of, in a row, are no reading."""
_COPIES = 10


class OlmocrPage(NamedTuple):
    """What olmOCR made of one page.

    Attributes:
        text: Markdown; empty for a blank page.
        problem: Why there is no usable text, as a slug; None when there is.
        turn: Degrees by which the page must be turned before another attempt.
    """

    text: str
    problem: str | None = None
    turn: int = 0


class _Try(NamedTuple):
    ref: PageRef
    turn: int = 0


def read_pages(
    refs: Sequence[PageRef], model: ChatModel, params: OlmocrParameters, hand: Bounded
) -> dict[PageRef, OlmocrPage]:
    """Return what olmOCR made of every page.

    A page without a usable reply is asked for again at the next temperature, turned if
    the reply says so.

    Raises:
        ChatModelError: If the renderer is not installed, before any page is asked.
    """
    require_renderer(refs, params)
    pages: dict[PageRef, OlmocrPage] = {}
    waiting = [_Try(ref) for ref in refs]
    for attempt in range(len(params.temperatures)):
        read = _ask(waiting, attempt, model, params, hand)
        pages |= {one.ref: page for one, page in read}
        waiting = [
            _Try(one.ref, (one.turn + page.turn) % 360)
            for one, page in read
            if page.problem in _WORTH_ANOTHER_TRY
        ]
        if not waiting:
            break
    return pages


def _ask(
    tries: Sequence[_Try],
    attempt: int,
    model: ChatModel,
    params: OlmocrParameters,
    hand: Bounded,
) -> list[tuple[_Try, OlmocrPage]]:
    """Return what came of each try; a page that could not be drawn is not asked for."""
    asked: list[_Try] = []
    undrawn: list[tuple[_Try, OlmocrPage]] = []

    def requests() -> Iterator[ChatRequest]:
        drawings = draw([one.ref for one in tries], params, hand)
        for one, drawing in zip(tries, drawings, strict=True):
            if drawing.problem:
                undrawn.append((one, OlmocrPage("", drawing.problem)))
                continue
            asked.append(one)
            yield _request(turn(drawing.png, one.turn), attempt, params)

    read = [read_reply(outcome) for outcome in model.complete(requests())]
    return [*undrawn, *zip(asked, read, strict=True)]


def _request(png: bytes, attempt: int, params: OlmocrParameters) -> ChatRequest:
    # 0.2 s to import, and only a run with an endpoint needs it.
    from olmocr.prompts import build_no_anchoring_v4_yaml_prompt  # noqa: PLC0415

    return ChatRequest(
        messages=[user_message(build_no_anchoring_v4_yaml_prompt(), png, "png")],
        task="read_textbooks",
        sampling={
            "temperature": params.temperatures[attempt],
            "max_tokens": params.max_tokens,
        },
        attempt=attempt,
    )


def read_reply(outcome: Outcome) -> OlmocrPage:
    """Return the page of a reply, its fences and thoughts taken off.

    Args:
        outcome: What the model answered; a ``Failure`` is a page with a problem.
    """
    from olmocr.prompts import PageResponse  # noqa: PLC0415
    from olmocr.train.front_matter import FrontMatterParser  # noqa: PLC0415

    if isinstance(outcome, Failure):
        return OlmocrPage("", outcome.reason)
    form = _FORM.match(_bare(outcome.text))
    if form is None:
        return OlmocrPage("", "no_front_matter")
    parser = FrontMatterParser(front_matter_class=PageResponse)
    try:
        # Its own reader of the form logs what it cannot parse, which may be the page.
        matter = yaml.safe_load(form[1]) or {}
        page = parser._parse_front_matter(matter, form[2].strip())
    except _NO_FORM:
        return OlmocrPage("", "no_front_matter")
    if not page.is_rotation_valid and page.rotation_correction:
        return OlmocrPage(page.natural_text or "", "turned", page.rotation_correction)
    if page.natural_text and runs_in_a_circle(page.natural_text):
        return OlmocrPage("", "repeating_reply")
    return OlmocrPage(page.natural_text or "")


def runs_in_a_circle(text: str) -> bool:
    """Return whether a stretch is written ten times in a row.

    A known failure of vision models. Text of period p equals itself p characters on.
    """
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    return any(
        _longest_run(codes[size:] == codes[:-size]) >= (_COPIES - 1) * size
        for size in _CIRCLE
        if len(codes) >= _COPIES * size
    )


def _longest_run(same: NDArray[np.bool_]) -> int:
    breaks = np.flatnonzero(~same)
    return int(np.diff(breaks, prepend=-1, append=len(same)).max()) - 1


def _bare(text: str) -> str:
    fenced = _FENCE.match(text)
    return (fenced[1] if fenced else text).lstrip()
