"""Which texts that models wrote repeat a dialogue of the training set: none is shown.

A dialogue holds people's words, however well they are masked, and a model may know by
heart what it was taught. A text repeats one if it has so many words in a row of it that
no exam question, no rationale and no instruction has as well (of Chinese a word is a
character). What is found is counted, and in its place a sentence stands; the text
itself stays where it was written.

The length is ours. Of 424 essays of models that saw none of 1,300 public dialogues,
runs of 8, 10 and 12 characters hide 73, 23 and 5 %, of 2,885 textbook answers 3, .4 and
0 %. What the sample's tiny model knows by heart is longer: 27, 26 and 26 of 92 replies.

Source: Carlini et al., Extracting training data from large language models (2021).
"""

import polars as pl
from pydantic import Field

from psyche_kedro.parameters import Parameters
from psyche_kedro.text.grams import word_grams

WITHHELD = "withheld: repeats a training dialogue"
_DIALOGUES = ("D_em", "D_ps")


class MemorisedParameters(Parameters):
    """``training.memorised``."""

    length: int = Field(ge=2)
    """Words in a row, of Chinese characters, that make a text a repeated one."""


def mark_memorised(
    table: pl.DataFrame,
    column: str,
    *,
    sft_examples: pl.DataFrame,
    questions: pl.Series,
    params: MemorisedParameters,
) -> pl.DataFrame:
    """Return a table with ``is_memorised``, a sentence in place of each such text.

    Args:
        table: Texts that models wrote.
        column: Where they stand; null is none.
        sft_examples: What models were taught, dialogues and exam answers.
        questions: What is asked: a text may repeat it.
        params: ``training.memorised``.
    """
    texts = table[column]
    turns = sft_examples.select("part", turn="messages").explode("turn").unnest("turn")
    of_people = pl.col("part").is_in(_DIALOGUES) & (pl.col("role") != "system")
    written = word_grams(texts, params.length)
    dialogues = turns.filter(of_people)["content"]
    said = word_grams(dialogues, params.length, written["gram"])
    others = pl.concat([turns.filter(~of_people)["content"], questions])
    common = word_grams(others, params.length, said["gram"])
    repeated = said.join(common, on="gram", how="anti")
    found = written.join(repeated, on="gram", how="semi")["at"].unique()
    is_memorised = pl.row_index().is_in(found.implode())
    return table.with_columns(
        pl.when(is_memorised).then(pl.lit(WITHHELD)).otherwise(column).alias(column),
        is_memorised=is_memorised,
    )
