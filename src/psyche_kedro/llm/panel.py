"""Several models asked at once: students, models under test, labellers."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from operator import length_hint

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.chat_model import (
    ChatModel,
    ChatRequest,
    Outcome,
)
from psyche_kedro.llm.event_loop import cancel_running


def ask_all(
    models: Mapping[str, ChatModel],
    requests: Callable[[str], Iterable[ChatRequest]],
) -> dict[str, list[Outcome]]:
    """Ask every model, each on a thread of its own, and return what they said.

    An interrupt ends all of them; what was answered is stored.

    Args:
        models: By name.
        requests: Returns the requests for the model of a name; called once for each.

    Returns:
        By name in the order of ``models``; ``outcomes[i]`` answers the i-th request.

    Raises:
        ChatModelError: If a model cannot go on: when the others have finished, with its
            name in front.
    """
    interrupted = threading.Event()
    with ThreadPoolExecutor(len(models) or 1, thread_name_prefix="panel") as threads:
        asked = {
            name: threads.submit(model.complete, _Until(interrupted, requests(name)))
            for name, model in models.items()
        }
        try:
            wait(asked.values())
        except BaseException:
            interrupted.set()
            cancel_running()
            raise
    if stopped := list(_stopped(asked)):
        raise ChatModelError(" ".join(stopped))
    return {name: answer.result() for name, answer in asked.items()}


class _Until:
    """Requests that end where the run was interrupted."""

    def __init__(
        self, interrupted: threading.Event, requests: Iterable[ChatRequest]
    ) -> None:
        self._interrupted = interrupted
        self._requests = requests

    def __length_hint__(self) -> int:
        return length_hint(self._requests)

    def __iter__(self) -> Iterator[ChatRequest]:
        for request in self._requests:
            if self._interrupted.is_set():
                return
            yield request


def _stopped(asked: Mapping[str, Future[list[Outcome]]]) -> Iterator[str]:
    for name, answer in asked.items():
        if isinstance(error := answer.exception(), ChatModelError):
            yield f"{name}: {error}"
