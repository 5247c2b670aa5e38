"""``kedro parity``: our readers and metrics beside what public repositories stored."""

from pathlib import Path
from typing import Any

import click

from psyche_kedro.commands.one_sentence import in_one_sentence
from psyche_kedro.errors import ConfigurationError

_SAME_TO = 1e-9
_SHOWN = 160


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--disagreements",
    type=click.IntRange(min=0),
    default=20,
    help="How many replies to list that ours reads otherwise.",
)
@in_one_sentence
def parity(folder: Path, disagreements: int) -> None:
    """Read the replies of a checkout of LawBench or GAOKAO-Bench in both ways.

    Of MACLAB-HFUT/Evaluation it computes every stored score again.
    """
    from psyche_kedro.pipelines.evaluation import parity as found  # noqa: PLC0415

    replies, stored = list(found.read_published(folder)), list(found.rescore(folder))
    if not replies and not stored:
        raise ConfigurationError(
            f"{folder} is no checkout of LawBench, GAOKAO-Bench or"
            " MACLAB-HFUT/Evaluation: give the folder of one."
        )
    for line in found.compare(replies) if replies else ():
        click.echo(line)
    apart = found.disagreements(replies)
    every = max(1, len(apart) // max(1, disagreements))
    for reply in apart[::every][:disagreements]:
        click.echo(_told(reply))
    same = [s for s in stored if abs(s.stored - s.ours) < _SAME_TO]
    if stored:
        files = len({score.file for score in stored})
        click.echo(f"{len(same)} of {len(stored)} scores of {files} files are equal.")
    for score in stored:
        if score not in same:
            click.echo(
                f"{score.file} {score.metric}: stored {score.stored}, ours {score.ours}"
            )


def _told(reply: Any) -> str:
    ends = dict.fromkeys((reply.text[:_SHOWN], reply.text[-_SHOWN:]))
    said = " … ".join(" ".join(part.split()) for part in ends)
    official = reply.official or "none"
    return (
        f"\n[{reply.group}] ours {reply.ours} · official {official}"
        f" · key {reply.key}\n  {said}"
    )
