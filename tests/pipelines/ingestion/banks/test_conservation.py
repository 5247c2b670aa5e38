"""No layout loses questions in silence: each is kept as it was meant, or in a table."""

import pytest
from papers import Drawn, draw

from pipelines.ingestion.bank_files import file
from psyche_kedro.pipelines.cleaning.nodes import clean_bank_questions
from psyche_kedro.pipelines.cleaning.stems import clean_stem
from psyche_kedro.pipelines.ingestion.nodes import read_question_banks

FEW, MANY = range(120), range(120, 2000)


def outcome(seed: int) -> tuple[int, list[str]]:
    """How many questions are kept as they were meant, and what is silently wrong."""
    text, questions, style = draw(seed)
    read = read_question_banks([file("a.txt", text.encode())])
    cleaned = clean_bank_questions(read.rows)
    told = read.unreadable.height > 0
    rejected = " ".join(
        read.rows.filter(read.rows["parse_status"] == "malformed")["stem"]
    )
    kept = {_plain(row["stem"]): row for row in cleaned.kept.to_dicts()}
    meant = {_plain(clean_stem(q.stem)): q for q in questions}
    wrong = [
        f"seed {seed} ({style.name}): {stem}" for stem in kept.keys() - meant.keys()
    ]
    right = 0
    for stem, question in meant.items():
        if stem in kept and _is_same(kept[stem], question):
            right += 1
        elif stem in kept or not (told or question.mark in rejected):
            wrong.append(f"seed {seed} ({style.name}): {stem} {kept.get(stem)}")
    return right, wrong


def _plain(stem: str) -> str:
    return stem.replace("（）", "")


def _is_same(row: dict, question: Drawn) -> bool:
    options = question.options or ["正确", "错误"]
    gold = list(question.gold.translate(str.maketrans("√×", "AB")))
    return [o["text"] for o in row["options"]] == options and row["gold"] == gold


def check(seeds: range) -> None:
    outcomes = {seed: outcome(seed) for seed in seeds}
    wrong = [line for _, lines in outcomes.values() for line in lines]
    assert not wrong, "\n".join(wrong[:20])
    kept = sum(right for right, _ in outcomes.values())
    total = sum(len(draw(seed)[1]) for seed in seeds)
    assert kept >= 0.97 * total, f"{seeds}: {kept} of {total} questions are kept"


def test_every_question_of_a_random_paper_is_kept_as_meant_or_in_a_table():
    check(FEW)


@pytest.mark.slow
def test_so_it_is_in_two_thousand_papers():
    check(MANY)
