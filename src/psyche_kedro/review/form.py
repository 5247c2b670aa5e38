"""What a reviewer sees and says: one batch, as a sheet and as Label Studio tasks.

Both forms ask the same of a question: keep, fix or reject; why; and, for a fix, the
edited stem, options and answer. Label Studio is spoken to through its JSON alone: its
SDK drags ``datasets`` down to 2.10 in this environment.
"""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from psyche_kedro.datasets import SourceFile
from psyche_kedro.prompts import Words, render_question
from psyche_kedro.questions import option_lines
from psyche_kedro.review.label_studio import read_label_studio
from psyche_kedro.tables import Row, content_id

VERDICTS = {"保留": "keep", "修改": "fix", "删除": "reject"}
REASONS = {
    "重复": "duplicate",
    "信息残缺": "incomplete",
    "逻辑混乱": "confused",
    "表述不清": "unclear",
    "答案有误": "wrong_answer",
    "不属心理学": "off_topic",
    "其他": "other",
}
SHEET = {
    "题目编号": "question_id",
    "审题人": "reviewer",
    "题目": "question",
    "答案": "answer",
    "结论": "verdict",
    "理由": "reason",
    "修改后题干": "stem",
    "修改后选项": "options",
    "修改后答案": "gold",
}
"""Headings of the sheet, and the fields they are."""

_OWN_WORDS = "own_words"
"""The slug of a reason that is none of ``REASONS``."""

_FIELDS = ("verdict", "reason", "stem", "options", "gold")


def sheet_row(question: Mapping[str, Any], reviewer: str, words: Words) -> Row:
    """Return a question as a row of the sheet, its verdict still empty."""
    filled = {
        "question_id": question["question_id"],
        "reviewer": reviewer,
        "question": render_question(question, words),
        "answer": "".join(question["gold"]),
    }
    return {heading: filled.get(field, "") for heading, field in SHEET.items()}


def task(question: Mapping[str, Any], reviewers: Iterable[str], words: Words) -> Row:
    """Return a question as a Label Studio task, with the edit fields filled in."""
    options = "\n".join(option_lines(question))
    gold = "".join(question["gold"])
    edits = [
        _result(name, "textarea", "text", [value])
        for name, value in (
            ("stem", question["stem"]),
            ("options", options),
            ("gold", gold),
        )
    ]
    return {
        "data": {
            "question_id": question["question_id"],
            "question": render_question(question, words),
            "answer": gold,
            "reviewers": "、".join(reviewers),
        },
        "predictions": [{"model_version": "as-written", "result": edits}],
    }


def labelling_config() -> str:
    """Return Label Studio's labelling configuration for these tasks."""
    verdicts = "".join(f'<Choice value="{escape(v)}"/>' for v in VERDICTS)
    reasons = "".join(f'<Choice value="{escape(r)}"/>' for r in REASONS)
    areas = "".join(
        f'<Header value="{heading}" size="6"/>'
        f'<TextArea name="{SHEET[heading]}" toName="question" rows="3"'
        ' maxSubmissions="1" editable="true"/>'
        for heading in ("修改后题干", "修改后选项", "修改后答案")
    )
    return (
        "<View>"
        '<Text name="question" value="$question"/>'
        '<Header value="答案：$answer　审题人：$reviewers" size="5"/>'
        '<Choices name="verdict" toName="question" required="true">'
        f"{verdicts}</Choices>"
        f'<Choices name="reason" toName="question">{reasons}</Choices>'
        f"{areas}"
        "</View>"
    )


def read_sheet_row(row: Mapping[str, Any]) -> Row:
    """Return the fields of a filled-in row, whatever the language of its headings.

    Label Studio's own CSV is such a sheet: its ``annotator`` is the id of a user.
    """
    named = {SHEET.get(heading, heading): value for heading, value in row.items()}
    said = {
        key: str(value).strip() for key, value in named.items() if value is not None
    }
    if user := said.get("annotator"):
        said["reviewer"] = f"user {user}" if user.isdecimal() else user
    fields = ("question_id", "reviewer", *_FIELDS)
    read = {key: said.get(key) or None for key in fields}
    return read | {"seconds": _seconds(said.get("lead_time"))}


def read_reviewer(name: str) -> str:
    """Return who a reviewer is in the tables: no one's address stands there."""
    return f"reviewer {content_id(name)[:6]}" if "@" in name else name


def _seconds(said: Any) -> float | None:
    try:
        return float(said)
    except (TypeError, ValueError):
        return None


def read_reason(said: str | None) -> tuple[str | None, str | None]:
    """Return a reason's slug, and the person's words where they chose none of ours."""
    if said is None or said in REASONS.values():
        return said, None
    slug = REASONS.get(said)
    return (slug, None) if slug else (_OWN_WORDS, said)


def read_export(file: SourceFile) -> Iterator[Row]:
    """Yield one row per annotation of a Label Studio JSON export.

    Raises:
        ReviewError: If it is none.
    """
    for one in read_label_studio(file, "question_id"):
        yield {
            **one.ids,
            "reviewer": one.annotator,
            **{field: one.said.get(field) for field in _FIELDS},
            "seconds": one.seconds,
        }


def _result(name: str, kind: str, key: str, value: Any) -> Row:
    return {
        "from_name": name,
        "to_name": "question",
        "type": kind,
        "value": {key: value},
    }
