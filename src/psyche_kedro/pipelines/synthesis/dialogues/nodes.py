"""§2.3: useful posts → empathetic dialogues (~73k in the paper).

The post is retold in the first person, clearly; each reply is refined towards the three
aims; a judge scores the result. Turns stay turns: a thread of eight turns keeps eight,
and all its replies are refined at once, each before its own history.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl

from psyche_kedro.llm.chat_model import Asking, ChatModel, ChatRequest, Outcome
from psyche_kedro.pipelines.synthesis.dialogues import conversations, judging
from psyche_kedro.pipelines.synthesis.dialogues.fact_check import invented_facts
from psyche_kedro.pipelines.synthesis.parameters import DialogueParameters
from psyche_kedro.pipelines.synthesis.provenance import (
    NO_CALL,
    fault,
    made_by,
    written,
)
from psyche_kedro.prompts import Prompt, Words, render_dialogue
from psyche_kedro.tables import (
    EmpatheticDialogues,
    RefinedPosts,
    Rejections,
    Row,
    content_id,
    frame,
    rejection,
)
from psyche_kedro.text.taggers import Tagger

_NEVER_IN_A_REPLY = {"invented_name", "invented_diagnosis"}
# To name a condition is no diagnosis (请医生评估是不是抑郁症), and to cite a
# psychologist (鲍恩提出的自我分化) makes up no one.
_NO_CLAIM = re.compile(
    r"[^,。;!?，；！？\n]*(?:如果|是否|是不是|有没有|排查|排除|评估|筛查|不等于|不代表|不意味着|并不是"
    r"|不一定|未必)[^,。;!?，；！？\n]*"
    r"|(?:心理学家|学者|治疗师|作家)[一-鿿·]{2,8}?(?=等?人?(?:认为|提出|说|指出|发现|把|将|称))"
    r"|[一-鿿·]{2,8}(?=(?:等人)?所?提出的|的(?:研究|理论|实验))"
)

Tables = tuple[pl.DataFrame, pl.DataFrame]


# ---- posts -----------------------------------------------------------------------


def refine_posts(
    useful_posts: pl.DataFrame,
    *,
    prompt: Prompt,
    teacher: ChatModel,
    params: DialogueParameters,
    tagger: Tagger | None = None,
) -> Tables:
    """Retell each post in the first person, in order and without new facts.

    A post with n replies is n rows and one call. An opening too short to retell
    (``你好``) stays as it is.

    Args:
        useful_posts: ``UsefulPosts``.
        prompt: ``post``.
        teacher: Model that retells.
        params: ``synthesis.dialogues``.
        tagger: Sees names that were made up; without it rules alone do.

    Returns:
        ``RefinedPosts`` and ``Rejections``: rows in = kept + rejected.
    """
    openings = {
        text
        for row in useful_posts.iter_rows(named=True)
        if len(text := _opening_text(row)) >= params.min_opening
    }
    asked = sorted(openings)
    outcomes = teacher.complete(Asking(asked, lambda text: _post_request(text, prompt)))
    retold = dict(zip(asked, outcomes, strict=True))
    rows: list[Row] = []
    rejections: list[Row] = []
    for row in useful_posts.iter_rows(named=True):
        outcome = retold.get(_opening_text(row))
        faults = _post_faults(row, outcome, prompt.words, tagger)
        if faults:
            rejections.append(_lost(row, "refine_posts", faults[0], " ".join(faults)))
        else:
            rows.append(_refined_post(row, outcome, prompt))
    return frame(RefinedPosts, rows), frame(Rejections, rejections)


def _opening_text(row: Row) -> str:
    return "\n".join(m["content"] for m in conversations.opening(row["messages"]))


def _post_request(text: str, prompt: Prompt) -> ChatRequest:
    opening = [{"role": "user", "content": text}]
    conversation = render_dialogue(opening, prompt.words)
    return ChatRequest(prompt.render(conversation=conversation), task="refine_posts")


def _post_faults(
    row: Row, outcome: Outcome | None, words: Words, tagger: Tagger | None
) -> list[str]:
    """Return what is wrong with a retold post; nothing where none was asked for."""
    if not conversations.reply_positions(row["messages"]):
        return ["no_reply"]
    if outcome is None:
        return []
    text = _said(outcome, "user", words)
    if text is None:
        return [_unsaid(outcome)]
    if not conversations.is_first_person(text, _opening_text(row), words):
        return ["not_first_person"]
    return invented_facts(conversations.source_text(row["messages"]), text, tagger)


def _said(outcome: Outcome, role: str, words: Words) -> str | None:
    """Return what one speaker says in a reply; ``None`` where ``_unsaid`` says why."""
    text = written(outcome)
    return conversations.spoken_by(role, text, words) if text else None


def _unsaid(outcome: Outcome) -> str:
    return "several_speakers" if written(outcome) else fault(outcome)


def _refined_post(row: Row, outcome: Outcome | None, prompt: Prompt) -> Row:
    text = _said(outcome, "user", prompt.words) if outcome else None
    messages = (
        conversations.with_opening(row["messages"], text) if text else row["messages"]
    )
    return {
        "post_id": row["post_id"],
        "thread_id": row["thread_id"],
        "messages": messages,
        **(made_by(outcome, prompt) if outcome else NO_CALL),
    }


# ---- replies ---------------------------------------------------------------------


class Draft(NamedTuple):
    """A conversation on its way: its replies refined so far, or what went wrong."""

    row: Row
    messages: list[conversations.Message]
    outcome: Outcome | None = None
    """Of the last reply; its provenance is the row's."""
    faults: tuple[str, ...] = ()


def write_dialogues(  # noqa: PLR0913 - the node's inputs
    useful_posts: pl.DataFrame,
    refined_posts: pl.DataFrame,
    *,
    empathy_prompt: Prompt,
    resonance_prompt: Prompt,
    guidance_prompt: Prompt,
    steps_prompt: Prompt,
    judge_prompt: Prompt,
    teacher: ChatModel,
    judge: ChatModel,
    params: DialogueParameters,
    tagger: Tagger | None = None,
) -> Tables:
    """Refine every reply towards the three aims; keep what the judge finds good.

    Args:
        useful_posts: ``UsefulPosts``, for what the user wrote, risk and origin.
        refined_posts: ``RefinedPosts``.
        empathy_prompt: ``empathy``, the three aims in one call.
        resonance_prompt: ``resonance``, the first aim alone.
        guidance_prompt: ``guidance``, the second.
        steps_prompt: ``steps``, the third.
        judge_prompt: ``dialogue_judge``.
        teacher: Model that writes.
        judge: Model that scores.
        params: ``synthesis.dialogues``.
        tagger: As of ``refine_posts``.

    Returns:
        ``EmpatheticDialogues`` and ``Rejections``: refined posts = kept + rejected.
    """
    separate = (resonance_prompt, guidance_prompt, steps_prompt)
    prompts = separate if params.aims == "separate" else (empathy_prompt,)
    drafts = _drafts(useful_posts, refined_posts)
    for prompt in prompts:
        drafts = _refine(drafts, prompt, teacher, tagger)
    judged = _judge(drafts, judge, judge_prompt, prompts[-1], params)
    rejections = [_faulty(draft) for draft in drafts if draft.faults]
    rejections += [row for row in judged if "row_id" in row]
    rows = (row for row in judged if "row_id" not in row)
    return frame(EmpatheticDialogues, rows), frame(Rejections, rejections)


def _drafts(useful_posts: pl.DataFrame, refined_posts: pl.DataFrame) -> list[Draft]:
    source = useful_posts.select(
        "post_id", "risk", "deid_level", source_messages="messages", origin="source"
    )
    posts = refined_posts.select("post_id", "thread_id", "messages")
    rows = posts.join(source, on="post_id").iter_rows(named=True)
    return [Draft(row, row["messages"]) for row in rows]


def _judge(
    drafts: list[Draft],
    judge: ChatModel,
    prompt: Prompt,
    written_by: Prompt,
    params: DialogueParameters,
) -> list[dict[str, Any]]:
    sound = [draft for draft in drafts if not draft.faults]
    outcomes = judge.complete(
        Asking(sound, lambda draft: _judge_request(draft, prompt))
    )
    return [
        _judged(draft, outcome, written_by, params)
        for draft, outcome in zip(sound, outcomes, strict=True)
    ]


def _refine(
    drafts: list[Draft], prompt: Prompt, teacher: ChatModel, tagger: Tagger | None
) -> list[Draft]:
    """Return the drafts with every reply rewritten once; faulty ones as they are."""
    outcomes = iter(
        teacher.complete(
            _reply_request(draft, at, prompt)
            for draft in drafts
            if not draft.faults
            for at in conversations.reply_positions(draft.messages)
        )
    )
    return [
        d if d.faults else _refined(d, outcomes, prompt.words, tagger) for d in drafts
    ]


def _reply_request(draft: Draft, at: int, prompt: Prompt) -> ChatRequest:
    messages = prompt.render(
        conversation=render_dialogue(draft.messages[:at], prompt.words),
        reply=draft.messages[at]["content"],
    )
    return ChatRequest(messages, task="write_dialogues")


def _refined(
    draft: Draft, outcomes: Iterator[Outcome], words: Words, tagger: Tagger | None
) -> Draft:
    """Return a draft with its next replies, taken in order from ``outcomes``."""
    positions = conversations.reply_positions(draft.messages)
    said = {at: next(outcomes) for at in positions}
    texts = {at: _said(outcome, "assistant", words) for at, outcome in said.items()}
    lost = tuple(_unsaid(said[at]) for at, text in texts.items() if not text)
    replies = {at: text for at, text in texts.items() if text}
    return draft._replace(
        messages=conversations.with_replies(draft.messages, replies),
        outcome=said[positions[-1]],
        faults=lost or _reply_faults(draft.row, replies, tagger),
    )


def _reply_faults(
    row: Row, replies: Mapping[int, str], tagger: Tagger | None
) -> tuple[str, ...]:
    """Return names and diagnoses that a reply makes up; steps may count and time."""
    source = "\n".join(
        m["content"] for m in (*row["source_messages"], *row["messages"])
    )
    claims = _NO_CLAIM.sub("", "\n".join(replies.values()))
    made_up = invented_facts(source, claims, tagger)
    return tuple(kind for kind in made_up if kind in _NEVER_IN_A_REPLY)


def _judge_request(draft: Draft, prompt: Prompt) -> ChatRequest:
    conversation = render_dialogue(draft.messages, prompt.words)
    return ChatRequest(
        prompt.render(conversation=conversation),
        task="write_dialogues",
        schema=judging.SCHEMA,
    )


def _judged(
    draft: Draft, outcome: Outcome, prompt: Prompt, params: DialogueParameters
) -> Row:
    """Return a row of ``EmpatheticDialogues``, or of ``Rejections``."""
    scores = judging.read_scores(outcome)
    if isinstance(scores, str):
        return _lost(draft.row, "write_dialogues", scores, None)
    reply = judging.counsellor_text(draft.messages)
    reason = judging.below_bar(scores, draft.row, reply, min_score=params.min_score)
    if reason:
        return _lost(draft.row, "write_dialogues", reason, judging.describe(scores))
    return _dialogue(draft, scores, outcome, prompt)


def _dialogue(
    draft: Draft, scores: judging.Scores, outcome: Outcome, prompt: Prompt
) -> Row:
    return {
        "dialogue_id": content_id("dialogue", draft.row["post_id"]),
        "post_id": draft.row["post_id"],
        "thread_id": draft.row["thread_id"],
        "messages": draft.messages,
        **scores.aims,
        "deid_level": draft.row["deid_level"],
        "judge_key": outcome.key,
        **(made_by(draft.outcome, prompt) if draft.outcome else NO_CALL),
    }


def _faulty(draft: Draft) -> Row:
    reason, detail = draft.faults[0], " ".join(draft.faults)
    return _lost(draft.row, "write_dialogues", reason, detail)


def _lost(row: Row, stage: str, reason: str, detail: str | None) -> Row:
    source = row.get("origin", row.get("source"))
    return rejection(row["post_id"], stage, reason, source=source, detail=detail)
