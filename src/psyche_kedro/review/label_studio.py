"""What people said in a project of Label Studio: its JSON export, whatever it holds."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, TypeAdapter

from psyche_kedro.datasets import SourceFile
from psyche_kedro.errors import ReviewError
from psyche_kedro.text.halves import whole_values


class Annotation(NamedTuple):
    """What one person said of one task.

    Attributes:
        task: Its number in the export, from 1.
        ids: Fields of the task's data that were asked for.
        said: Words by the name of their field; None for an empty one.
        annotator: ``user`` and an id, or an address.
        seconds: That it took.
    """

    task: int
    ids: dict[str, str]
    said: dict[str, str | None]
    annotator: str
    seconds: float | None


def read_label_studio(file: SourceFile, *ids: str) -> Iterator[Annotation]:
    """Yield the annotations of an export, those that were cancelled left out.

    Args:
        file: The project's JSON export.
        ids: Fields of a task's data that tell what it is of.

    Raises:
        ReviewError: If it is no such export.
    """
    try:
        tasks = _EXPORT.validate_python(whole_values(json.loads(file.read())))
        named = [{name: _text(task.data[name]) for name in ids} for task in tasks]
    except (OSError, ValueError, LookupError, RecursionError) as error:
        raise ReviewError(
            f"{file.name} is no Label Studio export of the batch (expected a list of"
            f" tasks with {', '.join(f'data.{name}' for name in ids)} and annotations;"
            f" {type(error).__name__}): export the project as JSON."
        ) from error
    for n, (task, of) in enumerate(zip(tasks, named, strict=True), 1):
        for one in task.annotations or ():
            if not one.was_cancelled:
                said = {
                    result.from_name: result.value.words for result in one.result or ()
                }
                yield Annotation(
                    n, of, said, _annotator(one.completed_by), one.lead_time
                )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


class _User(BaseModel):
    id: int | str | None = None
    email: str | None = None


class _Value(BaseModel):
    choices: list[str] | str | None = None
    text: list[str] | str | None = None

    @property
    def words(self) -> str | None:
        said = self.choices or self.text or ""
        return (said if isinstance(said, str) else said[0]).strip() or None


class _Result(BaseModel):
    from_name: str = ""
    value: _Value = _Value()


class _Annotation(BaseModel):
    completed_by: int | str | _User | None = None
    was_cancelled: bool | None = None
    lead_time: Annotated[float, Field(allow_inf_nan=False)] | None = None
    result: list[_Result] | None = None


class _Task(BaseModel):
    data: dict[str, Any]
    annotations: list[_Annotation] | None


_EXPORT = TypeAdapter(list[_Task])


def _annotator(who: int | str | _User | None) -> str:
    if isinstance(who, _User):
        return str(who.email) if who.id is None else f"user {who.id}"
    return f"user {who}"
