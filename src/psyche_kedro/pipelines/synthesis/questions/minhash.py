"""MinHash signatures of many short texts at once, bit for bit those of datasketch.

datasketch is the reference for the scheme (``affine32``), the permutations and the
banding; what it does per text in Python (a constructor, an ``update`` per shingle, an
``insert``) is done here per block of texts in numpy: 60 shingles a text make the calls
cost a hundred times the arithmetic.

A shingle is ``n`` characters in a row. Its hash is multilinear over code points, so it
is computed for all positions of all texts in ``n`` multiplications; ``ShingleHash`` is
its scalar twin, the ``hashfunc`` under which datasketch gives the same signatures.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

_MASK64 = (1 << 64) - 1
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = [
    (0x9E3779B97F4A7C15 * (2 * j + 1) ^ 0xD1B54A32D192ED03 * (j + 1)) & _MASK64 | 1
    for j in range(16)
]
_BLOCK = 65_536  # shingle hashes per block: with its products it stays in the cache


class ShingleHash:
    """Hash of one shingle, to give to ``datasketch.MinHash`` as ``hashfunc``."""

    def __call__(self, shingle: bytes) -> int:
        """Return 32 bits for a UTF-8 shingle."""
        points = map(ord, shingle.decode())
        terms = (m * point for m, point in zip(_MULTIPLIERS, points, strict=False))
        return (sum(terms) & _MASK64) >> 32


class Shingles(NamedTuple):
    """The shingles of ``n`` texts, doubles included: a minimum does not mind them."""

    hashes: U32
    """``[n_characters]`` mixed hash of the shingle that begins at each character."""
    starts: I64
    """``[n]`` where each text begins."""
    counts: I64
    """``[n]`` shingles per text; 0 for one shorter than a shingle."""


class Bands(NamedTuple):
    """``b`` bands of ``r`` rows: two texts are candidates if they share a band."""

    b: int
    r: int


def choose_bands(threshold: float, permutations: int, target_recall: float) -> Bands:
    """Return the widest bands that find a pair at ``threshold`` often enough.

    datasketch's own choice weighs false positives against false negatives; at 0.8 and
    128 permutations it is (9, 13), which finds 40 % of the pairs at the threshold.
    Here candidates are verified, so a false one costs little and a missed one is lost.

    Args:
        threshold: Jaccard similarity.
        permutations: At most ``b * r`` of them are used.
        target_recall: Least ``1 - (1 - threshold^r)^b``.
    """
    best = Bands(permutations, 1)
    for r in range(1, permutations // 2 + 1):
        hit = threshold**r
        missed = math.log1p(-hit) if hit < 1 else -math.inf
        b = max(2, math.ceil(math.log(1 - target_recall) / missed))
        if b * r <= permutations:
            best = Bands(b, r)
    return best


def code_points(texts: pl.Series) -> tuple[U32, I64]:
    """Return all characters of all texts in a row, and ``[n + 1]`` borders."""
    lengths = texts.str.len_chars().to_numpy().astype(np.int64)
    borders = np.concatenate([[0], np.cumsum(lengths)])
    joined = texts.str.join("").item() or ""
    return np.frombuffer(joined.encode("utf-32-le"), np.uint32), borders


def shingle(texts: pl.Series, n: int) -> Shingles:
    """Return the hashed shingles of ``texts``.

    Args:
        texts: ``[n_texts]`` normalised strings.
        n: Characters per shingle, at most 16.
    """
    points, borders = code_points(texts)
    keys = points * np.uint64(_MULTIPLIERS[0])
    for j in range(1, n):
        keys[: len(points) - j] += points[j:] * np.uint64(_MULTIPLIERS[j])
    hashes = _premix((keys >> np.uint64(32)).astype(np.uint32))
    return Shingles(hashes, borders[:-1], np.maximum(np.diff(borders) - n + 1, 0))


def signatures(shingles: Shingles, permutations: int, seed: int) -> U32:
    """Return ``[permutations, n]`` signatures; a text without shingles has maxima.

    Equal to ``MinHash(permutations, seed, hashfunc=ShingleHash()).hashvalues``.
    """
    factors = permutation_factors(permutations, seed)
    shape = (permutations, len(shingles.counts))
    found = np.full(shape, np.iinfo(np.uint32).max, np.uint32)
    for texts, hashes in blocks(shingles):
        found[:, texts] = block_signatures(hashes, factors)
    return found


def permutation_factors(permutations: int, seed: int) -> U32:
    """Return datasketch's ``[2, permutations]`` multipliers and summands."""
    from datasketch import MinHash  # noqa: PLC0415 - imports half of scipy

    reference = MinHash(num_perm=permutations, seed=seed, scheme="affine32")
    return np.asarray(reference.permutations, dtype=np.uint32)


def blocks(shingles: Shingles) -> Iterator[tuple[I64, U32]]:
    """Yield texts of like length with their hashes as ``[longest, texts]``.

    A shorter text repeats its last shingle: the minimum stays the same.
    """
    order = np.argsort(shingles.counts, kind="stable")
    order = order[np.searchsorted(shingles.counts[order], 1) :]
    counts = shingles.counts[order]
    at = 0
    while at < len(order):
        end = _block_end(counts, at)
        texts, longest = order[at:end], int(counts[end - 1])
        offsets = np.minimum(np.arange(longest)[:, None], counts[at:end][None, :] - 1)
        yield texts, shingles.hashes[offsets + shingles.starts[texts][None, :]]
        at = end


def block_signatures(hashes: U32, factors: U32) -> U32:
    """Return ``[permutations, texts]`` minima of ``a * hash + b`` over axis 0."""
    products = np.empty_like(hashes)
    found = np.empty((factors.shape[1], hashes.shape[1]), np.uint32)
    for p, (a, b) in enumerate(factors.T):
        np.multiply(hashes, a, out=products)
        np.add(products, b, out=products)
        np.minimum.reduce(products, axis=0, out=found[p])
    return found


def band_keys(signature: U32, bands: Bands) -> U64:
    """Return ``[b, texts]``: equal keys of a band mean equal rows in it."""
    rows = signature[: bands.b * bands.r].reshape(bands.b, bands.r, -1)
    keys = np.zeros((bands.b, rows.shape[2]), np.uint64)
    for row in range(bands.r):
        keys ^= rows[:, row]
        mix(keys)
    return keys


def mix(keys: U64) -> None:
    """Spread ``keys`` in place, so that their high bits depend on all bits."""
    keys *= _MIX
    keys ^= keys >> np.uint64(32)


def _block_end(counts: I64, at: int) -> int:
    """Return where a block of about ``_BLOCK`` hashes ends, padding included."""
    end = min(len(counts), at + max(1, _BLOCK // int(counts[at])))
    while end > at + 1 and int(counts[end - 1]) * (end - at) > _BLOCK * 1.25:
        end = at + max(1, (end - at) // 2)
    return end


def _premix(hashes: U32) -> U32:
    """Return datasketch's finaliser (murmur3) of ``hashes``, done in place."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        hashes ^= hashes >> np.uint32(shift)
        hashes *= np.uint32(factor)
    hashes ^= hashes >> np.uint32(16)
    return hashes
