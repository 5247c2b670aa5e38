"""What CEDAR's rules keep that they should not, and lose that they should keep.

Three invented worlds of 14 emotions and 7 cultures: labellers that err in each culture
in a way of their own, people who agree half of the time, panels with one careless
person. Half of the scenarios are felt alike everywhere; in the others one to three
cultures are moved.

Then what the sizes of the issue take, each in a process of its own: 840,000 labelling
calls read and tabled, their divergence with 999 permutations, and 10,962 items of 17
models scored.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from psyche_kedro.datasets.language_packs import LanguagePacksDataset
from psyche_kedro.llm import Reply
from psyche_kedro.pipelines.cedar import parameters, tables
from psyche_kedro.pipelines.cedar.alignment.scoring import score_alignment
from psyche_kedro.pipelines.cedar.annotation import benchmark as people
from psyche_kedro.pipelines.cedar.isolation import divergence
from psyche_kedro.pipelines.cedar.isolation.labelling import label_provisionally
from psyche_kedro.pipelines.cedar.permutations import permutation_test
from psyche_kedro.review.dawid_skene import Votes, dawid_skene, one_coin
from psyche_kedro.tables import content_id, frame

PROJECT = Path(__file__).parents[1]
EMOTIONS, CULTURES = 14, 7
FDR, CLEAR, PERMUTATIONS = 0.1, 0.5, 499


def world(n, share, effect, spread, rng):
    """Return which scenarios differ, and ``[n, cultures, emotions]`` logits."""
    logits = np.repeat(rng.normal(0, spread, (n, 1, EMOTIONS)), CULTURES, 1)
    differs = rng.random(n) < share
    for i in np.flatnonzero(differs):
        moved = rng.choice(CULTURES, rng.integers(1, 4), replace=False)
        for culture in moved:
            logits[i, culture, rng.integers(EMOTIONS)] += effect
    return differs, logits


def shares_of(logits):
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def sampled(shares, k, rng):
    """Return ``[…, emotions]`` counts of ``k`` draws."""
    draws = rng.random((*shares.shape[:-1], k, 1))
    found = (draws > shares.cumsum(-1)[..., None, :]).sum(-1).clip(max=EMOTIONS - 1)
    return (found[..., None] == np.arange(EMOTIONS)).sum(-2)


def clear_labels(counts):
    shares = divergence.shares_of(counts)
    pooled, reached = shares.mean(0), np.isclose(shares, shares.max(-1, keepdims=True))
    top = pooled.argmax(-1)
    return {
        top[c]
        for c in range(CULTURES)
        if pooled[c, top[c]] >= CLEAR and 2 * reached[:, c, top[c]].sum() > len(counts)
    }


def kept(rule, differs):
    false = (rule & ~differs).sum() / max(1, rule.sum())
    return (
        f"{rule[~differs].mean():.3f} / {rule[differs].mean():.2f}, {false:.0%} false"
    )


def isolation(labellers, samples, noise, share=0.5, unsure=False):
    rng = np.random.default_rng(0)
    differs, logits = world(400 if share == 0.5 else 800, share, 5.0, 1.5, rng)
    logits = logits[:, None] + rng.normal(
        0, noise, (len(logits), labellers, CULTURES, EMOTIONS)
    )
    if unsure:
        logits[:, :, -1] *= 0.5
    counts = sampled(shares_of(logits), samples, rng)
    tested = permutation_test(
        [divergence.draw_of(one) for one in counts],
        permutations=PERMUTATIONS,
        fdr=FDR,
        seed=42,
    )
    top = divergence.shares_of(counts).mean(1).argmax(-1)
    by_q = tested.q <= FDR
    return {
        "labels differ": np.array([len(set(row)) > 1 for row in top]),
        "q": by_q,
        "q, clear labels": by_q & [len(clear_labels(one)) > 1 for one in counts],
    }, differs


def annotation(n_people):
    rng = np.random.default_rng(0)
    differs, logits = world(300, 0.5, 6.0, 3.0, rng)
    shares = shares_of(logits)
    counts = sampled(shares, n_people, rng)
    tested = permutation_test(
        [people.draw_of(one) for one in counts],
        permutations=PERMUTATIONS,
        fdr=FDR,
        seed=42,
    )
    agree = (shares**2).sum(-1).mean()
    return (
        {
            "golds differ": np.array([len(set(row)) > 1 for row in counts.argmax(-1)]),
            "p <= 0.05": tested.p <= 0.05,
            "q": tested.q <= FDR,
        },
        differs,
        agree,
    )


def panel(accuracies, n):
    rng = np.random.default_rng(0)
    golds = rng.choice(EMOTIONS, n, p=rng.dirichlet(np.ones(EMOTIONS)))
    right = rng.random((n, len(accuracies))) < np.array(accuracies)
    other = (golds[:, None] + rng.integers(1, EMOTIONS, right.shape)) % EMOTIONS
    said = np.where(right, golds[:, None], other)
    unit, person = np.indices(said.shape)
    votes = Votes(unit.ravel(), person.ravel(), said.ravel())
    counts = (said[..., None] == np.arange(EMOTIONS)).sum(1) + rng.random((n, EMOTIONS))
    start = time.perf_counter()
    coin = one_coin(votes, EMOTIONS).posterior.argmax(1)
    seconds = time.perf_counter() - start
    full = dawid_skene(votes, EMOTIONS).posterior.argmax(1)
    rules = (counts.argmax(1), full, coin)
    return [(rule == golds).mean() for rule in rules], seconds


SCENARIOS, LABELLERS, SAMPLES, SUBJECTS, ITEMS = 6_000, 5, 4, 17, 1_566


def languages():
    known = yaml.safe_load((PROJECT / "conf/base/globals.yml").read_text("utf-8"))
    folder = str(PROJECT / "conf/base/languages")
    return LanguagePacksDataset(
        path=folder, emotions=known["emotions"], cultures=known["cultures"]
    ).load()


def settings(kind, name):
    whole = yaml.safe_load((PROJECT / "conf/base/parameters/cedar.yml").read_text())
    return kind(**whole["cedar"][name])


class Parrot:
    """Answers at once, by the length of the request."""

    name = "parrot"

    def __init__(self, packs):
        self._words = list(packs["en"].emotions.values())

    def complete(self, requests):
        for_each = enumerate(len(r.messages[0]["content"]) for r in requests)
        return [
            Reply(self._words[size % 14], self.name, str(n)) for n, size in for_each
        ]


def scenes(packs):
    rows = [
        {"scenario_id": content_id(str(n)), "source": "s", "locator": "l"}
        | {"modality": "text", "language": "en", "narrative": "A scene. " * (n % 9)}
        | {"question": "How do you feel?"}
        for n in range(SCENARIOS)
    ]
    texts = [
        {k: row[k] for k in ("scenario_id", "narrative", "question")}
        | {"language": code, "origin": "given"}
        for row in rows
        for code in packs
    ]
    return frame(tables.Scenarios, rows), frame(tables.ScenarioTexts, texts)


def label():
    packs = languages()
    scenarios, texts = scenes(packs)
    yield
    rows = label_provisionally(
        scenarios=scenarios,
        scenario_texts=texts,
        pictures=frame(tables.Pictures, []),
        packs=packs,
        labellers={f"l{n}": Parrot(packs) for n in range(LABELLERS)},
        params=settings(parameters.LabellingParameters, "labelling"),
    )
    yield f"{rows.height:,} labels of {SCENARIOS:,} scenarios read and tabled"


def measure():
    packs, rng = languages(), np.random.default_rng(0)
    _, logits = world(SCENARIOS, 0.3, 5.0, 1.5, rng)
    size = (SCENARIOS, LABELLERS, CULTURES, EMOTIONS)
    shares = shares_of(logits[:, None] + rng.normal(0, 0.5, size))
    draws = rng.random((*size[:3], SAMPLES, 1)) > shares.cumsum(-1)[..., None, :]
    drawn = draws.sum(-1).clip(max=EMOTIONS - 1)
    emotions, codes = list(packs["en"].emotions), list(packs)
    ids = [content_id(str(n)) for n in range(SCENARIOS)]
    at = np.indices(drawn.shape).reshape(4, -1)
    labels = pl.DataFrame(
        {
            "scenario_id": np.array(ids)[at[0]],
            "labeller": at[1].astype(str),
            "culture": np.array(codes)[at[2]],
            "label": np.array(emotions)[drawn.ravel()],
        }
    )
    yield
    labelling = settings(parameters.LabellingParameters, "labelling")
    params = settings(parameters.IsolationParameters, "isolation")
    scenarios = pl.DataFrame({"scenario_id": ids})
    rows = divergence.measure_divergence(scenarios, labels, packs, labelling, params)
    yield f"divergence of {rows.height:,} scenarios, {params.permutations} permutations"


def score():
    packs, rng = languages(), np.random.default_rng(0)
    emotions = list(packs["en"].emotions)
    items = frame(
        tables.Items,
        [
            {"item_id": content_id(str(n), code), "scenario_id": content_id(str(n))}
            | {"benchmark": "b", "number": n, "language": code, "narrative": ""}
            | {"modality": "multimodal" if n < 400 else "text", "question": "?"}
            | {"gold": (gold := emotions[rng.integers(14)]), "gold_word": gold}
            | {"votes": [{"label": gold, "n": 4}, {"label": "none_fits", "n": 1}]}
            for n in range(ITEMS)
            for code in packs
        ],
    )
    said = [items["gold"].to_numpy().copy() for _ in range(SUBJECTS)]
    for of in said:
        wrong = rng.random(len(of)) < 0.6
        of[wrong] = np.array(emotions)[rng.integers(14, size=wrong.sum())]
    predictions = pl.concat(
        items.select(
            "item_id",
            subject=pl.lit(f"m{n:02}"),
            way=pl.lit("native"),
            sample=pl.lit(0),
        ).with_columns(label=pl.Series(of), official_label=pl.Series(of))
        for n, of in enumerate(said)
    )
    yield
    params = settings(parameters.AlignmentParameters, "alignment")
    found = score_alignment(predictions, items, items.clear(), packs, params)
    yield f"{predictions.height:,} answers scored: {found.scores.height:,} scores"


def measured(name):
    """Print what one of the three took, without its input's making."""
    steps = {"label": label, "measure": measure, "score": score}[name]()
    next(steps)
    start, cpu = time.perf_counter(), time.process_time()
    said = next(steps)
    took = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000_000
    print(f"{said}: {took[0]:.1f} s, {took[1]:.1f} s of CPU, {peak:.2f} GB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        measured(sys.argv[1])
        sys.exit()
    for each in ("label", "measure", "score"):
        subprocess.run([sys.executable, __file__, each], check=True)
    print("isolation: universal scenarios kept / differing ones kept")
    for labellers, samples, noise, share, unsure in [
        (3, 4, 0.5, 0.5, False),
        (3, 4, 1.0, 0.5, False),
        (5, 4, 0.5, 0.5, False),
        (5, 4, 1.0, 0.5, False),
        (5, 4, 0.5, 0.5, True),
        (3, 4, 0.5, 0.09, False),
    ]:
        rules, differs = isolation(labellers, samples, noise, share, unsure)
        print(
            f"{labellers} labellers x {samples}, noise {noise}, {share:.0%} differ",
            end="",
        )
        print(", one language unsure" if unsure else "")
        for name, rule in rules.items():
            print(f"  {name:<16}{kept(rule, differs)}, {rule.sum()} of {len(rule)}")
    print("people: items without a difference kept / with one kept")
    for n_people in (3, 5, 7):
        rules, differs, agree = annotation(n_people)
        print(f"{n_people} people of a culture, two agree with {agree:.2f}")
        for name, rule in rules.items():
            print(f"  {name:<16}{kept(rule, differs)}")
    print("golds recovered: majority, full matrices, one coin")
    for accuracies, n in [
        ([0.7] * 3, 1566),
        ([0.7] * 5, 1566),
        ([0.7] * 4 + [1 / 14], 1566),
        ([0.7] * 4 + [1 / 14], 300),
    ]:
        found, seconds = panel(accuracies, n)
        said = ", ".join(f"{share:.3f}" for share in found)
        print(f"  {n} items, {np.round(accuracies, 2)}: {said} ({seconds:.2f} s)")
