"""The rules by which a choice is read, each of one way to declare it.

A rule is given a reply and what is known of its question, and yields what it finds
declared, in order; nothing where it does not recognise anything. Which of the rules
counts, and what its declarations come to together, ``choices`` settles.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from psyche_kedro.answers.letters import (
    LETTERS,
    Group,
    begins_list,
    declared_in,
    group_at,
    groups,
    lists_all,
    names_letters,
    names_options,
    verdict_after,
)
from psyche_kedro.answers.records import read_objects
from psyche_kedro.answers.said import Question, Said, plain_text, without_latex


class Declared(NamedTuple):
    """What a rule found declared at one place."""

    labels: frozenset[str]
    """Empty where the reply hedges or names a letter that is no option."""
    final: bool = False
    """Whether the words before it take back what stood earlier."""
    is_hedge: bool = False
    """Whether it says so itself; a later declaration then makes up for it."""


_HEDGE = Declared(frozenset(), is_hedge=True)


def within(letters: str, question: Question) -> frozenset[str]:
    """Return the letters as labels; none if one of them is no label."""
    found = frozenset(letters)
    return found if found <= question.labels else frozenset()


# ---- fields and slots ------------------------------------------------------------

_KEY = re.compile(
    r"(?:final|correct|my|your|最终|正确|你的|我的)?[ _]?(?:answers?|ans|choices?"
    r"|option|label|prediction|predicted|result|selected|selection|letter|response"
    r"|答案|选项|选择|结果)(?:[ _]?(?:is|letters?|option|选项|字母))?",
    re.IGNORECASE,
)
_BEGINS_JSON = re.compile(r"\s*(?:```(?:json)?\s*)?\{\s*[\"']", re.IGNORECASE)
_CUT_FIELD = re.compile(
    r"[\"'](?P<key>[\w ]{1,20})[\"']\s*:\s*(?P<value>\"[^\"\n]{0,80}\"|'[^'\n]{0,80}'"
    r"|\[[^\[\]{}]{0,120}\])"
)


def _json_rule(said: Said, question: Question) -> Iterator[Declared]:
    """Yield the answers of JSON; of nothing else in a reply that is JSON cut off."""
    if "{" not in said.raw:
        return
    objects = read_objects(said.raw)
    if len(objects) > _MOST_ANCHORS:
        yield _HEDGE
        return
    found = [list(_fields(item)) for item in objects]
    for letters in (letters for item in found for letters in item):
        yield Declared(within(letters, question))
    if not any(found) and _BEGINS_JSON.match(said.raw):
        # What stands in its reasoning is no answer, nor is a value that was cut.
        whole = [] if objects else _cut_off(said.raw, question)
        yield from whole or [_HEDGE]


def _fields(item: Mapping[str, Any]) -> Iterator[str]:
    for key, value in item.items():
        if not _KEY.fullmatch(str(key).strip()):
            continue
        parts = value if isinstance(value, list | tuple | set) else [value]
        letters = (
            None
            if isinstance(value, dict)
            else letters_in_slot("、".join(map(str, parts)))
        )
        if letters:
            yield letters


def _cut_off(raw: str, question: Question) -> list[Declared]:
    fields = (m for m in _CUT_FIELD.finditer(raw) if _KEY.fullmatch(m["key"].strip()))
    values = {m["value"].strip("[]").replace('","', "、") for m in fields}
    slots = map(letters_in_slot, values if len(values) <= _MOST_ANCHORS else ())
    return [Declared(within(letters, question)) for letters in slots if letters]


_BOXED = re.compile(r"\\boxed\s*\{([^{}]*)\}")


def _boxed_rule(said: Said, question: Question) -> Iterator[Declared]:
    for match in _BOXED.finditer(without_latex(said.raw)):
        letters = letters_in_slot(match[1])
        if letters:
            yield Declared(within(letters, question))


_BARE = re.compile("[A-H]{1,16}|[a-h]{1,8}")
_SEPARATORS = re.compile(
    r"[\s、,;/&+|.。:()\[\]【】·•・!]|以及|选项|选择|选|和|与|及|项|and|options?",
    re.IGNORECASE,
)


def _bare(text: str) -> str | None:
    """Return the letters of a text that consists of nothing else, or ``None``."""
    spread = group_at(text, 0)
    if spread and spread.end == len(text.rstrip(".。 \n")):
        return spread.letters
    bare = _SEPARATORS.sub("", text)
    is_word = bare.islower() and len(bare) > 1 and bare in text
    return bare.upper() if _BARE.fullmatch(bare) and not is_word else None


def letters_in_slot(text: str) -> str | None:
    """Return the letters of a field made for the answer: ``b``, ``A. 焦虑``."""
    text = plain_text(text)
    declared = _declaration_at(text, 0, _ANY) if group_at(text, 0) else None
    return _bare(text.upper()) or (declared[0] if declared else None)


_ANY = Question(frozenset(LETTERS))


# ---- declarations ----------------------------------------------------------------

_CORRECTION_WORDS = (
    "最终|最后|综上|总之|综合|因此|所以|故|更正|修正|等等|重新|改为|应改|不对|然而|确认"
    r"|final|\bwait|actually|correction|therefore|\bso\b"
)
CORRECTION = re.compile(_CORRECTION_WORDS, re.IGNORECASE)
"""What takes back what was declared before, or sums it up."""
_DOUBT = re.compile(
    r"可能|也许|或许|大概|似乎|不太?确定|\bmay\b|maybe|perhaps|might|probably|possibly",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"(?:不|不能|不应该?|不可以?|不宜|不会|别|勿|未|没有?|非|误|错|错误的?|若|如果|假如|要是"
    r"|不是|并非|容易|除了?|干扰|例如|比如|为何|为什么|为啥|not|n't|\bif)[ \t]*\Z",
    re.IGNORECASE,
)
_COPULA = (
    r"(?:应该|应当|应|就|只能|只有|可能|也许)?"
    r"(?:选择|选(?!项)|是|为|有|包括|:|=|\s|\.(?=\s*[A-H]))"
)
_RIGHT = "(?:正确|最佳|最合适|最恰当|最符合|符合题意|符合要求)"
_FAILING = "(?:错误|不正确|不对|不恰当|不合适|不属于|不符合|不包括|有误)"
_ANSWER = (
    rf"答案[\]】>)]?\s*{_COPULA}*"
    r"|(?:\banswers?|\bletter"
    r"|(?:correct|right|best|final|my|chosen|appropriate)\s+(?:option|choice|letter|response)s?)"
    r"[\]>)】]?(?:\s*(?:is|are|should\s+be|would\s+be|must\s+be|=|:))*\s*(?:options?\s*)?"
)
_WHAT_IS_RIGHT = (
    rf"{_RIGHT}的?(?:选项|选择|一?项|说法|做法|描述|表述|组合)?"
    r"(?:\s*(?:应该|应当|应|就|只能|只)?(?:是|为|有|包括|选|:))+\s*"
)
_WHAT_FAILS = (
    r"(?:incorrect|wrong|false|inappropriate)\s+(?:statement|option|one|choice|answer)"
    r"\s*(?:is|:)\s*(?:option)?\s*|\bnot\s+(?:correct|true)\s+is\s+(?:option)?\s*"
    rf"|{_FAILING}[^,。;:?\nA-H]{{0,12}}?(?:是|为|有|:)[:\s]*"
)
_CORRECTED = (
    r"(?:而(?:应该?|应当)?(?:是|选(?!项))|改选|改为|更正[为:]"
    r"|\b(?:wait|actually|no)\b[,.!\s]*it(?:'?s|\s+is|\s+should\s+be)"
    r"|(?:不对|等等|等一下)[,。!.…\s]*(?:我)?(?:应该?|应当|还是)?[是为选])\s*"
)
_LEFT_OPEN = r"(?:也|很|或许|也许)?可能是\s*|(?:不能|无法|难以|没法)(?:完全)?排除\s*"


def _begun_by(first: str, what: str) -> re.Pattern[str]:
    """Return a pattern that is tried where it can begin alone: ten times as fast."""
    return re.compile(rf"(?=(?-i:[{first}]))(?:{what})", re.IGNORECASE)


def _declaring(what: str) -> re.Pattern[str]:
    return _begun_by(
        "答正最符错不有而改更等也很或可无难没aAlLcCrRbBfFmMiIwWnN",
        rf"{_ANSWER}|{what}|(?P<corrected>{_CORRECTED})|(?P<open>{_LEFT_OPEN})",
    )


_DECLARED = _declaring(_WHAT_IS_RIGHT)
_DECLARED_WHERE_IT_FAILS = _declaring(_WHAT_FAILS)
_CHOSEN = _begun_by(
    r"选结\n答对我综应因所iItTgGcCsS",
    r"(?:选择|选(?!项)|结论\s*:|(?:^|\n)答\s*:|对应的?(?=选项|[A-H])"
    r"|我认为|我觉得|综上,?|应该?是|因此是|所以是"
    r"|\bI(?:d|ll)?\s+(?:think|believe|would\s+say|choose|would\s+choose|pick|select|go\s+with)"
    r"(?:\s+that)?"
    r"|\b(?:it|that)\s+(?:is|should\s+be)|\bit'?s|\bgo\s+with|\bchoose|\bselect)"
    r"(?:的?是|为|应|选择|选(?!项)|:|\s|\bit'?s|\bit\s+is|\boption)*",
)
_MOST_ANCHORS = 500
"""A reply that declares more often runs in a circle, and has no answer."""


def _declared_rule(said: Said, question: Question) -> Iterator[Declared]:
    pattern = _DECLARED_WHERE_IT_FAILS if question.fails else _DECLARED
    yield from _anchored(pattern, said.plain, question)


def _chosen_rule(said: Said, question: Question) -> Iterator[Declared]:
    yield from _anchored(_CHOSEN, said.plain, question)


def _anchored(
    anchor: re.Pattern[str], text: str, question: Question
) -> Iterator[Declared]:
    """Yield what follows each ``anchor``: 答案是…, 故选…."""
    end, is_listed = 0, False
    for n, match in enumerate(anchor.finditer(text)):
        if n == _MOST_ANCHORS:
            yield Declared(frozenset(), final=True)
            return
        named = match.groupdict()
        if _NEGATED.search(text[max(0, match.start() - 4) : match.start()]):
            continue
        group = group_at(text, match.end())
        if group and lists_all(text, group, question.labels):
            is_listed = True
            continue
        if group and is_listed and begins_list(text, group):
            continue  # the last of several lists may have been cut
        found = _declaration_at(text, match.end(), question)
        if found is None:
            continue
        labels, stop = found
        between = text[max(end, match.start() - 24) : match.end()]
        if not labels or named.get("open") or _DOUBT.search(between):
            yield _HEDGE
        else:
            final = bool(named.get("corrected") or CORRECTION.search(between))
            yield Declared(within(labels, question), final)
        end = stop


def _declaration_at(
    text: str, start: int, question: Question
) -> tuple[str, int] | None:
    """Return the letters declared at ``start`` and where they end; None where none are.

    They are ``""`` where the reply leaves them open.
    """
    group = group_at(text, start)
    if group is None:
        return _small_letters(text, start) or _own_text(text, start, question)
    letters = declared_in(text, group)
    if letters is None:
        return None
    if letters == group.letters:
        letters += _listed_after(text, start, group)
        letters = "" if _list_goes_on(letters, text, group) else letters
    return letters, group.end


_SMALL = re.compile(
    r"\(?([a-h](?:\s*[、,;]\s*[a-h])*)\)?(?=\s*(?:[.。,;)]|$|\n))(?!\.[a-z])"
)


def _small_letters(text: str, start: int) -> tuple[str, int] | None:
    """Return lower-case letters that stand alone (答案：b), as capitals."""
    match = _SMALL.match(text, start)
    if match is None:
        return None
    return "".join(re.findall("[a-h]", match[1])).upper(), match.end()


def _own_text(text: str, start: int, question: Question) -> tuple[str, int] | None:
    """Return the option whose text stands at ``start``, the longest, as its letter."""
    near = text[start : start + 4]
    begins = start + len(near) - len(near.lstrip())
    said = [
        (len(option), label)
        for label, option in question.texts.items()
        if len(option) > 1 and text.startswith(option, begins)
    ]
    if not said:
        return None
    length, label = max(said)
    end = begins + length
    # 焦虑、抑郁 are two, of which the first alone would be half an answer.
    is_half = text.startswith(tuple(question.texts.values()), end + 1)
    is_whole = re.match(r"[^\w、&+/]|$|[这选]", text[end : end + 1]) and not is_half
    return (label, end) if is_whole else None


_MORE = re.compile(r"[ \t]*[.:)、][ \t]*[^\s,.;。]")
_LISTED = re.compile(r"(?:^|(?<=[、,;\s]))([A-H])\s*[.:)、]\s*(?![A-H]\b)")
_WRONG = re.compile(r"错|不正确|不对|不符|不选|有误|×|✗|✘|\bwrong|incorrect")
_LIST = 800
"""Characters in which the further labels of a list are looked for."""


def _listed_after(text: str, start: int, group: Group) -> str:
    """Return the further labels of ``A. 焦虑、C. 强迫`` or of a list by lines."""
    if not _MORE.match(text, group.end):
        return ""
    line, *rest = text[group.end : group.end + _LIST].split("\n")[: len(LETTERS) + 1]
    found = _LISTED.findall(re.split("[。;]", line)[0])
    if text[start - 1 : start] == "\n":
        for line in rest:
            item = _LISTED.match(line)
            if item is None or _WRONG.search(line):
                break
            found.append(item[1])
    return "".join(found)


_LISTED_NEXT = re.compile(r";[ \t]*([A-H])[ \t]*[.:、)]")


def _list_goes_on(letters: str, text: str, group: Group) -> bool:
    """Return whether the line goes on to the next option: ``A:…;B:…``."""
    line = text[group.end : group.end + _LIST].partition("\n")[0]
    item = _LISTED_NEXT.search(line)
    return item is not None and ord(item[1]) == ord(letters[-1]) + 1


# ---- letters that stand alone ----------------------------------------------------


_ITEM = re.compile(r"\s*\(?([A-H])\)?[ \t]*[.:、)]")
_NEXT_ITEM = re.compile(
    r"(?<![A-Za-z])([A-H])(?:[ \t]*[.:)]|、(?![A-H]))|^[ \t]*([A-H])[ \t]*(?:。|$)",
    re.MULTILINE,
)


def _goes_on(letters: str, text: str) -> bool:
    """Return whether the first item in ``text`` is the one after ``letters``.

    That is how a list goes on, or a look at each option in turn.
    """
    item = _NEXT_ITEM.search(text)
    if not (item and letters):
        return False
    return ord(item[1] or item[2]) == ord(letters[-1]) + 1


def _bare_rule(said: Said, question: Question) -> Iterator[Declared]:
    """Yield letters and nothing else: the whole reply, its first lines, its last."""
    lines = [line for line in said.plain.splitlines() if line.strip()]
    top, bottom = _run_of_letters(lines), _run_of_letters(lines[::-1])
    after, before = lines[len(top) :], lines[: len(lines) - len(bottom)]
    first, last = "".join(top), "".join(bottom[::-1])
    if after and (_ITEM.match(after[0]) or _goes_on(first, "\n".join(after))):
        first = ""  # the options go on
    if after and before and _leads_to(before[-1], last):
        last = ""
    for letters in dict.fromkeys("".join(sorted(run)) for run in (first, last) if run):
        yield Declared(within(letters, question))


def _leads_to(line: str, letters: str) -> bool:
    """Return whether a line goes on in ``letters``: 应选A and, or the item before."""
    item = _ITEM.match(line)
    return bool((item and item[1] < letters[:1]) or re.search(r"[A-H]\Z", line))


def _run_of_letters(lines: list[str]) -> list[str]:
    """Return the letters of the lines with which ``lines`` begin that hold no more."""
    letters = (_bare(line) or "" for line in lines[: len(LETTERS)])
    return list(itertools.takewhile(bool, letters))


_LEADING = re.compile(
    r"(?:选?项|option)?\s*\(?([A-H]{1,8})(?![A-Za-z])\)?"
    r"(?:[ \t]*[.:、)。][ \t]*(?=\S)|[ \t]?(?=\([^()\n]+\)))"
)
_JUDGED = re.compile(
    rf"{_WRONG.pattern}|^\W*(?:正确|对[,。.]?|√|✓|✔|right|correct)", re.IGNORECASE
)


def _leading_rule(said: Said, question: Question) -> Iterator[Declared]:
    """Yield the label of a reply that begins with one option: ``B. 保密原则``.

    Not where it goes on to the next option: that is a list, or a look at each.
    """
    first, _, rest = said.plain.partition("\n")
    match = _LEADING.match(first)
    if match is None or _ITEM.match(rest.lstrip()):
        return
    told = first[match.end() :]
    if group_at(first, match.end()):
        return
    if _JUDGED.search(told) or verdict_after(first, match.end(1)) is not None:
        return
    group = Group(match[1], match.start(1), match.end(1))
    letters = group.letters + _listed_after(first, 0, group)
    if names_options(first, group.end) and not _goes_on(letters, f"{told}\n{rest}"):
        yield Declared(within(letters, question))


# ---- verdicts on options ---------------------------------------------------------


_IS_ANSWER = re.compile(
    r"[ \t]*(?:才|就|应)?[是为](?P<of>[^,。;\n]{0,10}?)的?(?:答案|正确选项)(?![\w])"
)


def _is_answer_rule(said: Said, question: Question) -> Iterator[Declared]:
    """Yield ``选项C是正确的答案``; of ``B是错误的答案``, B where that is asked for."""
    if "答案" not in said.plain and "正确选项" not in said.plain:
        return
    for group in groups(said.plain):
        named = _IS_ANSWER.match(said.plain, group.end)
        before = said.plain[max(0, group.start - 12) : group.start]
        if named is None or _NEGATED.search(before):
            continue
        if question.fails or not re.search("[错误不非]", named["of"]):
            final = bool(CORRECTION.search(before))
            yield Declared(within(group.letters, question), final)


class _Verdicts(NamedTuple):
    right: list[Group]
    """Called right, in order."""
    wrong: list[Group]
    """Called wrong, in order."""


_NONE_OF = re.compile(r"\b(?:none|neither)\b[^.\n]*\Z", re.IGNORECASE)


@lru_cache(maxsize=1)  # two rules in a row ask of one reply
def _verdicts(text: str) -> _Verdicts:
    found = _Verdicts([], [])
    for group in groups(text):
        verdict = verdict_after(text, group.end)
        if verdict is None or not names_options(text, group.end):
            continue
        if _NEGATED.search(text[max(0, group.start - 4) : group.start]):
            continue
        if _NONE_OF.search(text[max(0, group.start - 48) : group.start]):
            continue
        (found.right if verdict else found.wrong).append(group)
    return found


def _letters(called: list[Group]) -> frozenset[str]:
    return frozenset("".join(group.letters for group in called))


def _verdict_rule(said: Said, question: Question) -> Iterator[Declared]:
    """Yield the options called right where every option is judged.

    Where the stem asks for what does not hold, those called wrong; where it is not
    known and a reply speaks of that, neither.
    """
    right, wrong = map(_letters, _verdicts(said.plain))
    is_whole = right | wrong >= question.labels and not right & wrong
    if is_whole and (asks := _asks(said, question)) is not None:
        yield Declared((wrong if asks else right) & question.labels)


def _asks(said: Said, question: Question) -> bool | None:
    """Return whether what fails is asked for; None where a reply alone hints at it."""
    if question.fails is not None:
        return question.fails
    return None if _ASKED.search(said.plain) else False


def _is_right_rule(said: Said, question: Question) -> Iterator[Declared]:
    """Yield ``只有B正确``, ``A、B都是正确的``; where it is asked for, ``C是错误的``."""
    right, wrong = _verdicts(said.plain)
    meant, other = (wrong, right) if question.fails else (right, wrong)
    for group in meant:
        before = said.plain[max(0, group.start - 8) : group.start]
        if other and not CORRECTION.search(before):
            yield Declared(frozenset())
        else:
            yield Declared(within(group.letters, question), final=bool(other))


_ALL_BUT = re.compile("除了?[ \\t]*")
_RIGHT_ALL_BUT = re.compile(
    r"[ \t]*(?:以外|之外|外)?[,]?[ \t]*(?:其[余他它][^,。;\n]{0,6}?)?(?:都|均|皆|全)是?"
    "(?:正确|对|符合|选)"
)


def _all_but_rule(said: Said, question: Question) -> Iterator[Declared]:
    """Yield what ``除D外均正确`` leaves."""
    for match in _ALL_BUT.finditer(said.plain) if not question.fails else ():
        group = group_at(said.plain, match.end())
        if group and _RIGHT_ALL_BUT.match(said.plain, group.end):
            yield Declared(question.labels - frozenset(group.letters))


_ASKED = re.compile(rf"{_FAILING}[^,。;\n]{{0,12}}?(?:是|为)[:\s]*")


def _asked_rule(said: Said, question: Question) -> Iterator[Declared]:
    """Yield ``错误的是C`` where that is all a reply says, and may be what was asked."""
    is_all = re.fullmatch(
        rf"[^,。;\n]{{0,20}}{_ASKED.pattern}[^,。;\n]{{1,20}}[。.]?", said.plain
    )
    if question.fails is None and is_all:
        yield from _anchored(_ASKED, said.plain, question)


# ---- words -----------------------------------------------------------------------

_ALL = re.compile(
    r"(?:以上|上述|[四五]个|[四五]项|所有|全部)(?:各|[四五]个?)?(?:选?项|选择|说法|内容)*"
    r"(?:都|均|皆|全)(?:是(?!错|不|误)|对|正确|符合|选)(?:正确|对)?|全选|全部(?:正确|都对|选(?!项))"
)


def _all_rule(said: Said, question: Question) -> Iterator[Declared]:
    """Yield the option that says 以上都是, else every option."""
    text = said.plain
    match = _ALL.search(text)
    if not match or _NEGATED.search(text[: match.start()]):
        return
    options = question.texts.items()
    saying = [label for label, option in options if _ALL.search(option)]
    if question.is_single and not saying:
        return
    yield Declared(frozenset(saying[:1]) or question.labels)


def _text_rule(said: Said, question: Question) -> Iterator[Declared]:
    """Yield the one option whose text the last line says, where no letter is said."""
    lines = [line for line in said.plain.splitlines() if line.strip()]
    # Where what fails is asked for, a sentence that says an option calls it true.
    is_told = bool(question.fails) or names_letters(said.plain)
    named = [
        (label, option)
        for label, option in question.texts.items()
        if label in question.labels
        and lines
        and _says(lines[-1], option, alone=is_told or option in question.stem)
    ]
    longest = [
        (label, option)
        for label, option in named
        if not any(option in other and option != other for _, other in named)
    ]
    if len(longest) == 1 and not _says_another(said.plain, longest[0][1], question):
        yield Declared(frozenset(longest[0][0]))


def _says_another(plain: str, option: str, question: Question) -> bool:
    """Return whether an option is said somewhere that is no part of ``option``."""
    known = f"{option}\n{question.stem}"
    others = (text for text in question.texts.values() if text not in known)
    return any(len(text) > 1 and text in plain.replace(option, "") for text in others)


def _says(line: str, option: str, *, alone: bool) -> bool:
    if line.strip("。.! ") == option:
        return True
    at = -1 if alone else line.rfind(option)
    return len(option) > 1 and at >= 0 and not _NEGATED.search(line[:at])


RULES: dict[str, Callable[[Said, Question], Iterator[Declared]]] = {
    "json": _json_rule,
    "boxed": _boxed_rule,
    "declared": _declared_rule,
    "bare": _bare_rule,
    "leading": _leading_rule,
    "chosen": _chosen_rule,
    "is_answer": _is_answer_rule,
    "verdicts": _verdict_rule,
    "is_right": _is_right_rule,
    "all_but": _all_but_rule,
    "all": _all_rule,
    "asked": _asked_rule,
    "text": _text_rule,
}
_IN_WORDS = ("declared", "chosen", "all", "asked", "text")
RULES_IN_WORDS = {name: RULES[name] for name in _IN_WORDS}
"""All others read a letter; most prompts that a round proposes have none."""
