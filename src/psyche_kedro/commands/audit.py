"""``kedro audit``: which of the paper's numbers contradict each other."""

from collections.abc import Iterator, Sequence

import click

from psyche_kedro.commands.one_sentence import in_one_sentence
from psyche_kedro.commands.project import opened_project
from psyche_kedro.commands.run import CONF_SOURCE
from psyche_kedro.pipelines.benchmarks import Benchmarks
from psyche_kedro.pipelines.reporting.audit import Check, Paper, audit
from psyche_kedro.pipelines.reporting.published import read_published

_WIDTHS = (56, 10)


@click.command(name="audit", params=[CONF_SOURCE])
@click.option("--env", help="Whose cards of benchmarks: base, endpoint, paper …")
@click.option("--all", "shows_all", is_flag=True, help="Show what agrees as well.")
@in_one_sentence
def audit_command(env: str | None, shows_all: bool, conf_source: str | None) -> None:
    """Print every number of the paper that others contradict, and what they say."""
    with opened_project(env=env, conf_source=conf_source) as context:
        cards = context.config_loader["parameters"]["benchmarks"]
    checks = audit(Paper(Benchmarks(root=cards), read_published()))
    shown = checks if shows_all else [check for check in checks if not check.agrees]
    for line in [*describe(shown), *summarise(checks)]:
        click.echo(line)


def describe(checks: Sequence[Check]) -> Iterator[str]:
    """Yield the checks as a table, rule by rule."""
    for rule in dict.fromkeys(check.rule for check in checks):
        yield f"{rule[0].upper()}{rule[1:]}"
        yield from (_line(check) for check in checks if check.rule == rule)
        yield ""


def _line(check: Check) -> str:
    if len(check.printed) > _WIDTHS[1]:  # a sentence of the text
        return f"  {check.place}: “{check.printed}”\n      {check.derived}"
    place = f"{check.place:<{_WIDTHS[0]}}"
    return f"  {place}{check.printed:>{_WIDTHS[1]}}  {check.derived}"


def summarise(checks: Sequence[Check]) -> Iterator[str]:
    """Yield how many numbers of each rule and table disagree, and of all."""
    yield f"{'rule':<50}{'checked':>8}{'wrong':>7}"
    for rule in dict.fromkeys(check.rule for check in checks):
        of_rule = [check for check in checks if check.rule == rule]
        wrong = [check for check in of_rule if not check.agrees]
        yield f"{rule:<50}{len(of_rule):>8}{len(wrong):>7}"
    wrong = [check for check in checks if not check.agrees]
    yield f"{'all':<50}{len(checks):>8}{len(wrong):>7}"
