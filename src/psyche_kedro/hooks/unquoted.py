"""What is said of an error whose own words may quote a post.

Libraries put the value that they fail on into their message. Of an error that is not
the project's own, its class and the lines of code that led to it are said and logged,
and no more; ``PSYCHE_KEDRO_SHOW_ERRORS=1`` shows all, to whoever may read the posts.
"""

import dataclasses
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator

from kedro.io import DatasetError
from kedro.validation.exceptions import DataValidationError, ParameterValidationError

from psyche_kedro.errors import PsycheError

SHOW = "PSYCHE_KEDRO_SHOW_ERRORS"
# Python's words for a call that does not fit, 3.13's guess among them: they name code
# and no value.
_MISFIT = re.compile(
    r"[\w.]+\(\) (got an unexpected keyword argument '\w+'(?:\. Did you mean '\w+'\?)?"
    r"|missing \d+ required [\w -]+: [\w', ]+)"
)


def withhold_words() -> None:
    """Have Kedro log of a node's error what ``said_of`` says."""
    logging.getLogger("kedro.pipeline.node").addFilter(_withhold)


def _withhold(record: logging.LogRecord) -> bool:
    """Put what is said of an error for its words, which Kedro gives last."""
    error = sys.exc_info()[1]
    if error is not None and isinstance(record.args, tuple):
        record.args = (*record.args[:-1], said_of(error))
    return True


def said_of(error: BaseException) -> str:
    """Return the words of an error, or what stands for them."""
    if os.environ.get(SHOW) or isinstance(
        error, PsycheError | ParameterValidationError
    ):
        return str(error)
    if isinstance(error, DataValidationError):
        return str(_without_examples(error))
    if isinstance(error, DatasetError):
        cause = error.__cause__
        return str(error).replace(str(cause), said_of(cause)) if cause else str(error)
    if isinstance(error, TypeError) and _MISFIT.fullmatch(str(error)):
        return str(error)
    words = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__} ({words or f'{SHOW}=1 shows its words'})"


def _without_examples(error: DataValidationError) -> DataValidationError:
    failures = [dataclasses.replace(f, failure_examples=[]) for f in error.failures]
    return DataValidationError(
        error.message,
        dataset_name=error.dataset_name,
        mode=error.mode,
        validator=error.validator,
        failures=failures,
    )


def trace_of(error: BaseException) -> str:
    """Return the lines of code that led to an error and to those behind it."""
    return "\n".join(_traces(error))


def _traces(error: BaseException) -> Iterator[str]:
    behind = error.__cause__ or (
        None if error.__suppress_context__ else error.__context__
    )
    if behind is not None:
        yield from _traces(behind)
    yield "".join(traceback.format_tb(error.__traceback__)) + said_of(error)
