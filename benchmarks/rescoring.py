"""Time and memory of scoring kept replies of many models again, with all statistics.

The items are PCEB's; each model answers them with its own share of right answers, a
part of them unread, and the essays with sentences of the references.

    python benchmarks/rescoring.py FOLDER [models=20] [report.html]

FOLDER holds ``pceb`` as its repository lays it out. With a third argument the report's
page of the items is written there, packed as a run packs it.
"""

import random
import resource
import sys
import time
from pathlib import Path

import polars as pl
import yaml
from decontamination import files
from exam_cards import read_cards
from sections import put

from psyche_kedro.pipelines.cleaning.nodes import clean_benchmark_items
from psyche_kedro.pipelines.evaluation import nodes, parameters
from psyche_kedro.pipelines.ingestion.nodes import read_benchmarks
from psyche_kedro.pipelines.reporting.items import pack
from psyche_kedro.tables import (
    CHOICE_TYPES,
    ContaminationHits,
    Judgements,
    Predictions,
    content_id,
    frame,
)

SETTINGS = Path(__file__).parents[1] / "conf/base/parameters/evaluation.yml"


def reply(item, skill, rng):
    if item["type"] not in CHOICE_TYPES:
        parts = item["answer_text"].split("。")
        rng.shuffle(parts)
        return "。".join(parts[: max(1, int(skill * len(parts)))])
    if rng.random() < 0.03:
        return "这道题不好判断。"
    labels = [option["label"] for option in item["options"]]
    said = item["gold"] if rng.random() < skill else rng.sample(labels, k=1)
    return f"<think>逐项分析各个选项。</think>答案：{''.join(said)}"


def predictions(items, n_models):
    for n in range(n_models):
        role, rng = f"model-{n:02}", random.Random(n)
        skill = 0.3 + 0.5 * n / n_models
        for item in items:
            protocol = "reasoned" if item["type"] in CHOICE_TYPES else "essay"
            yield {
                **{k: item[k] for k in ("item_id", "benchmark", "cell", "split")},
                "prediction_id": content_id(role, item["item_id"], protocol),
                "role": role,
                "protocol": protocol,
                "sample": 0,
                "text": reply(item, skill, rng),
                "finish_reason": "stop",
                "model": f"{role}@1",
            }


def main(folder: str, n_models: int = 20, page: str = "") -> None:
    settings = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))["evaluation"]
    reading = parameters.ReadingParameters(**settings["reading"])
    cards = read_cards()
    raw = read_benchmarks(files(Path(folder), "pceb", "pceb"), cards).rows
    items = clean_benchmark_items(raw)
    keyed = [i for i in items.to_dicts() if i["gold"] or i["answer_text"]]
    said = frame(Predictions, predictions(keyed, n_models))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.perf_counter(), time.process_time()
    answers = nodes.read_answers(said, items, reading)
    read, read_cpu = time.perf_counter() - began, time.process_time() - cpu
    scored = nodes.score_predictions(
        predictions=said,
        answers=answers,
        judgements=frame(Judgements, []),
        selection={"contamination_hits": frame(ContaminationHits, [])},
        benchmark_items=items,
        benchmarks=cards,
        reading=reading,
        params=parameters.ScoringParameters(**settings["scores"]),
    )
    wall, spent = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    better = scored.score_differences.filter(pl.col("better").is_not_null()).height
    text = (
        "`python benchmarks/rescoring.py <folder of pceb>`\n\n"
        f"{n_models} models, {len(keyed):,} items: {spent:.0f} CPU s"
        f" ({wall:.0f} s by the clock), {read_cpu:.0f} s ({read:.0f} s) of it to read"
        f" {said.height * len(reading.readers):,} answers by {len(reading.readers)}"
        f" readers; peak {peak / 1e6:.2f} GB, {before / 1e6:.2f} GB of it the replies."
        f" {scored.scores.height:,} scores, {scored.score_differences.height:,}"
        f" comparisons, {better:,} of them beyond noise."
    )
    print(text)
    put("rescoring", text)
    if page:
        shown = nodes.show_answers(
            predictions=said,
            answers=answers,
            benchmark_items=items,
            reading=reading,
            params=parameters.ShownParameters(**settings["shown"]),
        )
        Path(page).write_text(pack(*shown), encoding="utf-8")
        print(f"items packed: {Path(page).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]), *sys.argv[3:])
