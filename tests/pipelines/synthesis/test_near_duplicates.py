"""Signatures are datasketch's, pairs are exact, clusters are stars, in any order."""

import random
import time

import numpy as np
import polars as pl
import pytest
from datasketch import MinHash, MinHashLSH

from psyche_kedro.pipelines.synthesis.parameters import DeduplicationParameters
from psyche_kedro.pipelines.synthesis.questions.minhash import (
    Bands,
    ShingleHash,
    band_keys,
    choose_bands,
    shingle,
    signatures,
)
from psyche_kedro.pipelines.synthesis.questions.near_duplicates import (
    bucket_pairs,
    exact_jaccard,
    link_stars,
    near_duplicate_clusters,
    similar_pairs,
)
from psyche_kedro.text.bare import bare_texts

PARAMS = DeduplicationParameters(
    ngram=3, threshold=0.8, permutations=128, target_recall=0.99, seed=1, threads=2
)
ALPHABET = "的一是在不了有和人这记忆注意知觉思维情绪动机强化消退abcXYZ019，。（）Ａ①𠮷ﬁ"
STEM = "某研究者考察连续失败情境中产生的习得性无助对后续学习动机的影响并记录反应时"


def random_texts(n: int, seed: int = 0) -> list[str]:
    """Texts of 0 to 80 characters, every third one an edit of the one before."""
    pick = random.Random(seed)
    texts: list[str] = []
    for i in range(n):
        text = "".join(pick.choices(ALPHABET, k=pick.randrange(81)))
        if i % 3 == 2 and texts[-1]:
            at = pick.randrange(len(texts[-1]))
            text = texts[-1][:at] + pick.choice(ALPHABET) + texts[-1][at + 1 :]
        texts.append(text)
    return texts


def shingles_of(text: str, n: int = 3) -> list[str]:
    return [text[i : i + n] for i in range(len(text) - n + 1)]


def clusters(df: pl.DataFrame, **changes: object) -> dict[str, str]:
    params = PARAMS.model_copy(update=changes)
    table = near_duplicate_clusters(df, id_col="id", text_col="text", params=params)
    return dict(table.select("id", "cluster_id").iter_rows())


def frame_of(texts: list[str], **columns: list[object]) -> pl.DataFrame:
    ids = [f"{n:06d}" for n in range(len(texts))]
    return pl.DataFrame({"id": ids, "text": texts, **columns})


# ---- datasketch is the reference -------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_signatures_are_those_of_datasketch_bit_for_bit(n: int) -> None:
    texts = bare_texts(pl.Series(random_texts(5_000 if n == 3 else 300)))
    ours = signatures(shingle(texts, n), 128, seed=1)
    theirs = MinHash.generator(
        ([s.encode() for s in shingles_of(text, n)] for text in texts),
        num_perm=128,
        seed=1,
        hashfunc=ShingleHash(),
    )
    for row, minhash in enumerate(theirs):
        assert (minhash.hashvalues == ours[:, row]).all(), row


@pytest.mark.parametrize("bands", [Bands(16, 6), Bands(9, 13), Bands(32, 4)])
def test_candidates_are_those_of_minhash_lsh(bands: Bands) -> None:
    texts = bare_texts(pl.Series(random_texts(1_500)))
    shingles = shingle(texts, 3)
    signature = signatures(shingles, 128, seed=1)
    keys = band_keys(signature, bands)
    rows = np.flatnonzero(shingles.counts)
    found = {pair for key in keys for pair in bucket_pairs(key, rows, bucket=10_000)}
    lsh = MinHashLSH(num_perm=128, params=tuple(bands))
    hashes = {
        n: MinHash(128, hashvalues=signature[:, n], scheme="affine32") for n in rows
    }
    for n, minhash in hashes.items():
        lsh.insert(n, minhash)
    expected = {
        (int(n) << 32) | int(other)
        for n, minhash in hashes.items()
        for other in lsh.query(minhash)
        if n < other
    }
    assert len(expected) > 100
    assert {int(pair) for pair in found} == expected


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_the_bands_reach_the_target_recall(threshold: float) -> None:
    b, r = choose_bands(threshold, 128, 0.99)
    assert b * r <= 128
    assert 1 - (1 - threshold**r) ** b >= 0.99
    assert choose_bands(0.8, 128, 0.99) == (16, 6)


# ---- pairs are exact -------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5])
def test_similarity_is_the_jaccard_of_the_shingle_sets(n: int) -> None:
    texts = bare_texts(pl.Series(random_texts(400)))
    pick = np.random.default_rng(0)
    a, b = pick.integers(0, 400, (2, 3_000))
    sets = [set(shingles_of(text, n)) for text in texts]
    expected = [
        len(sets[i] & sets[j]) / max(1, len(sets[i] | sets[j]))
        for i, j in zip(a, b, strict=True)
    ]
    assert exact_jaccard(texts, a, b, ngram=n).tolist() == pytest.approx(expected)


def test_all_pairs_and_no_others_are_found() -> None:
    texts = bare_texts(pl.Series(random_texts(900))).unique(maintain_order=True)
    found = similar_pairs(texts, np.zeros(len(texts), np.uint64), PARAMS)
    a, b = np.triu_indices(len(texts), 1)
    true = exact_jaccard(texts, a, b, ngram=3) >= 0.8
    expected = set(zip(a[true].tolist(), b[true].tolist(), strict=True))
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert pairs <= expected
    assert len(pairs) >= 0.99 * len(expected) > 50
    assert (found.similarity >= 0.8).all()


# ---- clusters are stars ----------------------------------------------------------


def test_a_chain_does_not_become_one_cluster() -> None:
    stream = "".join(random.Random(3).choices(STEM, k=400))
    texts = [stream[2 * i : 2 * i + 60] for i in range(100)]
    df = frame_of(texts)
    table = near_duplicate_clusters(df, id_col="id", text_col="text", params=PARAMS)
    assert table["cluster_id"].n_unique() > 20
    assert table["similarity"].min() >= 0.8


def test_the_best_of_a_cluster_represents_it() -> None:
    df = frame_of([STEM, STEM + "（）", STEM + "啊"], quality=[1, 3, 2])
    table = near_duplicate_clusters(
        df, id_col="id", text_col="text", params=PARAMS, priority="quality"
    )
    assert table["cluster_id"].to_list() == ["000001"] * 3
    assert table["similarity"].to_list()[:2] == [1.0, 1.0]


def test_a_star_takes_free_neighbours_only() -> None:
    from psyche_kedro.pipelines.synthesis.questions.near_duplicates import Pairs

    pairs = Pairs(np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([0.9, 0.8, 0.85]))
    representative, similarity = link_stars(4, pairs)
    assert representative.tolist() == [0, 0, 2, 2]
    assert similarity.tolist() == [1.0, 0.9, 1.0, 0.85]


def test_blocks_never_meet() -> None:
    df = frame_of([STEM, STEM, STEM + "啊"], gold=["A", "B", "A"])
    table = near_duplicate_clusters(
        df, id_col="id", text_col="text", params=PARAMS, block_on=["gold"]
    )
    assert table["cluster_id"].to_list() == ["000000", "000001", "000000"]


def test_blocks_apart_give_the_clusters_of_all_together() -> None:
    pick = random.Random(2)
    variants = [t[:-1] + pick.choice(ALPHABET) for t in random_texts(60) * 12]
    golds = [pick.choice("ABCDEFGHIJKL") for _ in variants]
    df = frame_of(variants, gold=golds, priority=[n % 7 for n in range(len(golds))])

    def clustered(rows: pl.DataFrame) -> pl.DataFrame:
        return near_duplicate_clusters(
            rows,
            id_col="id",
            text_col="text",
            priority="priority",
            block_on=["gold"],
            params=PARAMS,
        )

    part = df["gold"].hash() % 8
    apart = pl.concat(clustered(df.filter(part == n)) for n in part.unique())
    whole = clustered(df)
    assert apart.sort("id").equals(whole.sort("id"))
    assert len(part.unique()) > 4
    assert whole["cluster_id"].n_unique() < df.height


@pytest.mark.parametrize("text", ["", "。。", "强", "强化"])
def test_a_text_shorter_than_a_shingle_stands_alone(text: str) -> None:
    assert len(set(clusters(frame_of([text, text])).values())) == 2


def test_null_is_empty() -> None:
    df = pl.DataFrame({"id": ["a", "b"], "text": [None, STEM]})
    assert clusters(df) == {"a": "a", "b": "b"}


def test_no_rows_give_no_rows() -> None:
    df = pl.DataFrame(schema={"id": pl.String, "text": pl.String})
    assert clusters(df) == {}


def test_neither_row_order_nor_threads_change_a_cluster() -> None:
    # 600 variants of one text: buckets far over the limit for all pairs.
    pick = random.Random(1)
    variants = [
        STEM[:i] + pick.choice(ALPHABET) + STEM[i + 1 :] for i in range(40)
    ] * 15
    texts = random_texts(600) + [f"{t}{pick.choice(ALPHABET)}" for t in variants]
    df = frame_of(texts)
    expected = clusters(df, threads=1)
    for seed in (1, 2):
        shuffled = df.sample(fraction=1, shuffle=True, seed=seed)
        assert clusters(shuffled, threads=3) == expected


PATHOLOGICAL = {
    "identical": lambda pick: STEM,
    "one character differs": lambda pick: STEM.replace(pick.choice(STEM), "啊", 1),
    "other tails": lambda pick: STEM + "".join(pick.choices(ALPHABET, k=16)),
    "empty": lambda pick: "",
}


@pytest.mark.parametrize("make", PATHOLOGICAL.values(), ids=PATHOLOGICAL)
def test_no_input_is_quadratic(make: object) -> None:
    pick = random.Random(0)
    df = frame_of([make(pick) for _ in range(20_000)])  # type: ignore[operator]
    start = time.process_time()
    clusters(df)
    assert time.process_time() - start < 5
