"""Which training rows hold a benchmark item.

The paper says nothing about it, and its public sources overlap: 427 of PCEB's 1,626
case items stand verbatim in CPsyExam's train set. Three ways to match, answers ignored:

``exact``
    the same stem and options after normalisation (letters and digits only, NFKC, lower
    case; options in no order);
``near_duplicate``
    character 3-grams of stem and options with a Jaccard similarity of at least the
    threshold, found exactly: no hashing, so nothing is missed by chance;
``case_contained``
    the item's case text, normalised, inside the row's text.

Example row::

    {"row_id": "3f2a…", "set_name": "D_cp", "item_id": "9b1c…", "benchmark": "pceb",
     "kind": "exact", "score": 1.0}
"""

import unicodedata

import numpy as np
import polars as pl

_NOT_TEXT = r"[^\p{L}\p{N}]+"


def normalised(column: str) -> pl.Expr:
    """Return the text of ``column`` as letters and digits only, lower case, NFKC."""
    text = pl.col(column).fill_null("").str.normalize("NFKC").str.to_lowercase()
    return text.str.replace_all(_NOT_TEXT, "")


def normalise(text: str) -> str:
    """Return ``text`` as ``normalised`` does a column."""
    kept = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in kept if unicodedata.category(c)[0] in "LN")


def question_texts(questions: pl.DataFrame, id_column: str) -> pl.DataFrame:
    """Return ``row_id``, ``key`` (stem and options) and ``text`` (with the case).

    Args:
        questions: Any table of questions.
        id_column: Its id.
    """
    options = (
        pl.col("options")
        .list.eval(pl.element().struct.field("text"))
        .list.sort()
        .list.join("\n", ignore_nulls=True)
    )
    parts = questions.select(
        pl.col(id_column).alias("row_id"),
        case=pl.col("case_text"),
        question=pl.concat_str("stem", options, separator="\n"),
    )
    return parts.select(
        "row_id",
        key=normalised("question"),
        text=normalised("case") + normalised("question"),
    )


def dialogue_texts(dialogues: pl.DataFrame, id_column: str) -> pl.DataFrame:
    """Return ``row_id``, ``key`` and ``text`` (both: all that is said)."""
    said = pl.col("messages").list.eval(pl.element().struct.field("content"))
    parts = dialogues.select(
        pl.col(id_column).alias("row_id"), said=said.list.join("\n")
    )
    return parts.select("row_id", key=normalised("said"), text=normalised("said"))


def exact_matches(rows: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of equal ``key``.

    Args:
        rows: ``row_id``, ``key``.
        items: ``item_id``, ``key``.
    """
    pairs = rows.filter(pl.col("key") != "").join(items, on="key")
    return pairs.select(
        "row_id", "item_id", kind=pl.lit("exact"), score=pl.lit(1.0)
    ).unique(maintain_order=True)


def case_matches(
    rows: pl.DataFrame, items: pl.DataFrame, min_chars: int
) -> pl.DataFrame:
    """Return the pairs where an item's ``case`` stands in a row's ``text``.

    Args:
        rows: ``row_id``, ``text``.
        items: ``item_id``, ``case``.
        min_chars: Shorter cases match by chance and are not looked for.
    """
    cases = items.filter(pl.col("case").str.len_chars() >= min_chars)
    distinct = cases["case"].unique(maintain_order=True)
    found = rows.select(
        "row_id",
        case=pl.col("text").str.extract_many(distinct.implode(), overlapping=True),
    )
    pairs = found.explode("case").drop_nulls("case").unique().join(cases, on="case")
    return pairs.select(
        "row_id", "item_id", kind=pl.lit("case_contained"), score=pl.lit(1.0)
    )


def near_matches(
    rows: pl.DataFrame, items: pl.DataFrame, threshold: float
) -> pl.DataFrame:
    """Return the pairs whose ``key`` have Jaccard similarity >= ``threshold``.

    Pairs of equal keys are left out. The join is exact: a pair that reaches the
    threshold t shares one of the |s| - ceil(t |s|) + 1 rarest 3-grams of the item.

    Args:
        rows: ``row_id``, ``key``.
        items: ``item_id``, ``key``.
        threshold: In (0, 1].
    """
    row_grams, item_grams = _grams(rows["key"]), _grams(items["key"])
    known = item_grams["gram"].unique()
    sizes = row_grams.group_by("at").agg(n_row=pl.len())
    shared = row_grams.filter(pl.col("gram").is_in(known.implode()))
    candidates = (
        shared.join(_rarest(item_grams, threshold), on="gram", suffix="_item")
        .select("at", "at_item")
        .unique()
    )
    overlaps = (
        candidates.join(shared, on="at")
        .join(item_grams.rename({"at": "at_item"}), on=["at_item", "gram"])
        .group_by("at", "at_item")
        .agg(both=pl.len())
    )
    n_item = item_grams.group_by(at_item="at").agg(n_item=pl.len())
    scored = overlaps.join(sizes, on="at").join(n_item, on="at_item")
    union = pl.col("n_row") + pl.col("n_item") - pl.col("both")
    kept = scored.with_columns(score=pl.col("both") / union).filter(
        pl.col("score") >= threshold
    )
    return _named(kept, rows, items)


def _named(
    pairs: pl.DataFrame, rows: pl.DataFrame, items: pl.DataFrame
) -> pl.DataFrame:
    named = pairs.sort("at", "at_item").select(
        row_id=pl.lit(rows["row_id"]).gather(pl.col("at")),
        row_key=pl.lit(rows["key"]).gather(pl.col("at")),
        item_id=pl.lit(items["item_id"]).gather(pl.col("at_item")),
        item_key=pl.lit(items["key"]).gather(pl.col("at_item")),
        kind=pl.lit("near_duplicate"),
        score="score",
    )
    return named.filter(pl.col("row_key") != pl.col("item_key")).drop(
        "row_key", "item_key"
    )


def _rarest(item_grams: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """Return of each item the grams of which a match must share one."""
    size = pl.len().over("at")
    needed = size - (size * threshold - 1e-9).ceil().cast(pl.Int64) + 1
    counted = item_grams.with_columns(df=pl.len().over("gram"))
    return (
        counted.sort("at", "df", "gram")
        .filter(pl.int_range(pl.len()).over("at") < needed)
        .select("gram", at_item="at")
    )


def _grams(texts: pl.Series) -> pl.DataFrame:
    """Return the distinct 3-grams of each text: ``at`` (its index) and ``gram``.

    A character takes 21 bits, so three fit one integer exactly. A text of fewer than
    three characters has none.
    """
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32)
    if len(codes) < 3:  # noqa: PLR2004
        return pl.DataFrame(schema={"at": pl.UInt32, "gram": pl.UInt64})
    at = np.repeat(
        np.arange(len(texts), dtype=np.uint32), texts.str.len_chars().to_numpy()
    )
    wide = codes.astype(np.uint64)
    grams = wide[:-2] << np.uint64(42) | wide[1:-1] << np.uint64(21) | wide[2:]
    whole = at[:-2] == at[2:]
    return pl.DataFrame({"at": at[:-2][whole], "gram": grams[whole]}).unique()
