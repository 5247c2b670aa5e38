"""Whether a candidate prompt whispers the answer of the question it is for.

Refinement writes a prompt for one question, with a verified rationale in view; the next
request asks the same question with that prompt. If the prompt tells the answer, a right
prediction proves nothing.

The rules go by words: a hint in other words (这句话站得住脚) passes. To know how often,
read a sample of ``rationale_rounds``.
"""

import re
from collections.abc import Mapping
from typing import Any

from psyche_kedro.answers import read_choice
from psyche_kedro.questions import LABELS, option_texts
from psyche_kedro.text.bare import nfkc

QUOTE = 16  # ours: characters in a row shared with the rationale are no coincidence

_ZERO_WIDTH = re.compile(r"[\u200b-\u200f\u2060\ufeff]")


def leaks(candidate: str, question: Mapping[str, Any]) -> bool:
    """Return whether ``candidate`` tells the answer.

    It does when ``answers``, reading it as if it were a reply, finds any answer, or
    when it names a gold option, or all others, by letter or text, outside a list of all
    options. What the stem says may be repeated.

    Args:
        candidate: The prompt.
        question: A row with ``options`` and ``gold``.
    """
    texts = {k: _plain(t).strip(_ENDS) for k, t in option_texts(question).items()}
    labels, gold = set(texts), set(question["gold"])
    own = _own_words(question)
    told = _without(candidate, own)
    if read_choice(told, list(texts)).labels:
        return True
    said = _without_lists(_without(_plain(told), own), texts)
    if _singles_out(_named_by_letter(said, labels), gold, labels):
        return True
    if VERDICTS.keys() >= set(texts.values()):
        return tells_verdict(candidate)
    return _singles_out(_named_by_text(said, texts), gold, labels)


def _own_words(question: Mapping[str, Any]) -> list[str]:
    """Return what a question says before its options, as it stands and plain."""
    parts = filter(None, (question["case_text"], question["stem"]))
    return [words for part in parts for words in (part, _plain(part))]


def _without(said: str, parts: list[str]) -> str:
    for part in parts:
        said = said.replace(part, "")
    return said


def _singles_out(named: set[str], gold: set[str], labels: set[str]) -> bool:
    others = labels - gold
    return bool(named & gold) or (bool(others) and named >= others)


# ---- naming options --------------------------------------------------------------

_ENDS = "。.;；,，、"
_ALONE = r"(?:(?<!\w)|(?<=[是为选]))%s(?![\w.、)])"
"""A text of one character is part of some word of any prompt: 是, 3, 知."""
_BETWEEN = r"(?:[、,;/|→>和与及或跟以]|还是)*"
# A型, F检验 and ABC理论 are no options. What stands before the letter is looked at
# second: a search then skips to the letters, which most prompts lack.
_LETTER = r"[A-H](?<![A-Za-z].)(?![A-Za-z]|型|理论|类|超|组|轴|级|族|检验|值|-)"
_LETTERS = re.compile(rf"{_LETTER}(?:{_BETWEEN}{_LETTER})+")
_RANGE = re.compile(r"([A-H])(?<![A-Za-z].)[到至~-]([A-H])(?![A-Za-z])")
_PLACES = dict(zip("一二三四五六七八12345678", LABELS * 2, strict=True))
_PLACE = re.compile(
    r"第([一二三四五六七八1-8])个?选项|选项([一二三四五六七八1-8])(?!个)"
)


def _named_by_letter(said: str, labels: set[str]) -> set[str]:
    """Return the options whose letters, or places, are said but for lists of all."""

    def kept(match: re.Match[str]) -> str:
        return "" if labels <= set(match[0]) else match[0]

    alone = _LETTERS.sub(kept, _RANGE.sub("", said))
    places = {_PLACES[m[1] or m[2]] for m in _PLACE.finditer(said)}
    return labels & {*re.findall(_LETTER, alone), *places}


def _named_by_text(said: str, texts: Mapping[str, str]) -> set[str]:
    """Return the options whose texts are said, a part of a longer one not."""
    named = set()
    for word in _longest_first(texts):
        if len(word) == 1:
            is_said = re.search(_ALONE % re.escape(word), said) is not None
        else:
            is_said = word in said
            said = said.replace(word, "\0")
        named |= {word} if is_said else set()
    return {label for label, text in texts.items() if text in named}


def _without_lists(said: str, texts: Mapping[str, str]) -> str:
    """Return a prompt without the places where all options stand in a row, once each.

    Any order, any label and any mark between them, as in a copy of the question.
    """
    words = _longest_first(texts)
    if not all(word in said for word in words):
        return said
    word = f"(?:{'|'.join(map(re.escape, words))})"
    item = rf"(?:\(?[A-H][.、:)]*)?{word}[{_ENDS}]?{_BETWEEN}"

    def kept(match: re.Match[str]) -> str:
        said = re.findall(word, match[0])
        return "\0" if sorted(said) == sorted(words) else match[0]

    return re.sub(f"(?:{item}){{{len(words)},}}", kept, said)


def _longest_first(texts: Mapping[str, str]) -> list[str]:
    return sorted(set(filter(None, texts.values())), key=len, reverse=True)


# ---- judging a statement ---------------------------------------------------------

VERDICTS = dict.fromkeys(["正确", "对", "是", "√", "✓", "真"], True) | dict.fromkeys(
    ["错误", "不正确", "错", "不对", "否", "×", "✗", "假"], False
)
"""Texts of a true/false item's options, and whether they call the statement right."""
_WORD = r"(?:正确(?!地|性|理解|把握|认识|区分|分析)|错误|有误|(?:对|错)(?=的?(?:\W|$)))"
_NEUTRAL = re.compile(
    rf"(?:是否|是不是|能否|有无|有没有)[^,。;!?]{{0,6}}?{_WORD}的?"
    rf"|{_WORD}的?(?:与否|吗|(?:还是|或者?|与|和|及|、|/){_WORD}的?)"
    r"|正误|对错|真假|对不对"
)
_SUPPOSED = re.compile(
    "如果|若|假如|假设|假定|设想|倘若|要是|只要|只有|时才|无论|不论|可能|也许"
)
_TOLD = re.compile(
    r"(?:[该此其本原这][一个种句条道]?(?:说法|表述|命题|陈述|观点|论断|描述|叙述|结论|话|题|句)"
    rf"|题干|题目|这样说)(?:(?!理解)[^,。;:!?、()“”]){{0,6}}?(?P<a>{_WORD}|错在)"
    rf"|(?:答案|结论|判断?|选|填)[应该当]*[是为作成:]*[“(]?(?P<b>{_WORD})"
    rf"|[“(](?P<c>{_WORD})[”)]"
)
_NEGATED = re.compile(r"(?:不|非|没有?)[是能算为完全]*$")
_NEGATION = 12
"""Characters of the longest: 没有完全能算是."""


def tells_verdict(candidate: str) -> bool:
    """Return whether a prompt calls the statement of a true/false item right or wrong.

    There 正确 and 错误 are the options, and part of how anyone asks (是否正确,
    正确与否, 如果正确……). What counts is a verdict on the statement, of one kind only.

    Args:
        candidate: The prompt.
    """
    said = _plain(candidate.replace("\n", "。"))
    sentences = set(re.split("[。;!?]", _NEUTRAL.sub("", said)))
    asserted = [s for s in sentences if not _SUPPOSED.search(s)]
    return len({told for s in asserted for told in verdicts(s)}) == 1


def verdicts(sentence: str) -> list[bool]:
    """Return the verdicts of a sentence: right or wrong, negations taken in."""
    found = []
    for match in _TOLD.finditer(sentence):
        start = max(match.start(name) for name in "abc")
        is_right = sentence[start] in "正对"
        before = sentence[max(0, start - _NEGATION) : start]
        found.append(is_right != bool(_NEGATED.search(before)))
    return found


# ---- quoting ---------------------------------------------------------------------


def quotes_rationale(candidate: str, rationale: str, question: str) -> bool:
    """Return whether ``candidate`` copies a stretch of the rationale.

    A request that asks for an answer must not carry an analysis of its item.

    Args:
        candidate: The prompt.
        rationale: What it must not copy.
        question: As the model sees it; what it says itself may be repeated.
    """
    said, source = _plain(candidate), _plain(rationale)
    if not _share_a_block(said, source):
        return False
    copied = _stretches(source) & _stretches(said)
    return bool(copied and copied - _stretches(_plain(question)))


_SHORT = 4_000


def _share_a_block(said: str, source: str) -> bool:
    """Return whether any of the blocks that ``said`` falls into stands in ``source``.

    Every stretch holds a whole block of half its length, so most pairs end here. What
    is left over at the end is no block: a character or two stand in any source.
    """
    size = QUOTE // 2
    starts = range(0, len(said) - size + 1, size)
    if len(source) > _SHORT:  # each block would be looked for in all of it
        return not _stretches(source, size).isdisjoint(
            said[i : i + size] for i in starts
        )
    return any(said[i : i + size] in source for i in starts)


def _plain(text: str) -> str:
    return _ZERO_WIDTH.sub("", "".join(nfkc(text).split()))


def _stretches(text: str, size: int = QUOTE) -> set[str]:
    return {text[i : i + size] for i in range(len(text) - size + 1)}
