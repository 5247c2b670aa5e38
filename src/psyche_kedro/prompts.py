"""Prompt templates: text in ``conf/base/prompts``, behaviour here.

A node takes one as the parameter ``params:prompts.<file name>``, which Kedro checks and
makes a ``Prompt`` of before the first node.

Prompts are data: the method refines them, runs log their digests. This module renders
them, and it is the only writer of a question into a prompt, so that every model sees
every question in one form.
"""

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from jinja2 import Environment, StrictUndefined, Template, meta
from pydantic import BaseModel, ConfigDict

from psyche_kedro.errors import PromptError
from psyche_kedro.questions import option_lines
from psyche_kedro.tables import content_id

# StrictUndefined: a misspelt variable is an error, never an empty string in a prompt.
# autoescape is off because the output is a prompt, not HTML.
_JINJA = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701

TYPE_NAMES = {
    "single": "单项选择题",
    "multiple": "多项选择题",
    "true_false": "判断题",
    "fill_in": "填空题",
    "short_answer": "简答题",
    "case": "案例分析题",
}


@cache
def _compiled(template: str) -> Template:
    """Return a template, compiled once: compiling takes far longer than filling in."""
    compiled = _JINJA.from_string(template)
    # Each rendering copies the globals; from Jinja's own ChainMap that takes longest.
    compiled.globals = dict(_JINJA.globals)
    return compiled


@cache
def _variables(template: str) -> frozenset[str]:
    return frozenset(meta.find_undeclared_variables(_JINJA.parse(template)))


@cache
def _constant(template: str) -> str:
    """Return a template that takes nothing, rendered: most system parts are one."""
    return _compiled(template).render()


def _fill_in(template: str, values: Mapping[str, Any]) -> str:
    if _variables(template):
        return _compiled(template).render(values)
    return _constant(template)


class Prompt(BaseModel):
    """A system and a user template, and where in the paper they come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """Where the role, inputs and reply format come from, e.g. ``Appendix D``."""
    reply: str
    """What the reply must look like, in one line."""
    system: str = ""
    user: str

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names the templates need."""
        return _variables(self.system) | _variables(self.user)

    @cached_property
    def digest(self) -> str:
        """Identity of the wording; logged with every run and on every row."""
        return content_id(self.system, self.user)

    def render(self, **values: Any) -> list[dict[str, str]]:
        """Return the chat messages with ``values`` filled in.

        Args:
            values: One value per name in ``variables``.

        Raises:
            PromptError: If ``values`` lacks a variable or brings one too many.
        """
        if values.keys() != self.variables:
            raise PromptError(
                f"The prompt of '{self.source}' takes {sorted(self.variables)}, its"
                f" node gives {sorted(values)}: mend the names in its file below"
                " conf/*/prompts."
            )
        parts = {"system": self.system, "user": self.user}
        return [
            {"role": role, "content": _fill_in(template, values)}
            for role, template in parts.items()
            if template
        ]


def render_question(question: Mapping[str, Any]) -> str:
    """Return a question as a model sees it: without gold, answer or explanation.

    Args:
        question: A row with the columns ``type``, ``case_text``, ``stem``, ``options``.
    """
    lines = [f"【题型】{TYPE_NAMES[question['type']]}"]
    if question["case_text"]:
        lines.append(f"【案例】{question['case_text']}")
    lines.append(f"【题目】{question['stem']}")
    if question["options"]:
        lines.append("【选项】")
        lines += option_lines(question)
    return "\n".join(lines)


SPEAKERS = {"user": "来访者", "assistant": "咨询师"}


def render_dialogue(messages: list[dict[str, str]]) -> str:
    """Return a conversation as lines of ``来访者：…`` and ``咨询师：…``."""
    return "\n".join(
        f"{SPEAKERS[m['role']]}：{m['content']}"
        for m in messages
        if m["role"] in SPEAKERS
    )
