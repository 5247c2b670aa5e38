"""What flows through CEDAR: one model per table, as in ``psyche_kedro.tables``.

Ids are content digests. A picture's is made of its file, a scenario's of its words and
picture, an item's of its benchmark, scenario and language; one join per step leads from
a model's answer back to the file that the scenario came in.

Example row of ``CedarItems`` (one per scenario and language)::

    {"item_id": "5c1d…", "scenario_id": "9f02…", "language": "zh", "number": 7,
     "modality": "text", "narrative": "…", "question": "他有什么感受？",
     "gold": "disgust", "gold_word": "厌恶",
     "votes": [{"label": "disgust", "n": 4}, …], …}
"""

from typing import Any

import pandera.polars as pa
import polars as pl

from psyche_kedro.tables import (
    Provenance,
    Rejections,
    Table,
    id_of,
    list_of,
    nullable,
    one_of,
)

MODALITIES = ("multimodal", "text")

_VOTE = pl.Struct({"label": pl.String, "n": pl.Int64})
_CULTURE_LABEL = pl.Struct(
    {
        "culture": pl.String,
        "label": pl.String,
        "share": pl.Float64,
        "support": pl.Int64,
    }
)


def _scenario(**checks: Any) -> Any:
    return id_of("scenarios.scenario_id", **checks)


def _picture() -> Any:
    return id_of("pictures.picture_id", nullable=True)


def _language() -> Any:
    return pa.Field(str_matches=r"^[a-z]{2,3}$")


def _emotion(**checks: Any) -> Any:
    """Return the name of an emotion; which there are says ``globals.yml``."""
    return pa.Field(str_matches=r"^[a-z_]+$", **checks)


class CedarRejections(Rejections):
    """One row per row that a filter dropped."""

    row_id: str = id_of(
        "scenarios.scenario_id",
        "rejected_scenarios.row_id",
        "rejected_pictures.row_id",
    )
    """Id of the dropped picture, scenario or item's scenario. No other table holds a
    picture or scenario that was refused when it was read."""


# ---- isolation -------------------------------------------------------------------


class Pictures(Table):
    """One row per distinct picture."""

    picture_id: str = id_of("pictures.picture_id", unique=True)
    sources: pl.List = list_of(pl.String)
    """Every file that holds it."""
    sha256: str = pa.Field(str_matches=r"^[0-9a-f]{64}$")
    """Of the files as they came."""
    kind: str
    """Of the files as they came, by their content: ``jpeg``, ``png`` …"""
    width: int
    height: int
    """Of ``jpeg``, in pixels."""
    jpeg: pl.Binary
    """Turned, flattened, shrunk, without metadata. Kept, for the addresses of all
    replies about it are made of these bytes."""


class Scenarios(Table):
    """One row per scenario, as its source has it."""

    scenario_id: str = _scenario(unique=True)
    source: str
    locator: str
    number: int = nullable()
    """The source's own."""
    modality: str = one_of(*MODALITIES)
    language: str = _language()
    """Of ``narrative`` and ``question``."""
    narrative: str
    """May be empty beside a picture."""
    question: str
    picture_id: str = _picture()
    topic: str = nullable()


class GivenTexts(Table):
    """One row per (scenario, language) that a file gives."""

    scenario_id: str = _scenario()
    language: str = _language()
    narrative: str
    question: str


class ScenarioTexts(Provenance):
    """One row per (scenario, language): what is asked in that language."""

    scenario_id: str = _scenario()
    language: str = _language()
    narrative: str
    question: str
    origin: str = one_of("given", "translated")
    back_translation: str = nullable()
    """Narrative and question, in the scenario's own language."""
    fidelity: int = nullable()
    """1 to 5, as the judge compares the back-translation; null for a given text."""


class ProvisionalLabels(Provenance):
    """One row per (scenario, culture, labeller, sample)."""

    scenario_id: str = _scenario()
    culture: str = _language()
    labeller: str
    sample: int
    label: str = _emotion(nullable=True)
    outcome: str = one_of("read", "unread", "failed")
    rule: str
    """How the reply was read, or why there is none."""
    order: str
    """Digest of the order in which the words stood: the same for all cultures."""


class Divergence(Table):
    """One row per scenario: how far its cultures' labels differ."""

    scenario_id: str = _scenario(unique=True)
    n_labellers: int
    n_read: int
    statistic: float = nullable()
    """Jensen-Shannon divergence of the cultures' label shares, in bits."""
    p: float = nullable()
    q: float = nullable()
    """Benjamini-Hochberg over all scenarios."""
    labels: pl.List = list_of(_CULTURE_LABEL)
    """Per culture: plurality label, its share, labellers whose own plurality it is."""
    n_clear: int
    """Distinct labels that some culture clearly gives."""
    plurality_differs: bool
    universal_label: str = _emotion(nullable=True)
    """What is said most in all cultures together."""
    universal_share: float = nullable()
    """The least share that any labeller gives it in any culture."""
    verdict: str = one_of("isolated", "rejected")
    reason: str = nullable()


# ---- annotation ------------------------------------------------------------------


class AnnotationTasks(Table):
    """One row per (scenario, culture, seat): who is asked what."""

    scenario_id: str = _scenario()
    culture: str = _language()
    seat: str
    kind: str = one_of("item", "check")
    expected: str = _emotion(nullable=True)
    """Of a check: what every labeller says of it in every culture."""


class Annotations(Table):
    """One row per (scenario, culture, seat): what a person said. Private."""

    scenario_id: str = _scenario()
    culture: str = _language()
    seat: str
    kind: str = one_of("item", "check", "adjudication")
    label: str = _emotion(nullable=True)
    """Null where the person said that none fits."""
    seconds: float = nullable()
    words: str = nullable()
    """The person's remark; in no other table."""
    source: str


class Annotators(Table):
    """One row per (culture, seat): how far a person can be relied on."""

    culture: str = _language()
    seat: str
    n: int
    n_checks: int
    passed: int
    accuracy: float = nullable()
    """Estimated share of right answers, one-coin Dawid-Skene."""
    agreement: float = nullable()
    """Share of answers that the plurality of the others gives."""
    median_seconds: float = nullable()
    counted: bool
    reason: str = nullable()


class GroundTruth(Table):
    """One row per (scenario, culture)."""

    scenario_id: str = _scenario()
    culture: str = _language()
    gold: str = _emotion(nullable=True)
    """Null where it is undecided, or where none fits."""
    votes: pl.List = list_of(_VOTE)
    """Of the people who count; ``none_fits`` is a label here."""
    n_people: int
    posterior: float = nullable()
    decided_by: str = one_of("majority", "weighed", "adjudicated", "undecided")
    reason: str = nullable()
    """Why there is no gold."""
    plain_majority: str = nullable()
    dawid_skene: str = nullable()
    """What full confusion matrices decide, for comparison."""


class Items(Table):
    """One row per (scenario, language) of a benchmark."""

    item_id: str = id_of("cedar_items.item_id", "given_items.item_id", unique=True)
    scenario_id: str = id_of("scenarios.scenario_id", "given_items.scenario_id")
    benchmark: str
    number: int
    modality: str = one_of(*MODALITIES)
    language: str = _language()
    narrative: str
    question: str
    picture_id: str = id_of(
        "pictures.picture_id", "given_pictures.picture_id", nullable=True
    )
    gold: str = _emotion()
    gold_word: str
    votes: pl.List = list_of(_VOTE)
    """Empty where a benchmark publishes none."""


class AnnotationSummary(Table):
    """One row per (measure, group)."""

    measure: str
    group: str
    value: float = nullable()
    n: int


class WithheldItems(Table):
    """One row per scenario of the benchmark that is not released, and why."""

    row_id: str = id_of("cedar_items.scenario_id")
    source: str
    stage: str
    reason: str
    detail: str = nullable()


# ---- alignment -------------------------------------------------------------------


class CedarPredictions(Provenance):
    """One row per (model, way, item, sample); replies are kept, to be read anew."""

    subject: str
    """The model's name in the catalog."""
    way: str
    item_id: str = id_of("cedar_items.item_id", "given_items.item_id")
    sample: int
    text: str = nullable()
    label: str = _emotion(nullable=True)
    outcome: str = one_of("read", "unread", "failed")
    rule: str
    """How the reply was read, or why there is none."""
    official_label: str = _emotion(nullable=True)


class CedarScores(Table):
    """One row per (benchmark, model, way, slice, metric)."""

    benchmark: str
    subject: str
    way: str
    slice: str
    """``all``, a modality, or ``<language>/<modality>``."""
    metric: str
    value: float = nullable()
    low: float = nullable()
    high: float = nullable()
    p: float = nullable()
    n: int
    n_missing: int
    """Answers that are missing from the items: unread or failed."""


class CedarReference(Table):
    """One row per (benchmark, line, metric): what models are held against."""

    benchmark: str
    line: str
    """``people``: the golds themselves. ``ceiling``: each scenario's plurality gold in
    all languages, of which no answer that is the same everywhere is right more often.
    ``chance``. A culture's code: its golds in all languages."""
    metric: str
    """As in ``CedarScores``, and of people ``alpha``."""
    value: float = nullable()
    low: float = nullable()
    high: float = nullable()
    n: int


class CultureMatrix(Table):
    """One row per (benchmark, model, way, language, culture)."""

    benchmark: str
    subject: str
    way: str
    language: str = _language()
    culture: str = _language()
    share: float
    """Of answers in ``language`` that are the gold of ``culture``."""


class EmotionConfusion(Table):
    """One row per (benchmark, model, way, language, gold, predicted)."""

    benchmark: str
    subject: str
    way: str
    language: str = _language()
    gold: str = _emotion()
    predicted: str = nullable()
    """Null where the answer is unread or failed."""
    n: int


class ModelPairs(Table):
    """One row per (benchmark, way, metric, model, other)."""

    benchmark: str
    way: str
    metric: str
    subject: str
    other: str
    difference: float
    low: float
    high: float
    p: float
    """Paired bootstrap over scenarios, after Holm."""
