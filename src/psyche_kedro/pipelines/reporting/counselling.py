"""What the report shows of the counselling benchmark: Table 5."""

from psyche_kedro.pipelines.reporting.exams import Marks, our_rows, paper_row
from psyche_kedro.pipelines.reporting.sections import (
    Findings,
    Section,
    Table,
    number,
)

DIMENSIONS = ("EmoE", "CogE", "Con", "Sta")


def counselling(findings: Findings) -> Section:
    """Return Table 5."""

    def ours(marks: Marks) -> list[str]:
        return [marks.value("counselling", "counselling", name) for name in DIMENSIONS]

    rows = our_rows(findings, "counselling", ours)
    for row in findings.published.counselling:
        cells = [number(getattr(row, name)) for name in DIMENSIONS]
        rows.append(paper_row(5, row.model, cells))
    return Section(
        "Counselling",
        "Mean scores of a judge, 0 to 3. Judge, conversations and wording differ from "
        "the paper's: only rows of one source can be compared. A verdict that could "
        "not be read is missing, not 0.",
        [Table(["Model", "Source", *DIMENSIONS], rows)],
    )
