"""What this machine's OCR engines read is kept as replies are: read once, ever.

A scanned book takes a quarter of an hour of CPU. Its pages stand in the reply store,
one commit each, keyed by the engine with its version and the picture's pixels: a killed
run goes on with the page it was at, and a second run draws pages but reads none.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from PIL.Image import Image

from psyche_kedro.llm.chat_model import Reply
from psyche_kedro.llm.store.reply_store import ReplyRecord, ReplyStore, StoreSession
from psyche_kedro.pipelines.ingestion.textbooks.ocr import OcrEngine, OcrText

TASK: Final = "read_textbooks"


@contextmanager
def keeping(
    engines: Sequence[OcrEngine], store: ReplyStore | None
) -> Iterator[Sequence[OcrEngine]]:
    """Give the engines as ones that keep what they read; as they are without a store.

    Raises:
        ChatModelError: If the store cannot be used.
    """
    if store is None or not engines:
        yield engines
        return
    with store.open() as session:
        yield [_KeepingEngine(engine, session) for engine in engines]


class _KeepingEngine:
    def __init__(self, engine: OcrEngine, session: StoreSession) -> None:
        self._engine = engine
        self._session = session
        self.name = engine.name
        self.identity = engine.identity

    def lacks(self) -> str | None:
        return self._engine.lacks()

    def read(self, image: Image) -> OcrText:
        key = _address(self.identity, image)
        kept = self._session.look_up([key]).get(key)
        if isinstance(kept, Reply):
            return OcrText(**json.loads(kept.text))
        read = self._engine.read(image)
        said = json.dumps(read._asdict(), ensure_ascii=False)
        reply = Reply(text=said, model=self.identity, key=key)
        self._session.commit([ReplyRecord(reply, TASK)])
        return read


def _address(identity: str, image: Image) -> str:
    what = json.dumps([identity, image.mode, image.size]).encode()
    return hashlib.sha256(what + image.tobytes()).hexdigest()
