"""Which training rows hold a benchmark item.

The paper says nothing about it, and its public sources overlap: in CPsyExam's train set
stand 454 of PCEB's 1,626 case items with their case, 160 of its 2,237 others, the case
alone of nine case items in ten, and 356 of CPsyExam's own 3,902 test items. Four kinds
of hit, the strongest of each pair, answers ignored:

``exact``
    the same options in any order, and the item's question at the end of the row's,
    after normalisation (letters and digits only, NFKC, lower case, look-alikes such as
    O and 0 as one; numbering and 单选/多选 tags aside);
``near_duplicate``
    character 3-grams of question and options with a Jaccard similarity of at least the
    threshold. The join is exact: no hashing, so nothing is missed by chance;
``question_alone``
    a row without a case that asks, with the same options, the question of an item that
    has one: many such a question (how does aversion therapy work?) needs no case;
``case_contained``
    the item's case (or conversation) inside the row, with another question.

Where an item has a case, the first two want the case in the row as well: which of
焦虑, 抑郁, 强迫 a client shows is asked of many cases. A case is in a row if at least
half of its probes are: the 3-grams that fewest cases share, up to 64 of them, so that a
reworded sentence or a lost line does not hide it.

Example row::

    {"row_id": "3f2a…", "set_name": "D_cp", "item_id": "9b1c…", "benchmark": "pceb",
     "kind": "exact", "score": 1.0}
"""

from collections.abc import Iterable

import polars as pl

from psyche_kedro.errors import ContaminationError
from psyche_kedro.pipelines.selection.parameters import DecontaminationParameters
from psyche_kedro.questions import bare_stem
from psyche_kedro.text.bare import bare_texts
from psyche_kedro.text.grams import character_trigrams

_TRAILING_TAG = r"[\s()（）。.，,、:：?？_]*(?:[单多]选题?)?[\s()（）。.，,、:：?？_]*$"
# CPsyExam puts the case into the stem: the question is its last sentence.
_LAST_SENTENCE = r"(?s)^(.*[。！？!?：:\n])\s*([^。！？!?\n]+?[\s（()）。.]*)$"
_LOOK_ALIKE = {"o": "0", "〇": "0", "i": "1", "l": "1"}
_LONG_STEM = 100
_TAIL = 4
_PROBES = 64
_ENOUGH_PROBES = 0.5
_BATCH = 10_000


def normalised(text: pl.Expr) -> pl.Expr:
    """Return a text as letters and digits only, lower case, NFKC; null as empty.

    Letters that are read for digits are those digits: a scan says ``O.25``.
    """
    plain = text.map_batches(bare_texts, return_dtype=pl.String)
    return plain.str.replace_many(_LOOK_ALIKE)


def _without_number(stem: pl.Expr) -> pl.Expr:
    return stem.map_elements(bare_stem, return_dtype=pl.String)


def _option_texts(options: pl.Series) -> pl.Series:
    """Return the options of each question as one text, whatever their order.

    Normalised all at once: within ``list.eval`` it would be row by row.
    """
    texts = options.list.eval(pl.element().struct.field("text"))
    listed = pl.DataFrame({"text": texts}).with_row_index("row")
    rows = listed.explode("text", empty_as_null=True)
    # Sorted as they are compared: a scan's 7+2 stands where the book's 7±2 does.
    plain = rows.select("row", plain=normalised(pl.col("text"))).sort("row", "plain")
    joined = plain.group_by("row", maintain_order=True)
    return joined.agg(pl.col("plain").str.join("")).get_column("plain")


def question_texts(questions: pl.DataFrame, id_column: str) -> pl.DataFrame:
    """Return what of each question is compared.

    Args:
        questions: Any table of questions.
        id_column: Its id.

    Returns:
        ``id``; ``stem``; ``options``; ``question``: the stem without a case that stands
        in it; ``key``: question and options; ``case``: what stands before the question;
        ``text``: all of it. All normalised.
    """
    stem = _without_number(pl.col("stem"))
    bare = stem.str.replace(_TRAILING_TAG, "").str.strip_chars()
    parts = questions.select(
        id_column, "case_text", bare=bare, options=_option_texts(questions["options"])
    )
    is_long = pl.col("bare").str.len_chars() > _LONG_STEM
    split = parts.with_columns(
        before=pl.when(is_long).then(pl.col("bare").str.extract(_LAST_SENTENCE, 1)),
        last=pl.when(is_long).then(pl.col("bare").str.extract(_LAST_SENTENCE, 2)),
    )
    question = _without_number(pl.coalesce("last", "bare"))
    case, stem = normalised(pl.col("case_text")), normalised(pl.col("bare"))
    choices, asked = pl.col("options"), normalised(question)
    return split.select(
        id=pl.col(id_column),
        stem=stem,
        options=choices,
        question=asked,
        key=asked + choices,
        case=case + normalised(pl.col("before")),
        text=case + stem + choices,
    )


def conversation_texts(conversations: pl.DataFrame, id_column: str) -> pl.DataFrame:
    """Return what of each conversation is compared; see ``question_texts``.

    Its ``case`` is all that is said; it asks nothing.
    """
    said = pl.element().struct.field("content")
    text = normalised(pl.col("messages").list.eval(said).list.join("\n"))
    nothing = pl.lit("")
    return conversations.select(
        id=pl.col(id_column),
        stem=nothing,
        options=nothing,
        question=nothing,
        key=nothing,
        case=text,
        text=text,
    )


def benchmark_texts(items: pl.DataFrame) -> pl.DataFrame:
    """Return what of each item is compared; a counselling item is a conversation."""
    questions = items.filter(pl.col("messages").list.len() == 0)
    conversations = items.filter(pl.col("messages").list.len() > 0)
    return pl.concat(
        [
            question_texts(questions, "item_id"),
            conversation_texts(conversations, "item_id"),
        ]
    )


def find_hits(
    rows: pl.DataFrame, items: pl.DataFrame, params: DecontaminationParameters
) -> pl.DataFrame:
    """Return the pairs that match.

    Args:
        rows: As ``question_texts`` returns them; ids are distinct.
        items: As ``benchmark_texts`` returns them; ids are distinct.
        params: ``selection.decontamination``. A case shorter than its
            ``min_case_chars`` is a phrase that other texts may share: it is not looked
            for, and not asked for either.

    Returns:
        ``row_id``, ``item_id``, ``kind``, ``score``; one row per pair, the strongest
        kind.
    """
    has_case = pl.col("case").str.len_chars() >= params.min_case_chars
    items = items.with_columns(has_case=has_case)
    hits = [_hits_of(rows, items, params) for rows in rows.iter_slices(_BATCH)]
    return pl.concat(hits) if hits else _no_pairs()


def _hits_of(
    rows: pl.DataFrame, items: pl.DataFrame, params: DecontaminationParameters
) -> pl.DataFrame:
    asked, cases = items.filter(pl.col("key") != ""), items.filter("has_case")
    in_case = case_pairs(rows, cases)
    alone = alone_pairs(rows, cases, params.min_question_chars)
    near = near_pairs(rows, asked, params.threshold)
    same = pl.concat([exact_pairs(rows, asked), near])
    confirmed = same.join(
        asked.filter(~pl.col("has_case")).select(item_id="id"), on="item_id", how="semi"
    )
    with_case = same.join(in_case, on=["row_id", "item_id"], how="semi")
    strongest = pl.concat([confirmed, with_case, alone, in_case])
    return strongest.unique(["row_id", "item_id"], keep="first", maintain_order=True)


def _no_pairs() -> pl.DataFrame:
    text = pl.String
    return pl.DataFrame(
        schema={"row_id": text, "item_id": text, "kind": text, "score": pl.Float64}
    )


def require_losses_within(
    rows: Iterable[tuple[str, str]], hits: pl.DataFrame, most_lost: float
) -> None:
    """Raise if hits would take more than the share ``most_lost`` of a part.

    Args:
        rows: Part and id of every candidate for a training set.
        hits: ``ContaminationHits``.
        most_lost: ``selection.decontamination.most_lost``.

    Raises:
        ContaminationError: Names part, benchmark and counts.
    """
    schema = {"part": pl.String, "row_id": pl.String}
    parts = pl.DataFrame(list(rows), schema=schema, orient="row").unique()
    for (part,), ids in parts.sort("part").group_by("part", maintain_order=True):
        held = hits.join(ids, on="row_id", how="semi")
        lost = held["row_id"].n_unique()
        if lost <= most_lost * ids.height:
            continue
        by = held.group_by("benchmark").agg(n=pl.n_unique("row_id"))
        benchmark, n = by.sort("n", "benchmark", descending=[True, False]).row(0)
        raise ContaminationError(
            f"{part} would lose {lost:,} of its {ids.height:,} rows to contamination, "
            f"{n:,} to the benchmark '{benchmark}', which is more than "
            f"selection.decontamination.most_lost ({most_lost}): look whether a file "
            "is training data and benchmark at once (contamination_hits names the "
            "rows), or raise it."
        )


def exact_pairs(rows: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of equal options where the row ends in the item's question."""
    # The tail is a key only to keep 对 and 错 from pairing everything with everything.
    tail = pl.col("stem").str.tail(_TAIL)
    asked = rows.filter(pl.col("stem") != "").select("id", "stem", "options", tail=tail)
    theirs = items.filter(pl.col("stem").str.len_chars() >= _TAIL)
    pairs = asked.join(
        theirs.select("options", tail=tail, item_id="id", item_stem="stem"),
        on=["options", "tail"],
    ).filter(pl.col("stem").str.ends_with(pl.col("item_stem")))
    return _certain(pairs, "exact")


def alone_pairs(
    rows: pl.DataFrame, items: pl.DataFrame, min_question_chars: int
) -> pl.DataFrame:
    """Return the pairs where a row without a case asks the question of an item's case.

    Args:
        rows: As ``question_texts`` returns them.
        items: Those that have a case.
        min_question_chars: Chinese characters of a question that is looked for.
    """
    n_chinese = pl.col("question").str.count_matches(r"\p{Han}")
    telling = (n_chinese >= min_question_chars) & (pl.col("options") != "")
    theirs = items.filter(telling).select("question", "options", item_id="id")
    caseless = rows.filter(pl.col("case") == "")
    pairs = caseless.join(theirs, on=["question", "options"])
    return _certain(pairs, "question_alone")


def _certain(pairs: pl.DataFrame, kind: str) -> pl.DataFrame:
    row_id = pl.col("id").alias("row_id")
    return pairs.select(row_id, "item_id", kind=pl.lit(kind), score=pl.lit(1.0))


def case_pairs(rows: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs where at least half of a case's probes are in a row's text."""
    distinct = items.select("case").unique(maintain_order=True)
    probes = _rarest(character_trigrams(distinct["case"]), pl.lit(_PROBES))
    wanted = probes.group_by("at").agg(wanted=pl.len())
    found = character_trigrams(rows["text"], among=probes["gram"]).join(
        probes.rename({"at": "case_at"}), on="gram"
    )
    share = pl.col("found") / pl.col("wanted")
    pairs = (
        found.group_by("at", "case_at")
        .agg(found=pl.len())
        .join(wanted.rename({"at": "case_at"}), on="case_at")
        .with_columns(score=share)
        .filter(pl.col("score") >= _ENOUGH_PROBES)
        .sort("at", "case_at")
        .with_columns(
            row_id=pl.lit(rows["id"]).gather(pl.col("at")),
            case=pl.lit(distinct["case"]).gather(pl.col("case_at")),
        )
        .join(items.select("case", item_id="id"), on="case", maintain_order="left")
    )
    kind = pl.lit("case_contained")
    return pairs.select("row_id", "item_id", kind=kind, score="score")


def near_pairs(
    rows: pl.DataFrame, items: pl.DataFrame, threshold: float
) -> pl.DataFrame:
    """Return the pairs whose unequal ``key`` have Jaccard similarity >= ``threshold``.

    A pair that reaches the threshold t shares one of the |s| - ceil(t |s|) + 1 rarest
    3-grams of the item, so only such pairs are compared.
    """
    item_grams = character_trigrams(items["key"])
    size = pl.len().over("at")
    needed = size - (size * threshold - 1e-9).ceil().cast(pl.Int64) + 1
    prefixes = _rarest(item_grams, needed)
    row_grams = character_trigrams(rows["key"])
    candidates = (
        row_grams.join(prefixes.rename({"at": "item_at"}), on="gram")
        .select("at", "item_at")
        .unique()
    )
    overlap = (
        candidates.join(row_grams, on="at")
        .join(item_grams.rename({"at": "item_at"}), on=["item_at", "gram"])
        .group_by("at", "item_at")
        .agg(both=pl.len())
    )
    scored = overlap.join(_sizes(row_grams), on="at").join(
        _sizes(item_grams).rename({"at": "item_at", "n": "n_item"}), on="item_at"
    )
    union = pl.col("n") + pl.col("n_item") - pl.col("both")
    kept = scored.with_columns(score=pl.col("both") / union).filter(
        pl.col("score") >= threshold
    )
    return _unequal(kept, rows, items)


def _unequal(
    pairs: pl.DataFrame, rows: pl.DataFrame, items: pl.DataFrame
) -> pl.DataFrame:
    at, item_at = pl.col("at"), pl.col("item_at")
    keys = pl.lit(rows["key"]).gather(at) != pl.lit(items["key"]).gather(item_at)
    return (
        pairs.sort("at", "item_at")
        .filter(keys)
        .select(
            row_id=pl.lit(rows["id"]).gather(at),
            item_id=pl.lit(items["id"]).gather(item_at),
            kind=pl.lit("near_duplicate"),
            score="score",
        )
    )


def _sizes(grams: pl.DataFrame) -> pl.DataFrame:
    return grams.group_by("at").agg(n=pl.len())


def _rarest(grams: pl.DataFrame, count: pl.Expr) -> pl.DataFrame:
    """Return of each text the ``count`` 3-grams that fewest texts have."""
    return (
        grams.with_columns(df=pl.len().over("gram"), count=count)
        .sort("at", "df", "gram")
        .filter(pl.int_range(pl.len()).over("at") < pl.col("count"))
        .select("at", "gram")
    )
