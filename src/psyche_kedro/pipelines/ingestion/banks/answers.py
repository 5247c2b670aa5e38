"""What an answer says: letters, truths, places, texts of options.

Nothing is guessed: an answer that names what the question does not offer is none.
"""

import re
import string
from collections.abc import Mapping
from typing import Any

from psyche_kedro.pipelines.ingestion.banks.options import (
    WIDE_LETTERS,
    Pair,
    split_options,
)
from psyche_kedro.text.words import name_of_word, word_lists

Option = dict[str, str]

TRUTHS = name_of_word(
    word_lists("psyche_kedro.pipelines.ingestion", "names.yml")["truths"]
)
LETTERS = string.ascii_uppercase
_BETWEEN_LETTERS = r"[\s,，、;；/|+&#.．和与及]*"
LETTER_RUN = rf"[A-Z](?:{_BETWEEN_LETTERS}[A-Z])*"
LETTERS_FIRST = re.compile(rf"\s*({LETTER_RUN})(?![A-Za-z\u4e00-\u9fff])")
LETTERS_ONLY = re.compile(rf"{LETTER_RUN}|[A-Z]\s*[-~～—–至到]\s*[A-Z]")
_RANGE = re.compile(r"([A-Z])\s*[-~～—–至到]\s*([A-Z])")
_LABELLED_ANSWER = re.compile(
    r"^\s*([A-Z])\s*[、.．:：]\s*([^A-Z\s,，、].*)$", re.DOTALL
)
_NOTED_ANSWER = re.compile(
    rf"^\s*({LETTER_RUN})\s*[（(]([^A-Z（()）]+)[)）]\s*[。.]?\s*$"
)
"""``A（马斯洛）``: letters, and the option's text beside them."""
_LETTERS_BESIDE_TEXTS = re.compile(r"^\s*([A-Z]{2,8})\s*[:：]\s*(\S.*)$", re.DOTALL)
"""``AB:心境低落;兴趣减退``: as 学习通 exports it."""
_ANSWER_WRAPPING = re.compile(
    r"^[\s【\[(（“]*(?:(?:正确|参考|标准|正確|參考|標準)?(?:答案|选项|選項))?[】\])）]?"
    r"(?:是|为|為|选|選)?[\s:：]*"
)
_ANSWER_ENDS = (
    f"{string.whitespace}\u3000\xa0\u2002\u2003\u2009\u202f。.)）】]”,，、;；"
)
_TRUTH_WRAPPING = " \t()（）【】[]。.．"
_BESIDE_TRUTH = re.compile(
    r"^\s*([ABＡＢ])\s*[、.．:：(（]\s*([^()（）]*[^()（）\s])[)）]?\s*$"
)
_BETWEEN_TEXTS = re.compile(r"[、,，;；|#\n]+")
_LETTER = re.compile("[A-ZＡ-Ｚ]")
_ALL = frozenset({"全选", "全部", "全对", "全都选", "全選", "ALL"})
_PLACES = {
    mark: letter
    for marks in ("①②③④⑤⑥⑦⑧⑨⑩", "甲乙丙丁戊己庚辛壬癸", "⑴⑵⑶⑷⑸⑹⑺⑻⑼⑽", "ⒶⒷⒸⒹⒺⒻⒼⒽⒾⒿ")
    for mark, letter in zip(marks, LETTERS, strict=False)
}
_PLACES_ONLY = re.compile(
    rf"[{''.join(_PLACES)}](?:{_BETWEEN_LETTERS}[{''.join(_PLACES)}])*"
)
_BLANK_LETTERS = re.compile(
    rf"[（(【\[]\s*(?:(?:正确|参考)?答案?[为是]?\s*[:：]?\s*|应?选)?({LETTER_RUN})\s*[)）】\]]"
    rf"|(?<!_)_+\s*({LETTER_RUN})\s*_+(?!_)"
    r"|(?<=[是为有的于：:])[ \t]*([A-Z]{1,8})(?=[ \t]*[。.？?]?[ \t]*$)"
)

_LABELLED_AT_END = re.compile(
    r"[（(【\[]?\s*(?:(?:正确|参考)?答案\s*[】\]]?\s*[:：为是]?|应?选|答[:：])\s*"
    rf"({LETTER_RUN})\s*[)）】\]]?[。.\s]*$"
)
"""``…的是（ ）。【答案】A``."""
_TRUTH = "|".join(sorted((w for w in TRUTHS if not w.isdigit()), key=len, reverse=True))
_TRUTH_BESIDE = re.compile(
    rf"[（(\[【〔]\s*({_TRUTH})\s*[)）\]】〕](?=\s*[。.]?\s*$)"
    rf"|^[（(\[【〔]\s*({_TRUTH})\s*[)）\]】〕](?=\s*\w)|(?<=[。.\s])([√×✓✗TF]|(?<=\s)(?:对|错|正确|错误))\s*$",
    re.IGNORECASE,
)


def word_of(value: Any) -> str:
    """Return a plain value as text, 0 and False too; '' for one that is no text."""
    if value is None or isinstance(value, Mapping | list):
        return ""
    return str(value).strip()


def letters_of(answer: Any) -> str:
    """Return an answer as letters are compared: narrow, large, without its wrapping."""
    parts = answer if isinstance(answer, list) else [answer]
    text = "".join(map(word_of, parts))
    return unwrapped(text.translate(WIDE_LETTERS)).upper()


def unwrapped(answer: str) -> str:
    """Return an answer without what stands around it: ``答案：B项。`` is ``B``."""
    said = _ANSWER_WRAPPING.sub("", answer)
    return said.rstrip(_ANSWER_ENDS).removesuffix("项").removesuffix("項")


def named_letters(letters: str) -> list[str]:
    """Return the letters of ``B,D``, ``BD`` or the range ``A-D``, sorted."""
    if span := _RANGE.fullmatch(letters):
        first, last = map(LETTERS.index, span.groups())
        return list(LETTERS[first : last + 1])
    return sorted(set(re.findall("[A-Z]", letters)))


def read_labels(answer: Any, options: list[Option]) -> list[str]:
    """Return the labels named, sorted: of ``AC``, ``A,C``, a list, an option's text.

    None of ``B、华生`` where 华生 is option C: letter and text say different.
    """
    if isinstance(answer, list):
        return sorted(
            {label for part in answer for label in read_labels(part, options)}
        )
    text = word_of(answer)
    by_text = [o["label"] for o in options if o["text"] == text]
    if by_text:
        return by_text
    letters = letters_of(text)
    if LETTERS_ONLY.fullmatch(letters):
        said = named_letters(letters)  # ``B；A B C；A D`` answers three questions
        return said if len(said) >= len(_LETTER.findall(letters)) else []
    beside = _labels_beside_texts(text, options)
    if beside is not None:
        return beside
    return _labels_of_words(text, letters, options)


def _labels_beside_texts(text: str, options: list[Option]) -> list[str] | None:
    """Return the labels of an answer that has texts too, where those are the labels'.

    Of ``B、华生``, ``A（马斯洛）``, ``A:心境低落;B:兴趣减退`` and the same as
    ``AB:心境低落;兴趣减退``. None of an answer without texts.
    """
    said = {option["label"]: option["text"] for option in options}
    if several := _several_labelled(text):
        same = all(said.get(label) == words for label, words in several)
        return sorted({label for label, _ in several}) if same else []
    if together := _LETTERS_BESIDE_TEXTS.match(text):
        words = {part.strip() for part in _BETWEEN_TEXTS.split(together[2])} - {""}
        same = {said.get(label) for label in together[1]} == words
        return named_letters(together[1]) if same else []
    beside = _LABELLED_ANSWER.match(text) or _NOTED_ANSWER.match(text)
    if beside is None:
        return None
    return [] if _is_text_of_another(beside, options) else named_letters(beside[1])


def _several_labelled(text: str) -> list[Pair]:
    """Return letters and texts of ``A:心境低落;B:兴趣减退``; none of ``A、B``."""
    pairs = [(label, words.strip("；;，,。 ")) for label, words in split_options(text)]
    return pairs if len(pairs) > 1 and all(words for _, words in pairs) else []


def _labels_of_words(text: str, said: str, options: list[Option]) -> list[str]:
    """Return the labels of 全选, ②, ``心理现象、物质``; none of what is unclear."""
    if said in _ALL:
        return [option["label"] for option in options]
    label_of = {option["text"]: option["label"] for option in options}
    parts = {part.strip() for part in _BETWEEN_TEXTS.split(text) if part.strip()}
    if parts and parts <= set(label_of):
        return sorted(label_of[part] for part in parts)
    if options and _PLACES_ONLY.fullmatch(said):
        return sorted({_PLACES[mark] for mark in said if mark in _PLACES})
    return []


def _is_text_of_another(labelled: re.Match[str], options: list[Option]) -> bool:
    owners = {o["label"] for o in options if o["text"] == labelled[2].strip()}
    return bool(owners) and labelled[1] not in owners


def truth_of(value: Any) -> str | None:
    """Return A for a word of truth, B for one of falsehood, None for any other."""
    word = word_of(value).lower()
    either = word.strip(_TRUTH_WRAPPING), unwrapped(word)
    return next((TRUTHS[w] for w in either if w in TRUTHS), None)


def truths_of(options: list[Option]) -> dict[str, str]:
    """Return ``{label: A or B}`` when the options are one true and one false."""
    # 0 and 1, T and F are as often what is asked.
    words = {o["label"]: o["text"] for o in options if not o["text"].isascii()}
    truths = {label: t for label, text in words.items() if (t := truth_of(text))}
    return truths if set(truths.values()) == {"A", "B"} else {}


def true_false_label(options: list[Option], answer: Any) -> str | None:
    """Return A for true, B for false; None where label and word say different."""
    word = word_of(answer)
    if match := _BESIDE_TRUTH.match(word):
        letter, told = (_plain_truth(options, part) for part in match.groups())
        return letter if letter == told else None
    return _plain_truth(options, word)


def _plain_truth(options: list[Option], word: str) -> str | None:
    letters = letters_of(word)
    return (
        truths_of(options).get(letters)
        or truth_of(word)
        or (letters if letters in ("A", "B") and not options else None)
    )


def answer_in_stem(stem: str, labels: set[str]) -> tuple[str, str]:
    """Return a stem with its blank empty, and the letters that stood in it, or ''.

    Args:
        stem: ``下列属于焦虑症状的有（A,B）。``
        labels: The options' letters; any other letter in brackets is no answer.
    """
    if not _LETTER.search(stem):
        return stem, ""
    at_end = _LABELLED_AT_END.search(stem.translate(WIDE_LETTERS))
    if at_end and at_end.start() and set(named_letters(at_end[1])) <= labels:
        return stem[: at_end.start()].rstrip(), at_end[1]
    found = [
        match
        for match in _BLANK_LETTERS.finditer(stem.translate(WIDE_LETTERS))
        if match.start() and set(named_letters(_inside(match))) <= labels
    ]
    letters = [_inside(match) for match in found]
    if len({tuple(named_letters(each)) for each in letters}) != 1:
        return stem, ""
    for match in reversed(found):
        stem = f"{stem[: match.start()]}（ ）{stem[match.end() :]}"
    return stem, letters[0]


def places_only(answer: str) -> bool:
    """Return whether an answer is ``②`` or ``Ⓑ``: the place of an option."""
    has_marks = not set(answer) & set("甲乙丙丁戊己庚辛壬癸")
    return has_marks and _PLACES_ONLY.fullmatch(answer) is not None


def _inside(blank: re.Match[str]) -> str:
    return str(next(filter(None, blank.groups())))


def truth_in_stem(stem: str) -> tuple[str, str]:
    """Return a statement without the verdict beside it, ``（√）``, and that verdict."""
    match = _TRUTH_BESIDE.search(stem)
    if match is None:
        return stem, ""
    verdict = next(filter(None, match.groups()))
    return f"{stem[: match.start()]}（ ）{stem[match.end() :]}", verdict
