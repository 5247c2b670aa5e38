"""Which options a rationale argues for, whatever it predicts.

What its last sentence about an option concludes counts, in letters or in the options'
words: what it chooses (故选B), names (这个现象叫做暗适应), files (属于负强化) or, where
the stem asks for what does not hold, leaves out (不属于四种气质的是勇敢). It is read
clause by clause: what a clause denies, supposes or lets others say is no conclusion.
Where nothing is concluded so, the whole rationale is read as a reply.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from psyche_kedro.answers import UNREAD, Choice, plain_text, read_choice
from psyche_kedro.pipelines.synthesis.rationales.leak import VERDICTS, verdicts
from psyche_kedro.questions import asks_what_fails, option_texts

Texts = Mapping[str, str]
"""Of a question's options, by label."""

CLAIMED = "claimed"
"""Rule of a conclusion that may name one right option of several."""


def conclusion_of(rationale: str, question: Mapping[str, Any]) -> Choice:
    """Return which options a rationale argues for; ``UNREAD`` where none can be told.

    Args:
        rationale: The whole of it.
        question: A row with ``type``, ``stem`` and ``options``.
    """
    texts = option_texts(question)
    *_, last = rationale, *_SENTENCE.findall(rationale)
    if VERDICTS.keys() >= set(texts.values()):
        concluded = _judged(last, texts)
    else:
        concluded = _declared(last, texts) or _claimed(rationale, question)
    return concluded or _read(rationale, texts) or UNREAD


_SENTENCE = re.compile(r"[^。！!；;\n]+")
_DECLARES = re.compile("所以|因此|因而|故[此选本答应]|综上|答案|结论")


def _judged(sentence: str, texts: Texts) -> Choice | None:
    told = set(verdicts(sentence))
    said = frozenset(label for label, text in texts.items() if {VERDICTS[text]} == told)
    return Choice(said, "verdict") if said else None


def _declared(sentence: str, texts: Texts) -> Choice | None:
    return _read(sentence, texts) if _DECLARES.search(sentence) else None


def _read(text: str, texts: Texts) -> Choice | None:
    said = read_choice(text, list(texts), texts=texts)
    # A、C、D都不是… begins like a reply that is one option, and is none. A text alone
    # says too little: every rationale names options that it rejects.
    return None if said.rule in {"leading", "text", UNREAD.rule} else said


# ---- claims ----------------------------------------------------------------------

# An option in a sentence is one character, so that what stands around it can be read.
_FIRST_MARK = 0xE000
_MARK = "[\ue000-\ue00f]"
_LETTERS = re.compile(
    r"(?:选?项)?\(?(?<![A-Za-z])([A-H]{1,8})"
    r"(?![A-Za-z0-9]|型|理论|类|超|组|轴|级|族|检验|值|-)\)?(?:选?项)?"
)
_SAME_TWICE = re.compile(rf"({_MARK})[、.:)]?(?=\1)")
_SOME = rf"(?P<options>{_MARK}(?:[、和与及以]{{0,2}}{_MARK}){{0,15}})"
_NAMES = (
    "(?<![又也亦简])(?:叫做?|叫作|称[为作做])|称之为|命名为|定义为|属于|[归纳]为|归[入于]"
    "|即为?|[就正]是|算[作是]|[视看]为|看作|[体反][现映]"
)
_HOLDS = "填|是|为|等于|包括|有|符合|倾向于|适用于"
_COUNT = "(?:[这等一二两三四五几]*[个项者种])?"
_SAYS = re.compile(
    rf"(?:(?P<names>{_NAMES})|(?P<chooses>选择?)|{_HOLDS})"
    rf"[^,:、{_MARK[1:-1]}]{{0,6}}?{_SOME}{_COUNT}(?:的[^,]{{1,6}}|[^\w,]*)?$"
)
_ABOUT = (
    f"(?:的(?:说法|描述|表述|理解|做法))?{_COUNT}[都均才全是为最更较要应该当可以就并]*"
)
_FITS = re.compile(
    rf"{_SOME}{_ABOUT}"
    "(?:符合|正确|准确|合适|恰当|成立|[当入要]?选|对|合理)(?:题意|要求|答案|的)*$"
)
_LEFT_OUT = re.compile(
    rf"{_SOME}{_ABOUT}(?:不属于|不包括|不是|不能|不算|不符合|错误|不正确|有误|不在)"
)
_CONCLUDES = re.compile(
    "所以|因此|因而|故(?!事|意|障|乡)|综[上合]|总之|最终|答案|结论|由此|可见|可知|看来"
    "|本题|符合题意"
)
_DENIES = re.compile(
    "不(?![同断仅只但过光])|非(?!常)|没|无(?!论|疑)|未(?!来)|误(?!差)|错|排除|并列|相反"
    "|区[别分]|混淆"
)
_IF = re.compile("如果|若|假如|倘若|比如|例如")
_SUPPOSES = re.compile(f"{_IF.pattern}|有人|有的|有些|容易|[初乍]看")
_CLAUSE = re.compile("[,:]|而(?=[是属非])|但")


class _Claim(NamedTuple):
    options: frozenset[str]
    """As marks."""
    names: bool = False
    """Whether its verb alone makes it a conclusion, as 叫做 does."""
    concludes: bool = False
    """Whether its sentence says that it is one, as 因此 does."""


def _claimed(rationale: str, question: Mapping[str, Any]) -> Choice | None:
    """Return the options that the clauses of the last telling sentence agree on."""
    texts = {label: plain_text(t) for label, t in option_texts(question).items()}
    sentences = [_marked(s, texts) for s in _SENTENCE.findall(rationale)]
    telling = [sentence for sentence in sentences if re.search(_MARK, sentence)]
    if not telling:
        return None
    *before, last = telling
    claims = list(_claims(last, fails=asks_what_fails(question["stem"])))
    if not claims or not _agree(claims, question["type"]):
        return None
    if not claims[0].concludes and _names_others(before, claims[0]):
        return None
    labels = list(texts)
    found = (labels[ord(mark) - _FIRST_MARK] for mark in claims[-1].options)
    return Choice(frozenset(found), CLAIMED)


def _agree(claims: list[_Claim], kind: str) -> bool:
    """Return whether claims are of one answer: 前者是知觉，后者是感觉 is of none."""
    options = {claim.options for claim in claims}
    return kind == "multiple" or (len(options) == 1 and len(claims[0].options) == 1)


def _names_others(sentences: list[str], claim: _Claim) -> bool:
    """Return whether other options are named as this one: a list of definitions."""
    named = (c for s in sentences for c in _claims(s, fails=False) if c.names)
    return any(other.options != claim.options for other in named)


def _marked(sentence: str, texts: Texts) -> str:
    """Return a sentence with every option, by text or letter, as its mark."""
    marks = {label: chr(_FIRST_MARK + i) for i, label in enumerate(texts)}
    said = re.sub(_MARK, "", plain_text(sentence))
    for label in sorted(texts, key=lambda label: -len(texts[label])):
        text = texts[label].strip("。.的 ")
        if len(text) > 1:
            said = said.replace(text, marks[label])

    def mark(match: re.Match[str]) -> str:
        known = marks.keys() >= set(match[1])
        return "".join(marks[letter] for letter in match[1]) if known else match[0]

    return _SAME_TWICE.sub("", _LETTERS.sub(mark, said))


def _claims(sentence: str, *, fails: bool) -> Iterator[_Claim]:
    concludes = _CONCLUDES.search(sentence) is not None
    is_case = _IF.search(sentence) is not None
    read = _claim_that_fails if fails else _claim_that_holds
    for clause in _CLAUSE.split(sentence):
        claim = None if _SUPPOSES.search(clause) else read(clause)
        if claim and (concludes or (claim.names and not is_case)):
            yield claim._replace(concludes=concludes)


def _claim_that_holds(clause: str) -> _Claim | None:
    if _DENIES.search(clause):
        return None
    return _claim(_SAYS.search(clause) or _FITS.search(clause))


def _claim_that_fails(clause: str) -> _Claim | None:
    said = _SAYS.search(clause)
    # What is chosen is what fails: 应选X, but 不选X.
    is_chosen = said and bool(said["chooses"]) != bool(_DENIES.search(clause))
    return _claim(said if is_chosen else _LEFT_OUT.search(clause))


def _claim(match: re.Match[str] | None) -> _Claim | None:
    if match is None:
        return None
    options = frozenset(re.findall(_MARK, match["options"]))
    return _Claim(options, names=bool(match.groupdict().get("names")))
