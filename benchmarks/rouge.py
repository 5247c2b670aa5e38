"""Seconds to score 1,000 open answers, by metric.

    .venv/bin/python benchmarks/rouge.py

Answers and references are drawn from the bundled textbooks, 560 and 170 characters
long, which is what models and examiners write on PCEB's case questions.
"""

import random
import time
from pathlib import Path

from sections import put

from psyche_kedro import metrics

PAIRS, ANSWER, REFERENCE = 200, 560, 170
TEXTBOOKS = Path(__file__).parents[1] / "data/01_raw/sample/textbooks"


def pairs() -> list[tuple[str, str]]:
    """Return ``PAIRS`` answers and references, the same on every run."""
    draw = random.Random(0)
    text = "".join(p.read_text(encoding="utf-8") for p in TEXTBOOKS.glob("*.md"))

    def cut(length: int) -> str:
        start = draw.randrange(len(text) - length)
        return text[start : start + length]

    return [(cut(ANSWER), cut(REFERENCE)) for _ in range(PAIRS)]


def main() -> None:
    """Print a Markdown table and write its section."""
    drawn = pairs()
    metrics.segment("热身")  # jieba reads its dictionary once
    lines = ["`python benchmarks/rouge.py`", "", "| metric | s per 1,000 answers |"]
    lines.append("|---|---:|")
    timed = {
        "jieba words": lambda a, r: (metrics.segment(a), metrics.segment(r)),
        "rouge_pltrdy": metrics.rouge_pltrdy,
        "rouge_zh": metrics.rouge_zh,
        "bleu_4": metrics.bleu_4,
    }
    for name, score in timed.items():
        score(*drawn[0])
        start = time.perf_counter()
        for answer, reference in drawn:
            score(answer, reference)
        seconds = (time.perf_counter() - start) * 1000 / PAIRS
        lines.append(f"| {name} | {seconds:.2f} |")
    print("\n".join(lines))
    put("text-metrics", "\n".join(lines))


if __name__ == "__main__":
    main()
