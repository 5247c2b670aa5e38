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
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from psyche_kedro.pipelines.ingestion.banks.answers import (
    LETTERS,
    LETTERS_ONLY,
    Option,
    answer_in_stem,
    letters_of,
    places_only,
    read_labels,
    true_false_label,
    truth_in_stem,
    truth_of,
    truths_of,
    word_of,
)
from psyche_kedro.pipelines.ingestion.banks.doubts import IN_BRACKETS, text_errors
from psyche_kedro.pipelines.ingestion.banks.options import (
    WIDE_LETTERS,
    Pair,
    options_after,
    split_options,
    unmarked,
    with_next_option,
)
from psyche_kedro.pipelines.ingestion.files.plain_text import plain
from psyche_kedro.tables import CHOICE_TYPES
from psyche_kedro.text.words import name_of_word, word_lists

Fields = dict[str, Any]

FAULTS = "parse_errors"
"""Key of a record under which a reader says what it saw to be wrong."""
NAMES = word_lists("psyche_kedro.pipelines.ingestion", "names.yml")
_NAME_OF = name_of_word(NAMES["fields"])
_OPTION_NAME = re.compile(
    r"^(?:选项|選項|option[_ ]?)?\s*([A-Ja-jＡ-Ｊ])\s*(?:选项|選項)?$", re.IGNORECASE
)
_OPTION_NUMBER = re.compile(r"^(?:选项|選項|option[_ ]?)\s*([1-9])$", re.IGNORECASE)
_TRUE_FALSE_OPTIONS = [{"label": "A", "text": "正确"}, {"label": "B", "text": "错误"}]
_BLANK = re.compile(r"_{2,}|[（(]\s*[)）]")
_OPEN_BLANK = re.compile(r"[（(]\s*[)）]")
_CORRECT_NAMES = (
    "is_correct",
    "iscorrect",
    "correct",
    "is_right",
    "right",
    "is_answer",
    "isanswer",
)
_MAX_OPTIONS = 8
_MIN_OPTIONS = 2


@lru_cache(maxsize=4096)
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
    asked = _asked(fields)
    labels = [label for label, _ in asked.pairs]
    is_repeated = len(set(labels)) < len(labels) or _names_a_letter_twice(record)
    repeated = ["option_letters_repeated"] if is_repeated else []
    options = [] if repeated else _in_order(asked.pairs)
    said = _said(_lettered(fields.get("answer"), record), asked, options)
    hint = type_hint or type_of(fields.get("type")) or ("single" if repeated else None)
    kind = _kind(fields, options, said, hint)
    question = {
        "type": kind,
        "case_text": _case_text(fields),
        "stem": said.stem,
        "options": options,
        "gold": [],
        "answer_text": None,
        "explanation": _text(fields.get("explanation")),
        "subject": _text(fields.get("subject")),
    }
    if not said.faults:
        question |= _answer(kind, options, said.answer)
    errors = [*record.get(FAULTS, ()), *repeated, *said.faults]
    errors += question_errors(question, said.answer)
    return question | {"parse_errors": list(dict.fromkeys(errors))}


def _canonical(record: Mapping[str, Any]) -> Fields:
    fields: Fields = {}
    for key, value in record.items():
        name = field_name(str(key))
        if name and fields.get(name) in (None, "", []):
            fields[name] = value
    return fields


def _names_a_letter_twice(record: Mapping[str, Any]) -> bool:
    """Return whether A and Ａ, or options and choices, say different things."""
    said: dict[str | None, set[str]] = {}
    for key, value in record.items():
        words = word_of(value) or (str(value) if value else "")
        said.setdefault(field_name(str(key)), set()).add(words)
    return any(
        (name == "options" or len(name or "") == 1) and len(texts - {""}) > 1
        for name, texts in said.items()
    )


def _lettered(answer: Any, record: Mapping[str, Any]) -> Any:
    """Return an answer without tags, ``1,3`` as ``A,C`` where options are 选项1 …."""
    answer = plain(answer) if isinstance(answer, str) else answer
    if not any(_OPTION_NUMBER.match(str(key).strip()) for key in record):
        return answer
    return word_of(answer).translate(str.maketrans("123456789", "ABCDEFGHI"))


def _text(value: Any) -> str | None:
    parts = value if isinstance(value, list) else [value]
    return "\n".join(_word(part) for part in parts).strip() or None


def _word(value: Any) -> str:
    return plain(word_of(value))


def _case_text(fields: Mapping[str, Any]) -> str | None:
    names = ("general_info", "case_introduction", "case_text")
    parts = [text for name in names if (text := _text(fields.get(name)))]
    return "\n".join(parts) or None


# ---- types -----------------------------------------------------------------------


def type_of(text: Any) -> str | None:
    """Return the question type that a text such as ``多项选择题`` names, or None.

    What stands in brackets says it only where nothing else does: 单选题（判断并选出…）.
    """
    text = str(text or "").lower().strip(" :：")
    bare = IN_BRACKETS.sub("", text).strip(" :：")
    return _WHOLE_TYPES.get(bare) or _first_type(bare) or _first_type(text)


def _first_type(text: str) -> str | None:
    kinds = NAMES["types"].items()
    return next((kind for kind, words in kinds if any(w in text for w in words)), None)


_WHOLE_TYPES = {"判断": "true_false", "是非": "true_false"}


def _kind(
    fields: Fields, options: list[Option], said: "_Said", type_hint: str | None
) -> str:
    kind = type_hint or _guessed_type(options, said.answer, said.stem)
    is_judged = kind == "true_false" and len(options) > 0 and not truths_of(options)
    if is_judged or (kind in ("case", "short_answer", "fill_in") and options):
        kind = _guessed_type(options, said.answer, None)
    if kind in ("fill_in", "short_answer") and _has_unread_options(fields):
        kind = "single"  # its errors will say that the options are missing
    return kind


def _guessed_type(options: list[Option], answer: Any, stem: Any) -> str:
    if len(options) == len(_TRUE_FALSE_OPTIONS) and truths_of(options):
        return "true_false"
    if options:
        return "multiple" if len(read_labels(answer, options)) > 1 else "single"
    if truth_of(answer) is not None and not str(answer).strip().isdigit():
        return "true_false"
    if LETTERS_ONLY.fullmatch(letters := letters_of(answer)):
        several = len(set(re.findall("[A-Z]", letters))) > 1
        return "multiple" if several else "single"
    if places_only(letters):
        return "single"  # its errors will say that the options are missing
    return "fill_in" if _BLANK.search(str(stem)) else "short_answer"


# ---- options ---------------------------------------------------------------------


class _Asked(NamedTuple):
    """A stem and its options as they came.

    Attributes:
        stem: Without the options that stood in it.
        pairs: Letter and text, letters perhaps twice.
        right: Letters of the options marked as right.
    """

    stem: str
    pairs: list[Pair]
    right: list[str]


def _asked(fields: Fields) -> _Asked:
    stem = _text(fields.get("stem")) or ""
    pairs = _option_pairs(fields)
    if not pairs and not fields.get("options") and _is_choice(fields):
        stem, pairs = options_after(stem)
    pairs, right = unmarked(pairs)
    return _Asked(stem, pairs, right or _correct_options(fields.get("options")))


def _is_choice(fields: Fields) -> bool:
    """Return whether options are to be looked for in a stem."""
    if type_of(fields.get("type")) in CHOICE_TYPES or not fields.get("answer"):
        return True
    return LETTERS_ONLY.fullmatch(letters_of(fields["answer"])) is not None


def read_options(fields: Mapping[str, Any]) -> list[Option]:
    """Return ``{label, text}`` in label order; an empty text is no option.

    None where two options have one label: which of them a key means is not known.
    """
    pairs = _option_pairs(fields)
    is_clear = len(dict(pairs)) == len(pairs)
    return _in_order(unmarked(pairs)[0]) if is_clear else []


def _in_order(pairs: Sequence[Pair]) -> list[Option]:
    return [{"label": label, "text": text} for label, text in sorted(pairs)]


def _option_pairs(fields: Mapping[str, Any]) -> list[Pair]:
    value = fields.get("options")
    if isinstance(value, str):
        pairs = split_options(plain(value))
    elif isinstance(value, Mapping):
        pairs = [(str(k), _word(v)) for k, v in value.items()]
    elif isinstance(value, Sequence):
        pairs = [_listed_option(n, item) for n, item in enumerate(value)]
    else:
        pairs = []
    listed = _cleaned(pairs)
    lettered = _cleaned((k, _word(v)) for k, v in fields.items() if len(k) == 1)
    return with_next_option(listed + [pair for pair in lettered if pair not in listed])


def _cleaned(pairs: Iterable[Pair]) -> list[Pair]:
    return [
        (label.strip().translate(WIDE_LETTERS).upper(), stripped)
        for label, text in pairs
        if (stripped := text.strip().rstrip(";；|｜").rstrip())
    ]


def _listed_option(index: int, item: Any) -> Pair:
    letter = LETTERS[index] if index < len(LETTERS) else str(index)
    if isinstance(item, Mapping) and len(item) == 1:
        return next((str(label), _word(text)) for label, text in item.items())
    if isinstance(item, Mapping):
        labels = [
            word_of(item.get(name)) for name in ("label", "key", "id", "name", "option")
        ]
        texts = [_word(item.get(name)) for name in ("text", "value", "content")]
        label = next(filter(None, labels), letter)
        text = next(filter(None, texts), "")
        if re.fullmatch("[A-Za-zＡ-Ｚ]", label) or not text:
            return label, text
        return letter, text  # an id of a database is no letter
    pairs = split_options(text := _word(item))
    return pairs[0] if len(pairs) == 1 else (letter, text)


def _correct_options(value: Any) -> list[str]:
    """Return the labels of the options whose record says that they are right."""
    if not isinstance(value, list):
        return []
    return [
        _listed_option(n, item)[0]
        for n, item in enumerate(value)
        if isinstance(item, Mapping)
        and any(_is_yes(v) for k, v in item.items() if str(k).lower() in _CORRECT_NAMES)
    ]


def _is_yes(value: Any) -> bool:
    return value is True or word_of(value).lower() in ("1", "true", "yes", "是", "正确")


def _has_unread_options(fields: Mapping[str, Any]) -> bool:
    """Return whether options came in a form that ``read_options`` cannot read."""
    value = fields.get("options")
    came = value.strip() if isinstance(value, str) else value
    return isinstance(came, str | list) and bool(came) and not read_options(fields)


# ---- answers ---------------------------------------------------------------------


class _Said(NamedTuple):
    """What the answer is, and the stem without it."""

    answer: Any
    stem: str
    faults: list[str]


def _said(answer: Any, asked: _Asked, options: list[Option]) -> _Said:
    """Return the one answer that stands in a question's fields, stem and options."""
    labels = {option["label"] for option in options}
    stem, in_stem = answer_in_stem(asked.stem, labels)
    if not in_stem and not options:
        stem, in_stem = truth_in_stem(asked.stem)
    given = [part for part in (answer, asked.right) if part not in (None, "", [])]
    if given and _OPEN_BLANK.search(asked.stem) and not asked.stem.startswith(stem):
        stem, in_stem = asked.stem, ""  # another blank asks: these letters may name
    given += [in_stem] if in_stem else []
    first = given[0] if given else answer
    meant = {_meaning(part, options) for part in given}
    if in_stem and _meaning(in_stem, options) not in meant:
        stem = asked.stem
    return _Said(first, stem, ["answers_differ"] if len(meant) > 1 else [])


def _meaning(answer: Any, options: list[Option]) -> tuple[str, ...]:
    if not options:
        return (truth_of(answer) or word_of(answer),)
    return tuple(read_labels(answer, options))


def _answer(kind: str, options: list[Option], answer: Any) -> Fields:
    if kind == "true_false":
        label = true_false_label(options, answer)
        gold = [label] if label else []
        return {"options": _TRUE_FALSE_OPTIONS, "gold": gold}
    if kind in CHOICE_TYPES:
        named = read_labels(answer, options)
        return {"gold": named if _are_options(named, options) else []}
    return {"answer_text": _text(answer)}


def _are_options(labels: list[str], options: list[Option]) -> bool:
    return set(labels) <= {option["label"] for option in options}


# ---- errors ----------------------------------------------------------------------


def question_errors(question: Mapping[str, Any], answer: Any) -> list[str]:
    """Return what is wrong with a question, as slugs; empty when nothing is.

    Args:
        question: The columns of ``Question``.
        answer: What its source gave as the answer.
    """
    errors = ["empty_stem"] if not question["stem"].strip() else []
    errors += text_errors(question)
    if question["type"] not in CHOICE_TYPES:
        return errors if question["answer_text"] else [*errors, "no_answer"]
    return errors + _option_errors(question) + _gold_errors(question, answer)


def _option_errors(question: Mapping[str, Any]) -> list[str]:
    labels = [option["label"] for option in question["options"]]
    if len(labels) > _MAX_OPTIONS:
        return ["too_many_options"]
    expected = list(LETTERS[: len(labels)])
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
