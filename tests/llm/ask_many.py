"""A process that asks many questions: ``ask_many.py URL STORE FIRST LAST CONCURRENCY``.

Prints one digest of all outcomes and the reasons of the failures.
"""

import hashlib
import json
import sys
from collections import Counter

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm import ChatRequest, Reply
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.store.reply_store import ReplyStore


def main(url: str, store: str, *numbers: str) -> None:
    first, last, concurrency = map(int, numbers)
    model = OpenAIChatModel(
        "m",
        endpoints=[Endpoint(base_url=url, concurrency=concurrency)],
        store=ReplyStore(store),
    )
    outcomes = model.complete(
        ChatRequest([{"role": "user", "content": f"question {i}"}], task="ask_many")
        for i in range(first, last)
    )
    texts = [o.text if isinstance(o, Reply) else o.reason for o in outcomes]
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    failed = Counter(o.reason for o in outcomes if not isinstance(o, Reply))
    sys.stdout.write(json.dumps({"digest": digest, "n": len(texts), "failed": failed}))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ChatModelError as error:
        sys.exit(str(error))
