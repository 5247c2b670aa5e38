"""One question out of a record, whatever the record calls its fields.

Everything that is wrong with it is named in ``parse_errors``; nothing is guessed, and
nothing is made: a gold is an option that the source lists. The check is one function
for banks and benchmarks, so that an item which a bank rejects is exactly an item which
a benchmark flags.

Example::

    {"题干": "需要层次理论由谁提出？", "A": "马斯洛", "B": "罗杰斯", "答案": "A"}
    -> {"type": "single", "stem": "需要层次理论由谁提出？", "gold": ["A"], …}
"""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psyche_kedro.tables import CHOICE_TYPES
from psyche_kedro.text.words import name_of_word, word_lists

Fields = dict[str, Any]
Option = dict[str, str]

NAMES = word_lists("psyche_kedro.pipelines.ingestion", "names.yml")
_NAME_OF = name_of_word(NAMES["fields"])
_OPTION_NAME = re.compile(
    r"^(?:选项|選項|option[_ ]?)?\s*([A-Ja-jＡ-Ｊ])\s*(?:选项|選項)?$", re.IGNORECASE
)
_OPTION_NUMBER = re.compile(r"^(?:选项|選項|option[_ ]?)\s*([1-9])$", re.IGNORECASE)

TRUTHS = name_of_word(NAMES["truths"])
_TRUE_FALSE_OPTIONS = [{"label": "A", "text": "正确"}, {"label": "B", "text": "错误"}]
WIDE_LETTERS = str.maketrans({chr(0xFF21 + n): chr(0x41 + n) for n in range(26)})
_INLINE_OPTION = re.compile(
    r"[（(]([A-HＡ-Ｈ])[)）]\s*[.．、:：]?\s*"
    r"|(?:^|(?<=[\s;；。]))([A-HＡ-Ｈ])[)）]?\s*[.．、:：)）]\s*"
)
_LETTERS_ONLY = re.compile(r"[A-H](?:[\s,，、;；/|+&.．和与]*[A-H])*")
_LABELLED_ANSWER = re.compile(
    r"^\s*([A-H])\s*[、.．:：]\s*([^A-H\s,，、].*)$", re.DOTALL
)
_ANSWER_WRAPPING = re.compile(
    r"^[\s【\[(（“]*(?:(?:正确|参考|标准)?(?:答案|选项))?[】\])）]?(?:是|为|选)?[\s:：]*"
)
_ANSWER_ENDS = (
    f"{string.whitespace}\u3000\xa0\u2002\u2003\u2009\u202f。.)）】]”,，、;；"
)
_TRUTH_WRAPPING = " \t()（）【】[]。.．"
_BESIDE_TRUTH = re.compile(
    r"^\s*([ABＡＢ])\s*[、.．:：(（]\s*([^()（）]*[^()（）\s])[)）]?\s*$"
)
_BETWEEN_TEXTS = re.compile(r"[、,，;；|\n]+")
_MAX_OPTIONS = 8
_MIN_OPTIONS = 2


def field_name(text: str) -> str | None:
    """Return the canonical name of a column or key, an option's letter, or None."""
    name = text.strip().strip("*：:").lower()
    if match := _OPTION_NAME.match(text.strip()):
        return match[1].translate(WIDE_LETTERS).upper()
    if match := _OPTION_NUMBER.match(text.strip()):
        return chr(ord("A") - 1 + int(match[1]))
    return _NAME_OF.get(name)


def looks_like_question(record: Any) -> bool:
    """Return whether a record has a stem under one of its known names."""
    return isinstance(record, Mapping) and any(field_name(k) == "stem" for k in record)


def parse_question(
    record: Mapping[str, Any], *, type_hint: str | None = None
) -> Fields:
    """Return the ``Question`` columns of a record, and ``parse_errors``.

    Args:
        record: Fields under any known name.
        type_hint: What the file or folder says about the type; it outranks the record.
    """
    fields = _canonical(record)
    raw_answer = _lettered(fields.get("answer"), record)
    options = read_options(fields)
    kind = type_hint or type_of(fields.get("type"))
    kind = kind or _guessed_type(options, raw_answer, fields.get("stem"))
    if kind in ("case", "short_answer") and options:
        kind = _guessed_type(options, raw_answer, None)
    if kind in ("fill_in", "short_answer") and _has_unread_options(fields):
        kind = "single"  # its errors will say that the options are missing
    question = {
        "type": kind,
        "case_text": _case_text(fields),
        "stem": _text(fields.get("stem")) or "",
        "options": options,
        "gold": [],
        "answer_text": None,
        "explanation": _text(fields.get("explanation")),
        "subject": _text(fields.get("subject")),
    }
    question |= _answer(kind, options, raw_answer)
    return question | {"parse_errors": question_errors(question, raw_answer)}


def _canonical(record: Mapping[str, Any]) -> Fields:
    fields: Fields = {}
    for key, value in record.items():
        name = field_name(str(key))
        if name and fields.get(name) in (None, ""):
            fields[name] = value
    return fields


def _lettered(answer: Any, record: Mapping[str, Any]) -> Any:
    """Return the answer ``1,3`` as ``A,C`` where the options are 选项1, 选项2 …."""
    if not any(_OPTION_NUMBER.match(str(key).strip()) for key in record):
        return answer
    return _word(answer).translate(str.maketrans("123456789", "ABCDEFGHI"))


def _has_unread_options(fields: Mapping[str, Any]) -> bool:
    """Return whether options came in a form that ``read_options`` cannot read."""
    value = fields.get("options")
    came = value.strip() if isinstance(value, str) else value
    return isinstance(came, str | list) and bool(came) and not read_options(fields)


def _text(value: Any) -> str | None:
    parts = value if isinstance(value, list) else [value]
    return "\n".join(_word(part) for part in parts).strip() or None


def _word(value: Any) -> str:
    """Return a plain value as text, 0 and False too; '' for one that is no text."""
    if value is None or isinstance(value, Mapping | list):
        return ""
    return str(value).strip()


def _case_text(fields: Mapping[str, Any]) -> str | None:
    names = ("general_info", "case_introduction", "case_text")
    parts = [text for name in names if (text := _text(fields.get(name)))]
    return "\n".join(parts) or None


def type_of(text: Any) -> str | None:
    """Return the question type that a text such as ``多项选择题`` names, or None."""
    text = str(text or "").lower()
    kinds = NAMES["types"].items()
    return next((kind for kind, words in kinds if any(w in text for w in words)), None)


def read_options(fields: Mapping[str, Any]) -> list[Option]:
    """Return ``{label, text}`` in label order; an empty text is no option.

    None where two options have one label: which of them a key means is not known.
    """
    value = fields.get("options")
    if isinstance(value, str):
        pairs = split_options(value)
    elif isinstance(value, Mapping):
        pairs = [(str(k), _word(v)) for k, v in value.items()]
    elif isinstance(value, Sequence):
        pairs = [_listed_option(n, item) for n, item in enumerate(value)]
    else:
        pairs = [(k, _word(v)) for k, v in fields.items() if len(k) == 1]
    found = sorted(
        (label.strip().translate(WIDE_LETTERS).upper(), stripped)
        for label, text in pairs
        if (stripped := text.strip().rstrip(";；").rstrip())
    )
    if len(dict(found)) < len(found):
        return []
    return [{"label": label, "text": text} for label, text in found]


def _listed_option(index: int, item: Any) -> tuple[str, str]:
    if isinstance(item, Mapping) and len(item) == 1:
        return next((str(label), _word(text)) for label, text in item.items())
    if isinstance(item, Mapping):
        labels = [_word(item.get(name)) for name in ("label", "key", "id", "name")]
        texts = [_word(item.get(name)) for name in ("text", "value", "content")]
        label = next(filter(None, labels), chr(ord("A") + index))
        return label, next(filter(None, texts), "")
    text = _word(item)
    match = _INLINE_OPTION.match(text)
    if match is None:
        return chr(ord("A") + index), text
    return match[1] or match[2], text[match.end() :]


def split_options(text: str) -> list[tuple[str, str]]:
    """Return the ``(label, text)`` pairs of ``A. … B. …`` in one or many lines.

    Empty when the text does not start with a label.
    """
    marks = list(_marks_in_sequence(text))
    if not marks or text[: marks[0].start()].strip():
        return []
    labels = [_label(mark) for mark in marks]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [
        (label, text[mark.end() : end].strip())
        for label, mark, end in zip(labels, marks, ends, strict=True)
    ]


def _label(mark: re.Match[str]) -> str:
    return (mark[1] or mark[2]).translate(WIDE_LETTERS)


def _marks_in_sequence(text: str) -> Iterator[re.Match[str]]:
    """Yield the marks that follow one another; the C of 维生素(C) is none of them."""
    expected = None
    for mark in _INLINE_OPTION.finditer(text):
        if expected is None or _label(mark) == expected:
            yield mark
            expected = chr(ord(_label(mark)) + 1)


def _guessed_type(options: list[Option], answer: Any, stem: Any) -> str:
    if len(options) == len(_TRUE_FALSE_OPTIONS) and _truths_of(options):
        return "true_false"
    if options:
        return "multiple" if len(read_labels(answer, options)) > 1 else "single"
    if _truth(answer) is not None and not str(answer).strip().isdigit():
        return "true_false"
    if _LETTERS_ONLY.fullmatch(_letters(answer)):
        several = len(set(re.findall("[A-H]", _letters(answer)))) > 1
        return "multiple" if several else "single"
    return "fill_in" if re.search(r"_{2,}|[（(]\s*[)）]", str(stem)) else "short_answer"


def _letters(answer: Any) -> str:
    parts = answer if isinstance(answer, list) else [answer]
    text = "".join(map(_word, parts))
    return _unwrapped(text.translate(WIDE_LETTERS)).upper()


def _unwrapped(answer: str) -> str:
    """Return an answer without what stands around it: ``答案：B项。`` is ``B``."""
    said = _ANSWER_WRAPPING.sub("", answer)
    return said.rstrip(_ANSWER_ENDS).removesuffix("项")


def _answer(kind: str, options: list[Option], answer: Any) -> Fields:
    if kind == "true_false":
        label = _true_false_label(options, answer)
        gold = [label] if label else []
        return {"options": _TRUE_FALSE_OPTIONS, "gold": gold}
    if kind in CHOICE_TYPES:
        named = read_labels(answer, options)
        return {"gold": named if _are_options(named, options) else []}
    return {"answer_text": _text(answer)}


def _are_options(labels: list[str], options: list[Option]) -> bool:
    return set(labels) <= {option["label"] for option in options}


def _truth(value: Any) -> str | None:
    word = _word(value).lower()
    either = word.strip(_TRUTH_WRAPPING), _unwrapped(word)
    return next((TRUTHS[w] for w in either if w in TRUTHS), None)


def _truths_of(options: list[Option]) -> dict[str, str]:
    """Return ``{label: A or B}`` when the options are one true and one false."""
    truths = {o["label"]: t for o in options if (t := _truth(o["text"]))}
    return truths if set(truths.values()) == {"A", "B"} else {}


def _true_false_label(options: list[Option], answer: Any) -> str | None:
    """Return A for true, B for false; None where label and word say different."""
    word = _word(answer)
    if match := _BESIDE_TRUTH.match(word):
        letter, told = (_plain_truth(options, part) for part in match.groups())
        return letter if letter == told else None
    return _plain_truth(options, word)


def _plain_truth(options: list[Option], word: str) -> str | None:
    letters = _letters(word)
    return (
        _truths_of(options).get(letters)
        or _truth(word)
        or (letters if letters in ("A", "B") and not options else None)
    )


def read_labels(answer: Any, options: list[Option]) -> list[str]:
    """Return the labels named, sorted: of ``AC``, ``A,C``, a list, an option's text.

    None of ``B、华生`` where 华生 is option C: letter and text say different.
    """
    if isinstance(answer, list):
        return sorted(
            {label for part in answer for label in read_labels(part, options)}
        )
    text = _word(answer)
    by_text = [o["label"] for o in options if o["text"] == text]
    if by_text:
        return by_text
    labelled = _LABELLED_ANSWER.match(text)
    if labelled and _is_text_of_another(labelled, options):
        return []
    letters = labelled[1] if labelled else _letters(text)
    if not _LETTERS_ONLY.fullmatch(letters):
        return _labels_of_texts(text, options)
    return sorted(set(re.findall("[A-H]", letters)))


def _is_text_of_another(labelled: re.Match[str], options: list[Option]) -> bool:
    owners = {o["label"] for o in options if o["text"] == labelled[2].strip()}
    return bool(owners) and labelled[1] not in owners


def _labels_of_texts(text: str, options: list[Option]) -> list[str]:
    """Return the labels of ``心理现象、物质``; none unless each part is an option."""
    label_of = {option["text"]: option["label"] for option in options}
    parts = {part.strip() for part in _BETWEEN_TEXTS.split(text)}
    return sorted(label_of[part] for part in parts) if parts <= set(label_of) else []


def question_errors(question: Mapping[str, Any], answer: Any) -> list[str]:
    """Return what is wrong with a question, as slugs; empty when nothing is.

    Args:
        question: The columns of ``Question``.
        answer: What its source gave as the answer.
    """
    errors = ["empty_stem"] if not question["stem"].strip() else []
    if question["type"] not in CHOICE_TYPES:
        return errors if question["answer_text"] else [*errors, "no_answer"]
    return errors + _option_errors(question) + _gold_errors(question, answer)


def _option_errors(question: Mapping[str, Any]) -> list[str]:
    labels = [option["label"] for option in question["options"]]
    if len(labels) > _MAX_OPTIONS:
        return ["too_many_options"]
    expected = [chr(ord("A") + n) for n in range(len(labels))]
    complete = len(labels) >= _MIN_OPTIONS and labels == expected
    return [] if complete else ["options_missing"]


def _gold_errors(question: Mapping[str, Any], answer: Any) -> list[str]:
    """97 items of CPsyExam's training set answer ``D、华生`` to options A to C."""
    gold, options = question["gold"], question["options"]
    if not gold:
        is_option = _are_options(read_labels(answer, options), options)
        return ["no_gold" if is_option else "answer_not_among_options"]
    if question["type"] != "multiple" and len(gold) > 1:
        return ["several_golds_for_single"]
    return []
