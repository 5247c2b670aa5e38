r"""What a request asks for: by the node that asks, and by the form of its messages.

Where the node is known it says what is asked, however its prompt is worded; a node that
asks for several things tells them apart by their form. Over HTTP nobody says who asks:
the wire has no field for it that every endpoint takes, so there the form alone decides,
the keys of the reply format first, then the tags around the material. The material
itself is cut out before: a post that quotes a reply format is still a post.

Example: a last user message with ``<passage>`` asks for ``question``; one without, but
with ``"options"`` in its reply format, asks for ``distillation``.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

_MATERIAL = re.compile(
    r"<(passage|conversation|reply|question|candidate|rationale|examples|case|"
    r"current_prompt|history|reference)((?: index=\"\d+\")?)>\n?(.*?)\n?</\1>",
    re.DOTALL,
)
_BLOCK = re.compile(
    r"【题型】(?P<type>[^\n]*)\n"
    r"(?:【案例】(?P<case>.*?)\n)?"
    r"【题目】(?P<stem>.*?)"
    r"(?:\n【选项】\n(?P<options>.*?))?"
    r"(?=\n\n|\Z)",
    re.DOTALL,
)
_OPTION = re.compile(r"^([A-Z])\. (.*?)(?=^[A-Z]\. |\Z)", re.DOTALL | re.MULTILINE)
_TURN = re.compile(
    r"^(来访者|咨询师)：(.*?)(?=^(?:来访者|咨询师)：|\Z)", re.DOTALL | re.MULTILINE
)


class Ask(NamedTuple):
    """A request taken apart.

    Attributes:
        task: The prompt's name, ``answer_…`` for the ways to answer a question, or
            ``unknown``.
        system: The system message, ``""`` where there is none.
        user: The last user message.
        frame: System and user message without the material.
        material: Content of each tag, in order.
        turns: The messages, oldest first.
    """

    task: str
    system: str
    user: str
    frame: str
    material: Mapping[str, list[str]]
    turns: Sequence[Mapping[str, str]]

    def only(self, tag: str) -> str:
        """Return the content of the first ``tag``; ``""`` where there is none."""
        return next(iter(self.material.get(tag, [])), "")


class Question(NamedTuple):
    """A question as ``render_question`` shows it."""

    type: str
    case: str
    stem: str
    options: Mapping[str, str]

    @property
    def many(self) -> bool:
        """Whether more than one option may be chosen."""
        return "多" in self.type or "不定项" in self.type


class Turn(NamedTuple):
    """A turn of a conversation: ``来访者`` or ``咨询师`` and what was said."""

    speaker: str
    text: str


def understand(messages: Sequence[Mapping[str, str]], node: str = "") -> Ask:
    """Return the request taken apart; an unknown one has the task ``unknown``.

    Args:
        messages: Chat messages, oldest first.
        node: Who asks, as ``ChatRequest.task`` says it; empty where nobody does.
    """
    system = next((m["content"] for m in messages if m["role"] == "system"), "")
    users = [m["content"] for m in messages if m["role"] == "user"]
    user = users[-1] if users else ""
    material: dict[str, list[str]] = {}
    for tag, _, content in _MATERIAL.findall(user):
        material.setdefault(tag, []).append(content)
    frame = system + "\n" + _MATERIAL.sub(r"<\1>", user)
    ask = Ask("unknown", system, user, frame, material, messages)
    return ask._replace(task=_task_of(ask, node))


def _task_of(ask: Ask, node: str) -> str:
    asked_by = (tasks for name, tasks in _ASKED_BY.items() if node.startswith(name))
    known = next(asked_by, ())
    fits = (task for task in known or _TASKS if _TASKS[task](ask))
    return next(fits, known[-1] if known else "unknown")


def _has(*phrases: str) -> Callable[[Ask], bool]:
    return lambda ask: all(phrase in ask.frame for phrase in phrases)


def _answers(*phrases: str) -> Callable[[Ask], bool]:
    return lambda ask: (
        "【题目】" in ask.user and all(phrase in ask.frame for phrase in phrases)
    )


def _speaks_to(person: str) -> Callable[[Ask], bool]:
    return lambda ask: (
        bool(ask.user) and person in ask.system and "【题目】" not in ask.user
    )


_TASKS: Mapping[str, Callable[[Ask], bool]] = {
    "usefulness": _has('"reasonableness"', "<conversation>"),
    "dialogue_judge": _has('"empathy"', '"guidance"', "<conversation>"),
    "pairwise_judge": _has('"analysis"', '"better"', "<reply>"),
    "rubric_judge": _has('"analysis"', '"plus_1"', "<reply>"),
    "counselling_judge": _has('"analysis"', '"score"', "<reply>"),
    "ranking": _has('"best_index"', "<candidate>"),
    "choice": _has('"best_rationale_index"', "<rationale>"),
    "screening": _has('"verdict"', "<question>"),
    "question": _has('"options"', "<passage>"),
    "distillation": _has('"options"', '"answer"'),
    "refinement": _has("<current_prompt>", "<question>"),
    "empathy": _has("<conversation>", "<reply>"),
    "post": _has("<conversation>"),
    "essay": _has("阅卷按要点给分", "<question>"),
    "answer_with_rationale": _answers('"prediction"'),
    "answer_after_thought": _answers("<think>", "</think>"),
    "answer_on_a_line": _answers("“答案：”"),
    "answer_with_letters": _answers("字母"),
    "counselling": _speaks_to("心理咨询师"),
    "knowledge": _speaks_to("心理学教师"),
}
"""Tasks in the order they are tried: the first that fits is the one."""
_ASKED_BY: Mapping[str, tuple[str, ...]] = {
    "judge_replies": ("usefulness",),
    "generate_questions": ("question",),
    "distil_questions": ("distillation",),
    "pick_representatives": ("ranking",),
    "screen_questions": ("screening",),
    "write_rationales": ("answer_with_rationale",),
    "refine_rationales": ("refinement", "answer_with_rationale"),
    "choose_best_rationales": ("choice",),
    "refine_posts": ("post",),
    "write_dialogues": ("dialogue_judge", "empathy"),
    "answer_as_student": (
        "answer_after_thought",
        "answer_on_a_line",
        "answer_with_letters",
    ),
    "answer_benchmarks": (
        "essay",
        "answer_after_thought",
        "answer_on_a_line",
        "counselling",
        "knowledge",
        "answer_with_letters",
    ),
    "judge_counselling": ("rubric_judge", "counselling_judge"),
    "compare_replies": ("pairwise_judge",),
}
"""What each node asks for, tried in order; the last where none fits."""


def read_question(text: str) -> Question:
    """Return the question block in ``text``; empty parts where there is none."""
    match = _BLOCK.search(text)
    if match is None:
        return Question("", "", text.strip(), {})
    options = {label: t.strip() for label, t in _OPTION.findall(match["options"] or "")}
    case = (match["case"] or "").strip()
    return Question(match["type"].strip(), case, match["stem"].strip(), options)


def read_turns(text: str) -> list[Turn]:
    """Return the turns of a conversation as ``render_dialogue`` shows it."""
    return [Turn(speaker, said.strip()) for speaker, said in _TURN.findall(text)]
