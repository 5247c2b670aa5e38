"""What a model answered where a benchmark withholds its key, as its publisher takes it.

The layout is that of CPsyExam's ``merge_answers.py``: a file for each model, in it a
block for each protocol, in that the answers by the file of the question. An answer that
could not be read is an empty one, and so counts as wrong there: the public code leaves
it out, and with it the item.
"""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from psyche_kedro.pipelines.benchmarks import Benchmarks, Questions

Row = Mapping[str, Any]
Submission = dict[str, dict[str, list[dict[str, Any]]]]

_SHOTS = {"zero_shot": 0, "five_shot": 5}


def write(
    read: Iterable[Row], items: Mapping[str, Row], benchmarks: Benchmarks
) -> dict[str, Submission]:
    """Return the submission of every model, by ``<benchmark>_<model>``.

    Args:
        read: Rows of ``predictions``, each with its answer.
        items: Rows of ``benchmark_items`` by id; those without a gold are submitted.
        benchmarks: The cards; a benchmark that withholds its answers names its ``key``.
    """
    submissions: dict[str, Submission] = {}
    for answered in read:
        item = items[answered["item_id"]]
        if answered["protocol"] in _SHOTS and _is_withheld(item, benchmarks):
            of_model = submissions.setdefault(
                f"{item['benchmark']}_{answered['role']}", {}
            )
            files = of_model.setdefault(answered["protocol"], {})
            name = PurePosixPath(item["source"]).stem
            files.setdefault(name, []).append(_line(answered, item))
    return submissions


def _is_withheld(item: Row, benchmarks: Benchmarks) -> bool:
    layout = benchmarks.root[item["benchmark"]].layout
    names_key = isinstance(layout, Questions) and layout.key is not None
    return names_key and item["split"] == "test" and not item["gold"]


def _line(answered: Row, item: Row) -> dict[str, Any]:
    return {
        "question_id": item["known_as"],
        "question": item["stem"],
        "options": {option["label"]: option["text"] for option in item["options"]},
        "prediction": "".join(sorted(answered["labels"])),
        "n_shot": _SHOTS[answered["protocol"]],
    }
