"""Question papers of random layout, with what each of their questions is.

A paper is drawn by its seed: how it numbers, where numbers restart, what stands above
chapters, how options are laid out, where answers stand, what follows them.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

TOPICS = ["感觉", "知觉", "记忆", "思维", "言语", "情绪", "动机", "人格"]
WORDS = ["组块", "强化", "消退", "泛化", "投射", "升华", "退行", "移情", "阻抗", "顿悟"]
NUMERALS = "一二三四五六七八九十"


@dataclass
class Drawn:
    """A question as its author meant it."""

    mark: str
    """Stands in the stem and in no other."""
    kind: str
    options: list[str]
    gold: str
    explanation: list[str] = field(default_factory=list)
    number: int = 0

    @property
    def stem(self) -> str:
        blank = "" if self.kind == "true_false" else "（ ）"
        return f"关于{self.mark}的说法{'正确的是' if self.options else '成立'}{blank}。"


@dataclass
class Style:
    """How a paper is laid out."""

    number: Callable[[Drawn], str]
    options: Callable[[list[str]], list[str]]
    answers: str
    heading: Callable[[int], str]
    restarts: bool
    notes: list[str]
    name: str


NUMBERINGS = {
    "1．": lambda q: f"{q.number}．",
    "1.": lambda q: f"{q.number}.",
    "1. ": lambda q: f"{q.number}. ",
    "1、": lambda q: f"{q.number}、",
    "(1)": lambda q: f"({q.number})",
    "（1）": lambda q: f"（{q.number}）",
    "第1题": lambda q: f"第{q.number}题 ",
    "【1】": lambda q: f"【{q.number}】",
    "1 ": lambda q: f"{q.number} ",
    "单选：1．": lambda q: f"{_called(q)}：{q.number}．",
    "[单选题] 1.": lambda q: f"[{_called(q)}题] {q.number}.",
    "1.（单选题）": lambda q: f"{q.number}.（{_called(q)}题）",
}
OPTIONS = {
    "A．": lambda o: [f"{c}．{t}" for c, t in zip("ABCDE", o, strict=False)],
    "A、": lambda o: [f"{c}、{t}" for c, t in zip("ABCDE", o, strict=False)],
    "A ": lambda o: [f"{c} {t}" for c, t in zip("ABCDE", o, strict=False)],
    "A": lambda o: [f"{c}{t}" for c, t in zip("ABCDE", o, strict=False)],
    "（A）": lambda o: [f"（{c}）{t}" for c, t in zip("ABCDE", o, strict=False)],
    "(A) (B)": lambda o: [
        " ".join(f"({c}) {t}" for c, t in zip("ABCDE", o, strict=False))
    ],
    "A. B.": lambda o: [
        " ".join(f"{c}. {t}" for c, t in zip("ABCDE", o, strict=False))
    ],
    "A.B.": lambda o: ["".join(f"{c}.{t}" for c, t in zip("ABCDE", o, strict=False))],
    "A. B.\nC. D.": lambda o: [
        "  ".join(
            f"{c}. {t}" for c, t in list(zip("ABCDE", o, strict=False))[n : n + 2]
        )
        for n in range(0, len(o), 2)
    ],
    "A. C.\nB. D.": lambda o: [
        "  ".join(f"{c}. {t}" for c, t in list(zip("ABCDE", o, strict=False))[n::2])
        for n in range(2)
    ],
}
ANSWERS = (
    "答案：",
    "【答案】",
    "正确答案: ",
    "参考答案：",
    "in stem",
    "key",
    "key by range",
    "key with explanations",
    "key below chapter",
    "marked",
)
HEADINGS = {
    "none": lambda n: "",
    "第一章": lambda n: f"第{NUMERALS[n]}章 {TOPICS[n]}",
    "year": lambda n: f"{2010 + n}年心理咨询师考试真题",
    "paper": lambda n: f"模拟试卷（{NUMERALS[n]}）",
    "topic": lambda n: f"专题{NUMERALS[n]}：{TOPICS[n]}",
    "section": lambda n: f"{NUMERALS[n]}、{('单选题', '多选题', '判断题')[n % 3]}",
}
NOTES = (
    [],
    ["难度：易"],
    ["知识点：{0}", "来源：模拟卷"],
    ["得分：1分"],
    ["——第3页 共10页——"],
)


def _called(q: Drawn) -> str:
    return {"single": "单选", "multiple": "多选", "true_false": "判断"}[q.kind]


def draw(seed: int) -> tuple[str, list[Drawn], Style]:
    """Return a paper's text, its questions and how it is laid out."""
    dice = random.Random(seed)
    style = _style(dice)
    chapters = [
        [
            _question(dice, f"{seed}甲{c}乙{n}", _kind(dice, style, c))
            for n in range(dice.randint(2, 6))
        ]
        for c in range(dice.randint(1, 4))
    ]
    number = 0
    for chapter in chapters:
        number = 0 if style.restarts else number
        for question in chapter:
            number += 1
            question.number = number
    return _text(dice, style, chapters), [q for c in chapters for q in c], style


def _style(dice: random.Random) -> Style:
    names = [
        dice.choice(list(choices))
        for choices in (NUMBERINGS, OPTIONS, ANSWERS, HEADINGS)
    ]
    numbering, options, answers, heading = names
    return Style(
        NUMBERINGS[numbering],
        OPTIONS[options],
        answers,
        HEADINGS[heading],
        dice.random() < 0.5,
        dice.choice(NOTES),
        " | ".join(map(repr, names)),
    )


def _kind(dice: random.Random, style: Style, chapter: int) -> str:
    if style.heading is HEADINGS["section"]:
        return ("single", "multiple", "true_false")[chapter % 3]
    return dice.choice(["single", "single", "multiple"])


def _question(dice: random.Random, mark: str, kind: str) -> Drawn:
    if kind == "true_false":
        return Drawn(mark, kind, [], dice.choice("√×"), _explanation(dice))
    n = dice.choice([3, 4, 4, 4, 5])
    options = dice.sample(WORDS, n)
    size = 1 if kind == "single" else dice.randint(2, n)
    return Drawn(
        mark,
        kind,
        options,
        "".join(sorted(dice.sample("ABCDE"[:n], size))),
        _explanation(dice),
    )


def _explanation(dice: random.Random) -> list[str]:
    return dice.choice(
        [
            [],
            ["见教材。"],
            ["各书不一。", "2.5个标准差以外也有人用。"],
            ["步骤如下。", "1. 先学会放松。", "2. 再建立等级。", "3. 最后脱敏。"],
            ["（1）概念不清。", "（2）理论有误。"],
        ]
    )


def _text(dice: random.Random, style: Style, chapters: list[list[Drawn]]) -> str:
    lines: list[str] = ["心理学题库"] if dice.random() < 0.5 else []
    for number, chapter in enumerate(chapters):
        lines += [style.heading(number)] if style.heading(number) else []
        for question in chapter:
            lines += _lines(style, question)
        if style.answers == "key below chapter":
            lines += ["参考答案", *_key(style, chapter)]
    if style.answers.startswith("key") and style.answers != "key below chapter":
        lines.append("参考答案" if dice.random() < 0.7 else "参考答案及解析")
        for number, chapter in enumerate(chapters):
            if style.restarts and style.heading(number):
                lines.append(style.heading(number))
            lines += _key(style, chapter)
    return "\n".join(lines)


def _lines(style: Style, question: Drawn) -> list[str]:
    stem = question.stem
    options = question.options
    if style.answers == "in stem":
        stem = stem.replace("（ ）", f"（{question.gold}）")
        stem = stem if options else f"{stem}（{question.gold}）"
    if style.answers == "marked" and options:
        options = [
            f"{t}（正确答案）" if c in question.gold else t
            for c, t in zip("ABCDE", options, strict=False)
        ]
    lines = [
        style.number(question) + stem,
        *(style.options(options) if options else []),
    ]
    if style.answers in ("marked", "in stem") or style.answers.startswith("key"):
        needs_line = style.answers == "marked" and not options
        lines += [f"答案：{question.gold}"] if needs_line else []
        return lines
    lines.append(f"{style.answers}{question.gold}")
    if question.explanation:
        lines.append(f"解析：{question.explanation[0]}")
        lines += question.explanation[1:]
    return lines + [note.format("记忆") for note in style.notes]


def _key(style: Style, chapter: list[Drawn]) -> list[str]:
    if style.answers == "key by range" and all(len(q.gold) == 1 for q in chapter):
        first, last = chapter[0].number, chapter[-1].number
        return [f"{first}-{last} {''.join(q.gold for q in chapter)}"]
    if style.answers == "key with explanations":
        return [
            f"{q.number}.【答案】{q.gold}【解析】{''.join(q.explanation[:1]) or '略'}"
            for q in chapter
        ]
    return ["  ".join(f"{q.number}.{q.gold}" for q in chapter)]
