"""Clusters of near-duplicate texts."""

from collections.abc import Sequence

import polars as pl
from datasketch import MinHash, MinHashLSH

from psyche_kedro.pipelines.synthesis.parameters import DeduplicationParameters
from psyche_kedro.pipelines.synthesis.questions.identity import normalise


def near_duplicate_clusters(  # noqa: PLR0913 - keyword-only
    df: pl.DataFrame,
    *,
    id_col: str,
    text_col: str,
    priority: str,
    block_on: Sequence[str],
    params: DeduplicationParameters,
) -> pl.DataFrame:
    """Return ``(id, cluster_id, similarity)`` by verified star linkage."""
    df = df.sort([priority, id_col], descending=[True, False])
    ids = df[id_col].to_list()
    blocks = list(df.select(block_on).iter_rows())
    shingles = [_shingles(normalise(t or ""), params.ngram) for t in df[text_col]]
    hashes = MinHash.generator(
        ([s.encode() for s in sorted(found)] for found in shingles),
        num_perm=params.permutations,
        seed=params.seed,
    )
    lsh = MinHashLSH(num_perm=params.permutations, params=(16, 6))
    representative: dict[int, tuple[int, float]] = {}
    for i, minhash in enumerate(hashes):
        found = shingles[i]
        best = max(
            (
                (_jaccard(found, shingles[j]), -j)
                for j in (lsh.query(minhash) if found else ())
                if blocks[i] == blocks[j]
            ),
            default=(0.0, 0),
        )
        if best[0] >= params.threshold:
            representative[i] = (-best[1], best[0])
            continue
        representative[i] = (i, 1.0)
        if found:
            lsh.insert(i, minhash)
    return pl.DataFrame(
        {
            id_col: ids,
            "cluster_id": [ids[representative[i][0]] for i in range(len(ids))],
            "similarity": [representative[i][1] for i in range(len(ids))],
        },
        schema={id_col: pl.String, "cluster_id": pl.String, "similarity": pl.Float64},
    )


def _shingles(text: str, n: int) -> set[str]:
    return (
        {text[i : i + n] for i in range(max(1, len(text) - n + 1))} if text else set()
    )


def _jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)
