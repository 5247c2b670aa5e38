"""A ``ChatModel`` that answers with replies which others stored; it asks nobody.

A request is answered by the reply that is stored under its item's id, else under its
stem and options as they compare (``bare``: letters and digits alone), or its stem where
no options are stored. Two different replies under one stem and options answer neither.
What has no stored reply comes back as a ``Failure`` of reason ``not_stored``, and is no
failed call: no one was asked.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from psyche_kedro.llm.chat_model import ChatRequest, Failure, Outcome, Reply
from psyche_kedro.questions import bare_stem, option_texts
from psyche_kedro.text.bare import bare

NOT_STORED: Final = "not_stored"
_CUT: Final = frozenset({"length", "max_tokens", "model_length"})
_MOST_LISTED: Final = 20

_LOG = logging.getLogger(__name__)


class StoredReply(NamedTuple):
    """A reply and what tells which item it answers; empty where the file does not."""

    locator: str
    """Where it is stored, e.g. ``gpt4.csv:12``."""
    text: str
    item_id: str = ""
    stem: str = ""
    options: tuple[str, ...] = ()
    protocol: str = ""
    """Of which protocol it is a reply; of any, where empty."""
    reasoning: str = ""
    finish_reason: str = "stop"


class ReplayChatModel:
    """Answers each request that is about a benchmark item with its stored reply.

    Args:
        name: Identity of the model, a digest of what is stored included.
        stored: Its replies.
    """

    def __init__(self, name: str, stored: Sequence[StoredReply]) -> None:
        self._name = name
        self._stored = stored
        self._by_id: dict[tuple[str, ...], list[StoredReply]] = {}
        self._by_content: dict[tuple[Any, ...], list[StoredReply]] = {}
        for reply in stored:
            if reply.item_id:
                place = reply.item_id, reply.protocol
                self._by_id.setdefault(place, []).append(reply)
            if reply.stem:
                key = _content(reply.stem, reply.options), reply.protocol
                self._by_content.setdefault(key, []).append(reply)

    @property
    def name(self) -> str:
        """Identity of what is stored."""
        return self._name

    def complete(self, requests: Iterable[ChatRequest]) -> list[Outcome]:
        """Return the stored replies; see ``ChatModel.complete``."""
        found = [self._find(request.item or {}) for request in requests]
        self._tell(found)
        return [self._outcome(reply) for reply in found]

    def _find(self, item: Mapping[str, Any]) -> StoredReply | None:
        if not item:
            return None
        options = tuple(option_texts(item).values())
        ids = (item["item_id"], f"{item['source']}#{item['locator']}")
        for protocol in (item.get("protocol", ""), ""):
            for replies in (
                *(self._by_id.get((own, protocol)) for own in ids),
                self._by_content.get((_content(item["stem"], options), protocol)),
                self._by_content.get((_content(item["stem"], ()), protocol)),
            ):
                if replies and len({reply.text for reply in replies}) == 1:
                    return replies[0]
        return None

    def _outcome(self, reply: StoredReply | None) -> Outcome:
        if reply is None:
            return Failure(NOT_STORED, "no stored reply", "", self._name)
        said = Reply(
            text=reply.text,
            model=self._name,
            key="",
            reasoning=reply.reasoning,
            finish_reason=reply.finish_reason,
        )
        if reply.finish_reason.lower() in _CUT:
            return Failure("truncated", reply.finish_reason, "", self._name, said)
        return said

    def _tell(self, found: Sequence[StoredReply | None]) -> None:
        """Say what does not match, on either side."""
        used = {id(reply) for reply in found}
        left = [reply.locator for reply in self._stored if id(reply) not in used]
        missing = sum(reply is None for reply in found)
        if missing or left:
            _LOG.warning(
                "%s: %d of %d requests have no stored reply (reason %s in predictions);"
                " %d of %d stored replies are of no item that was asked%s.",
                self._name,
                missing,
                len(found),
                NOT_STORED,
                len(left),
                len(self._stored),
                f": {', '.join(left[:_MOST_LISTED])}" if left else "",
            )


def _content(stem: str, options: Iterable[str]) -> tuple[str, ...]:
    return (bare(bare_stem(stem)), *map(bare, options))
