"""What the report says of the data: the figures, and what an empty table means."""

import pytest
from corpus_rows import (
    ACCOUNT,
    DIFFICULTY,
    PRIVATE,
    account,
    barred,
    counted,
    kept_back,
    made_of,
    matched,
    summaries,
)

from cards import CARDS
from psyche_kedro.pipelines.reporting import corpus
from psyche_kedro.pipelines.reporting.sections import Findings, Summaries
from psyche_kedro.tables import (
    AnswerSummary,
    ContaminationSummary,
    DifficultyScores,
    ExamSummary,
    Funnel,
    JudgementSummary,
    ReaderAgreement,
    RejectionCounts,
    SampledCompletions,
    ScoreDifferences,
    Scores,
    SetSummary,
    ShownAnswers,
    ShownItems,
    TrainedModels,
    TrainingPlan,
    WriterCounts,
    frame,
)

MEANINGS = corpus.explanations()


def findings(rejections=(), rows=ACCOUNT, **changes):
    return Findings(
        accounts=account(*rows),
        missing=(),
        scores=frame(Scores, []),
        differences=frame(ScoreDifferences, []),
        funnel=frame(Funnel, []),
        rejections=frame(RejectionCounts, rejections),
        writers=frame(WriterCounts, []),
        exams=frame(ExamSummary, []),
        answers=frame(AnswerSummary, []),
        judges=frame(JudgementSummary, []),
        readers=frame(ReaderAgreement, []),
        by_difficulty=frame(DifficultyScores, []),
        shown_items=frame(ShownItems, []),
        shown_answers=frame(ShownAnswers, []),
        ablation={},
        trained_models=frame(TrainedModels, []),
        training_plan=frame(TrainingPlan, []),
        completions=frame(SampledCompletions, []),
        toys=(),
        charts=(),
        examples=frame(Funnel, []),
        prompts={},
        benchmarks=CARDS,
        printed_as={},
        summaries=Summaries(**summaries(**changes)),
        difficulty=DIFFICULTY,
    )


def cells(section, table=0):
    return [list(row.cells) for row in section.tables[table].rows]


def without(*names):
    return {name: summaries()[name].clear() for name in names}


def refusal(stage, reason, rows):
    return {"stage": stage, "reason": reason, "rows": rows}


# ---- rejections ------------------------------------------------------------------


def test_reasons_in_own_words_are_cut_and_counted_together():
    refused = [
        refusal("apply_review", "people_duplicate", 4),
        refusal("apply_review", f"people_{PRIVATE}", 3),
        refusal("apply_review", "people_他说\n不要", 2),
        refusal("judge_replies", "harm:medication advice", 1),
    ]
    assert cells(corpus.rejections(findings(rejections=refused))) == [
        ["apply_review", "people_…", MEANINGS["people"], "5"],
        ["apply_review", "people_duplicate", MEANINGS["people"], "4"],
        ["judge_replies", "harm:medication…", MEANINGS["harm"], "1"],
    ]


# ---- review ----------------------------------------------------------------------


def test_review_shows_agreement_speed_and_what_was_overturned():
    alpha = "Agreement of reviewers (Krippendorff's alpha)"
    overturned = "Passed by the screen, not kept as it was"
    assert cells(corpus.review(findings())) == [
        ["Screened questions with a verdict", "share of screened", "50.0 %", "40"],
        [alpha, "verdict", "0.81", "12"],
        ["Questions an hour", "reviewer 1", "95.50", "40"],
        [overturned, "wrong answer", "12.5 %", "5"],
        [overturned, "own words", "2.5 %", "1"],
    ]


def test_no_review_is_said_and_not_shown_as_an_empty_table():
    section = corpus.review(findings(**without("review_summary")))
    assert section.text.startswith("Not reviewed")
    assert not section.tables


# ---- students and difficulty -----------------------------------------------------


def test_students_show_what_they_have_in_common_and_which_gold_they_doubt():
    section = corpus.students(findings())
    assert cells(section) == [["a", "b", "116", "37.1 %", "52", "48.1 %"]]
    assert "against the gold: 2 (2 of 3 students: 1, 3 of 3 students: 1)" in (
        section.text
    )
    assert "held out for it: 0" in section.text


def test_questions_held_out_are_counted():
    rows = [
        counted("challenging", "rejected", 1, reason="doubtful_gold"),
        counted("challenging", "rejected", 2, reason="awaiting_student"),
    ]
    text = corpus.students(findings(rows=rows)).text
    assert "held out for it: 1" in text
    assert "because a student's call failed: 2" in text


def test_difficulty_names_its_rule_and_the_share_without_signal():
    section = corpus.difficulty(findings())
    assert cells(section) == [
        ["all", "all", "1,160", "290", "25.0 %", "25.0 %", "31.2 %"],
        ["type", "multiple", "24", "15", "62.5 %", "25.0 %", "31.2 %"],
    ]
    assert "Rule: all_wrong" in section.text
    assert "groups it is 45.2 %" in section.text


def test_sources_are_folded_because_they_may_be_hundreds():
    table = corpus.difficulty(findings()).tables[1]
    assert table.folded == "difficulty_summary"
    assert [row.cells[:4] for row in table.rows] == [("source", "exam.json", "60", "0")]


def test_without_challenging_questions_their_share_is_unknown():
    summary = summaries()["difficulty_summary"].remove(value="challenging")
    text = corpus.difficulty(findings(difficulty_summary=summary)).text
    assert "unknown: there are none" in text


# ---- contamination ---------------------------------------------------------------


def test_hits_stand_by_part_benchmark_and_kind():
    rows = [matched("D_cp", "exact", 1, 1, 1), matched("D_p", "exact", 1200, 1, 2)]
    found = findings(contamination_summary=frame(ContaminationSummary, rows))
    assert cells(corpus.contamination(found)) == [
        ["D_cp", "pceb", "test", "exact", "1", "1", "1"],
        ["D_p", "pceb", "test", "exact", "1,200", "1", "2"],
    ]


def test_hits_left_out_are_said_to_be():
    text = corpus.contamination(findings()).text
    assert "hold an item: 0 of 2. Rows left out for it: D_pr: 1." in text


def test_rows_left_out_for_an_exemplar_are_counted_with_them():
    left_out = [barred("contaminated", "D_cp"), barred("exemplar", "D_cp")]
    text = corpus.contamination(findings(rows=left_out)).text
    assert "Rows left out for it: D_cp: 2." in text


def test_hits_kept_on_purpose_are_said_to_be_and_counted_in_the_sets():
    kept = frame(SetSummary, [made_of("D_pr", 2, 1, "ED-PRD-APD-contaminated")])
    text = corpus.contamination(findings(set_summary=kept)).text
    assert "hold an item: 1 of 2, kept on purpose" in text
    assert "left out" not in text


def test_a_hit_that_slipped_into_the_sets_would_be_seen():
    slipped = frame(SetSummary, [made_of("D_pr", 1, 1), made_of("D_pc", 1, 0)])
    text = corpus.contamination(findings(set_summary=slipped)).text
    assert "hold an item: 1 of 2. " in text


def test_rows_refused_for_another_reason_are_no_contamination():
    refused = [barred("not_in_variant", "D_em")]
    text = corpus.contamination(findings(rows=refused)).text
    assert "Rows left out for it: none." in text


# ---- sets and release ------------------------------------------------------------


def test_sets_show_variant_measure_and_what_is_too_long():
    section = corpus.training_sets(findings())
    lengths = ["79", "298", "456", "1,569", "25,223", "1,024", "2"]
    assert cells(section) == [["sft_set", "D_pr", "train", *lengths]]
    assert "Variant: ED-PRD-APD." in section.text
    assert "tokens (estimated)" in section.text


def test_the_release_counts_what_is_withheld_by_part_and_reason():
    section = corpus.release(findings())
    assert cells(section) == [["D_pr", "offline", "1"]]
    assert section.text.startswith("Examples released: 1 of 2.")


def test_a_whole_release_says_that_nothing_is_withheld():
    section = corpus.release(findings(rows=[]))
    assert section.text == "Examples released: 2 of 2. None is withheld."


def test_reasons_are_counted_apart():
    withheld = [kept_back("offline", "D_pr", 2), kept_back("rules_only", "D_em", 3)]
    section = corpus.release(findings(rows=withheld))
    assert cells(section) == [["D_em", "rules_only", "3"], ["D_pr", "offline", "2"]]


# ---- all -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "empty", "said"),
    [
        ("review", ["review_summary"], "Not reviewed"),
        ("students", ["student_agreement"], "No two students"),
        ("difficulty", ["difficulty_summary"], "No question was judged"),
        ("contamination", ["contamination_summary"], "No row matched an item"),
        ("training_sets", ["length_account"], "Both training sets are empty"),
        ("release", ["set_summary"], "nothing to release"),
    ],
)
def test_an_empty_table_is_said_to_be_empty(section, empty, said):
    told = getattr(corpus, section)(findings(**without(*empty)))
    assert said in told.text
    assert not told.tables


def test_no_words_of_a_reviewer_are_shown():
    assert PRIVATE not in str(corpus.review(findings()))
