"""``kedro replies``: what the reply store holds, and how to tidy, move and check it."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from psyche_kedro.commands.one_sentence import OneSentenceGroup
from psyche_kedro.errors import ChatModelError
from psyche_kedro.files.project import in_project
from psyche_kedro.llm.chat_model import Failure
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.llm.store.upkeep import (
    Kept,
    abandon_batches,
    export_replies,
    find_calls,
    forget_failures,
    import_replies,
    list_holdings,
    list_pending,
    list_refusals,
    prune_replies,
    verify_store,
)
from psyche_kedro.text.halves import without_controls

_MEGABYTE = 1_000_000
_OF_RAW_WORDS = {"clean_posts"}
"""Tasks that ask about posts before all names are masked."""


@click.group(cls=OneSentenceGroup)
@click.option(
    "--store",
    "path",
    type=click.Path(path_type=Path),
    default=Path("data/replies.sqlite"),
    show_default=True,
    help="The reply store, from the project's root.",
)
@click.pass_context
def replies(context: click.Context, path: Path) -> None:
    """Show, prune, export, import and verify the stored model replies."""
    context.obj = ReplyStore(in_project(path))


def _of_store(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that is given the store, which must be there."""

    @functools.wraps(command)
    def wrapper(store: ReplyStore, *args: Any, **options: Any) -> None:
        if not store.path.exists():
            raise click.ClickException(
                f"There is no reply store at {store.path}: run something first, or"
                " name another, as in `kedro replies --store FILE verify`."
            )
        command(store, *args, **options)

    return click.pass_obj(wrapper)


@replies.command()
@click.argument("key", required=False)
@_of_store
def show(store: ReplyStore, key: str | None) -> None:
    """Print what the store holds; or the one call whose address begins with KEY."""
    if key:
        click.echo(without_controls(_in_words(_one(store, key))))
        return
    with store.open() as session:
        holdings, refusals = list_holdings(session), list_refusals(session)
        pending = list_pending(session)
    lines = [
        f"{store.path}: {store.path.stat().st_size / _MEGABYTE:.1f} MB",
        *(
            f"  {row.model} · {row.task}: {row.replies} replies,"
            f" {row.input_tokens:,} + {row.output_tokens:,} tokens, {row.hits} hits"
            for row in holdings
        ),
        *(
            f"  {refusal.model} · {refusal.task}: {refusal.requests} failed"
            f" ({refusal.reason})"
            for refusal in refusals
        ),
        *(
            f"  {batch.model} · batch {batch.batch}: {batch.calls} calls submitted, not"
            " collected"
            for batch in pending
        ),
    ]
    click.echo(without_controls("\n".join(lines)))


def _one(store: ReplyStore, beginning: str) -> Kept:
    """Return the call whose address begins so.

    Raises:
        ChatModelError: If none has such an address, or several have.
    """
    with store.open() as session:
        found = find_calls(session, beginning)
    if not found:
        raise ChatModelError(
            f"{store.path} holds no call '{beginning}': `kedro trace` and the id of a"
            " row shows the addresses of its calls."
        )
    if len(found) > 1:
        keys = ", ".join(one.key[: len(beginning) + 4] for one in found)
        raise ChatModelError(
            f"Several calls begin with '{beginning}', {keys} …: give more digits."
        )
    return found[0]


def _in_words(kept: Kept) -> str:
    outcome = kept.outcome
    head = f"{kept.key}\n{outcome.model} · {kept.task} · {kept.at:%Y-%m-%d %H:%M} UTC"
    if kept.task in _OF_RAW_WORDS:
        return f"{head}\nIt may quote a post: `kedro replies export` has it."
    if isinstance(outcome, Failure):
        return f"{head}\nfailed: {outcome.reason} ({outcome.detail})"
    usage = outcome.usage
    took = f" · {outcome.seconds:.1f} s" if outcome.seconds is not None else ""
    lines = [
        head,
        f"{usage.input_tokens:,} + {usage.output_tokens:,} tokens{took}"
        f" · {outcome.finish_reason}",
    ]
    if outcome.reasoning:
        lines += ["", "thoughts:", outcome.reasoning]
    return "\n".join([*lines, "", outcome.text])


@replies.command()
@click.option("--model", help="Identity as `show` prints it.")
@click.option("--task", help="The node that asked.")
@_of_store
def prune(store: ReplyStore, model: str | None, task: str | None) -> None:
    """Remove the replies of a model, a task or both; they are paid for again."""
    with store.open() as session:
        click.echo(f"{prune_replies(session, model=model, task=task)} replies removed")


@replies.command()
@click.option("--model", help="Identity as `show` prints it.")
@click.option("--task", help="The node that asked.")
@click.option("--reason", help="E.g. truncated, context_length, content_filter.")
@_of_store
def retry(
    store: ReplyStore, model: str | None, task: str | None, reason: str | None
) -> None:
    """Forget failures, so that the next run asks those requests again."""
    with store.open() as session:
        count = forget_failures(session, model=model, task=task, reason=reason)
    click.echo(f"{count} requests will be asked again by the next run")


@replies.command()
@_of_store
def abandon(store: ReplyStore) -> None:
    """Forget the batches not collected; their calls are submitted and paid again.

    For batches that the provider no longer has.
    """
    with store.open() as session:
        click.echo(f"{abandon_batches(session)} batches forgotten")


@replies.command(name="export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_of_store
def export_command(store: ReplyStore, file: Path) -> None:
    """Write every reply to FILE, as JSON Lines."""
    with store.open() as session:
        written, unreadable = export_replies(session, file)
    click.echo(f"{written} replies written to {file}")
    if unreadable:
        raise click.ClickException(
            f"{unreadable} replies of {store.path} cannot be read and were left out:"
            " `kedro replies verify` names them; to be rid of them, move the store away"
            f" and import {file}."
        )


@replies.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def import_command(store: ReplyStore, file: Path) -> None:
    """Add the replies of an exported FILE that are not there yet."""
    with store.open() as session:
        click.echo(f"{import_replies(session, file)} replies added")


@replies.command()
@_of_store
def verify(store: ReplyStore) -> None:
    """Check the file and that every reply can be read."""
    with store.open():
        wrong = verify_store(store)
    for line in wrong:
        click.echo(line)
    if wrong:
        raise click.ClickException(
            f"{store.path} has {len(wrong)} faults, named above: bring back a copy, or"
            " export what can be read and import that into a new store."
        )
    click.echo(f"{store.path} is sound")
