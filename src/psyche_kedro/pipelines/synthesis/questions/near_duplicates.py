"""Clusters of near-duplicate texts, exactly verified (§2.2, "min-hash LSH").

The usual recipe joins whatever shares an LSH bucket and takes connected components; at
200k questions one pair in a thousand of its clusters is right, because buckets are
guesses and components chain. Here a shared band only makes a *candidate*:

1. texts equal after normalisation collapse first;
2. bands of their MinHash signatures give candidate pairs;
3. a pair counts if its exact Jaccard similarity reaches the threshold;
4. star linkage: in order of priority, the best text that is still free becomes a
   representative and takes the free texts it is verified with. So every member is
   within the threshold of its representative, and nothing chains.

Texts in different blocks (``block_on``) never meet: a question and its negation differ
in two characters of forty, and no surface similarity tells them apart.

Example: ``[("a", "下列属于正强化的是"), ("b", "下列属于正强化的是（ ）")]`` gives
``[("a", "a", 1.0), ("b", "a", 1.0)]``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from psyche_kedro.pipelines.synthesis.parameters import DeduplicationParameters
from psyche_kedro.pipelines.synthesis.questions.minhash import (
    I64,
    U32,
    U64,
    Bands,
    band_keys,
    block_signatures,
    blocks,
    choose_bands,
    code_points,
    mix,
    permutation_factors,
    shingle,
)
from psyche_kedro.text.bare import bare_texts

_BUCKET = 16  # ours: up to here every pair of a bucket is a candidate
_PIVOTS = 4  # ours: beyond, each member meets so many spread members and its neighbour
_BITS = 512  # of the map that bounds a pair's similarity before it is computed
_CHUNK = 16_384  # texts per task: their characters fit in memory at any corpus size
_PAIRS = 1 << 14
_CELLS = 1 << 18
_PADDING = np.uint64(1 << 63)
_PACKED = 3  # characters that fit into 64 bits as they are
_TOLERANCE = 1e-9


class Pairs(NamedTuple):
    """``[m]`` pairs of rows, first < second, each once, and what is known of them."""

    first: I64
    second: I64
    similarity: NDArray[np.float64]


class Index(NamedTuple):
    """What is kept of every text for finding candidates."""

    keys: U64
    """``[b, n]`` band keys."""
    bitmaps: U64
    """``[n, 8]``: a bit per hash class of a shingle."""
    counts: I64
    """``[n]`` shingles, doubles included."""


def near_duplicate_clusters(  # noqa: PLR0913 - keyword-only
    df: pl.DataFrame,
    *,
    id_col: str,
    text_col: str,
    params: DeduplicationParameters,
    priority: str | None = None,
    block_on: Sequence[str] = (),
) -> pl.DataFrame:
    """Return the cluster of every row; the order of rows and threads changes nothing.

    Args:
        df: ``[n]`` rows.
        id_col: Unique.
        text_col: Compared after NFKC, lower case, letters and digits only. A text
            shorter than a shingle stands alone.
        params: ``synthesis.deduplication``.
        priority: Numbers, the highest of a cluster represents it; without it, and
            between equals, the smallest id does.
        block_on: Columns that members of one cluster agree on.

    Returns:
        ``[n]`` rows in the order of ``df``: ``id_col``, ``cluster_id`` (id of the
        representative), ``similarity`` (Jaccard to it, 1.0 for itself).
    """
    order = _by_priority(df, id_col, priority)
    # A gather copies the texts: each copy replaces the one before, which is freed.
    texts = bare_texts(df[text_col]).gather(order)
    block = _block_codes(df, block_on)[order]
    distinct, group = _collapse(texts, block, params.ngram)
    texts = texts.gather(distinct)
    pairs = similar_pairs(texts, block[distinct], params)
    representative, similarity = link_stars(len(distinct), pairs)
    ids = df[id_col].gather(order)
    clusters = pl.DataFrame(
        {
            "row": order,
            id_col: ids,
            "cluster_id": ids.gather(distinct[representative[group]]),
            "similarity": similarity[group],
        }
    )
    return clusters.sort("row").drop("row")


def similar_pairs(
    texts: pl.Series, block: U64, params: DeduplicationParameters
) -> Pairs:
    """Return the verified pairs among ``[n]`` distinct normalised texts.

    Args:
        texts: Best first: where a bucket is too full for all pairs, its first text
            meets every other.
        block: ``[n]`` codes; texts of different codes are no pair.
        params: ``synthesis.deduplication``.
    """
    bands = choose_bands(params.threshold, params.permutations, params.target_recall)
    with ThreadPoolExecutor(params.threads) as pool:
        index = _build_index(texts, block, bands, params=params, pool=pool)
        seen = np.empty(0, np.uint64)
        found = []
        for some in np.array_split(np.arange(bands.b), max(1, bands.b // 4)):
            find = partial(_candidates, index, block, threshold=params.threshold)
            fresh = np.setdiff1d(_union(pool.map(find, some)), seen, assume_unique=True)
            seen = np.union1d(seen, fresh)
            found.append(_verify(texts, fresh, params, pool=pool))
    return Pairs(*map(np.concatenate, zip(*found, strict=True)))


def link_stars(n: int, pairs: Pairs) -> tuple[I64, NDArray[np.float64]]:
    """Return each row's representative, and its similarity to it.

    Args:
        n: Rows, best first.
        pairs: Verified ones.
    """
    ends = np.concatenate([pairs.first, pairs.second])
    others = np.concatenate([pairs.second, pairs.first])
    order = np.lexsort((others, ends))
    borders = np.searchsorted(ends[order], np.arange(n + 1))
    neighbours = others[order].tolist()
    weights = np.concatenate([pairs.similarity, pairs.similarity])[order]
    representative = np.arange(n)
    similarity = np.ones(n)
    taken = np.zeros(n, bool)
    for row in np.flatnonzero(np.diff(borders)):
        if taken[row]:
            continue
        taken[row] = True
        low, high = borders[row], borders[row + 1]
        for at in range(low, high):
            other = neighbours[at]
            if not taken[other]:
                taken[other] = True
                representative[other] = row
                similarity[other] = weights[at]
    return representative, similarity


# ---- rows ------------------------------------------------------------------------


def _by_priority(df: pl.DataFrame, id_col: str, priority: str | None) -> I64:
    """Return the rows' positions, best first: the one order everything depends on."""
    keys = [id_col] if priority is None else [priority, id_col]
    ranked = df.select(keys).with_row_index("row")
    ranked = ranked.sort(keys, descending=[key == priority for key in keys])
    return ranked["row"].to_numpy().astype(np.int64)


def _block_codes(df: pl.DataFrame, block_on: Sequence[str]) -> U64:
    if not block_on:
        return np.zeros(df.height, np.uint64)
    codes: U64 = df.select(block_on).hash_rows(seed=0).to_numpy()
    return codes


def _collapse(texts: pl.Series, block: U64, ngram: int) -> tuple[I64, I64]:
    """Return the first row of every distinct text in its block, and each row's group.

    Texts shorter than a shingle are distinct from everything: equal emptiness proves
    nothing.
    """
    rows = np.arange(len(texts))
    _, index, inverse = np.unique(
        texts.hash(seed=0).to_numpy() ^ block, return_index=True, return_inverse=True
    )
    first = index[inverse]
    equal = (texts.gather(first) == texts).to_numpy() & (block[first] == block)
    equal &= texts.str.len_chars().to_numpy() >= ngram
    distinct, group = np.unique(np.where(equal, first, rows), return_inverse=True)
    return distinct, group


# ---- candidates ------------------------------------------------------------------


def _build_index(
    texts: pl.Series,
    block: U64,
    bands: Bands,
    *,
    params: DeduplicationParameters,
    pool: ThreadPoolExecutor,
) -> Index:
    n = len(texts)
    index = Index(
        np.zeros((bands.b, n), np.uint64),
        np.zeros((n, _BITS // 64), np.uint64),
        np.zeros(n, np.int64),
    )
    factors = permutation_factors(params.permutations, params.seed)
    factors = factors[:, : bands.b * bands.r]

    def fill(start: int) -> None:
        part = slice(start, min(n, start + _CHUNK))
        shingles = shingle(texts[part], params.ngram)
        index.counts[part] = shingles.counts
        for rows, hashes in blocks(shingles):
            index.bitmaps[start + rows] = _bitmaps(hashes)
            keys = band_keys(block_signatures(hashes, factors), bands)
            keys ^= block[start + rows]
            mix(keys)
            index.keys[:, start + rows] = keys

    list(pool.map(fill, range(0, n, _CHUNK)))
    return index


def _bitmaps(hashes: U32) -> U64:
    """Return ``[texts, 8]``: which of 512 classes a text's shingles fall into."""
    n = hashes.shape[1]
    bits = np.zeros((n, _BITS), np.uint8)
    bits[np.arange(n)[None, :], hashes >> np.uint32(32 - 9)] = 1
    return np.packbits(bits, axis=1).view(np.uint64)


def _candidates(index: Index, block: U64, band: int, *, threshold: float) -> U64:
    """Return the pairs of one band that may reach ``threshold``, packed and sorted."""
    pairs = bucket_pairs(index.keys[band], np.flatnonzero(index.counts))
    first, second = pairs >> np.uint64(32), pairs & np.uint64(0xFFFFFFFF)
    kept = [
        _may_reach(index, first[at : at + _PAIRS], second[at : at + _PAIRS], threshold)
        for at in range(0, len(pairs), _PAIRS)
    ]
    pairs = pairs[np.concatenate([*kept, np.empty(0, bool)])]
    same = block[pairs >> np.uint64(32)] == block[pairs & np.uint64(0xFFFFFFFF)]
    possible: U64 = pairs[same]
    return possible


def bucket_pairs(keys: U64, rows: I64, *, bucket: int = _BUCKET) -> U64:
    """Return the pairs of rows that share a key, as ``first << 32 | second``, sorted.

    Args:
        keys: ``[n]`` keys of one band.
        rows: Which of the ``n`` take part, ascending.
        bucket: In a larger bucket a row meets ``_PIVOTS`` spread rows, the first of
            them, and its neighbour: linear, where all pairs of 50,000 copies of one
            template would be a thousand million.
    """
    width = max(1, int(len(keys) - 1).bit_length())
    mask = np.uint64((1 << width) - 1)
    # Key and row in one number: a plain sort is three times as fast as an argsort.
    packed = np.sort((keys[rows] & ~mask) | rows.astype(np.uint64))
    members, packed = packed & mask, packed >> np.uint64(width)
    starts = np.flatnonzero(np.concatenate([[True], packed[1:] != packed[:-1]]))
    starts = starts[: len(packed)]
    sizes = np.diff(np.append(starts, len(packed)))
    pairs = [np.empty(0, np.uint64)]
    for size in np.unique(sizes[(sizes > 1) & (sizes <= bucket)]):
        a, b = np.triu_indices(int(size), 1)
        of_size = starts[sizes == size][:, None]
        pairs.append(_pack(members[of_size + a].ravel(), members[of_size + b].ravel()))
    for start, size in zip(starts[sizes > bucket], sizes[sizes > bucket], strict=True):
        pairs.append(_pivot_pairs(members[start : start + size]))
    return np.unique(np.concatenate(pairs))


def _pivot_pairs(members: U64) -> U64:
    """Return a linear number of pairs among ascending ``members``."""
    at = np.linspace(0, len(members) - 1, _PIVOTS).astype(np.int64)
    pivots = [
        _pack(np.minimum(m, members), np.maximum(m, members)) for m in members[at]
    ]
    pairs = np.concatenate([*pivots, _pack(members[:-1], members[1:])])
    others: U64 = pairs[(pairs >> np.uint64(32)) != (pairs & np.uint64(0xFFFFFFFF))]
    return others


def _pack(first: U64, second: U64) -> U64:
    return (first << np.uint64(32)) | second


def _may_reach(
    index: Index, first: U64, second: U64, threshold: float
) -> NDArray[np.bool_]:
    """Return which pairs may be similar enough; never false for one that is.

    Bits that differ are at most the shingles that differ, and counts with doubles are
    at least those without: the bound is from above.
    """
    differ = np.bitwise_count(index.bitmaps[first] ^ index.bitmaps[second])
    different = differ.sum(axis=1, dtype=np.int64)
    total = index.counts[first] + index.counts[second]
    bound: NDArray[np.bool_] = total - different >= (threshold - _TOLERANCE) * (
        total + different
    )
    return bound


def _union(parts: Iterable[U64]) -> U64:
    return np.unique(np.concatenate([*parts, np.empty(0, np.uint64)]))


# ---- verification ----------------------------------------------------------------


def _verify(
    texts: pl.Series,
    packed: U64,
    params: DeduplicationParameters,
    *,
    pool: ThreadPoolExecutor,
) -> Pairs:
    first = (packed >> np.uint64(32)).astype(np.int64)
    second = (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
    similarity = np.empty(len(packed))
    # Slice by slice: as shingles, the texts of a million rows are a gigabyte.
    for part in (slice(at, at + _PAIRS) for at in range(0, len(packed), _PAIRS)):
        similarity[part] = exact_jaccard(
            texts, first[part], second[part], ngram=params.ngram, map_=pool.map
        )
    kept = similarity >= params.threshold - _TOLERANCE
    return Pairs(first[kept], second[kept], similarity[kept])


def exact_jaccard(
    texts: pl.Series,
    first: I64,
    second: I64,
    *,
    ngram: int,
    map_: Callable[..., Iterable[None]] = map,
) -> NDArray[np.float64]:
    """Return ``[m]`` Jaccard similarities of shingle sets.

    Shingles of up to three characters are compared as they are, longer ones by 64-bit
    hashes.

    Args:
        texts: ``[n]`` normalised texts.
        first: ``[m]`` rows.
        second: ``[m]`` rows.
        ngram: Characters per shingle.
        map_: A pool's ``map``, to verify in several threads.
    """
    involved, at = np.unique(np.concatenate([first, second]), return_inverse=True)
    sets = _shingle_sets(texts.gather(involved), ngram)
    a, b = at[: len(first)], at[len(first) :]
    shared = np.zeros(len(first), np.int64)
    widths = sets.counts[a] + sets.counts[b]

    def count(pairs: I64) -> None:
        shared[pairs] = _shared(sets, a[pairs], b[pairs])

    list(map_(count, _evenly(widths)))
    similarity: NDArray[np.float64] = shared / np.maximum(widths - shared, 1)
    return similarity


class _Sets(NamedTuple):
    """Distinct shingles of ``n`` texts, as ascending numbers below 2^63."""

    tokens: U64
    starts: I64
    counts: I64


def _shingle_sets(texts: pl.Series, ngram: int) -> _Sets:
    points, borders = code_points(texts)
    keys = _shingle_keys(points, ngram)
    counts = np.maximum(np.diff(borders) - ngram + 1, 0)
    starts, sizes = np.zeros((2, len(counts)), np.int64)
    parts, total = [np.empty(0, np.uint64)], 0
    for rows in _evenly(counts):
        cells = _sorted_cells(keys, borders[rows], counts[rows])
        new = np.ones(cells.shape, bool)
        new[:, 1:] = cells[:, 1:] != cells[:, :-1]
        new &= cells < _PADDING
        sizes[rows] = new.sum(axis=1)
        starts[rows] = total + np.cumsum(sizes[rows]) - sizes[rows]
        parts.append(cells[new])
        total += len(parts[-1])
    return _Sets(np.concatenate(parts), starts, sizes)


def _shingle_keys(points: U32, ngram: int) -> U64:
    """Return the shingle that begins at each character: itself, or 63 hashed bits."""
    keys = points.astype(np.uint64)
    for j in range(1, ngram):
        if ngram <= _PACKED:
            keys <<= np.uint64(21)
        else:
            mix(keys)
        keys[: len(points) - j] += points[j:]
    return keys & (_PADDING - np.uint64(1))


def _sorted_cells(keys: U64, starts: I64, counts: I64) -> U64:
    """Return ``[texts, longest]`` keys, each row ascending, padded at its end."""
    column = np.arange(int(counts.max(initial=0)))[None, :]
    at = np.minimum(starts[:, None] + column, len(keys) - 1)
    cells = np.where(column < counts[:, None], keys[at], _PADDING)
    cells.sort(axis=1)
    return cells


def _shared(sets: _Sets, a: I64, b: I64) -> I64:
    """Return how many shingles each pair of sets has in common."""
    sides: list[U64] = []
    for rows in (a, b):
        counts = sets.counts[rows]
        column = np.arange(int(counts.max(initial=0)))[None, :]
        at = np.minimum(sets.starts[rows][:, None] + column, len(sets.tokens) - 1)
        # Every padded cell of a row is another number: none may match.
        own = _PADDING + np.uint64(len(sides) << 32) + column.astype(np.uint64)
        sides.append(np.where(column < counts[:, None], sets.tokens[at], own))
    cells = np.concatenate(sides, axis=1)
    cells.sort(axis=1)
    shared: I64 = (cells[:, 1:] == cells[:, :-1]).sum(axis=1)
    return shared


def _evenly(widths: I64) -> Iterator[I64]:
    """Yield rows of like width, about ``_CELLS`` cells at a time."""
    order = np.argsort(widths, kind="stable")
    at = 0
    while at < len(order):
        end = at + max(1, _CELLS // max(1, int(widths[order[at]])))
        while end > at + 1 and widths[order[min(end, len(order)) - 1]] * (end - at) > (
            2 * _CELLS
        ):
            end = at + max(1, (end - at) // 2)
        yield order[at:end]
        at = end
