"""What each line of a question bank says: a number, options, an answer, a heading.

A line that says several things is several tokens: ``答案：A 解析：见教材`` is two, a
paper on one line as many as it has parts. Nothing is decided here that needs to know
what came before; that is the reader's.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from psyche_kedro.pipelines.ingestion.banks.fields import type_of
from psyche_kedro.pipelines.ingestion.banks.keys import key_answers
from psyche_kedro.pipelines.ingestion.banks.options import (
    Pair,
    options_after,
    split_options,
)
from psyche_kedro.pipelines.ingestion.files.plain_text import plain

_DIGITS = "一二三四五六七八九十"
NUMERAL = rf"[{_DIGITS}百零〇]{{1,4}}"
_KIND = (
    r"(?:(?:单项?|單項?|多项?|多項?|不定项)(?:选择?|選擇?)|判断(?:正误)?|判斷|是非|填空|简答|簡答"
    r"|论述|名词解释|案例(?:分析|选择)?|问答|单选|多选)[题題]?"
)

# ---- fields: what stands before a colon or in black brackets --------------------

_ANSWER = r"(?:本题|试题)?(?:参考|正确|标准|參考|正確|標準)?答\s*案|答"
_ENGLISH = r"(?:[Cc]orrect\s+)?[Aa]nswers?|ANSWERS?|Ans"
_EXPLANATION = (
    r"(?:参考|答案|试题|题目|名师|本题|专家|考点|題目)?(?:解析|分析|详解|解答|点评|詳解|解释|讲解|点拨)"
    r"|解题思路|解題思路|[Ee]xplanation"
)
_NOTE = (
    r"(?:我|你|您|学生|考生|用户|学员)的?(?:答案|作答|选择)|(?:相关|所属|主要)?(?:知识点|知識點|考点|考點)"
    r"|(?:试题)?难易?(?:程)?度(?:系数)?|難度|(?:试题|题目)?来源|來源|出处|本题得分|得分率?|分值|分数|满分"
    r"|题型|题目类型|标签|考查(?:点|内容)|能力层次|认知层次|正确率|错误率|作答(?:结果|情况|时间)"
    r"|所属章节|章节|年份|(?:试题|题目)?编号|题目ID|关键词|大纲要求|页码|备注|更新时间|教材页码"
)
_NAMES = {
    "note": re.compile(_NOTE),
    "answer": re.compile(f"{_ANSWER}|{_ENGLISH}"),
    "explanation": re.compile(_EXPLANATION),
}
_ANY_NAME = f"{_NOTE}|{_ANSWER}|{_ENGLISH}|{_EXPLANATION}"
_FIELD = re.compile(
    rf"(?:[【\[]\s*({_ANY_NAME})\s*[】\]]\s*[:：]?|({_ANY_NAME})\s*(?:是|为|為)?\s*[:：])\s*"
)
_UNMARKED_FIELD = re.compile(
    rf"({_ANSWER}|{_EXPLANATION})(?<!^答)(?:\s+|(?:是|为)?\s*(?=[A-ZＡ-Ｚ√×]{{1,8}}\s*$)|$)"
)
_BEFORE_FIELD = frozenset(" \t。；;.．,，、)）】]")

# ---- headings -------------------------------------------------------------------

SECTION = re.compile(
    rf"^(?:(?:[（(]?{NUMERAL}[)）]?\s*[、.．:：]?|第(?:{NUMERAL}|\d+)(?:部分|大题)|[ⅠⅡⅢⅣⅤIV]{{1,3}}[、.．])\s*"
    r"(.*(?:题|題|选择|選擇|判断|填空|简答|论述|案例|名词解释).*)"
    rf"|[【\[（(]?\s*((?:{_KIND}|[AB][1-4](?:/A[1-4])?型题))\s*[】\])）]?\s*(?:[（(【].*[)）】])?[:：]?)$"
)
_HEADING = re.compile(
    rf"^(?:[上中下][篇卷部册编]$|第\s*(?:{NUMERAL}|\d{{1,3}})\s*(?:章|节|節|篇|部分|单元|單元|编|卷|讲|課|课|套|回|模块|大题|专题|项目|辑|册)"
    rf"(?:\s|[:：、.．]|$|(?=[\u4e00-\u9fff])).{{0,40}}"
    rf"|(?:专题|模块|单元|项目|试卷|样卷|模拟(?:试题|试卷|考试|题|卷)?|真题|冲刺卷?|押题卷?|考点|Unit|Chapter|Part|Test)"
    rf"\s*[（(]?(?:{NUMERAL}|\d{{1,4}}|[A-Z])[)）]?(?:\s|[:：、.．]|$).{{0,30}}"
    r"|.{0,16}(?:19|20)\d\d\s*年[^？?（）()。]{0,24}(?:真题|试题|试卷|考试|题库|卷|真題|試題)?[^？?。]{0,8}"
    r"|§\s*\d.{0,30}"
    r"|[^？?。，,：:]{0,30}(?:真题|试题|试卷|题库|练习题|习题集?|模拟题|模拟卷|测试题|考试卷?|同步练习|課後習題|試題)"
    r"(?:[（(【《].{0,16}[)）】》])?[一二三四五六七八九十\dA-Z]{0,3})$"
)
_TITLE_PAGE = re.compile(r"[（(]\s*[)）]|_{2,}|[？?]$")
_KEY_HEAD = re.compile(
    rf"^[【\[（(]?(?:{NUMERAL}\s*[、.．])?[^。？?，,：:]{{0,20}}?答\s?案(?:(?:与|及|和|、|及其)?"
    r"(?:详细)?(?:解析|详解|分析|评分标准|提示|要点))?(?:部分|汇总|速查|一览表?|页|卡)?\s*[】\])）]?\s*[:：]?$"
)
_INLINE_KEY = re.compile(
    r"[【\[（(][^】\])）]{1,16}答案[】\])）]\s*[:：]?\s*|[^\s:：。,，]{1,16}答案\s*[:：]\s*"
    rf"|{NUMERAL}\s*[、.．]\s*(?:{_KIND})?\s*[:：]?\s*"
)
"""``【练习一答案】1.A 2.B``, ``二、多选题：1.AB 2.CD``."""
_IN_ROUND = re.compile(rf"[（(]\s*((?:{_ANSWER})\s*[:：][^（()）]+)[)）]")
"""``（答案：C）``."""
_NO_KEY_HEAD = re.compile("选|選|请|請|哪|写|填|给出|说出|我的|你的|您的")
_SPAN = r"(?P<first>\d{1,4})\s*[-~～—–至到]\s*(?P<last>\d{1,4})\s*(?:小?题|題)?"
_SHARED = re.compile(
    rf"^[（(【\[〔]?\s*(?:(?:第|问题|题)?\s*{_SPAN})?[^。A-Z]{{0,12}}?(?:[共公]用(?:下列|以下|备选)*(?:答案|选项)|備選答案|备选答案|共同(?:备选)?(?:答案|选项))"
    r"[^A-Z]{0,6}?[)）】\]〕]?\s*[:：]?\s*(?P<text>[A-Z（(].*)?$"
)
_SPAN_ALONE = re.compile(
    rf"[（(【\[〔]?\s*(?:第|问题|题)?\s*{_SPAN}\s*[)）】\]〕]?\s*[:：]?|[【\[]\d+题[】\]]"
)
"""``[41~43]`` above the options that these share."""
_CASE = re.compile(
    rf"^[（(【\[]?\s*(?:案例\s*(?:{NUMERAL}|\d{{1,3}})\s*(?=$|[)）】\]:：、.．\s])|案例\s*(?=[:：])|材料\s*(?:{NUMERAL}|\d{{1,2}})?\s*(?=[:：])"
    rf"|(?:第?{_SPAN})?\s*(?:共用(?:题干|案例|材料)|題共用題幹)|(?:根据|阅读)(?:以下|下面|下列).{{0,20}}?(?:第?\s*(?P<first2>\d{{1,4}})\s*[-~～—至到]\s*(?P<last2>\d{{1,4}})\s*题)?.{{0,4}}?)"
    r"\s*[)）】\]]?\s*[:：、.．]?\s*(?P<text>.*)$"
)
_CASE_PART = re.compile(
    r"^[【\[]?(?:一般资料|案例介绍|求助者?自述|个人陈述|主诉|现病史|咨询师观察|心理测验结果?|背景资料|病例摘要|案例描述)"
    r"\s*[】\]]?\s*[:：]\s*(?P<text>.*)$"
)

# ---- numbers --------------------------------------------------------------------

_NUMBERED = re.compile(
    r"^[*＊★☆●◆]?\s*(?:[【\[（(][^】\])）]{0,16}(?:19|20)\d\d[^】\])）]{0,16}[】\])）]\s*(?=\d))?"
    rf"(?:[【\[（(]?\s*({_KIND})\s*[】\])）]?\s*[:：.．、]?\s*)?"
    rf"(?:第\s*(\d{{1,4}}|{NUMERAL})\s*[题題]|[（(【\[]\s*(?:例题?)?(\d{{1,4}})\s*[)）】\]]"
    r"|(?:[Qq题題]|题目|问题|试题|小题|例题|Question )?\s*(\d{1,4})\s*"
    r"([.．、:：)）]|题(?=[:：\s]))(?!\s*[-~～—]\s*\d))"
    r"\s*[.．、:：]?\s*(.*)$"
)
_BARE_NUMBER = re.compile(r"^(\d{1,4})(?:\s+(?=[^\d\s.,，%])(.*)|)$")
_NUMERAL_LINE = re.compile(rf"^({NUMERAL})\s*[、.．]\s*(\S.*)$")
_KIND_IN_STEM = re.compile(
    rf"^[【\[（(]\s*({_KIND})\s*(?:[,，]\s*[\d.]+\s*分\s*)?[】\])）]"
)

# ---- noise ----------------------------------------------------------------------

_MARKDOWN = re.compile(
    r"^\s{0,3}(?:#{1,6}\s+|[>+-]\s+|\*\s+)|\*\*|^\s*(?:-{3,}|\*{3,}|_{3,}|={3,})\s*$"
)
_ORNAMENTS = "◆◇●○■□★☆▲△※ "
_AS_TYPED = dict.fromkeys((0x3000, 0xA0), " ") | {
    mark: form.format(number)
    for first, form in ((0x2474, "({})"), (0x2488, "{}."))
    for number, mark in enumerate(range(first, first + 20), 1)
}
"""Wide spaces, and a number with its bracket or dot in one character: ``⑴``, ``⒈``."""
_BUTTON = re.compile(
    r"(?:点击)?(?:查看|显示|展开|收起|隐藏)(?:参考|正确)?(?:答案|解析)(?:[与和及、/]?(?:答案|解析))?"
)
"""What a page says where the answer is hidden until clicked."""
_SCORE = re.compile(r"[（(]?\s*\d{1,3}\.\d\s*分\s*[)）]?")
_PAGE_NUMBER = re.compile(
    r"(?:.{0,20}\s)?(?:第\s*\d{1,4}\s*页(?:\s*[,，/]?\s*[（(]?共\s*\d{1,4}\s*页[)）]?)?|[-—–]\s*\d{1,4}\s*[-—–]"
    r"|\d{1,4}\s*/\s*\d{1,4}|[Pp]\.?\s?\d{1,4}|[（(]?\s*(?:本题)?\d{1,3}(?:\.\d)?\s*分\s*[)）]?|[Pp]age\s*\d+(?:\s*of\s*\d+)?)(?:\s.{0,20})?"
    r"|(?:https?://|www\.)\S+|.{0,30}(?:微信公众号|QQ群|版权所有|翻印必究|扫码|更多资料).{0,30}"
)


class Token(NamedTuple):
    """A thing that a line says.

    Attributes:
        kind: ``heading``, ``section``, ``key``, ``shared``, ``case``, ``case_part``,
            ``number``, ``options``, ``answer``, ``explanation``, ``note``, ``entries``
            or ``text``.
        line: 1-based, in the file.
        text: As it stands there.
        body: What follows the mark.
        number: Of a ``number``; the last of the span of a ``case`` or ``shared``.
        options: Of an ``options``, or of a ``number`` that has its options behind it.
        type: That the mark names.
        is_weak: A number that may be none, ``2.5个``; an option or span that may be.
        after_blank: Whether an empty line stands before it.
        has_gap: Whether much room stands within an option.
    """

    kind: str
    line: int
    text: str
    body: str = ""
    number: int = 0
    options: tuple[Pair, ...] = ()
    type: str | None = None
    is_weak: bool = False
    after_blank: bool = False
    has_gap: bool = False

    @property
    def letter(self) -> str:
        """The letter of its first option, '' where it has none."""
        return self.options[0][0] if self.options else ""


def read_lines(lines: Sequence[str]) -> list[Token]:
    """Return the tokens of ``lines`` in order."""
    tokens: list[Token] = []
    after_blank = False
    for number, line in enumerate(lines, 1):
        text = "" if _is_page_number(line.strip()) else _plain(line)
        if not text:
            after_blank = after_blank or not line.strip()
        elif not (_BUTTON.fullmatch(text) or _is_page_number(text)):
            found = [_spaced(number, part) for part in _parts(text)]
            tokens += [found[0]._replace(after_blank=after_blank), *found[1:]]
            after_blank = False
    return tokens


_OPTION_MARK = re.compile(r"[（(]?[A-ZＡ-Ｚ][)）]?[.．、:：)）\s]")


_GAP = re.compile(
    r"(?<=[^\s（(【\[_]) {2,}(?=[^\s)）】\]_])"
    r"(?![（(【\[]?[A-Za-zＡ-Ｚ][)）】\]]?[.．、:：)）\s])"
)
"""Room behind which no option begins."""


def _is_page_number(line: str) -> bool:
    """Return whether a line is the foot of a page, and no option that such ends."""
    if _SCORE.fullmatch(line):
        return True
    is_foot = _PAGE_NUMBER.fullmatch(line) is not None
    return is_foot and not (_OPTION_MARK.match(line) or _NUMBERED.match(line))


def _plain(line: str) -> str:
    line = _MARKDOWN.sub("", plain(line)).translate(_AS_TYPED).replace("\t", "  ")
    line = re.sub(r"\n+", " ", line).strip()
    in_round = _IN_ROUND.fullmatch(line)
    return in_round[1] if in_round else line


def _spaced(line: int, part: str) -> Token:
    token = _token(line, re.sub(" +", " ", part))
    return token._replace(has_gap=bool(token.options and _GAP.search(part)))


def _parts(line: str) -> Iterator[str]:
    """Yield a line's parts: a paper on one line question by question, then by field."""
    head = _INLINE_KEY.match(line)
    if head and key_answers(line[head.end() :]):
        yield from filter(None, [head[0].strip(f"{_DIGITS}、.． ")])
        line = line[head.end() :]
    for question in _questions_of(line):
        start = 0
        for field in _FIELD.finditer(question):
            at = field.start()
            begins = at and (question[at] in "【[" or question[at - 1] in _BEFORE_FIELD)
            if begins and question[start:at].strip():
                yield question[start:at].strip()
                start = at
        yield question[start:].strip()


_A_MARK = re.compile(r"[AＡ](?<![A-Za-z0-9Ａ-Ｚ].)[)）】\]]?\s*[.．、:：)）】\]]")
_NUMBER_MARK = re.compile(r"(?<![\d.A-Za-z])(\d{1,4})[.．、](?!\d)")


def _questions_of(line: str) -> list[str]:
    """Return the questions of a line that holds several, each with its options."""
    groups = [mark.start() for mark in _A_MARK.finditer(line)]
    first = _NUMBER_MARK.match(line)
    if len(groups) < 2 or first is None:  # noqa: PLR2004
        return [line]
    starts, number = [0], int(first[1])
    numbers = [(int(m[1]), m.start()) for m in _NUMBER_MARK.finditer(line)]
    position = 0
    for before, group in pairwise(groups):
        while position < len(numbers) and numbers[position][1] < before:
            position += 1
        between = position
        places = []
        while between < len(numbers) and numbers[between][1] < group:
            if numbers[between][0] == number + 1:
                places.append(numbers[between][1])
            between += 1
        if places:
            starts.append(places[-1])
            number += 1
        position = between
    ends = [*starts[1:], len(line)]
    return [line[a:b].strip() for a, b in zip(starts, ends, strict=True)]


def _token(line: int, text: str) -> Token:
    readers = (
        _key_head,
        _section,
        _shared,
        _case,
        _field,
        _entries,
        _options,
        _number,
        _heading,
        _bare_number,
    )
    found = (read(line, text) for read in readers)
    return next(filter(None, found), Token("text", line, text))


def _key_head(line: int, text: str) -> Token | None:
    is_head = _KEY_HEAD.match(text.strip("—-=~ ")) and not _NO_KEY_HEAD.search(text)
    if is_head and not split_options(text):
        return Token("key", line, text, type=type_of(text))
    return None


def _section(line: int, text: str) -> Token | None:
    match = SECTION.match(text.lstrip(_ORNAMENTS))
    title = match and (match[1] or match[2])
    if not title or _TITLE_PAGE.search(text):
        return None
    kind = type_of(title)
    is_group = re.match(r"[AB]\d(?:/A\d)?型", title)
    return Token("section", line, text, title, type=kind) if kind or is_group else None


def _shared(line: int, text: str) -> Token | None:
    if alone := _SPAN_ALONE.fullmatch(text):
        return Token("shared", line, text, number=int(alone["last"] or 0), is_weak=True)
    match = _SHARED.match(text)
    if match is None:
        return None
    options = tuple(split_options(match["text"] or ""))
    last = int(match["last"] or 0)
    return Token("shared", line, text, number=last, options=options)


def _case(line: int, text: str) -> Token | None:
    if part := _CASE_PART.match(text):
        return Token("case_part", line, text, part["text"].strip())
    if match := _CASE.match(text):
        last = int(match["last"] or match["last2"] or 0)
        return Token("case", line, text, match["text"].strip(), number=last)
    return None


def _field(line: int, text: str) -> Token | None:
    match = _FIELD.match(text) or _UNMARKED_FIELD.match(text)
    if match is None:
        return None
    name = next(filter(None, match.groups()))
    kind = next(kind for kind, names in _NAMES.items() if names.fullmatch(name))
    return Token(kind, line, text, text[match.end() :].strip())


def _entries(line: int, text: str) -> Token | None:
    answers = key_answers(text)
    if answers and (len(answers) > 1 or answers[0].is_range):
        return Token("entries", line, text)
    return None


def _options(line: int, text: str) -> Token | None:
    pairs = split_options(text)
    if not pairs:
        return None
    is_bare = len(pairs) == 1 and re.match(r"[A-ZＡ-Ｚ][\u4e00-\u9fff]", text)
    return Token("options", line, text, options=tuple(pairs), is_weak=bool(is_bare))


def _number(line: int, text: str) -> Token | None:
    match = _NUMBERED.match(text)
    if match is None:
        return None
    kind, ordinal, bracketed, plain_, mark, body = match.groups()
    if mark in (":", "：") and re.match(r"\d", body):
        return None
    number = _value(ordinal) if ordinal else int(bracketed or plain_)
    stem, options = options_after(body)
    own = _KIND_IN_STEM.match(body)
    stem = stem[own.end() :].lstrip() if own else stem
    return Token(
        "number",
        line,
        text,
        stem,
        number,
        tuple(options),
        type_of(kind or (own[1] if own else "")),
        is_weak=bool(mark in (".", "．") and re.match(r"\d", body)),
    )


def _heading(line: int, text: str) -> Token | None:
    if _HEADING.match(text) and not _TITLE_PAGE.search(text):
        return Token("heading", line, text)
    if match := _NUMERAL_LINE.match(text):
        stem, options = options_after(match[2])
        number = _value(match[1])
        return Token("numeral", line, text, stem, number, tuple(options), is_weak=True)
    return None


def _bare_number(line: int, text: str) -> Token | None:
    match = _BARE_NUMBER.match(text)
    if match is None:
        return None
    stem, options = options_after(match[2] or "")
    number = int(match[1])
    return Token("number", line, text, stem, number, tuple(options), is_weak=True)


def _value(ordinal: str) -> int:
    if ordinal.isdigit():
        return int(ordinal)
    tens, _, ones = ordinal.rpartition("十")
    head = (_DIGITS.find(tens) + 1 or 1) * 10 if "十" in ordinal else 0
    return head + (_DIGITS.find(ones) + 1 if ones else 0)
