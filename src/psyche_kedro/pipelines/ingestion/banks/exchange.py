"""Banks as Moodle gives and takes them: GIFT and Moodle XML.

Source: https://docs.moodle.org/en/GIFT_format and https://docs.moodle.org/en/Moodle_XML_format
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from lxml import etree

from psyche_kedro.errors import UnreadableSource
from psyche_kedro.pipelines.ingestion.banks.fields import FAULTS
from psyche_kedro.pipelines.ingestion.files.plain_text import plain

Located = tuple[str, dict[str, Any]]
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_UNKNOWN_KIND = "unknown_question_kind"

# ---- GIFT ------------------------------------------------------------------------

_ANSWERS = re.compile(r"(?<!\\)\{((?:\\.|[^\\{}])*)(?<!\\)\}", re.DOTALL)
_IS_GIFT = re.compile(r"(?<!\\)\{\s*(?:[=~#]|(?:T|F|TRUE|FALSE)\s*[#}])", re.IGNORECASE)
_TITLE = re.compile(r"^\s*::(?:\\.|[^\\:]|:(?!:))*::\s*")
_MARKUP = re.compile(r"^\s*\[(?:html|moodle|plain|markdown)\]\s*")
_ANSWER = re.compile(r"(?<!\\)([=~])((?:\\.|[^\\=~])*)", re.DOTALL)
_WEIGHT = re.compile(r"^%(-?[\d.]+)%")
_FEEDBACK = re.compile(r"(?<!\\)#")
_TRUTH = re.compile(r"\s*(T|F|TRUE|FALSE)\s*(?:#(.*))?$", re.IGNORECASE | re.DOTALL)


def is_gift(text: str) -> bool:
    """Return whether a text has answers in braces, as GIFT has them."""
    return _IS_GIFT.search(text) is not None


def read_gift(text: str) -> Iterator[Located]:
    """Yield ``(locator, record)`` of every question of a GIFT file."""
    lines = text.split("\n")
    start = 0
    for end in [*(n for n, line in enumerate(lines) if not line.strip()), len(lines)]:
        block = [n for n in lines[start:end] if not n.lstrip().startswith("//")]
        body = "\n".join(block).strip()
        if body and not body.startswith("$CATEGORY") and _has_closed(body):
            yield f"line {start + 1}", _gift_question(body)
            start = end + 1
        elif not body or body.startswith("$CATEGORY"):
            start = end + 1


def _has_closed(body: str) -> bool:
    """Return whether a block is whole: an empty line may stand inside its braces."""
    return len(re.findall(r"(?<!\\)\{", body)) == len(re.findall(r"(?<!\\)\}", body))


def _gift_question(body: str) -> dict[str, Any]:
    body = _MARKUP.sub("", _TITLE.sub("", body))
    match = _ANSWERS.search(body)
    if match is None:
        return {"stem": _unescaped(body), FAULTS: [_UNKNOWN_KIND]}
    before, after = body[: match.start()].strip(), body[match.end() :].strip()
    stem = _unescaped(f"{before}____{after}" if after else before)
    essay = {"type": "简答题"} if not match[1].strip() else {}
    return {"stem": stem} | essay | _gift_answers(match[1])


def _gift_answers(said: str) -> dict[str, Any]:
    said, _, general = said.partition("####")
    explanation = {"explanation": _unescaped(general)} if general.strip() else {}
    if truth := _TRUTH.fullmatch(said):
        return {"type": "判断题", "answer": truth[1][0].upper()} | explanation
    found = [(mark, text.strip()) for mark, text in _ANSWER.findall(said)]
    texts = [_unescaped(_FEEDBACK.split(_WEIGHT.sub("", t))[0]) for _, t in found]
    is_odd = said.strip().startswith("#") or any("->" in text for text in texts)
    if is_odd:
        return {FAULTS: [_UNKNOWN_KIND]}
    if all(mark == "=" for mark, _ in found):
        return {"type": "填空题", "answer": " / ".join(texts)} | explanation
    right = [mark == "=" or _weight(text) > 0 for mark, text in found]
    return _choice(texts, right) | explanation


def _weight(text: str) -> float:
    match = _WEIGHT.match(text)
    return float(match[1]) if match else 0.0


def _unescaped(text: str) -> str:
    return re.sub(r"\\([~=#{}:])", r"\1", text).replace("\\n", "\n").strip()


def _choice(texts: Sequence[str], right: Sequence[bool]) -> dict[str, Any]:
    pairs = list(zip(_LETTERS, texts, strict=False))
    return {
        "options": [{"label": label, "text": text} for label, text in pairs],
        "answer": "".join(
            p[0] for p, is_right in zip(pairs, right, strict=False) if is_right
        ),
    }


# ---- Moodle XML ------------------------------------------------------------------

_KINDS = {"truefalse": "判断题", "shortanswer": "填空题", "essay": "简答题"}


def read_moodle(data: bytes) -> Iterator[Located]:
    """Yield ``(locator, record)`` of every question of a Moodle XML file.

    Raises:
        UnreadableSource: If it is no XML, or not Moodle's.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableSource(
            "invalid_xml", f"XML stops being readable ({error.msg}): export it again."
        ) from error
    if root.tag != "quiz":
        raise UnreadableSource(
            "unknown_type",
            f"Of XML, Moodle's `<quiz>` is read; this is `<{root.tag}>`: export it so.",
        )
    questions = [q for q in root.iter("question") if q.get("type") != "category"]
    for number, question in enumerate(questions, 1):
        yield f"question {number}", _moodle_question(question)


def _moodle_question(question: etree._Element) -> dict[str, Any]:
    kind = question.get("type", "")
    record: dict[str, Any] = {
        "stem": _text(question.find("questiontext")),
        "explanation": _text(question.find("generalfeedback")),
    }
    answers = question.findall("answer")
    texts = [_text(answer) for answer in answers]
    right = [float(answer.get("fraction") or 0) > 0 for answer in answers]
    if kind in ("multichoice", "multichoiceset"):
        return record | _choice(texts, right)
    said = [text for text, is_right in zip(texts, right, strict=True) if is_right]
    if kind in _KINDS:
        model = (
            _text(question.find("graderinfo")) if kind == "essay" else " / ".join(said)
        )
        return record | {"type": _KINDS[kind], "answer": model}
    return record | {FAULTS: [_UNKNOWN_KIND]}


def _text(element: etree._Element | None) -> str:
    return "" if element is None else plain(element.findtext("text") or "").strip()
