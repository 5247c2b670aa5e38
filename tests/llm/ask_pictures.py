"""A model under test asked about pictures: ``ask_pictures.py URL STORE N LANGUAGES``.

Puts N items with a picture each, in so many languages, before one model and prints how
many answers came and how much memory the process took at its most, in MB.
"""

import io
import json
import random
import resource
import sys
from collections.abc import Iterator

import polars as pl
from PIL import Image

from packs import CULTURES, PACKS
from psyche_kedro.llm.accounts import Account, Ledger
from psyche_kedro.llm.openai.chat_model import OpenAIChatModel
from psyche_kedro.llm.openai.endpoints import Endpoint
from psyche_kedro.llm.store.reply_store import ReplyStore
from psyche_kedro.pipelines.cedar import tables
from psyche_kedro.pipelines.cedar.alignment.answering import answer_items
from psyche_kedro.pipelines.cedar.parameters import AlignmentParameters
from psyche_kedro.tables import content_id, frame

PARAMS = AlignmentParameters(
    ways=("native",),
    sampling={"temperature": 0.0, "max_tokens": 128},
    cards={},
    n_resamples=10,
    permutations=9,
    seed=1,
)


def jpeg(n: int) -> bytes:
    """The picture of an item: noise, so that it is as large as a photograph."""
    size = (160, 120)
    noise = Image.frombytes("RGB", size, random.Random(n).randbytes(160 * 120 * 3))
    file = io.BytesIO()
    noise.save(file, "JPEG", quality=90)
    return file.getvalue()


def pictures(n: int) -> pl.DataFrame:
    row = {"sources": ["a"], "sha256": "a" * 64, "kind": "jpeg"}
    row |= {"width": 160, "height": 120}
    rows = [{"picture_id": content_id(str(i)), "jpeg": jpeg(i)} for i in range(n)]
    return frame(tables.Pictures, [row | own for own in rows])


def items(n: int, languages: int, modality: str = "multimodal") -> Iterator[dict]:
    for i in range(n):
        for code in CULTURES[:languages]:
            yield {
                "item_id": content_id(modality, str(i), code),
                "scenario_id": content_id(modality, str(i)),
                "benchmark": "b",
                "number": i,
                "modality": modality,
                "language": code,
                "narrative": f"item {i} {code}.",
                "question": "?",
                "picture_id": content_id(str(i)) if modality == "multimodal" else None,
                "gold": "awe",
                "gold_word": "awe",
                "votes": [],
            }


def ask(url: str, store: str, table: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    model = OpenAIChatModel(
        "m",
        endpoints=[Endpoint(base_url=url, concurrency=8)],
        store=ReplyStore(store),
        account=Account("m", ledger=Ledger()),
    )
    return answer_items(
        cedar_items=table,
        given_items=table.clear(),
        pictures=shown,
        given_pictures=shown.clear(),
        packs=PACKS,
        subjects={"m": model},
        params=PARAMS,
    )


if __name__ == "__main__":
    url, store, n, languages = sys.argv[1:]
    table = frame(tables.Items, items(int(n), int(languages)))
    answers = ask(url, store, table, pictures(int(n)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_000
    read = answers.filter(outcome="read").height
    sys.stdout.write(json.dumps({"read": read, "peak": peak}))
