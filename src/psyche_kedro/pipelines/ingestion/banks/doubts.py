"""What makes a question doubtful wherever it was read: in its stem, in its options."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from psyche_kedro.pipelines.ingestion.banks.answers import LETTER_RUN, named_letters
from psyche_kedro.pipelines.ingestion.banks.options import WIDE_LETTERS, split_options
from psyche_kedro.pipelines.ingestion.files.cell_formats import NOT_SHOWN
from psyche_kedro.pipelines.ingestion.files.plain_text import has_picture, has_struck
from psyche_kedro.text.markup_left import holds_markup

IN_BRACKETS = re.compile(r"[（(【\[][^（()）【】\[\]]*[)）】\]]")
_IN_BLANK = re.compile(r"_[^_\n]+_")
FOREIGN = re.compile(
    r"[\u4e00-\u9fff）)][ \t\u3000]+[\u4e00-\u9fff（(]|\n"
    r"|[【\[（(][^【\[（(\n]{0,12}(?:题|[单多]选)[】\])）]$|.(?:单选|多选|判断|填空|简答|论述)题|第[一二三四五六七八九十\d]+[章节页]"
)
"""Behind the last option: ``三  考点二 气质``, ``小脑【多选题】``."""
_OPTION_WITHIN = re.compile(
    r"(?<=[\u4e00-\u9fff）)、，；,;/])[A-Z]\s*[.．、](?=\s*[\u4e00-\u9fff])"
    r"|(?<=[\u4e00-\u9fff）)])\s+(?:[A-Z0-9lI]\s*[.．、:：)）]\s*\S|[A-H]\s+\S)"
)
"""``前额叶A．海马``, and what a scan makes of it: ``前额叶 0. 海马``."""
_BLANK = r"(?:[（(【\[]\s*[)）】\]]|__)"
_WORD = r"[^（()）【】\[\]_。？?\n]"
_TITLE = r"(?:(?![，,；;：:\s])" + _WORD + ")"
_TAKEN_OFF = r"确认|查看|提交|显示|[单多]选|判断|[.\dA-H]"
"""By cleaning: 确认答案, 多选, BCD245-3."""
_BEHIND_STEM = re.compile(
    "|".join(
        (
            rf"(?:{_BLANK}[。.？?]?|[？?][\"”]?)\s+(?![\d-]+$){_WORD}{{2,40}}$",
            rf"{_BLANK}[。？?](?!{_TAKEN_OFF}){_TITLE}{{2,24}}$",
            rf"{_BLANK}[。.？?]?\s*(?:[A-ZⅠ-Ⅻ]{{1,3}}|P?\d[\d/]*[%分]?)$",
            rf"(?:[是有为]|包括|属于|在于)\s+(?:{_TITLE}| ){{2,40}}$",
            rf"[。！？!?][”\"]?[ \t]*\n\s*(?:{_TITLE}| ){{2,40}}$",
        )
    )
)
"""What begins behind a question's end: ``…的是（ ）。 第二章 学习``."""
_BEFORE_STEM = re.compile(
    r"[)）】\]、，。,;；:：.．]|[lIO]\d*[)）.．、]|题\s|第[一二三四五六七八九十\d]+[章节篇讲]\s"
    r"|[（(]\s*[A-H]\s*[)）]|[（(]\d{1,3}(?=[\u4e00-\u9fff])(?![^（）()]{0,12}[)）])"
)
"""What is left of a number that was misread, or a heading."""
_NUMERAL = "[一二三四五六七八九十]"
_NO_WORDS = re.compile(
    "|".join(
        (
            # The page.
            r"\d{4}-\d\d-\d\d \d\d:\d\d|\s(?:收藏|纠错|报错|分享|举报)(?:\s|$)",
            r"[第共]\s*\d+\s*页|版权所有|翻印必究|公众号|www\.|https?:|学号|扫码|QQ群",
            r"\s(?:[-—–]\s?\d{1,4}\s?[-—–]|[·•]\s\d{1,4}|P\s?(?!\d*[05]0$)\d{1,4}|[★☆◆●■※▲△▼◎◇]+)$",
            # A field.
            r"[（(]\s*(?:选|答案)\s*[:：]?\s*[A-H]+\s*[)）]$|\n\S{1,3}[:：]$",
            r"[（(\[【][^（()）\[\]【】]{0,8}(?:\d\s?分|真题|页|P\s?\d|收藏|完)"
            r"[^（()）\[\]【】]{0,4}[)）\]】]$|(?<=[\u4e00-\u9fff）)])[*#★▲◎◆□■©@\ufffd]\S{0,8}$",
            r"(?<=[\u4e00-\u9fff）)])[-—·]+\s?\d+\s?[-—·]+$",
            r".(?:选择题|[型错]题|解析略?|考点|[上下]一题|查看\S{0,4}|须知|小结|[见转接]下页)$",
            rf"(?<=[\u4e00-\u9fff])(?:(?:{_NUMERAL}|\d)+、|[（(]{_NUMERAL}+[)）])$",
            r"[做答]题人|正确率\s?\d|阅卷人|请关注|微信[:：A-Za-z\d]|QQ\s?\d|\.(?:com|cn|net)\b",
            r"参考答案|答\s?案\s*[:：]|解析[:：]|(?:得分|难度|知识点|来源|考点)[:：]",
            r"[共公]用(?:备选|选项|答案|题干)",
            r"[单多]选题?\s*[,，、]\s*[\d.]+\s*分|(?:每小?|本)题\s*[\d.]+\s*分",
            # A heading.
            r"【[^】\s]{1,20}】\s*$|(?<![A-Za-z\d])#\s",
            rf"(?:专题|模块|单元|考点)(?:{_NUMERAL}|\d)+\s",
            rf"{_NUMERAL}[)）]?\s*[、.．]?\s*(?:[单多]项?选|不定项|判断题|简答题)",
            rf"(?<=[。）)？?】\s是为有于括])第(?:{_NUMERAL}|\d)+[章节]\s?(?=[\u4e00-\u9fff])",
        )
    )
)
"""What pages and exports say around a question, and none asks."""
_OPTION_MARK = re.compile(r"[A-H]\s*[.．、](?=\s*[\u4e00-\u9fff])")
"""``C．罗杰斯`` is a name; two options that begin so are of two lists."""
_LETTER_MARK = re.compile(r"(?<=[A-Z])\s*[.．、:：]?\s*(?=[\u4e00-\u9fff])")
_OPTION_LINE = re.compile(r"\n[ \t]*[（(]?[A-Z][ \t]*[.．、)）]")
_TRUTH_AT_END = re.compile(
    r"^\W{0,2}[√×✓✗✔✘]|[√×✓✗✔✘]\W{0,2}$|[（(\[【]\s*[对错TF]\s*[)）\]】]\W*$|[。.!？?]\s*[对错TF]\W*$"
)
_NO_END = re.compile(r"(?<!\W)(?<!_)[\W_]+$")
"""``是斯金纳（ ）。`` ends in its answer all the same."""
_RUN = re.compile(LETTER_RUN)
_LETTERS_FIRST = re.compile(rf"\s*({LETTER_RUN})\s*(?:\n|$)")
_RUN_AT_END = re.compile(r"(?<![A-Za-z])([A-Z](?:[\s,，、;；]?[A-Z]){0,7})\W*$")
_NO_LETTER_BESIDE = re.compile(r"[^\w.-]|[_选]")

_POINTS = re.compile("[上下左右]图(?![书片画像式谋灵])")
"""At a picture that a text does not hold; 基础上图式 is none."""


def _needs_picture(text: str) -> bool:
    return has_picture(text) or _POINTS.search(text) is not None


_UNSURE = {
    "needs_picture": _needs_picture,
    "struck_text": has_struck,
    "cell_not_shown": lambda text: NOT_SHOWN in text,
    "markup_left": holds_markup,
}
"""What makes a question unsure wherever it stands in it."""


def text_errors(question: Mapping[str, Any]) -> list[str]:
    """Return what is unsure about the texts of a question, as slugs.

    Args:
        question: The columns of ``Question``.
    """
    options = [option["text"] for option in question["options"]]
    texts = [question["stem"], question["case_text"] or "", *options]
    texts.append(question["answer_text"] or "")
    errors = [e for e, is_so in _UNSURE.items() if any(map(is_so, texts))]
    if _tells_answer(question):
        errors.append("answer_left_in_stem")
    if _has_foreign(question["stem"], options):
        errors.append("unclear_option")
    if _has_more(question):
        errors.append("unclear_stem")
    if _is_answered_otherwise(question):
        errors.append("answers_differ")
    return errors


def _has_more(question: Mapping[str, Any]) -> bool:
    """Return whether a stem holds more than what is asked, or nothing that is."""
    stem, answer = question["stem"], question["answer_text"] or ""
    if not question["options"]:
        listed = [label for label, _ in split_options(answer)]
        is_choice = re.search(_BLANK, stem) and listed[:2] == ["A", "B"]
        return bool(is_choice) or _LETTERS_FIRST.fullmatch(stem) is not None
    found = (_BEFORE_STEM.match, _BEHIND_STEM.search, _NO_WORDS.search)
    return any(find(stem) for find in found)


def _is_answered_otherwise(question: Mapping[str, Any]) -> bool:
    """Return whether an explanation begins with letters alone, and other ones."""
    letters = _LETTERS_FIRST.match(question["explanation"] or "")
    return letters is not None and named_letters(letters[1]) != list(question["gold"])


def _tells_answer(question: Mapping[str, Any]) -> bool:
    """Return whether the right letters, words or a verdict still stand in a stem."""
    stem, gold = question["stem"], "".join(question["gold"])
    if question["type"] == "true_false":
        return _verdict_left(stem)
    left = _letters_left(stem) if question["options"] else set()
    together = "".join(sorted(set("".join(left))))
    if gold and gold in {*left, together}:
        return True
    texts = [o["text"] for o in question["options"] if o["label"] in gold]
    in_brackets = [
        _LETTER_MARK.sub(".", b[1:-1].strip())
        for b in (*IN_BRACKETS.findall(stem), *_IN_BLANK.findall(stem))
    ]
    if gold.lower() in {*in_brackets} - {""}:
        return True
    if any(set(re.split("[、,，;；]", words)) == {*texts} for words in in_brackets):
        return bool(texts)
    return len(texts) == 1 and (
        any(
            texts[0] in (words, words.strip("ABCDEFGH.、:： "))
            or f"{gold}.{texts[0]}" in words
            for words in in_brackets
        )
        or (len(texts[0]) > 1 and _NO_END.sub("", stem).endswith(texts[0]))
    )


def _has_foreign(stem: str, options: Sequence[str]) -> bool:
    """Return whether what stands among options seems to be none of them.

    A heading or the foot of a page behind the last, an option within another or
    within the stem.
    """
    odd = [FOREIGN.search(text) is not None for text in options]
    ends_oddly = odd[-1:] == [True] and sum(odd) == 1
    return (
        ends_oddly
        or any(_OPTION_WITHIN.search(o) or _NO_WORDS.search(o) for o in options)
        or _are_of_two_lists(options)
        or (len(options) > 0 and _OPTION_LINE.search(stem) is not None)
    )


def _are_of_two_lists(options: Sequence[str]) -> bool:
    marks = [_OPTION_MARK.match(text) for text in options]
    letters = "".join(mark[0][0] for mark in marks if mark)
    return len(letters) > 1 and letters not in "ABCDEFGH"


def _verdict_left(stem: str) -> bool:
    """Return whether a verdict stands at either end of a statement."""
    return _TRUTH_AT_END.search(stem) is not None


def _letters_left(stem: str) -> set[str]:
    """Return the letters that stand alone in a stem: ``AB`` of ``有 A、B 。``."""
    stem = f" {stem.translate(WIDE_LETTERS)} "
    at_end = _RUN_AT_END.search(stem)
    runs = [
        run[0]
        for run in _RUN.finditer(stem)
        if all(_NO_LETTER_BESIDE.match(stem[n]) for n in (run.start() - 1, run.end()))
    ]
    runs += [at_end[1]] if at_end else []
    return {"".join(named_letters(run)) for run in runs}
