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

_NAMES: Final = (
    "think(?:ing)?|thoughts?|reasoning|reflection|scratchpad|analysis|思考(?:过程)?"
    "|seed:think|longcat_think|reasoning_content|inner_thoughts?"
)
_WRITTEN: Final = r"(?:\s+\w+=[\"'][^\"'<>]{0,40}[\"'])*\s*"
_BAR: Final = "[|｜]"
# All without their first character, which is one of three: that is searched for fast.
_FIRST: Final = r"[<\[◁]"
_OPEN: Final = (
    rf"(?:{_NAMES}){_WRITTEN}>",
    r"THINK\]",
    r"unused16\]",
    "think_on>",
    rf"{_BAR}think{_BAR}>",
    rf"{_BAR}im_start{_BAR}>think\b",
    "think▷",
    rf"{_BAR}(?:begin_of_thought|start_thinking|inner_prefix){_BAR}>",
    r"unused94>(?:thought\b)?",
    rf"{_BAR}channel>(?:thought\b)?",
    rf"{_BAR}channel{_BAR}>\s*(?:analysis|commentary)\b",
)
_CLOSE: Final = (
    rf"/(?:{_NAMES})\s*>",
    r"/THINK\]",
    r"unused17\]",
    "think_off>",
    rf"{_BAR}content{_BAR}>",
    rf"{_BAR}im_start{_BAR}>answer\b",
    "/think▷",
    rf"{_BAR}(?:end_of_thought|end_thinking|inner_suffix){_BAR}>",
    "unused95>",
    rf"channel{_BAR}>",
    rf"{_BAR}channel{_BAR}>\s*final\b\s*(?:<{_BAR}constrain{_BAR}>\w*\s*)?"
    rf"<{_BAR}message{_BAR}>",
    # No thought is open before these, but what stands before them is one.
    r"BEGIN FINAL RESPONSE\]",
)
_MARK: Final = re.compile(
    f"{_FIRST}(?i:(?P<open>{'|'.join(_OPEN)})|(?P<close>{'|'.join(_CLOSE)}))"
)
# Forms without a token of their own, known by how the text begins. Where a server drops
# the tokens of gpt-oss, its channels run together: analysisWe need…assistantfinalB
_PROSE: Final = (
    (
        re.compile(
            r"\s*(?:assistant)?(?:analysis|commentary)(?=[A-Z一-鿿]|.*assistantfinal)",
            re.DOTALL,
        ),
        re.compile("assistantfinal"),
    ),
    (
        re.compile(r"\s*Here is my thought process:"),
        re.compile("Here is my response:"),
    ),
    (re.compile(r"\s*## Thinking\s*\n"), re.compile(r"## Final Response\s*\n")),
    # Open WebUI and Dify, which are asked like models, fold a thought up.
    (
        re.compile(
            r'\s*<details (?:type="reasoning"|[^<>]{0,200}>\s*<summary>\s*Thinking)'
        ),
        re.compile("</details>"),
    ),
)
_LEFT_OVER: Final = re.compile(
    rf"<{_BAR}(?:start|begin|end|message){_BAR}>(?:assistant)?"
    r"|\A\s*(?:assistant)?(?:analysis|commentary)|assistantfinal\Z"
    r"|\A\s*Here is my thought process:|Here is my response:\Z"
    r"|\A\s*## Thinking\b|## Final Response\s*\Z|</details>\Z"
    r"|\A\s*<details [^<>]*>(?:\s*<summary>[^<>]*</summary>)?",
    re.IGNORECASE,
)
_WRAPS: Final = (
    r"</?(?:(?:final_)?answer|output|response|solution|回答|答案)>"
    rf"|<{_BAR}(?:begin|end)_of_(?:solution|box){_BAR}>"
    rf"|<{_BAR}(?:start|end)_(?:response|text){_BAR}>"
    rf"|<{_BAR}(?:end|return){_BAR}>|\[END FINAL RESPONSE\]|\[unused10\]"
)
_WRAP: Final = re.compile(
    rf"\A(?:\s|{_WRAPS})+|(?:{_WRAPS})(?:\s|{_WRAPS})*\Z", re.IGNORECASE
)
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
    start = _start_of_answer(text)
    if not start:
        return Parted("", text)
    thought = _LEFT_OVER.sub("", _MARK.sub("", text[:start]))
    return Parted(thought.strip(), _WRAP.sub("", text[start:]).strip())


def _without_end_of_turn(text: str) -> str:
    said = kept = len(text.rstrip())
    while mark := next((m for m in _END_OF_TURN if text.endswith(m, 0, kept)), ""):
        kept -= len(mark)
        while kept and text[kept - 1].isspace():
            kept -= 1
    return text[:kept] if kept < said else text


def blot_thought(text: str) -> str:
    """Return ``text`` with its thought made blanks; the rest stays in its place."""
    start = _start_of_answer(text)
    return " " * start + text[start:]


def has_thought_mark(text: str) -> bool:
    """Return whether anything in ``text`` would be read as the edge of a thought."""
    return _MARK.search(text) is not None


def _start_of_answer(text: str) -> int:
    """Return where the answer begins: behind the last mark, or nowhere."""
    if not has_thought_mark(text):
        return _end_of_prose(text)
    marks = list(_MARK.finditer(text, _end_of_json(text)))
    if not marks:
        return 0
    return marks[-1].end() if marks[-1]["close"] else len(text)


def _end_of_prose(text: str) -> int:
    for opening, closing in _PROSE:
        if opening.match(text):
            *_, end = [0, *(found.end() for found in closing.finditer(text))]
            return end or len(text)
    return 0


def _end_of_json(text: str) -> int:
    """Return where a value that the text begins with ends: it may quote the marks."""
    begun = _JSON.match(text)
    if begun is None:
        return 0
    try:
        return _DECODER.raw_decode(text, begun.end())[1]
    except (ValueError, RecursionError):
        return 0
