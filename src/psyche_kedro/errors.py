"""The project's own errors, one tree; each is one sentence that says the mend.

::

    PsycheError
    ├── ConfigurationError     the configuration cannot work
    ├── PromptError            a template and the node that fills it in do not fit
    ├── ChatModelError         no request to a model can succeed
    ├── ReviewError            what reviewers gave back cannot be read
    ├── PartitionError         the work on parts of a table fails on a sound one
    ├── LeakError              text that should carry no contact does
    ├── RootInUseError         another run writes where this one would
    ├── ContaminationError     most of a training set's part stands in a benchmark
    ├── TrainingFailedError    a trainer ended without a model
    ├── OcrError               an engine failed on a page; the page's row says so
    └── UnreadableSource       a file cannot be read; a row of ``unreadable_…`` says so

A command ends in the sentence of whichever reaches it (``commands/one_sentence.py``);
the last two become rows before. A fault of the code is none of these and keeps its
traceback.
"""


class PsycheError(Exception):
    """What the user can mend, in one sentence that names the thing and the mend."""


class ConfigurationError(PsycheError):
    """The configuration cannot work."""


class PromptError(PsycheError):
    """A template and the node that fills it in do not fit."""


class ChatModelError(PsycheError):
    """No request to this model can succeed."""


class ReviewError(PsycheError):
    """What reviewers gave back cannot be read: people's work is not dropped."""


class PartitionError(PsycheError):
    """The work fails on a part that is sound; the others are finished and kept."""


class LeakError(PsycheError):
    """Text that should carry no contact does; nothing of it may be saved."""


class RootInUseError(PsycheError):
    """Another run writes below the root that this one would write below."""


class ContaminationError(PsycheError):
    """So much of a part is in a benchmark that a file must be on both sides."""


class TrainingFailedError(PsycheError):
    """A trainer ended without a model."""


class OcrError(PsycheError):
    """An engine failed on a page; its first line says why."""


class UnreadableSource(PsycheError):
    """A file, or one record of it, that cannot be read; it becomes a row, not a crash.

    Attributes:
        reason: A slug, e.g. ``encrypted``.
        detail: One sentence: what was expected, what came, the mend.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)  # what it is made anew from elsewhere
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
