"""Prompt templates: text in ``conf/base/prompts/<language>``, behaviour here.

A node takes one as the parameter ``params:prompts.<file name>``, which Kedro checks and
makes a ``Prompt`` of before the first node. Which language's folder is read says
``prompts`` of ``globals.yml``; what code itself writes in that language, and reads in
replies to it, is in the folder's ``words.yml``, and every prompt brings it along.

Prompts are data: the method refines them, runs log their digests. This module renders
them, and it is the only writer of a question into a prompt, so that every model sees
every question in one form.
"""

from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Annotated, Any

from jinja2 import Environment, StrictUndefined, Template, TemplateError, meta
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from psyche_kedro.errors import PromptError
from psyche_kedro.questions import option_lines
from psyche_kedro.tables import QUESTION_TYPES, content_id
from psyche_kedro.text.delimiters import tags_of, without_heads, without_tags

# StrictUndefined: a misspelt variable is an error, never an empty string in a prompt.
# autoescape is off because the output is a prompt, not HTML.
_JINJA = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701


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


def fill_in(template: str, values: Mapping[str, Any]) -> str:
    """Return a Jinja template with ``values`` in it."""
    if _variables(template):
        return _compiled(template).render(values)
    return _constant(template)


def takes(*names: str) -> AfterValidator:
    """Return a check that a template takes these variables and no other."""

    def check(template: str) -> str:
        try:
            taken = sorted(_variables(template))
        except TemplateError as error:
            raise ValueError(f"It is no template: {error}") from error
        if taken != sorted(names):
            raise ValueError(f"It takes {taken}, and is given {sorted(names)}")
        return template

    return AfterValidator(check)


def keyed(*keys: str) -> AfterValidator:
    """Return a check that a mapping has these keys and no other."""

    def check(named: dict[str, Any]) -> dict[str, Any]:
        for key in sorted(named.keys() ^ set(keys)):
            said = "has an unknown" if key in named else "lacks"
            raise ValueError(f"It {said} '{key}'")
        return named

    return AfterValidator(check)


class Dimension(BaseModel):
    """One aspect of a counselling reply that the judge scores by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """As the tables have it, whatever the language."""
    label: str
    definition: str
    levels: tuple[str, ...] = Field(min_length=2)
    """What earns 0, 1, 2 …: the range of the score."""


class Words(BaseModel):
    """What code writes into the prompts of a language, and reads in their replies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    types: Annotated[dict[str, str], keyed(*QUESTION_TYPES)]
    headings: Annotated[dict[str, str], keyed("type", "case", "stem", "options")]
    """What stands before each part of a question."""
    true_false: tuple[str, str]
    """Options of a statement to judge: it is right, it is wrong."""
    unnamed_subject: str
    answer: Annotated[str, takes("letters")]
    """How a solved exemplar answers."""
    speakers: Annotated[dict[str, str], keyed("user", "assistant")]
    """What stands before a turn."""
    first_person: tuple[str, ...] = Field(min_length=1)
    third_person: tuple[str, ...] = Field(min_length=1)
    """What others call a client, who never says so of themselves."""
    example: Annotated[str, takes("question", "verdict", "reason")]
    """How an example of the screening is shown."""
    verdicts: Annotated[dict[str, str], keyed("reasonable", "unreasonable")]
    reasons: Annotated[
        dict[str, tuple[str, ...]],
        keyed("incomplete", "confused", "unclear"),
    ]
    """What in a judge's reason tells its kind."""
    level: Annotated[str, takes("score", "text")]
    """How the judge of counselling is told what earns a score."""
    dimensions: tuple[Dimension, ...] = Field(min_length=1)

    @cached_property
    def digest(self) -> str:
        """Identity of the wording; logged with every run."""
        return content_id(self.model_dump_json())

    def say(self, template: str, **values: Any) -> str:
        """Return one of the templates, e.g. ``answer``, with ``values`` filled in."""
        return fill_in(getattr(self, template), values)


class Prompt(BaseModel):
    """A system and a user template, and where in the paper they come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """Where the role, inputs and reply format come from, e.g. ``Appendix D``."""
    reply: str
    """What the reply must look like, in one line."""
    system: str = ""
    user: str
    words: Words = Field(repr=False)
    """Of its language; ``words.yml`` beside its file."""

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
        values = {n: without_tags(value, self._tags) for n, value in values.items()}
        parts = {"system": self.system, "user": self.user}
        return [
            {"role": role, "content": fill_in(template, values)}
            for role, template in parts.items()
            if template
        ]

    @cached_property
    def _tags(self) -> frozenset[str]:
        return tags_of(self.system, self.user)


def render_question(question: Mapping[str, Any], words: Words) -> str:
    """Return a question as a model sees it: without gold, answer or explanation.

    Args:
        question: A row with the columns ``type``, ``case_text``, ``stem``, ``options``.
        words: Of the prompt that it is for.
    """
    heads = words.headings

    def own(text: str) -> str:
        return without_heads(text, heads.values())

    lines = [f"{heads['type']}{words.types[question['type']]}"]
    if question["case_text"]:
        lines.append(f"{heads['case']}{own(question['case_text'])}")
    lines.append(f"{heads['stem']}{own(question['stem'])}")
    if question["options"]:
        lines += [heads["options"], *map(own, option_lines(question))]
    return "\n".join(lines)


def render_dialogue(messages: Iterable[Mapping[str, str]], words: Words) -> str:
    """Return a conversation as lines: who speaks, then what.

    Args:
        messages: Chat messages; a system message is not shown.
        words: Of the prompt that it is for.
    """
    return "\n".join(
        words.speakers[m["role"]] + without_heads(m["content"], words.speakers.values())
        for m in messages
        if m["role"] in words.speakers
    )
