"""Languages that CEDAR asks in: one file each, ``conf/*/languages/<code>.yml``.

A file has the language's words for the emotions, what each means, its prompts, what
people read and the words in which a reply names its answer. An eighth language is an
eighth file and no code.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psyche_kedro.datasets.read_only import ReadOnlyDataset
from psyche_kedro.errors import ConfigurationError
from psyche_kedro.files.project import in_project
from psyche_kedro.parameters import first_fault
from psyche_kedro.prompts import fill_in, keyed, takes
from psyche_kedro.tables import content_id
from psyche_kedro.text.delimiters import tags_of, without_tags

ENGLISH = "en"
"""The language of instructions that are given in one language for all cultures."""
_ASKED = ("narrative", "question", "options", "picture", "persona")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PackPrompts(_Strict):
    """Templates of a language; one serves text and picture alike."""

    label: Annotated[str, takes(*_ASKED)]
    """A provisional label."""
    answer: Annotated[str, takes(*_ASKED)]
    """The benchmark's question."""
    translate: Annotated[str, takes("narrative", "question")]
    """Into this language."""
    back_translate: Annotated[str, takes("narrative", "question", "language")]
    """Out of this language."""
    compare: Annotated[str, takes("original", "translation")]
    """Whether two texts of this language mean the same."""


class Negations(_Strict):
    """Words that take back an emotion that stands beside them."""

    before: tuple[str, ...]
    """They stand before it, as ``not``."""
    after: tuple[str, ...]
    """They stand after it, as in Japanese and Hindi."""


class LanguagePack(_Strict):
    """A language and the culture that speaks it."""

    code: str = Field(pattern=r"^[a-z]{2,3}$")
    name: str = Field(pattern=r"^[A-Z][a-z]+$")
    """In English; CEDAR's files are named after it."""
    culture: str
    english_culture: str
    direction: Literal["ltr", "rtl"]
    script: tuple[str, ...] = Field(min_length=1)
    """How the Unicode names of its letters begin, e.g. ``DEVANAGARI``."""
    emotions: dict[str, str]
    definitions: dict[str, str]
    none_fits: str
    prompts: PackPrompts
    markers: tuple[str, ...] = Field(min_length=1)
    """What a reply says before its answer."""
    negations: Negations
    culture_words: tuple[str, ...]
    """Names of cultures: a scenario that has one gives its answer away."""
    sheet: Annotated[
        dict[str, str],
        keyed("item", "seat", "picture", "narrative", "question", "answer", "note"),
    ]
    """Headings of the workbook that people fill in."""
    guide: str
    """What they read first, in Markdown."""

    def say(self, template: str, **values: Any) -> str:
        """Return a prompt with ``values`` in it, which cannot close its frame.

        Args:
            template: A field of ``PackPrompts``.
            **values: All that it takes.
        """
        text = getattr(self.prompts, template)
        tags = tags_of(text)
        return fill_in(text, {n: without_tags(v, tags) for n, v in values.items()})

    def digest(self, template: str) -> str:
        """Return the identity of a prompt's wording."""
        return content_id(getattr(self.prompts, template))

    def words(self, emotions: Sequence[str]) -> list[str]:
        """Return the words for ``emotions``."""
        return [self.emotions[emotion] for emotion in emotions]

    def emotion_of(self, word: str) -> str | None:
        """Return the emotion of a word of the language, in whatever Unicode form."""
        known = {_folded(own): emotion for emotion, own in self.emotions.items()}
        return known.get(_folded(word))

    @property
    def file_name(self) -> str:
        """As CEDAR's files name the language, e.g. ``arabic``."""
        return self.name.lower()


Packs = Mapping[str, LanguagePack]
"""Languages by code, in the order of the cultures."""


class LanguagePacksDataset(ReadOnlyDataset[Packs]):
    """The language of every culture, each out of a file of its own.

    ```yaml
    language_packs:
      type: psyche_kedro.datasets.LanguagePacksDataset
      path: conf/base/languages
      emotions: ${globals:emotions}
      cultures: ${globals:cultures}
    ```

    Args:
        path: The folder.
        emotions: The emotions, in their order; every language has a word for each.
        cultures: Codes of the languages.
        metadata: Ignored by Kedro, read by Kedro-Viz.
    """

    def __init__(
        self,
        *,
        path: str,
        emotions: Sequence[str],
        cultures: Sequence[str],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = in_project(path)
        self._emotions = list(emotions)
        self._cultures = list(cultures)
        self.metadata = metadata

    def load(self) -> Packs:
        """Return the packs by code, in the order of the cultures.

        Raises:
            ConfigurationError: With everything that is wrong, file by file.
        """
        self.check()
        return {code: _read(self._file(code)) for code in self._cultures}

    def check(self) -> None:
        """Stop a run with a broken language before its first node; see ``load``."""
        if faults := list(self.faults()):
            raise ConfigurationError(" ".join(faults))

    def faults(self) -> Iterator[str]:
        """Yield what is wrong, a sentence for each."""
        if ENGLISH not in self._cultures:
            yield (
                f"`cultures` is {self._cultures} and must hold '{ENGLISH}': it is the"
                " language of instructions that are the same for all."
            )
        for code in self._cultures:
            yield from self._faults_of(self._file(code), code)

    def _faults_of(self, file: Path, code: str) -> Iterator[str]:
        try:
            pack = _read(file)
        except FileNotFoundError:
            there = ", ".join(sorted(p.stem for p in self._path.glob("*.yml")))
            yield (
                f"The culture '{code}' has no language: {file} is not there, the folder"
                f" has {there or 'no file'}; write it, or take '{code}' off `cultures`."
            )
        except (yaml.YAMLError, UnicodeDecodeError, ConfigurationError) as error:
            yield f"{file} is no language: {' '.join(str(error).split())}."
        else:
            yield from (f"{file} {fault}." for fault in self._against(pack, code))

    def _against(self, pack: LanguagePack, code: str) -> Iterator[str]:
        """Yield what of a well-formed pack does not fit the emotions."""
        if pack.code != code:
            yield f"says `code: {pack.code}`, and its name says {code}"
        for field in ("emotions", "definitions"):
            found = list(getattr(pack, field))
            if found != self._emotions:
                yield (
                    f"has `{field}` for {found}: they must be {self._emotions}, in this"
                    " order"
                )
        words = [word.casefold() for word in pack.emotions.values()]
        if doubled := sorted({word for word in words if words.count(word) > 1}):
            yield f"has one word for two emotions, {doubled}"

    def _file(self, code: str) -> Path:
        return self._path / f"{code}.yml"

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "cultures": self._cultures}


def _folded(word: str) -> str:
    return unicodedata.normalize("NFC", word.strip()).casefold()


def _read(file: Path) -> LanguagePack:
    fields = yaml.safe_load(file.read_text(encoding="utf-8"))
    try:
        return LanguagePack.model_validate(fields)
    except ValidationError as error:
        where, said = first_fault(error)
        raise ConfigurationError(f"'{where}' is wrong, {said}") from error
