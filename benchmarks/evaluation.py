"""Essays scored and replies read: our seconds beside those of the packages.

    .venv/bin/python benchmarks/evaluation.py --rouge PYTHON --rouge-chinese PYTHON \
        --rouge-score PYTHON [--pairs 10000] [--replies 100000]

Each ``PYTHON`` is the interpreter of an environment that has one of ``rouge==1.0.1``,
``rouge-chinese==1.0.3`` and ``rouge_score==0.1.2`` (the second overwrites the first);
``nltk`` is in our own. All get the same words of jieba, whose time is counted nowhere.
Answers and references are drawn from the bundled textbooks, 560 and 170 characters
long, which is what models and examiners write on PCEB's case questions.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from sections import put

from psyche_kedro.answers import READERS
from psyche_kedro.text import overlaps

ANSWER, REFERENCE = 560, 170
TEXTBOOKS = Path(__file__).parents[1] / "data/01_raw/sample/textbooks"

THEIRS = {
    "rouge": """
import sys
from rouge import Rouge
sys.setrecursionlimit(100_000)
def score(left, right):
    found = Rouge().get_scores(" ".join(left), " ".join(right))[0]
    return found["rouge-1"]["f"], found["rouge-l"]["f"]
""",
    "rouge-chinese": """
from rouge_chinese import Rouge
def score(left, right):
    found = Rouge().get_scores(" ".join(left), " ".join(right))[0]
    return found["rouge-1"]["f"], found["rouge-l"]["f"]
""",
    "rouge_score": """
from rouge_score.rouge_scorer import RougeScorer
class Words:
    def tokenize(self, words):
        return [word for word in words if word.strip()]
scorer = RougeScorer(["rouge1", "rougeL"], tokenizer=Words())
def score(left, right):
    found = scorer.score(right, left)
    return found["rouge1"].fmeasure, found["rougeL"].fmeasure
""",
    "nltk": """
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
smoothing = SmoothingFunction().method1
def score(left, right):
    return (float(sentence_bleu([right], left, smoothing_function=smoothing)),)
""",
}
_TIMED = """
import json, sys, time
with open(sys.argv[1], encoding="utf-8") as file:
    pairs = json.load(file)
start = time.process_time()
scores = [score(*pair) for pair in pairs]
print(json.dumps([time.process_time() - start, scores]))
"""
OURS: dict[str, Callable[..., Any]] = {
    "rouge": overlaps.rouge_pltrdy,
    "rouge-chinese": overlaps.rouge_zh,
    "rouge_score": overlaps.rouge_std,
    "nltk": lambda *pair: (overlaps.bleu_4(*pair),),
}


def drawn(n: int) -> Iterator[tuple[list[str], list[str]]]:
    """Yield ``n`` answers and references as words, the same on every run."""
    draw = random.Random(0)
    text = "".join(p.read_text(encoding="utf-8") for p in TEXTBOOKS.glob("*.md"))

    def cut(length: int) -> list[str]:
        start = draw.randrange(len(text) - length)
        return list(overlaps.segment(text[start : start + length]))

    return ((cut(ANSWER), cut(REFERENCE)) for _ in range(n))


def compared(pairs: Path, pythons: dict[str, str]) -> Iterator[str]:
    """Yield a row for each package: seconds, how often faster, greatest difference."""
    words = json.loads(pairs.read_text(encoding="utf-8"))
    for package, python in pythons.items():
        code = THEIRS[package] + _TIMED
        ran = subprocess.run(
            [python, "-c", code, pairs], capture_output=True, text=True, check=True
        )
        seconds, theirs = json.loads(ran.stdout)
        start = time.process_time()
        ours = [OURS[package](*pair) for pair in words]
        own = time.process_time() - start
        apart = max(
            abs(a - b)
            for left, right in zip(ours, theirs, strict=True)
            for a, b in zip(left, right, strict=True)
        )
        times = f"{seconds:.1f} | {own:.2f} | {seconds / own:.0f}"
        yield f"| {package} | {times} | {apart:.0e} |"


OPENINGS = ("答案：{}", "因此选{}。", "【答案】{}", "The answer is {}.", "{}", "**{}**")


def replies(n: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``n`` replies of 410 characters on average, each with its item."""
    draw = random.Random(1)
    text = "".join(p.read_text(encoding="utf-8") for p in TEXTBOOKS.glob("*.md"))
    for _ in range(n):
        starts = [draw.randrange(len(text) - 900) for _ in range(6)]
        options = [
            {"label": label, "text": text[start : start + 12].replace("\n", "")}
            for label, start in zip("ABCD", starts, strict=False)
        ]
        letters = "".join(sorted(draw.sample("ABCD", draw.randint(1, 3))))
        argued = text[starts[4] : starts[4] + draw.randrange(800)]
        item = {
            "stem": text[starts[5] : starts[5] + 40],
            "case_text": None,
            "options": options,
            "type": "multiple",
        }
        yield f"{argued}\n{draw.choice(OPENINGS).format(letters)}", item


def reading(n: int) -> str:
    """Return the seconds of CPU that the default reader takes for ``n`` replies."""
    asked = list(replies(n))
    start = time.process_time()
    n_read = sum(bool(READERS["default"](text, item).letters) for text, item in asked)
    seconds = time.process_time() - start
    length = sum(len(text) for text, _ in asked) / n
    return (
        f"{n:,} replies of {length:.0f} characters read in {seconds:.1f} CPU-s"
        f" ({n_read:,} with an answer)."
    )


def main(arguments: Iterable[str] | None = None) -> None:
    """Print a Markdown table and write its section."""
    parser = argparse.ArgumentParser(description=__doc__)
    for package in ("rouge", "rouge-chinese", "rouge_score"):
        parser.add_argument(f"--{package.replace('_', '-')}", dest=package)
    parser.add_argument("--nltk", default=sys.executable)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--replies", type=int, default=100_000)
    given = vars(parser.parse_args(arguments))
    n, n_replies = given.pop("pairs"), given.pop("replies")
    here = {name: python for name, python in given.items() if python}
    lines = [
        "`python benchmarks/evaluation.py --rouge … --rouge-chinese … --rouge-score …`",
        "",
        f"{n:,} pairs, words of jieba given to all; seconds of CPU.",
        "",
        "| package | its seconds | ours | times faster | greatest difference |",
        "|---|---:|---:|---:|---:|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        pairs = Path(folder) / "pairs.json"
        pairs.write_text(json.dumps(list(drawn(n))), encoding="utf-8")
        lines += compared(pairs, here)
    lines += ["", reading(n_replies)]
    print("\n".join(lines))
    put("text-metrics", "\n".join(lines))


if __name__ == "__main__":
    main()
