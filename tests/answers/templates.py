"""Ten thousand replies made of phrasings, separators and subsets; their answers."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

LABELS = "ABCD"
TEXTS = {"A": "焦虑情绪", "B": "抑郁发作", "C": "强迫观念", "D": "惊恐障碍"}
QUESTION = {
    "type": "multiple",
    "stem": "下列属于情绪障碍常见表现的有（ ）。",
    "options": [{"label": label, "text": text} for label, text in TEXTS.items()],
}

SEPARATORS = ("", "、", ",", "，", ";", "；", "/", " ", "和", "与", "及", "以及")
MORE_SEPARATORS = (".", "．", "·", "+", "&", "|", ", ", "、 ", "\n", " and ", "，和")
FULL_WIDTH = str.maketrans("ABCD", "ＡＢＣＤ")

SLOTS = (
    "答案：{}",
    "答案: {}。",
    "正确答案是{}",
    "正确答案为：{}。",
    "【答案】{}",
    "[正确答案]{}<eoa>",
    "[答案]{}",
    "<answer>{}</answer>",
    "<答案>{}</答案>",
    "{}<|im_end|>",
    "{}</s>",
    "{}<eoa>",
    "**答案：{}**",
    "**{}**",
    "「{}」",
    "《答案》：{}",
    "答案（{}）",
    "（{}）",
    "[{}]",
    "【{}】",
    "{}",
    "{}。",
    "选项{}",
    "$\\boxed{{{}}}$",
    "所以最终答案是 $\\boxed{{\\text{{{}}}}}$。",
    '{{"answer": "{}"}}',
    '{{"reasoning": "先看A，再看B。", "ans": "{}"}}',
    '```json\n{{"最终答案": "{}"}}\n```',
    '{{"choice": "{}", "explanation": "B与题意不符",',
)
SENTENCES = (
    "综上所述，本题应选{}。",
    "因此，选{}。",
    "故选：{}",
    "故本题答案为{}。",
    "我认为正确答案是{}。",
    "根据诊断标准逐项比对，应当选择{}。",
    "正确的选项是{}。",
    "正确选项：{}",
    "最终答案\n{}",
    "答：{}",
    "我会选择{}",
    "经过分析，答案应该是{}。",
    "答案是{}。\n解析：题干问的是情绪障碍，ABC理论与此无关。",
    "{}\n\n解析：这一题考查情绪障碍的表现。",
    "这一题考查情绪障碍的表现。\n\n{}",
    "首先看题干。接着逐项分析。所以答案选{}",
    "The answer is {}.",
    "Answer: {}",
    "The correct answer is: {}.",
    "I would choose {}.",
    "Final answer: {}",
    "<think>先想A，答案也许是B</think>答案：{}",
    "答案是A吗？再想一想。不，答案是{}。",
    "答案是D。等等，我看错了题目，正确答案应为{}。",
    "The answer is D. Wait, it is {}.",
    "本题参考DSM-5与CBT的原则，答案为{}。",
    "根据A型人格的研究，选{}。",
    "从ABCD四个选项中，正确的是{}。",
    "答案：{}（A-B-C理论认为信念是中介）",
)
ENDORSED = (
    "{}都是正确的。",
    "{}均正确",
    "选项{}符合题意。",
    "{}这几项都符合题意。",
    "只有{}是正确的。",
    "{}的可能性最大",
)
LISTS = (
    "答案：{}",
    "正确答案是：\n{}",
    "应选：{}。",
    "{}",
)
HEDGES = (
    "答案可能是{}",
    "可能是{}，也可能是D",
    "答案可能是{}，但不能排除D",
    "也许选{}，我不太确定。",
    "答案不是{}",
    "不选{}",
    "{}都是错误的",
    "{}均不正确",
    "{}不符合题意",
    "如果选{}，就忽略了病程。",
    "The answer might be {}.",
    "The answer is not {}.",
    "选{}吗？",
)
NOTHING = (
    "以上选项都是错误的",
    "以上都不对。",
    "抱歉，我无法提供诊断。",
    "这道题涉及ABC理论和A型人格。",
    "维生素A与此无关。",
    "<think>答案是A，B",
    "A. 焦虑情绪\nB. 抑郁发作\nC. 强迫观念\nD. 惊恐障碍",
    "题目：下列属于情绪障碍常见表现的有（ ）。\nA. 焦虑情绪 B. 抑郁发作 C. 强迫观念 "
    "D. 惊恐障碍",
    "下列属于情绪障碍常见表现的有（ ）。",
    '{"reasoning": "A选项描述的是焦虑，B选项',
    '{"analysis": "选A比较合适，但", "answer": ',
    "答案是A或B。",
    "要么是C，要么是D。",
    "答案：A。也可能答案：B",
    "答案：F",
    "A、B不全对。",
)


class Made(NamedTuple):
    """A reply and the labels that it declares; none where it declares none."""

    text: str
    labels: frozenset[str]
    kind: str


def subsets() -> list[tuple[str, ...]]:
    sizes = range(1, len(LABELS) + 1)
    return [s for n in sizes for s in itertools.combinations(LABELS, n)]


def joined(chosen: tuple[str, ...]) -> Iterator[str]:
    """Yield a subset in every way of parting it, and as a range."""
    if len(chosen) == 1:
        yield chosen[0]
        yield chosen[0].translate(FULL_WIDTH)
        return
    for separator in (*SEPARATORS, *MORE_SEPARATORS):
        yield separator.join(chosen)
    yield "、".join(chosen).translate(FULL_WIDTH)
    yield f"{'、'.join(chosen[:-1])}和{chosen[-1]}"
    yield f"{', '.join(chosen[:-1])}, and {chosen[-1]}"
    if "".join(chosen) in LABELS and len(chosen) > 2:
        yield f"{chosen[0]}-{chosen[-1]}"
        yield f"{chosen[0]}至{chosen[-1]}"


def listed(chosen: tuple[str, ...]) -> Iterator[str]:
    """Yield a subset with each option's text."""
    for mark, between in (
        (". ", "\n"),
        (". ", "；"),
        ("、", "；"),
        ("：", "，"),
        ("", "、"),
    ):
        yield between.join(f"{label}{mark}{TEXTS[label]}" for label in chosen)
    yield "、".join(f"{label}（{TEXTS[label]}）" for label in chosen)


def judged(chosen: tuple[str, ...]) -> Iterator[str]:
    """Yield a verdict on every option."""
    pairs = (("正确", "错误"), ("符合题意", "不符合题意"), ("√", "×"), ("对", "不对"))
    for right, wrong in pairs:
        words = [right if label in chosen else wrong for label in LABELS]
        lines = [f"{k}项{w}" for k, w in zip(LABELS, words, strict=True)]
        yield "，".join(lines) + "。"
        yield "\n".join(lines)
        yield "\n".join(f"{k}. {w}" for k, w in zip(LABELS, words, strict=True))
    others = [label for label in LABELS if label not in chosen]
    if others:
        yield f"{'、'.join(chosen)}正确，{'、'.join(others)}错误。"
        yield f"答案是{'、'.join(chosen)}，{'和'.join(others)}错误。"


def templates() -> Iterator[Made]:
    """Yield every reply."""
    for chosen in subsets():
        labels = frozenset(chosen)
        for said in joined(chosen):
            yield from (Made(t.format(said), labels, t) for t in (*SLOTS, *SENTENCES))
        tight = ["、".join(chosen), "和".join(chosen), "".join(chosen)]
        for said in dict.fromkeys(tight):
            yield from (Made(t.format(said), labels, t) for t in ENDORSED)
            yield from (Made(t.format(said), frozenset(), t) for t in HEDGES)
        for said in listed(chosen):
            # All of the options in a row, alone, are a copy of the question.
            for t in LISTS if len(chosen) < len(LABELS) else LISTS[:1]:
                yield Made(t.format(said), labels, f"{t} listed")
        yield from (Made(said, labels, "judged") for said in judged(chosen))
    yield from (Made(text, frozenset(), "nothing") for text in NOTHING)
