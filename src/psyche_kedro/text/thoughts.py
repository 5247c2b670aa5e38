"""What a model thinks before it answers, in every form that models write it.

An endpoint that parses its model's thoughts sends them in a field of their own; one
that does not leaves them in the text. Here, and nowhere else, they are told from the
answer. The test of this module names each form with the models that write it.

One rule for all forms: the answer is what stands behind the last thought. A thought
whose opening tag was in the prompt has a closing one only; one that was cut off has no
answer.

Example: ``"<think>先看B</think>选A"`` is the thought ``先看B`` and the answer ``选A``.
"""

import json
import re
from typing import Final, NamedTuple

# A tag, in whichever brackets, with bars or without: <think>, <|START_THINKING|>,
# ＜/思考＞, &lt;reasoning&gt;, <think_end>. Its first character is searched for fast.
_FIRST: Final = r"[<＜\[◁&\\](?:(?=[|｜]?[\s\w/／#])|(?<=\\)(?=<))"
_LESS: Final = r"(?:(?<=[<＜])|(?<=&)(?:amp;)?(?:lt|#60|#x3c);|(?<=\\)(?:<|u003c))"
_MORE: Final = r"(?:\\?[>＞]|&(?:amp;)?(?:gt|#62|#x3e);|\\u003e)"
_NAME: Final = (
    "(?:(?!no)[a-z:_▁-]{0,12}?(?:think(?:ing)?|thoughts?|reasoning|reflection"
    "|scratch_?pad|monologue)(?:_(?:process|content|steps?))?"
    "|analysis|cot|(?:内心)?(?:思考|推理|思维|独白|分析)(?:过程|链)?)"
)
_WRITTEN: Final = r"(?:\s+\w+=(?:[\"'][^\"'<>]{0,40}[\"']|[^\s\"'<>]{1,40}))*"
_BAR: Final = "[|｜]"
_TAG: Final = (
    rf"{_LESS}{_BAR}?\s*(?P<shut>[/／]\s*|end[_▁](?:of[_▁])?)?{_NAME}"
    rf"(?:_(?:start|begin|on)|(?P<off>_(?:end|off)))?{_WRITTEN}\s*{_BAR}?{_MORE}"
)
_OPEN: Final = (
    *(r"THINK\]", r"unused16\]", "think▷", r"unused94>(?:thought\b)?"),
    rf"{_BAR}(?:im_start{_BAR}>think\b|inner_prefix{_BAR}>|channel>(?:thought\b)?"
    rf"|channel{_BAR}>\s*(?:analysis|commentary)\b)",
)
_CLOSE: Final = (
    *(r"/THINK\]", r"unused17\]", "/think▷", "unused95>", rf"channel{_BAR}>"),
    rf"{_BAR}(?:content{_BAR}>|im_start{_BAR}>answer\b|inner_suffix{_BAR}>"
    rf"|channel{_BAR}>\s*final\b\s*(?:<{_BAR}constrain{_BAR}>\w*\s*)?<{_BAR}message"
    rf"{_BAR}>)",
    # No thought is open before these, but what stands before them is one.
    r"BEGIN FINAL RESPONSE\]",
)
# A mark that stands in quotes is spoken of.
_MARK: Final = re.compile(
    rf"{_FIRST}(?<![`\"'“‘「『].)"
    rf"(?i:(?P<tag>{_TAG})|(?P<close>{'|'.join(_CLOSE)})|{'|'.join(_OPEN)})"
)
_BOTH: Final = re.compile(r"\W*(?:和|与|及|或|到|至|and|or|to|、)\W*")
"""What stands between two marks that are only named."""
_ANSWER: Final = re.compile("<(answer|final_answer|回答|答案)>", re.IGNORECASE)


class _Form(NamedTuple):
    """A thought without a mark of its own, known by how the text begins."""

    opens: re.Pattern[str]
    closes: re.Pattern[str]


def _form(opens: str, closes: str) -> _Form:
    return _Form(
        re.compile(rf"\s*{opens}", re.IGNORECASE | re.DOTALL),
        re.compile(closes, re.IGNORECASE | re.MULTILINE),
    )


_SAID: Final = "(?:think(?:ing)?|thoughts?|reasoning|思考|推理)(?: process|过程)?"
_REPLY: Final = "(?:(?:final )?(?:response|answer)|(?:最终)?(?:回答|答案|答复|结论))"
_FOLDED: Final = (
    # Where a server drops the tokens of gpt-oss, its channels run together, as in
    # analysisWe need…assistantfinalB.
    _form(
        "(?-i:(?:assistant)?(?:analysis|commentary)(?=[A-Z一-鿿]|.*assistantfinal))",
        "assistantfinal",
    ),
    _form("Here is my thought process:", "Here is my response:"),
    _form("## Thinking *\n", "## Final Response *$"),
    _form(
        r"(?:<\|im_start\|>)?assistant/think\b", r"<\|im_start\|>assistant\b(?!/)"
    ),  # HyperCLOVA X
    _form(
        r"<details(?: type=\"reasoning\"[^<>]*>(?:\s*<summary>[^<>]*</summary>)?"
        rf"|[^<>]{{0,200}}>\s*<summary>(?:[^\w<>]|已|深度)*{_SAID}[^<>]{{0,40}}</summary>)",
        "</details>",
    ),  # Open WebUI, Dify and others that are asked like models, and fold thoughts up
    _form(
        rf"<\|start_header_id\|>{_SAID}<\|end_header_id\|>",
        r"<\|start_header_id\|>assistant<\|end_header_id\|>",
    ),  # Llama 3's turns
    _form(rf"(?:```|~~~){_SAID} *\n", "^ *(?:```|~~~) *$"),
    _form(rf":::{_SAID} *\n", "^:::"),  # LibreChat
)
"""Where it does not close, it was cut off."""
_PAIRED: Final = (
    _form(
        rf"[\[［{{|《「(（]{_SAID}[\]］}}|》」)）]",
        rf"[\[［{{|《「(（][/／]{_SAID}[\]］}}|》」)）]",
    ),
    _form(f"【{_SAID}(?:开始)?】", f"【(?:[/／]{_SAID}|{_SAID}结束|{_REPLY})】"),
    _form(
        rf"(?:#{{1,4}} |\*\*){{1,2}}{_SAID}[:：]?(?:\*\*)? *\n",
        rf"^(?:#{{1,4}} |\*\*){{1,2}}{_REPLY}[:：]?(?:\*\*)? *$",
    ),
    _form(r"\W{0,4}Thinking(?:\.\.\.|…)[*_]*\s*\n(?=>)", r"^(?=[^>\s])"),  # Poe
    _form(r"Thinking(?:\.\.\.|…) *\n", r"\.\.\.done thinking\.?"),  # Ollama
)
"""What so begins and does not close is an answer."""
_LEFT_OVER: Final = re.compile(
    rf"<{_BAR}(?:start|begin|end|message){_BAR}>(?:assistant)?|<\|im_end\|>"
    r"|\A\s*(?:assistant)?(?:analysis|commentary)",
    re.IGNORECASE,
)
_WRAPS: Final = (
    r"(?:<|&lt;|＜)[/／]?(?:(?:final_)?answer|final|output|response|reply|solution"
    r"|(?:最终)?(?:回答|回复|答案))(?:>|&gt;|＞)"
    rf"|<{_BAR}(?:begin|end)_of_(?:solution|box){_BAR}>"
    rf"|<{_BAR}(?:start|end)_(?:response|text){_BAR}>"
    rf"|<{_BAR}(?:end|return){_BAR}>|\[END FINAL RESPONSE\]|\[unused10\]"
    r"|<\|im_end\|>|<\|im_start\|>assistant|<\|start_header_id\|>assistant<\|end_header_id\|>"
)
_RULE: Final = r"-{3,}(?=\s)(?!\s*[a-z_]+: )|\*{1,2}(?=\n|\S[^*]*\Z)"
"""A line between thought and answer, or the second half of ``**</think>**``; with a
name and a colon below, ``---`` begins the front matter of a page."""
_WRAP: Final = re.compile(
    rf"\A(?:\s|{_WRAPS}|{_RULE})+|(?:{_WRAPS})(?:\s|{_WRAPS})*\Z", re.IGNORECASE
)
_NOT_THOUGHT: Final = re.compile(r"\s*<think(?:ing)?\s*/>\s*", re.IGNORECASE)
_FENCED: Final = re.compile(r"\s*(```|~~~)\w* *\n((?:(?!\1).)*)\n\1\s*", re.DOTALL)
_END_OF_TURN: Final = (
    *("<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|end_of_text|>", "<|user|>"),
    *("</s>", "<end_of_turn>", "<｜end▁of▁sentence｜>", "<|return|>", "[unused10]"),
)
"""What a server that shows special tokens leaves at the end of a reply."""
_JSON: Final = re.compile(r"\s*(?:```\w*\s*)?(?=[{\[])")
_DECODER: Final = json.JSONDecoder(strict=False)


class Parted(NamedTuple):
    """A reply's thought and its answer; all is answer, as it came, where none is.

    Neither holds the marks of a turn's end.
    """

    thought: str
    answer: str


def part_thought(text: str) -> Parted:
    """Return what is thought and what is answered.

    >>> part_thought("先看B。</think>选A")
    Parted(thought='先看B。', answer='选A')
    >>> part_thought("[THINK]没有写完")
    Parted(thought='没有写完', answer='')
    """
    text = _without_end_of_turn(text)
    if not_thought := _NOT_THOUGHT.match(text):
        return Parted("", text[not_thought.end() :])
    fenced = _FENCED.fullmatch(text)
    if fenced and _edges(fenced[2]).answer:
        return part_thought(fenced[2])
    start, end, answer = _edges(text)
    if not answer:
        return Parted("", text)
    thought = _LEFT_OVER.sub("", _MARK.sub("", text[start:end]))
    return Parted(thought.strip(), _WRAP.sub("", text[answer:]).strip())


def _without_end_of_turn(text: str) -> str:
    said = kept = len(text.rstrip())
    while mark := next((m for m in _END_OF_TURN if text.endswith(m, 0, kept)), ""):
        kept -= len(mark)
        while kept and text[kept - 1].isspace():
            kept -= 1
    return text[:kept] if kept < said else text


def blot_thought(text: str) -> str:
    """Return ``text`` with its thought made blanks; the rest stays in its place."""
    start = _edges(text).answer
    return " " * start + text[start:]


def has_thought_mark(text: str) -> bool:
    """Return whether anything in ``text`` would be read as the edge of a thought."""
    return _MARK.search(text) is not None


class _Edges(NamedTuple):
    """Where a thought begins and ends, and its answer begins; 0 for no thought."""

    start: int
    end: int
    answer: int


def _edges(text: str) -> _Edges:
    marks = list(_MARK.finditer(text))
    if not marks:
        return _edges_of_prose(text)
    json_end = _end_of_json(text)
    marks = [mark for mark in marks if mark.start() >= json_end]
    while marks:
        last = marks.pop()
        before = marks[-1] if marks else None
        if before and before["tag"] and _names_both(text, before, last):
            marks.pop()
        elif _closes(last):
            return _Edges(0, last.end(), last.end())
        elif not last["tag"] or _begins_line(text, last.start()):
            answer = _start_of_answer(text)
            return _Edges(0, answer, answer)
    return _Edges(0, 0, 0)


def _closes(mark: re.Match[str]) -> bool:
    return bool(mark["close"] or mark["shut"] or mark["off"])


def _begins_line(text: str, at: int) -> bool:
    before = text[max(0, at - 8) : at].rstrip(" \t")
    return not before or before[-1] in "\n>*"


def _names_both(text: str, before: re.Match[str], last: re.Match[str]) -> bool:
    return bool(_BOTH.fullmatch(text, before.end(), last.start()))


def _start_of_answer(text: str) -> int:
    """Return where a tagged answer begins behind a thought that nothing closes."""
    *_, last = [None, *_ANSWER.finditer(text)]
    whole = last and text.rstrip().lower().endswith(f"</{last[1].lower()}>")
    return last.start() if last and whole else len(text)


def _edges_of_prose(text: str) -> _Edges:
    for form in (*_FOLDED, *_PAIRED):
        if opening := form.opens.match(text):
            closing = form.closes.search(text, opening.end())
            if closing:
                return _Edges(opening.end(), closing.start(), closing.end())
            if form in _FOLDED:
                return _Edges(opening.end(), len(text), len(text))
    return _Edges(0, 0, 0)


def _end_of_json(text: str) -> int:
    """Return where a value that the text begins with ends: it may quote the marks."""
    begun = _JSON.match(text)
    if begun is None:
        return 0
    try:
        return _DECODER.raw_decode(text, begun.end())[1]
    except (ValueError, RecursionError):
        return 0
