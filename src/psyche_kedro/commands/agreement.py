"""``kedro agreement``: how far the judge's screen agrees with labelled questions."""

from pathlib import Path

import click

from psyche_kedro.commands.one_sentence import in_one_sentence
from psyche_kedro.commands.project import opened_project
from psyche_kedro.commands.run import CONF_SOURCE
from psyche_kedro.pipelines.synthesis.questions.screening_agreement import (
    Agreement,
    measure_agreement,
    read_labels,
)


@click.command(params=[CONF_SOURCE])
@click.option("--env", help="Whose judge: base, endpoint, paper …")
@click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Labelled questions; base/screening_labels.yml of the configuration by"
    " default.",
)
@in_one_sentence
def agreement(env: str | None, labels: Path | None, conf_source: str | None) -> None:
    """Screen labelled questions and print how far the judge agrees with the labels."""
    with opened_project(env=env, conf_source=conf_source) as context:
        conf = Path(context.config_loader.conf_source)
        path = labels or conf / "base" / "screening_labels.yml"
        catalog = context.catalog
        judge = catalog.load("judge_model")
        found = measure_agreement(
            read_labels(path),
            prompt=catalog.load("params:prompts.screening"),
            examples=catalog.load("params:prompts.screening_examples"),
            judge=judge,
        )
    click.echo(describe(found, judge.name))


def describe(found: Agreement, judge: str) -> str:
    """Return the measures as lines of text."""
    kinds = ", ".join(f"{k} {hit}/{n}" for k, (hit, n) in found.caught_by_kind.items())
    alpha = "undefined" if found.alpha is None else f"{found.alpha:.2f}"
    return "\n".join(
        [
            f"{judge} on {found.n} labelled questions",
            f"  agrees on {found.right} ({found.right / found.n:.0%}),"
            f" alpha {alpha}, {found.unread} verdicts unread",
            f"  lets pass {found.kept_good:.0%} of the reasonable questions",
            f"  catches {found.caught_bad:.0%} of the unreasonable ones ({kinds})",
        ]
    )
