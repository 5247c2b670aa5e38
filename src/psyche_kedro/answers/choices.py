r"""Read what a model chose out of its reply.

The one place that knows what a reply looks like: the rewards, the difficulty split and
the benchmark metrics call ``read_choice``, so they never disagree about an answer.

Precision comes first. The rules stand in the order of ``_RULES``; the first that
recognises a declaration decides, and a reply that declares two different answers
without taking one back has no answer. Nothing is read inside a thought, whatever its
form, and the letters of ``ABC理论``, ``A型人格`` or ``DSM-5`` are not options.

Example::

    >>> reply = "<think>先看B……</think>答案是A。等等，正确答案应为C、D。"
    >>> sorted(read_choice(reply, "ABCD").labels), read_choice(reply, "ABCD").rule
    (['C', 'D'], 'declared')
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from psyche_kedro.answers.records import read_objects
from psyche_kedro.questions import LABELS, option_texts
from psyche_kedro.text.bare import nfkc
from psyche_kedro.text.thoughts import part_thought

_OPEN, _CLOSE = "<think>", "</think>"


class Choice(NamedTuple):
    """The final choice of a reply.

    Attributes:
        labels: The labels chosen; empty if and only if none could be read.
        rule: The rule that read them, or ``unread``.
    """

    labels: frozenset[str]
    rule: str


class Thought(NamedTuple):
    """A reply of the form ``<think>reasoning</think>answer``, both stripped."""

    reasoning: str
    answer: str


class _Declared(NamedTuple):
    labels: frozenset[str]
    """Empty where the reply hedges or names a letter that is no option."""
    final: bool
    """Whether the words before it take back what stood earlier."""


class _Said(NamedTuple):
    """The answer channel of a reply, in NFKC."""

    raw: str
    plain: str
    """Without quotes, Markdown and zero-width characters."""


class _Question(NamedTuple):
    labels: frozenset[str]
    texts: Mapping[str, str]
    """As they came; two rules of the last resort read them."""


UNREAD = Choice(frozenset(), "unread")


def split_thought(text: str) -> Thought | None:
    """Return the two parts of a well-formed reasoning reply, or ``None``.

    Args:
        text: The whole completion.

    Returns:
        ``None`` unless the text is one ``<think>…</think>`` at the start, with
        something in it and something after it.

    Source: §2.5 (format reward).

    >>> split_thought("<think>题干问的是定义。</think>答案：A")
    Thought(reasoning='题干问的是定义。', answer='答案：A')
    """
    text = text.strip()
    if (text.count(_OPEN), text.count(_CLOSE)) != (1, 1) or not text.startswith(_OPEN):
        return None
    reasoning, answer = text.removeprefix(_OPEN).split(_CLOSE)
    if not (reasoning.strip() and answer.strip()):
        return None
    return Thought(reasoning.strip(), answer.strip())


def read_choice(
    text: str, labels: Sequence[str], *, texts: Mapping[str, str] | None = None
) -> Choice:
    """Return the final choice declared in ``text``.

    Args:
        text: The reply, with or without its reasoning.
        labels: Labels of the question's options, capital letters.
        texts: Text by label; with it, an answer in words (``抑郁``, ``以上都是``) is
            read too.

    Returns:
        A subset of ``labels`` and the rule that read it; ``UNREAD`` where the reply
        declares nothing, hedges, contradicts itself or names a letter outside
        ``labels``.

    >>> read_choice("答案是A。答案是B。", "ABCD") == UNREAD
    True
    """
    question = _Question(frozenset(labels), texts or {})
    answer = part_thought(nfkc(text)).answer
    said = _Said(answer, _undecorated(answer))
    rules = _RULES if _LETTER.search(answer) else _RULES_WITHOUT_LETTERS
    for name, rule in rules.items():
        declared = list(rule(said, question))
        if declared:
            found = _resolve(declared)
            return Choice(found, name) if found else UNREAD
    return UNREAD


def read_choice_of(text: str, question: Mapping[str, Any]) -> Choice:
    """Return the final choice that ``text`` makes among the options of a question.

    Args:
        text: The reply, with or without its reasoning.
        question: A row with ``options``.

    >>> options = [{"label": "A", "text": "焦虑"}, {"label": "B", "text": "抑郁"}]
    >>> read_choice_of("应诊断为抑郁", {"options": options})
    Choice(labels=frozenset({'B'}), rule='text')
    """
    texts = option_texts(question)
    return read_choice(text, list(texts), texts=texts)


def read_field(
    value: object, labels: Sequence[str], *, texts: Mapping[str, str] | None = None
) -> Choice:
    """Return the choice in a field made for it: ``"ac"``, ``["A. 焦虑", "C. 强迫"]``.

    Args:
        value: As JSON gives it; the items of a list are one answer.
        labels: Labels of the question's options, capital letters.
        texts: Text by label.

    Returns:
        ``UNREAD`` where any part cannot be read.

    >>> sorted(read_field(["A. 焦虑", "C. 强迫"], "ABCD").labels)
    ['A', 'C']
    """
    parts = (
        value if isinstance(value, list | tuple) else re.split("[;；\n]", str(value))
    )
    said = dict.fromkeys(str(part) for part in parts if str(part).strip())
    if len(said) > _MOST_PARTS:
        return UNREAD
    read = [_read_part(part, labels, texts) for part in said]
    if not read or UNREAD in read:
        return UNREAD
    return Choice(frozenset().union(*(part.labels for part in read)), read[0].rule)


_MOST_PARTS = 16
"""Of a field: eight options, each by its letter and by its text."""


def _read_part(
    text: str, labels: Sequence[str], texts: Mapping[str, str] | None
) -> Choice:
    letters = _slot(text)
    if not letters:
        return read_choice(text, labels, texts=texts)
    found = _within(letters, _Question(frozenset(labels), texts or {}))
    return Choice(found, "field") if found else UNREAD


# ---- the reply as text -----------------------------------------------------------


_DECORATION = re.compile("[*`#_$\"'“”‘’「」『』《》\u200b\u200c\u200d\u2060\ufeff]+")
_LATEX_TEXT = re.compile(r"\\(?:text|mathrm|mathbf)(?:bf|rm)?\s*\{([^{}]*)\}")


def plain_text(text: str) -> str:
    """Return ``text`` in NFKC without quotes, Markdown and zero-width characters.

    >>> plain_text("**答案**：“Ａ”")
    '答案:A'
    """
    return _undecorated(nfkc(text))


def _undecorated(text: str) -> str:
    if "\\" in text:
        text = _LATEX_TEXT.sub(r"\1", text)
    return _LONG_BLANK.sub(_shorter, _DECORATION.sub("", text)).strip()


_LONG_BLANK = re.compile(r"\s{4,}")
"""No rule tells four blanks from forty; several of them together would try each."""


def _shorter(blank: re.Match[str]) -> str:
    return "\n\n" if "\n" in blank[0] else "   "


def _resolve(declared: list[_Declared]) -> frozenset[str]:
    """Return what all declarations agree on, else what the last one corrects to."""
    *_, last = declared
    if last.final or len({d.labels for d in declared}) == 1:
        return last.labels
    return frozenset()


def _within(letters: str, question: _Question) -> frozenset[str]:
    """Return the letters as labels; none if one of them is no label."""
    found = frozenset(letters)
    return found if found <= question.labels else frozenset()


# ---- rules -----------------------------------------------------------------------

_RUN = r"(?<![A-Za-z])[A-Z]+(?![A-Za-z0-9])"
_TAG = r"(?:\s*选?项)?"
# What makes a letter after a comma the start of a new clause: 答案是C，B项错误.
_CLAUSE = rf"(?!{_TAG}\s*(?:[是为则也都均虽指属的不错有说表描:]|正确|对|符合))"
_ITEM = rf"(?:选项)?\s*(?:\(\s*{_RUN}\s*\)|\[\s*{_RUN}\s*\]|{_RUN}){{clause}}{_TAG}"
_COMMA = r"\s*(?:(?:[、,;/&+|]|以及|还有|和|与|及|跟|and)\s*)+|[ \t]+|(?<=[)\]])"
# A、C符合题意 has no clause between its letters.
_JOINT = rf"\s*[、和与及]\s*(?={_RUN}{_TAG}(?:都|均|才)?(?:正确|对|符合))"
_FIRST = _ITEM.format(clause="")
_GROUP = re.compile(
    rf"{_FIRST}(?:(?:{_COMMA}){_ITEM.format(clause=_CLAUSE)}|{_JOINT}{_FIRST})*"
)
# After the letters: a term (A型人格), the options at large (ABCD四个选项), a doubt.
_NO_OPTION = re.compile(
    r"\s*(?:理论|型|类|超|级|组|班|轴|式|法则|女士|先生|某|同学|-\s*[A-Za-z]|吗|\?"
    r"|(?:是|为|的|都|均)?(?:不对|不正确|错|不妥|不合适)"
    r"|[这共]?(?:[二三四五六几各两]|\d)+[个项种](?:选项)?(?:之?中|当中|里)|(?:之|当)?中[选的,])"
)
_OR = re.compile(r"\s*(?:或者?|/或|or)\s*(?:选项)?\s*\(?[A-Z](?![A-Za-z])")
CORRECTION = re.compile(
    r"最终|最后|综上|总之|因此|所以|故|更正|修正|等等|重新|改为|应改|不对|然而|final",
    re.IGNORECASE,
)
_DOUBT = re.compile(r"可能|也许|或许|大概|maybe|perhaps", re.IGNORECASE)
_NEGATED = re.compile(
    r"(?:不|不能|不应该?|不可以?|不宜|不会|别|勿|未|没有?|非|误|错|错误的?|若|如果|假如|要是"
    r"|不是|并非|容易|排除|干扰|为何|为什么|not|n't)\s*$",
    re.IGNORECASE,
)
_COPULA = r"(?:应该|应当|应|就|只能|可能|也许)?(?:选择|选(?!项)|是|为|有|包括|:|\s)"
_RIGHT = "(?:正确|最佳|最合适|最恰当|符合题意)"
_DECLARED = re.compile(
    rf"答案】?{_COPULA}*"
    rf"|{_RIGHT}的?(?:选项|选择|一?项|说法){_COPULA}+"
    rf"|{_RIGHT}的?(?:应该|应当|应)?(?:是|为|有|包括)[:\s]*"
    r"|(?:也|很|或许|也许)?可能是\s*"
    r"|(?:answer|option|choice)s?(?:\s+(?:is|are|should\s+be))?\s*[:\s]\s*(?:options?\s*)?",
    re.IGNORECASE,
)
_CHOSEN = re.compile(
    r"(?:选择|选|结论\s*:|(?:^|\n)答\s*:|对应(?=选项|[A-H])|我认为|我觉得|综上,?|应该?是|因此是|所以是)"
    r"(?:的?是|为|应|选择|选(?!项)|:|\s)*"
)
_ASKED = re.compile(
    r"(?:错误|不正确|不对|不恰当|不合适|不属于|不符合|不包括|有误)[^,。;\n]{0,12}?(?:是|为)"
    r"[:\s]*"
)
_LISTED = re.compile(r"(?:^|(?<=[、,;\s]))([A-Z])\s*[.:)、]\s*(?![A-Z]\b)")
_WRONG = re.compile(r"错|不正确|不对|不符|不选|有误|×|✗|✘")


_MOST_ANCHORS = 1_000
"""A reply that declares more often runs in a circle, and has no answer."""


def _anchored(
    anchor: re.Pattern[str], text: str, question: _Question
) -> Iterator[_Declared]:
    """Yield what follows each ``anchor``: 答案是…, 故选…."""
    end = 0
    for n, match in enumerate(anchor.finditer(text)):
        if n == _MOST_ANCHORS:
            yield _Declared(frozenset(), final=True)
            return
        if _NEGATED.search(text[max(0, match.start() - 4) : match.start()]):
            continue
        between = text[max(end, match.start() - 24) : match.end()]
        letters = _letters_at(text, match.end())
        if letters is None:
            continue
        hedged = letters == "" or _DOUBT.search(between)
        final = bool(CORRECTION.search(between)) and not hedged
        yield _Declared(_within(letters, question), final)
        end = match.end()


def _letters_at(text: str, start: int) -> str | None:
    """Return the letters declared at ``start``.

    Returns:
        ``""`` where they are hedged (A或B), ``None`` where there are none.
    """
    group = _GROUP.match(text, start)
    if group is None:
        return _small_letter(text, start)
    if _NO_OPTION.match(text, group.end()):
        return None
    if _OR.match(text, group.end()):
        return ""
    letters = "".join(re.findall("[A-Z]+", group[0]))
    if set(letters) - set("ABCDEFGH"):
        return None
    return letters + _listed_after(text, start, group.end())


_SMALL = re.compile(r"\(?([a-h])\)?(?=\s*(?:[.。,;)]|$|\n))")


def _small_letter(text: str, start: int) -> str | None:
    """Return a lower-case letter that stands alone (答案：b), as a capital."""
    match = _SMALL.match(text, start)
    return match[1].upper() if match else None


_MORE = re.compile(r"\s*[.:)、]\s*\S")
_LIST = 800
"""Characters in which the further labels of a list are looked for."""


def _listed_after(text: str, start: int, end: int) -> str:
    """Return the further labels of ``A. 焦虑、C. 强迫`` or of a list by lines."""
    if not _MORE.match(text, end):
        return ""
    line, *rest = text[end : end + _LIST].split("\n")[: len(LABELS) + 1]
    found = _LISTED.findall(re.split("[。;]", line)[0])
    if text[start - 1 : start] == "\n":
        for line in rest:
            item = _LISTED.match(line)
            if item is None or _WRONG.search(line):
                break
            found.append(item[1])
    return "".join(found)


_KEYS = {"answer", "ans", "答案", "正确答案", "prediction", "final_answer", "选项"}


def _json_rule(said: _Said, question: _Question) -> Iterator[_Declared]:
    for item in read_objects(said.raw):
        for key, value in item.items():
            if str(key).strip().lower() not in _KEYS:
                continue
            parts = value if isinstance(value, list | tuple | set) else [value]
            letters = _slot("、".join(map(str, parts)))
            if letters:
                yield _Declared(_within(letters, question), False)


_BOXED = re.compile(r"\\boxed\s*\{([^{}]*)\}")


def _boxed_rule(said: _Said, question: _Question) -> Iterator[_Declared]:
    for match in _BOXED.finditer(said.plain):
        letters = _slot(match[1])
        if letters:
            yield _Declared(_within(letters, question), False)


_LETTERS = re.compile("[A-H]{1,16}|[a-h]")
_SEPARATORS = re.compile(r"[\s、,;/&+|.。:()\[\]【】]|以及|选项|和|与|及|项|and", re.I)


def _bare(text: str) -> str | None:
    """Return the letters of a text that consists of nothing else, or ``None``."""
    bare = _SEPARATORS.sub("", text)
    return bare.upper() if _LETTERS.fullmatch(bare) else None


def _slot(text: str) -> str | None:
    """Return the letters of a field made for the answer: ``b``, ``A. 焦虑``."""
    text = plain_text(text)
    return _bare(text.upper()) or _letters_at(text, 0)


def _declared_rule(said: _Said, question: _Question) -> Iterator[_Declared]:
    yield from _anchored(_DECLARED, said.plain, question)


def _bare_rule(said: _Said, question: _Question) -> Iterator[_Declared]:
    """Yield lines of nothing but letters, first or last (``AC`` + 解析)."""
    lines = [line for line in said.plain.splitlines() if line.strip()]
    for line in dict.fromkeys([*lines[:1], *lines[-1:]]):
        letters = _bare(line)
        if letters:
            yield _Declared(_within(letters, question), False)


def _chosen_rule(said: _Said, question: _Question) -> Iterator[_Declared]:
    yield from _anchored(_CHOSEN, said.plain, question)


_LEADING = re.compile(rf"\(?({_RUN})\)?\s*[.:、)]\s*(?=\S)")


def _leading_rule(said: _Said, question: _Question) -> Iterator[_Declared]:
    """Yield the label of a reply that is one option: ``B. 保密原则``."""
    text = said.plain
    match = _LEADING.match(text)
    if match and "\n" not in text and not _WRONG.search(text):
        letters = match[1] + _listed_after(text, 0, match.end(1))
        if _bare(letters):
            yield _Declared(_within(letters, question), False)


_FIRST_GROUP = re.compile(rf"{_FIRST}(?:(?:{_COMMA}){_FIRST})*")
_RIGHT_WORD = "(?:正确|最佳|最合适|最符合)"
_IS_RIGHT = re.compile(rf"\s*(?:都|均|才)*(?:是|为)?\s*{_RIGHT_WORD}")


def _is_right_rule(said: _Said, question: _Question) -> Iterator[_Declared]:
    """Yield ``只有B正确``, ``选项B和选项C是正确的``; silent on option-by-option."""
    text = said.plain
    if not re.search(_RIGHT_WORD, text) or _verdicts(text).keys() >= question.labels:
        return
    for match in _FIRST_GROUP.finditer(text):
        if not _IS_RIGHT.match(text, match.end()):
            continue
        letters = "".join(re.findall("[A-Z]", match[0]))
        if not set(letters) - set("ABCDEFGH"):
            yield _Declared(_within(letters, question), False)


# The letter first, what stands before it second: a search skips to the letters.
_VERDICT = re.compile(
    rf"([A-H])(?<![A-Za-z].)(?![A-Za-z]){_TAG}\s*[.、:)]?\s*(?:的?(?:说法|描述|表述))?"
    r"(?:是|为)?\s*(不正确|不对|不符合|错误|错|有误|正确|对|符合|√|✓|✔|×|✗|✘)"
)


def _verdicts(text: str) -> dict[str, bool]:
    right = {"正确", "对", "符合", "√", "✓", "✔"}
    return {m[1]: m[2] in right for m in _VERDICT.finditer(text)}


def _verdict_rule(said: _Said, question: _Question) -> Iterator[_Declared]:
    """Yield the options called right where every option is judged.

    Not where the wrong one is asked for: then the verdicts mean the opposite.
    """
    text = said.plain
    verdicts = _verdicts(text)
    if verdicts.keys() >= question.labels and not _ASKED.search(text):
        right = frozenset(label for label, ok in verdicts.items() if ok)
        yield _Declared(right & question.labels, False)


_ALL = re.compile(
    r"(?:以上|上述|[四五]个|[四五]项|所有|全部)(?:各|[四五]个?)?(?:选?项|说法|内容)*"
    r"(?:都|均|皆|全)(?:是|对|正确|符合|选)|全选|全部(?:正确|都对|选)"
)


def _all_rule(said: _Said, question: _Question) -> Iterator[_Declared]:
    """Yield the option that says 以上都是, else every option."""
    text = said.plain
    match = _ALL.search(text)
    if not match or _NEGATED.search(text[: match.start()]):
        return
    options = _normalised(question.texts)
    saying = [label for label, option in options.items() if _ALL.search(option)]
    yield _Declared(frozenset(saying[:1]) or question.labels, False)


def _asked_rule(said: _Said, question: _Question) -> Iterator[_Declared]:
    yield from _anchored(_ASKED, said.plain, question)


def _text_rule(said: _Said, question: _Question) -> Iterator[_Declared]:
    """Yield the one option whose text the last line says."""
    lines = [line for line in said.plain.splitlines() if line.strip()]
    named = [
        (label, option)
        for label, option in _normalised(question.texts).items()
        if label in question.labels and lines and _says(lines[-1], option)
    ]
    longest = [
        label
        for label, option in named
        if not any(option in other and option != other for _, other in named)
    ]
    if len(longest) == 1:
        yield _Declared(frozenset(longest), False)


def _normalised(texts: Mapping[str, str]) -> dict[str, str]:
    return {label: plain_text(text) for label, text in texts.items()}


def _says(line: str, option: str) -> bool:
    if line.strip("。.! ") == option:
        return True
    at = line.rfind(option)
    return len(option) > 1 and at >= 0 and not _NEGATED.search(line[:at])


_RULES: dict[str, Callable[[_Said, _Question], Iterator[_Declared]]] = {
    "json": _json_rule,
    "boxed": _boxed_rule,
    "declared": _declared_rule,
    "bare": _bare_rule,
    "chosen": _chosen_rule,
    "leading": _leading_rule,
    "is_right": _is_right_rule,
    "verdicts": _verdict_rule,
    "all": _all_rule,
    "asked": _asked_rule,
    "text": _text_rule,
}
_LETTER = re.compile("[A-Za-z]")
_RULES_WITHOUT_LETTERS = {name: _RULES[name] for name in ("all", "text")}
"""All others read a letter; most prompts that a round proposes have none."""
