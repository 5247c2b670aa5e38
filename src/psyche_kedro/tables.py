"""What flows: one model per table, in the order the tables come to exist.

A table is a polars frame in Parquet. Kedro checks it against its model on every save
and load (``validator:`` on the catalog entry). Ids are content digests, and every row
carries its parent's id, so that one join per step leads from a training example back to
the page of the textbook and to the stored replies of the models that made it.

Kedro's message quotes a failing value, and a post must never be printed: value checks
stand on ids and enums only; free text has a dtype and a nullability, and its content
rules are nodes that reject rows.

Example row of ``QuestionPool`` (one per question)::

    {"question_id": "3f2a…", "parent_id": "9b1c…", "origin": "textbook",
     "type": "single", "case_text": None, "stem": "工作记忆是指（）。",
     "options": [{"label": "A", "text": "…"}, …], "gold": ["B"], …}
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import pandera.polars as pa
import polars as pl

T = TypeVar("T")
Row = dict[str, Any]
"""Of a table, by column."""

_MESSAGE = pl.Struct({"role": pl.String, "content": pl.String})
_OPTION = pl.Struct({"label": pl.String, "text": pl.String})
_BATCH = 4_096

QUESTION_TYPES = (
    "single",
    "multiple",
    "true_false",
    "fill_in",
    "short_answer",
    "case",
)
"""``case`` is an open case question; a choice question with a vignette keeps its own
type and has ``case_text``."""

CHOICE_TYPES = ("single", "multiple", "true_false")
"""Types whose gold is a set of option labels."""


def content_id(*parts: str) -> str:
    r"""Return a short, stable id: 16 hex digits of SHA-256 over ``parts``.

    Args:
        parts: What identifies the row, in a fixed order; joined by ``\x1f``.
    """
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def lot(seed: int, row_id: str) -> str:
    """Return what a row draws: whoever has the lowest lots is chosen at random.

    Neither the order of the rows nor who else is there changes a row's lot.
    """
    return content_id(str(seed), row_id)


def grouped(rows: Iterable[T], key: Callable[[T], Any]) -> dict[Any, list[T]]:
    """Return rows by what they have in common, in the order in which they come."""
    groups: dict[Any, list[T]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def frame(
    model: type[pa.DataFrameModel], rows: Iterable[Mapping[str, Any]]
) -> pl.DataFrame:
    """Return ``rows`` as a table of ``model``: its columns, its order, its dtypes.

    Args:
        model: The table's model.
        rows: ``[n]`` mappings; keys that are no column are refused, a missing nullable
            column is null.

    Raises:
        ValueError: If a row brings a key that is no column of the table.
    """
    table = Growing(model)
    table.extend(rows)
    return table.table()


class Growing:
    """A table that grows row by row; it holds few as such, which take six times more.

    Args:
        model: The table's model; see ``frame``.
    """

    def __init__(self, model: type[pa.DataFrameModel]) -> None:
        self._name = model.__name__
        self._schema = {n: c.dtype.type for n, c in model.to_schema().columns.items()}
        self._rows: list[Mapping[str, Any]] = []
        self._tables = [pl.DataFrame(schema=self._schema)]

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row.

        Raises:
            ValueError: If it brings a key that is no column of the table.
        """
        if unknown := row.keys() - self._schema.keys():
            raise ValueError(
                f"{self._name} has no column {sorted(unknown)}: it has"
                f" {list(self._schema)}."
            )
        self._rows.append(row)
        if len(self._rows) == _BATCH:
            self._pack()

    def extend(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows; see ``append``."""
        for row in rows:
            self.append(row)

    def table(self) -> pl.DataFrame:
        """Return what was added."""
        self._pack()
        return pl.concat(self._tables, rechunk=True)

    def _pack(self) -> None:
        rows = pl.DataFrame(self._rows, schema=self._schema, orient="row")
        self._tables.append(rows)
        self._rows = []


def rejection(
    row_id: str,
    stage: str,
    reason: str,
    *,
    source: str | None = None,
    detail: str | None = None,
) -> dict[str, str | None]:
    """Return a row of ``Rejections``; ``detail`` never quotes a post or dialogue."""
    return {
        "row_id": row_id,
        "source": source,
        "stage": stage,
        "reason": reason,
        "detail": detail,
    }


def id_of(*of: str, **checks: Any) -> Any:
    """Return an id; ``of`` names the tables and columns one of which holds it."""
    digest = r"^[0-9a-f]{16}$"
    return pa.Field(str_matches=digest, metadata={"of": of}, **checks)


def _ids(*of: str) -> Any:
    return pa.Field(dtype_kwargs={"inner": pl.String}, metadata={"of": of})


def _key(**checks: Any) -> Any:
    """Return the address of a reply in the reply store."""
    return pa.Field(metadata={"of": ("replies.key",)}, **checks)


def one_of(*values: str, **checks: Any) -> Any:
    """Return a column of few words."""
    return pa.Field(isin=values, **checks)


def _deid_level(**checks: Any) -> Any:
    """``rules_only``, or what has read the text beside them, the tagger's version."""
    return pa.Field(str_matches="^rules_(only|and_.+)$", **checks)


def list_of(inner: Any) -> Any:
    """Return a column of lists of ``inner``."""
    return pa.Field(dtype_kwargs={"inner": inner})


def nullable() -> Any:
    """Return a column that may be null."""
    return pa.Field(nullable=True)


_ROWS = (
    "documents.page_id",
    "chunks.chunk_id",
    "bank_questions.question_id",
    "question_pool.question_id",
    "posts.post_id",
    "empathetic_dialogues.dialogue_id",
    "public_samples.sample_id",
    "public_questions.question_id",
    "sft_set.example_id",
    "grpo_set.example_id",
)
"""Where a row may stand that a filter drops or that makes an example."""


class Table(pa.DataFrameModel):
    """A table that has the columns of its model, and no others."""

    class Config:  # noqa: D106 - pandera's
        strict = True


class Provenance(Table):
    """Columns of every row that a model wrote."""

    model: str = nullable()
    """Identity of the model, ``offline-…`` where no language model was involved."""
    reply_key: str = _key(nullable=True)
    """Content address in the reply store; null where no call was needed."""
    prompt_digest: str = nullable()
    """Identity of the prompt's wording."""


class Question(Table):
    """Columns that make a question, wherever it comes from."""

    type: str = one_of(*QUESTION_TYPES)
    case_text: str = nullable()
    """Shared case stem; null for a question that stands alone."""
    stem: str
    options: pl.List = list_of(_OPTION)
    """2 to 8 of ``{label, text}`` in order; empty for an open question."""
    gold: pl.List = list_of(pl.String)
    """Gold labels, sorted; empty for an open question."""
    answer_text: str = nullable()
    """Gold of an open question; null for a choice question."""
    explanation: str = nullable()
    subject: str = nullable()
    """As a bank's file has it; in the pool, the subfield of a distilled question."""


class Rejections(Table):
    """One row per row that a filter dropped. No text of a post or dialogue in it."""

    row_id: str = id_of(
        *_ROWS, "dropped_text.row_id", "rejected_distilled_questions.row_id"
    )
    """Id of the dropped row, or of the row whose reply was dropped. No table holds a
    passage that is too thin to be a chunk, nor a subfield of the taxonomy."""
    source: str = nullable()
    stage: str
    """Node that dropped it."""
    reason: str
    """A slug, e.g. ``answer_not_among_options``."""
    detail: str = nullable()


class ChapterAccount(Table):
    """One row per (stage, kind, …) of a chapter: how many rows became what."""

    stage: str
    """Table whose rows they are, or would have been."""
    kind: str = one_of("kept", "rejected", "withheld", "written", "beside")
    """``withheld``: not in the release; ``beside``: of no stage of the corpus."""
    group: str = nullable()
    """What divides the table: the part of a set, the level of de-identification …"""
    node: str = nullable()
    """Node that rejected them."""
    reason: str = nullable()
    """Why, as a slug."""
    model: str = nullable()
    prompt_digest: str = nullable()
    """Who wrote them, asked in which wording."""
    rows: int


class ExampleRows(Table):
    """One row per column of a row that the report shows; none of a person's words."""

    table: str
    row_id: str = nullable()
    """Of any table, for ``kedro trace``; null of a source that could not be read."""
    reason: str = nullable()
    """Why the row was rejected; null for one that was kept."""
    column: str
    text: str


# ---- ingestion -------------------------------------------------------------------


class UnreadableSources(Table):
    """One row per raw file that could not be read at all."""

    source: str
    chapter: str
    """Folder below the raw root: ``textbooks``, ``posts`` …"""
    reason: str
    detail: str = nullable()


class TextbookInventory(Table):
    """One row per textbook file, readable or not: what it is and how it is read."""

    source: str
    sha256: str = pa.Field(str_matches=r"^[0-9a-f]{64}$")
    n_bytes: int
    kind: str = nullable()
    """By its content: ``pdf``, ``docx``, ``png`` …; null where no reader knows it."""
    n_pages: int
    n_text_layer: int
    """Pages whose text layer is trusted."""
    route: str = one_of("text", "text_layer", "pictures", "mixed", "none")
    problem: str = nullable()
    """Why it is not read, e.g. ``encrypted``."""


class Documents(Table):
    """One row per page of a textbook, read or not."""

    page_id: str = id_of("documents.page_id", unique=True)
    document_id: str = id_of("documents.document_id")
    source: str
    page: int
    """1-based; a file without pages is one page."""
    text: str
    """Markdown: ``#`` headings where the source has them."""
    status: str = one_of("ok", "blank", "fallback", "failed", "rejected")
    engine: str
    """``markdown``, ``docx``, ``text_layer``, ``olmocr``, ``rapidocr``, ``tesseract``
    …"""
    confidence: float = nullable()
    """Lowest line score of an OCR engine, in [0, 1]."""
    detail: str = nullable()


class BankQuestions(Question):
    """One row per question of a bank, parsed or not."""

    question_id: str = id_of(
        "bank_questions.question_id", "public_questions.question_id"
    )
    source: str
    locator: str
    """Where in the source: ``row 12``, ``Sheet1!7``."""
    parse_status: str = one_of("ok", "malformed")
    parse_errors: pl.List = list_of(pl.String)
    """Slugs, e.g. ``empty_stem``; empty when parsed."""


class Posts(Table):
    """One row per candidate conversation: a post with n replies is n rows."""

    post_id: str = id_of("posts.post_id")
    thread_id: str = id_of("posts.thread_id")
    source: str
    locator: str
    kind: str = one_of("community", "dialogue")
    messages: pl.List = list_of(_MESSAGE)
    """Roles ``user`` and ``assistant``, oldest first."""


class PublicSamples(Table):
    """One row per dialogue or knowledge QA of a public set (D_ps)."""

    sample_id: str = id_of("public_samples.sample_id")
    source: str
    locator: str
    kind: str = one_of("dialogue", "knowledge_qa")
    messages: pl.List = list_of(_MESSAGE)


class CleanPublicSamples(PublicSamples):
    """Public samples in normal form, dialogues de-identified."""

    deid_level: str = _deid_level(nullable=True)
    """Null for a knowledge QA: it is no person's words."""


class BenchmarkItems(Question):
    """One row per benchmark item; an item is flagged, never lost."""

    item_id: str = id_of("benchmark_items.item_id")
    benchmark: str
    """The name of its card."""
    cell: str
    """By the rule of the card, e.g. ``case_single``, ``case_essay``."""
    split: str = one_of("test", "dev", "exemplar")
    """``dev`` stands in for ``test`` where that has no key; ``exemplar`` is never
    scored."""
    source: str
    locator: str
    known_as: str = nullable()
    """Its id in the file, by which a key or a submission names it."""
    cluster_id: str = id_of("benchmark_items.cluster_id")
    """Items of one vignette or conversation share it; else the item's own id."""
    messages: pl.List = list_of(_MESSAGE)
    """Conversation before the reply to be judged; empty for exam items."""
    flags: pl.List = list_of(pl.String)
    """Slugs such as ``no_gold``, ``options_missing``, ``duplicate_of:<id>``."""


# ---- cleaning --------------------------------------------------------------------


class RemovedText(Table):
    """One row per piece taken off a textbook page: ``clean_documents``'s ledger."""

    page_id: str = id_of("documents.page_id")
    source: str
    reason: str
    """``running_head``, ``page_number``, ``contents``, ``references`` …"""
    text: str
    n_chars: int


class CleanPosts(Posts):
    """Posts, de-identified; nothing else leaves ``cleaning``."""

    risk: str = one_of("none", "crisis")
    risk_categories: pl.List = list_of(pl.String)
    """What the person discloses, e.g. ``suicide``, ``abuse``: kept, never dropped."""
    deid_level: str = _deid_level()
    disputed_names: int = pa.Field(ge=0)
    """Clauses in which rules and tagger disagree on a name."""


class UsefulPosts(CleanPosts, Provenance):
    """Candidate conversations whose replies are of use."""

    reasonableness: int
    relevance: int
    """Both 1 to 5, as the judge gave them."""


# ---- synthesis -------------------------------------------------------------------


class BookTopics(Table):
    """One row per book, and one per chapter that is long enough to be judged alone."""

    document_id: str = id_of("documents.document_id")
    source: str
    chapter: str = nullable()
    """Its headings; null for the whole book."""
    n_chars: int
    n_terms: int
    density: float
    """Words of the taxonomy per 100 characters."""
    verdict: str = one_of("on_topic", "off_topic?")
    is_dropped: bool


class Chunks(Table):
    """One row per passage of a textbook that questions are written from."""

    chunk_id: str = id_of("chunks.chunk_id", unique=True)
    document_id: str = id_of("documents.document_id")
    source: str
    heading_path: pl.List = list_of(pl.String)
    page_ids: pl.List = _ids("documents.page_id")
    text: str
    n_chars: int


class GeneratedQuestions(Question, Provenance):
    """One row per question that the teacher wrote (Types I and III)."""

    question_id: str = id_of(
        "generated_questions.question_id", "distilled_questions.question_id"
    )
    chunk_id: str = id_of("chunks.chunk_id", nullable=True)
    """Null for a distilled question."""
    subfield: str = nullable()


class QuestionPool(Question, Provenance):
    """One row per question of Types I, II and III."""

    question_id: str = id_of("question_pool.question_id", unique=True)
    parent_id: str = id_of(
        "chunks.chunk_id", "bank_questions.question_id", "question_pool.question_id"
    )
    """Chunk of a textbook question, bank row of a bank question, own id else."""
    origin: str = one_of("textbook", "bank", "distilled")
    source: str
    """File the question goes back to; the model's name for a distilled one."""


class QuestionClusters(Table):
    """One row per question of the pool: the near-duplicates it stands with."""

    question_id: str = id_of("question_pool.question_id", unique=True)
    cluster_id: str = id_of("question_pool.question_id")
    """Id of the cluster's representative."""
    similarity: float
    """Exact Jaccard to the representative; 1.0 for itself."""


class DuplicateQuestions(Table):
    """One row per question that lost against its cluster's best."""

    question_id: str = id_of("question_pool.question_id", unique=True)
    kept_id: str = id_of("distinct_questions.question_id")
    cluster_id: str = id_of("question_clusters.cluster_id")
    reason: str


class ReviewedQuestions(QuestionPool):
    """Questions that passed the screen and, where people looked, the review."""

    review: str = one_of("not_reviewed", "kept", "fixed")
    original_stem: str = nullable()
    original_options: pl.List = pa.Field(nullable=True, dtype_kwargs={"inner": _OPTION})
    original_gold: pl.List = pa.Field(nullable=True, dtype_kwargs={"inner": pl.String})
    """What a person changed, as it was; null where nothing was. The id stays."""


class ReviewVerdicts(Table):
    """One row per verdict of a person."""

    question_id: str = id_of("screened_questions.question_id")
    reviewer: str
    verdict: str = one_of("keep", "fix", "reject")
    reason: str = nullable()
    """A slug of ``review_forms.REASONS``; ``own_words`` for any other."""
    words: str = nullable()
    """The reason in the person's own words. They may be private: no other table, log
    or report holds them."""
    stem: str = nullable()
    options: pl.List = pa.Field(nullable=True, dtype_kwargs={"inner": _OPTION})
    gold: pl.List = pa.Field(nullable=True, dtype_kwargs={"inner": pl.String})
    """What a fix changes; null for what it leaves."""
    seconds: float = nullable()
    """Time spent, where the tool says so."""
    source: str
    """File the verdict stands in."""


class ReviewSummary(Table):
    """One row per (measure, group) of the human review."""

    measure: str = one_of("agreement", "throughput", "overturned", "verdicts")
    group: str
    """``verdict``, a reason, or a reviewer."""
    value: float = nullable()
    """Krippendorff's alpha, questions per hour, or a share; null without data."""
    n: int
    """Questions it is measured on."""


class Rationales(Provenance):
    """One row per (question, attempt)."""

    question_id: str = id_of("reviewed_questions.question_id")
    attempt: int
    rationale: str = nullable()
    prediction: pl.List = list_of(pl.String)
    outcome: str = one_of("right", "wrong", "unread", "weak", "failed")
    reason: str = nullable()
    input_tokens: int = nullable()
    output_tokens: int = nullable()


class RationaleRounds(Provenance):
    """One row per (question, round); round 0 is the verified first rationale."""

    question_id: str = id_of("reviewed_questions.question_id")
    round: int
    prompt: str
    """The prompt that is current after this round."""
    rationale: str
    """The rationale that is current after this round."""
    candidate_prompt: str = nullable()
    candidate_rationale: str = nullable()
    prediction: pl.List = list_of(pl.String)
    outcome: str = one_of("verified", "accepted", "reverted")
    reason: str = nullable()
    """Why it was reverted: ``wrong``, ``unread``, ``leak`` …"""
    refinement_key: str = _key(nullable=True)
    """Reply that wrote the candidate prompt; ``reply_key`` is the rationale's."""
    input_tokens: int = nullable()
    output_tokens: int = nullable()
    """Of the calls of the round, both half-steps; null for round 0."""


class ReasoningSamples(ReviewedQuestions):
    """One row per question with the rationale that was judged best."""

    rationale: str
    round: int
    n_candidates: int
    choice_reason: str = nullable()
    chosen_by: str = pa.Field(nullable=True, isin=("only", "judge", "rule"))
    """``only``: a lone candidate; ``rule``: without a readable or agreed verdict."""
    votes_agree: bool = nullable()
    """Whether two votes in different orders chose the same; null for fewer."""
    rationale_model: str
    rationale_key: str = _key()
    choice_key: str = _key(nullable=True)


class RoundSummary(Table):
    """One row per round: with it a user decides whether another round pays."""

    round: int = pa.Field(unique=True)
    played: int
    accepted: int
    """Round 0: the verified first rationales."""
    acceptance: float
    reverted_because: str
    """Reasons and counts, most frequent first: ``wrong 12, leak 3``."""
    won: int
    """Questions whose chosen rationale is of this round."""
    characters: float = nullable()
    """Mean length of the accepted rationales."""
    calls: int
    """Round 0: of all attempts, those of unsolved questions included."""
    input_tokens: int = nullable()
    output_tokens: int = nullable()
    money: float = nullable()
    """At the list price; null where the teacher has none."""
    currency: str = nullable()


class CostEstimate(Table):
    """One row per (node, role): what synthesis was expected to ask, before it asked."""

    node: str
    role: str
    """As the accounts name it, e.g. ``teacher``."""
    model: str = nullable()
    calls_mid: float
    """Calls that are needed, whether or not the store holds their replies."""
    calls_spread: float
    """How far they may be off, either way, as a share of them."""
    input_tokens_mid: float
    output_tokens_mid: float
    tokens_spread: float
    """Of the tokens, and so of the money."""
    money_mid: float = nullable()
    """At the list price; null where the model has none."""
    currency: str = nullable()
    in_store: int
    """Replies of this model to this node that the store held, of whatever inputs."""
    rests_on: str = one_of("last_run", "priors")


class ModelCalls(Table):
    """One row per (chapter, role, task): what the last run that asked it took."""

    chapter: str
    role: str
    """As the accounts name it, e.g. ``teacher``."""
    task: str
    """The node that asked."""
    calls: int
    """Calls that were needed; those that the store answered included."""
    stored: int
    """Of them, answered by the store."""
    failures: int
    input_tokens: int
    output_tokens: int
    """Of all calls with a reply, those of the store included."""
    money: float
    """Spent in the run: what the store answered costs nothing."""


class RefinedPosts(Provenance):
    """One row per useful post, told clearly in the first person."""

    post_id: str = id_of("useful_posts.post_id")
    thread_id: str = id_of("posts.thread_id")
    messages: pl.List = list_of(_MESSAGE)


class EmpatheticDialogues(Provenance):
    """One row per dialogue that passed the judge (D_em)."""

    dialogue_id: str = id_of("empathetic_dialogues.dialogue_id", unique=True)
    post_id: str = id_of("refined_posts.post_id")
    thread_id: str = id_of("posts.thread_id")
    messages: pl.List = list_of(_MESSAGE)
    empathy: int
    guidance: int
    steps: int
    """The three aims, 1 to 5, as the judge gave them."""
    deid_level: str = _deid_level()
    judge_key: str = _key()


# ---- selection -------------------------------------------------------------------


class StudentAnswers(Provenance):
    """One row per (question, student, sample)."""

    question_id: str = id_of("reasoning_samples.question_id")
    student: str
    sample: int
    text: str = nullable()
    prediction: pl.List = list_of(pl.String)
    outcome: str = one_of("right", "wrong", "unread", "failed")
    reason: str = nullable()
    """Why the call failed, e.g. ``truncated``; null for every other outcome."""


class JudgedQuestions(ReasoningSamples):
    """Reasoning samples with what the students made of them."""

    n_students: int
    n_right: int
    """Students with a right answer."""
    n_unread: int
    """Students none of whose answers could be read."""
    n_answers: int
    """Of all students, all samples."""
    pass_rate: float
    """Right answers of all answers."""


class HeldOutQuestions(JudgedQuestions):
    """Judged questions that enter neither set."""

    reason: str = one_of("awaiting_student", "doubtful_gold")
    """``awaiting_student``: a student's call failed, so nothing is known of its
    difficulty; ``doubtful_gold``: of the audit, where ``hold_out_audited`` asks."""


class AnswerKeyAudit(Table):
    """One row per question whose students agree with each other against the gold."""

    question_id: str = id_of("reasoning_samples.question_id", unique=True)
    source: str
    stem: str
    gold: pl.List = list_of(pl.String)
    agreed: pl.List = list_of(pl.String)
    n_agreeing: int
    n_students: int


class StudentAgreement(Table):
    """One row per pair of students."""

    student: str
    student_other: str
    n: int
    agreement: float
    """Share of questions with the same readable answer."""
    n_both_wrong: int
    agreement_when_wrong: float = nullable()


class DifficultySummary(Table):
    """One row per (dimension, value) of the judged questions."""

    dimension: str = one_of("all", "set", "type", "subject", "source")
    value: str
    n: int
    n_challenging: int
    pass_rate: float
    zero_variance: float
    """Expected share of GRPO groups that are all right or all wrong, and so teach
    nothing."""


class ContaminationHits(Table):
    """One row per (training row, benchmark item) that match."""

    row_id: str = id_of(*_ROWS)
    set_name: str
    """``D_p`` (reasoning samples, before difficulty is known), ``D_em`` …"""
    item_id: str = id_of("benchmark_items.item_id")
    benchmark: str
    split: str = one_of("test", "dev", "exemplar")
    """``exemplar``: the item is shown solved in the five-shot protocol."""
    kind: str = one_of("exact", "near_duplicate", "question_alone", "case_contained")
    score: float


class RepeatedExamples(Table):
    """One row per candidate of either set that gives way to a twin."""

    row_id: str = id_of(*_ROWS)
    part: str = one_of("D_pr", "D_em", "D_ps", "D_pc", "D_cp")
    kind: str = one_of("duplicate", "near_duplicate")
    twin_id: str = id_of(*_ROWS)
    """May equal ``row_id``: a bank's question that a public set holds as well."""
    twin_part: str = one_of("D_pr", "D_em", "D_ps", "D_pc", "D_cp", "held_out")
    """``held_out``: the twin is a question of ``held_out_questions``."""


class SftExamples(Table):
    """One row per example of ``sft_set`` = D_pr ∪ D_em ∪ D_ps."""

    example_id: str = id_of("sft_set.example_id", unique=True)
    parent_id: str = id_of(*_ROWS)
    part: str = one_of("D_pr", "D_em", "D_ps")
    split: str = one_of("train", "validation")
    variant: str
    """Composition, e.g. ``ED-PRD-APD``; ends in ``-contaminated`` where hits stay."""
    group_id: str = id_of("sft_set.group_id")
    """Source document or thread: siblings stand in one split."""
    messages: pl.List = list_of(_MESSAGE)


class SftTokens(Table):
    """One row per example of SFT that is short enough, as its trainer reads it."""

    example_id: str = id_of("sft_set.example_id", unique=True)
    part: str = one_of("D_pr", "D_em", "D_ps")
    split: str = one_of("train", "validation")
    n_tokens: int
    n_taught: int
    """Tokens that carry loss."""
    taught: pl.List = list_of(pl.String)
    """The text of every stretch that carries loss."""
    input_ids: pl.List = list_of(pl.Int32)
    labels: pl.List = list_of(pl.Int32)
    """The token where it carries loss, -100 elsewhere."""


class GrpoExamples(Table):
    """One row per example of ``grpo_set`` = D_pc ∪ D_cp."""

    example_id: str = id_of("grpo_set.example_id", unique=True)
    parent_id: str = id_of(*_ROWS)
    part: str = one_of("D_pc", "D_cp")
    split: str = one_of("train", "validation")
    variant: str
    group_id: str = id_of("grpo_set.group_id")
    prompt: pl.List = list_of(_MESSAGE)
    gold: pl.List = list_of(pl.String)
    """Gold labels; never empty."""
    option_labels: pl.List = list_of(pl.String)
    """Labels of all the options: an answer with another letter is no answer."""


class ExampleProvenance(Table):
    """One row per training example: where it comes from, and who had a hand in it."""

    example_id: str = id_of("sft_set.example_id", "grpo_set.example_id", unique=True)
    part: str
    source: str
    """File it goes back to; the model's name for a distilled question."""
    origin: str
    """``textbook``, ``bank``, ``distilled``, ``community``, ``public`` …"""
    chunk_id: str = id_of("chunks.chunk_id", nullable=True)
    round: int = nullable()
    """Refinement round whose rationale was chosen."""
    models: pl.List = list_of(pl.String)
    prompt_digests: pl.List = list_of(pl.String)
    deid_level: str = nullable()
    """Null for exam questions, which no person told."""


class WithheldExamples(Rejections):
    """One row per training example that the release does not hold."""


class LengthAccount(Table):
    """One row per (set, part, split): how long its examples are."""

    set_name: str
    part: str
    split: str
    measure: str
    """``tokens`` of a tokenizer, or ``tokens (estimated)`` from characters."""
    n: int
    median: float
    p95: float
    longest: int
    total: int
    limit: int
    n_over: int
    """Longer than the training limit: training will reject them as ``over_long``."""


# ---- training and evaluation -----------------------------------------------------


class TrainingPlan(Table):
    """One row per (stage, item) that training was reckoned to take before it began."""

    stage: str = one_of("sft", "grpo")
    item: str
    """``weights``, ``gradients`` …, sums ``while training``; ``disk``."""
    gib: float
    """Of one device's memory, or of the disk."""


class TrainingLog(Table):
    """One row per (step, metric) that a trainer logged."""

    stage: str = one_of("sft", "grpo")
    step: int
    metric: str
    value: float


class SampledCompletions(Table):
    """One row per completion of a rollout that was kept."""

    step: int
    sample: int
    prompt: str
    """The question, as the policy was asked it."""
    completion: str
    gold: pl.List = list_of(pl.String)
    answered: pl.List = list_of(pl.String)
    """Labels that were read; empty where none could be."""
    format: float
    accuracy: float
    """Both terms of the reward (Equation 2)."""


class ShownCompletions(SampledCompletions):
    """The same for people to read: none that repeats a training dialogue."""

    is_memorised: bool
    """Whether a sentence stands in the completion's place."""


class TrainedModels(Table):
    """One row per model that training starts from or makes, or of an arm."""

    role: str
    """``base``, ``sft``, ``grpo``, or the arm."""
    weights: str
    """Digest of its files; the name of the local model begins with it."""
    made_from: str = nullable()
    """Digest of the weights it was trained from; of the base model the folder that it
    was read from, null where the run made it."""
    parameters: int = nullable()
    """Numbers that its weights are."""
    steps: int = nullable()
    seconds: float = nullable()
    """Of training, what came before a resume included; null where nothing was trained
    or nobody counted."""
    alarms: str = nullable()
    """Each with the step it began at and what was seen; null where there was none."""


class Predictions(Provenance):
    """One row per (model, item, protocol, sample): what came back, not yet read."""

    prediction_id: str = id_of("predictions.prediction_id", unique=True)
    item_id: str = id_of("benchmark_items.item_id")
    benchmark: str
    cell: str
    split: str = one_of("test", "dev")
    role: str
    """The model's part: ``teacher``, ``base``, ``sft``, ``grpo`` …"""
    protocol: str
    setting: str
    """``paper``, ``full`` …: how it was drawn, and how long it may be."""
    exemplars: str = nullable()
    """Digest of the ids that were shown solved; null where none was."""
    sample: int
    text: str = nullable()
    """The reply beside its reasoning, cut off or not; null where the call failed."""
    reasoning: str = nullable()
    finish_reason: str = nullable()
    """As the endpoint says it: ``stop``, ``length`` …"""
    failure: str = nullable()
    """Why the call failed, e.g. ``truncated`` or ``timeout``; null where it did not."""
    input_tokens: int = nullable()
    output_tokens: int = nullable()
    seconds: float = nullable()
    weights: str = nullable()
    """What pins the weights: a checkpoint's digest or a revision; null where nothing
    does."""


class Answers(Table):
    """One row per (prediction, reader): what a reader makes of it; asks no model."""

    prediction_id: str = id_of("predictions.prediction_id")
    role: str
    reader: str
    """``default``, ``official_psycollm`` …"""
    rule: str = nullable()
    """Rule that read the labels; null where none did."""
    labels: pl.List = list_of(pl.String)
    """Empty where none were read, and of an open item."""
    text: str = nullable()
    """What is scored of an open item's reply; null of a choice item's."""
    outcome: str = one_of("read", "unread", "refused", "truncated", "failed", "absent")
    """``truncated``: cut off by the token limit, whether an answer stands in it or not;
    ``failed``: no score until it is asked again; ``absent``: of no stored reply."""


class ShownItems(Table):
    """One row per exam item that was asked: what the report's page shows of it."""

    item_id: str = id_of("benchmark_items.item_id", unique=True)
    benchmark: str
    cell: str
    case_text: str = nullable()
    stem: str
    options: pl.List = list_of(pl.String)
    gold: str = nullable()
    """Letters, or the reference of an open item."""


class ShownAnswers(Table):
    """One row per (exam item, model, protocol): what the report's page shows of it."""

    item_id: str = id_of("benchmark_items.item_id")
    role: str
    protocol: str
    outcome: str = one_of("read", "unread", "refused", "truncated", "failed")
    labels: str
    mark: float = nullable()
    """Elastic credit of a choice; null of a text and of a failed call."""
    other_readings: pl.List = list_of(pl.String)
    """What other readers read, where it is not what is scored."""
    is_memorised: bool
    """Whether it repeats a training dialogue; a sentence then stands in its place."""
    reply: str
    """Its beginning."""


class AnswerSummary(Table):
    """One row per (model, benchmark, split, protocol): how its replies ended."""

    role: str
    model: str
    benchmark: str
    split: str
    protocol: str
    n: int
    n_read: int
    n_unread: int
    n_refused: int
    n_truncated: int
    n_truncated_read: int
    """Those of them in which an answer was read."""
    n_failed: int
    n_absent: int
    """Items that stored replies have none for; not in ``n``."""
    reasons: pl.List = list_of(pl.String)
    """Why calls failed, each with its count, the most frequent first."""
    shapes: pl.List = list_of(pl.String)
    """Commonest shapes of what could not be read, letters and words masked."""


class ReaderAgreement(Table):
    """One row per (model, benchmark, protocol, reader beside the one that counts)."""

    role: str
    benchmark: str
    protocol: str
    reader: str
    n: int
    n_same: int
    n_other: int
    """Both read it, differently."""
    n_only_scored: int
    """Read by the reader that counts alone."""
    n_only_reader: int


class Judgements(Provenance):
    """One row per (reply that is judged, dimension, judge, repeat)."""

    item_id: str = id_of("benchmark_items.item_id")
    role: str
    dimension: str
    """``rubric`` for a reply that is marked by the rubric of its item, in percent."""
    judge: str
    """Its name below ``counselling_judges``."""
    repeat: int
    score: float = nullable()
    """Null where the outcome is any but ``read``."""
    outcome: str = one_of(
        "read", "no_score", "out_of_range", "several_scores", "failed", "no_reply"
    )


class Preferences(Provenance):
    """One row per (two replies in one order, dimension, judge)."""

    item_id: str = id_of("benchmark_items.item_id")
    dimension: str
    judge: str
    first: str
    """Role whose reply the judge reads first."""
    second: str
    better: str = nullable()
    """``first``, ``second``, ``same``; null where the outcome is not ``read``."""
    outcome: str = one_of("read", "unread", "failed")


class HumanScores(Table):
    """One row per (reply, dimension, person): what people gave back."""

    item_id: str = id_of("benchmark_items.item_id")
    role: str
    dimension: str
    person: str
    score: float


class JudgeAgreement(Table):
    """One row per (measure, group, dimension) of those who score replies."""

    measure: str
    """``alpha (interval)``, ``alpha (ordinal)``, ``prefers <model>``, ``takes the
    first`` …"""
    group: str
    dimension: str
    value: float = nullable()
    n: int
    """Replies, or pairs of replies."""


class JudgementSummary(Table):
    """One row per (judge, dimension): what became of its verdicts."""

    judge: str
    model: str
    dimension: str
    n: int
    n_read: int
    n_no_score: int
    n_out_of_range: int
    n_several_scores: int
    n_failed: int
    commonest_score: float = nullable()
    n_commonest: int
    """Near ``n_read``, the judge says the same of everything."""


class Scores(Table):
    """One row per (model, benchmark, cell, metric)."""

    role: str
    model: str
    benchmark: str
    cell: str
    split: str = one_of("test", "dev")
    """What was asked: ``dev`` where the test items have no key."""
    protocol: str
    metric: str
    value: float = nullable()
    low: float = nullable()
    high: float = nullable()
    """95 % interval."""
    n: int
    """Items that count: those whose call failed are not among them."""
    n_missing: int
    """Items without a readable answer, for any reason; they count as wrong."""
    n_refused: int
    n_truncated: int
    """Items whose reply was cut off, with or without an answer."""
    n_failed: int
    """Items whose call failed: above 0, no average has a value."""
    n_left_out: int
    """Items of the exam that were not asked, by ``evaluation.limit`` or for want of a
    stored reply or an exemplar; of an average, of all cells: above 0, no result."""
    n_contaminated: int
    """Items of the ``n`` that match something in the training data."""
    value_uncontaminated: float = nullable()
    """The score without them."""


class DifficultyScores(Scores):
    """``Scores`` of the items of one subset alone: Figure 4."""

    subset: str = one_of("challenging", "non_challenging")


class ScoreDifferences(Table):
    """One row per (two models, benchmark, cell, metric): how far they are apart."""

    role: str
    other: str
    benchmark: str
    cell: str
    split: str = one_of("test", "dev")
    protocol: str
    metric: str
    n: int
    """Items that both answered."""
    difference: float
    """Of ``role`` less ``other``, on the scale of ``scores``."""
    low: float = nullable()
    high: float = nullable()
    """95 % interval of the paired bootstrap by clusters."""
    only_role: int = nullable()
    only_other: int = nullable()
    """Items that one of the two alone has right; null where marks are no yes or no."""
    least: float = nullable()
    """The least difference that McNemar's test could show, with as many items that set
    the two apart; null where even all of them one way would not do."""
    p: float
    p_holm: float
    """After Holm's correction for all pairs and cells of the exam and metric."""
    better: str = nullable()
    """The better one; null where the difference is within noise."""


class ContaminationSummary(Table):
    """One row per (part, benchmark, kind) of a match: how much of each matched."""

    set_name: str
    """``D_p``, ``D_em`` …, as in ``ContaminationHits``."""
    benchmark: str
    split: str
    kind: str
    rows: int
    items: int
    pairs: int


class SetSummary(Table):
    """One row per (set, part, variant): its examples, and those that hold an item."""

    set_name: str
    part: str
    variant: str
    n: int
    n_contaminated: int
    """Examples whose row matched an item of a benchmark."""


class ExamSummary(Table):
    """One row per (benchmark, form, split): its items, and whether they are scored."""

    benchmark: str
    form: str = one_of("choice", "open")
    split: str
    n: int
    n_keyed: int
    is_exam: bool


class Accounts(ChapterAccount):
    """The accounts of all chapters that have run, in reading order."""

    chapter: str


class Funnel(Table):
    """One row per stage of the corpus, beside the paper's count."""

    stage: str
    rows: int
    rejected: int
    paper: str = nullable()
    """What the paper says, e.g. ``~210k``."""


class RejectionCounts(Table):
    """One row per (stage, reason): how many rows were dropped."""

    stage: str
    reason: str
    rows: int


class WriterCounts(Table):
    """One row per (table, model, prompt): who wrote how much of what."""

    table: str
    model: str
    prompt_digest: str = nullable()
    rows: int
