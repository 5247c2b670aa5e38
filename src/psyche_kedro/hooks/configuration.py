"""Reads ``conf``, and says in one sentence what there cannot be read.

No sentence quotes a file's text: the broken file may be the one that holds the keys.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf
from omegaconf.errors import GrammarParseError, OmegaConfBaseException
from pydantic import ValidationError

from psyche_kedro.errors import ConfigurationError, PsycheError
from psyche_kedro.files.conf_source import as_folder
from psyche_kedro.files.roots import read_roots
from psyche_kedro.parameters import first_fault
from psyche_kedro.prompts import Words

# A file that is a list ends in an AttributeError, one that is a number in an OSError.
_FAULTS = (AttributeError, OSError, OmegaConfBaseException, ValueError, yaml.YAMLError)
_CARDS = "benchmarks/*.yml"
_BESIDE = {"parameters": ("prices.yml", "prompts/*/*.yml", _CARDS)}
"""Files that a kind takes in beside those that Kedro knows of."""
_LAUNCHERS = "launchers"
"""A folder of files for accelerate, beside those of the environments."""
_TABLE = "psyche_kedro.datasets.TableDataset"
_MEND = (
    "indent with spaces, alike on one level, and quote a value that holds a `: ` or"
    " begins with a mark"
)


class ConfigLoader(OmegaConfigLoader):
    """Kedro's loader, where an environment must be there and a broken file is named.

    Kedro counts lines from zero, and for half of the faults names no file. Two
    resolvers know what the loader was given: ``${root:data}`` is a root of this run,
    ``${conf:base/prices.yml}`` a file of the configuration that was named, packed or
    not. Parameters that are ``same_as: training.grpo`` are those of this run, with what
    else stands there over them.
    """

    def __init__(
        self, conf_source: str, env: str | None = None, **options: Any
    ) -> None:
        """Read the globals.

        Raises:
            ConfigurationError: If they cannot be read, or there is no ``env``.
        """
        conf = Path(as_folder(str(conf_source), options["base_env"]))
        self._own_resolvers = {
            "root": lambda name: self.roots[name],
            "conf": lambda path: (conf / path).as_posix(),
        }
        super().__init__(str(conf), env, **options)
        wanted = env or self.default_run_env
        if not (conf / wanted).is_dir():
            folders = {path.name for path in conf.glob("*/")} - {_LAUNCHERS}
            there = ", ".join(sorted(folders))
            raise ConfigurationError(
                f"There is no environment '{wanted}': {conf} has {there}."
            )

    @cached_property
    def roots(self) -> dict[str, str | None]:
        """Where this run reads and writes.

        Raises:
            ConfigurationError: If one of them can be no such place.
        """
        # Not self["globals"], which takes the resolver of run-time parameters away.
        return read_roots({**self._globals, **(self.runtime_params or {})})

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return what all files of a kind say, e.g. of ``catalog``.

        Raises:
            ConfigurationError: If a file cannot be read, or a value not resolved.
        """
        # Resolvers are of the process: another loader may have put its own.
        for name, resolver in self._own_resolvers.items():
            OmegaConf.register_new_resolver(name, resolver, replace=True)
        try:
            found: dict[str, Any] = super().__getitem__(key)
            if key == "catalog":
                return {name: _with_model(entry) for name, entry in found.items()}
            if key != "parameters":
                return found
            found = _with_words(over(self._beside(), found))
            whole = over(found, self.runtime_params or {})
            return {name: _derived(node, whole) for name, node in found.items()}
        except _FAULTS as error:
            if own := _own_error(error):
                raise own from None
            said = next(self._broken(key), None) or _unresolved(key, error)
            # A traceback would show the cause, which may quote a key.
            cause = None if key == "credentials" else error
            raise ConfigurationError(said) from cause

    def _beside(self) -> dict[str, Any]:
        """Return a language's prompts and the benchmarks by file name, and the prices.

        A file of the run's environment replaces that of ``base``.
        """
        language = self["globals"].get("prompts")
        return {
            "prompts": self._prompts(language) if language else {},
            "benchmarks": self._files(_CARDS),
            "prices": self._files("prices.yml").get("prices", {}),
        }

    def _prompts(self, language: str) -> dict[str, Any]:
        for path in self._paths("prompts/*.yml"):
            raise ConfigurationError(
                f"{path} is in no language's folder, and is not read: move it to"
                f" {path.parent / language}."
            )
        prompts = self._files(f"prompts/{language}/*.yml")
        if not prompts:
            there = sorted({path.name for path in self._paths("prompts/*/")})
            raise ConfigurationError(
                f"There is no folder prompts/{language}, which `prompts` of globals.yml"
                f" names: below {self.conf_source} there is {', '.join(there)}."
            )
        if "words" not in prompts:
            raise ConfigurationError(
                f"The prompts '{language}' have no words.yml: write"
                f" {self.conf_source}/{self.base_env}/prompts/{language}/words.yml."
            )
        return prompts

    def _files(self, pattern: str) -> dict[str, Any]:
        return {
            path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
            for path in self._paths(pattern)
        }

    def _paths(self, pattern: str) -> Iterator[Path]:
        for env in (self.base_env, self.env or self.default_run_env):
            yield from sorted(Path(self.conf_source, env).glob(pattern))

    def _broken(self, key: str) -> Iterator[str]:
        """Yield what is wrong with each file of a kind that cannot be read."""
        for pattern in [*self.config_patterns[key], *_BESIDE.get(key, ())]:
            # A last `**` is folders alone, before Python 3.13.
            for path in self._paths(re.sub(r"\*\*$", "**/*", pattern)):
                if path.suffix in {".yml", ".yaml", ".json"} and (
                    fault := _fault(path)
                ):
                    yield f"{path} cannot be read{fault}."


def _with_model(entry: Any) -> Any:
    """Return a table's entry with its validator as its model too.

    Kedro takes the ``validator`` away before it makes the dataset.
    """
    if not isinstance(entry, dict) or entry.get("type") != _TABLE:
        return entry
    validator = entry.get("validator")
    path = validator["class"] if isinstance(validator, dict) else validator
    return {"model": path, **entry}


def _own_error(error: BaseException | None) -> PsycheError | None:
    """Return what a resolver of ours said, which OmegaConf wraps."""
    while error:
        if isinstance(error, PsycheError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _with_words(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with its language's words in each prompt."""
    prompts = parameters["prompts"]
    if not isinstance(prompts, dict):
        raise ConfigurationError(
            f"The parameter 'prompts' is '{prompts}': `prompts` of an environment's"
            " globals.yml names the language."
        )
    if "words" not in prompts:
        return parameters
    _check_words(prompts["words"])
    # Examples are a list, and bring none.
    with_words = {
        name: {**prompt, "words": prompts["words"]}
        for name, prompt in prompts.items()
        if isinstance(prompt, dict) and name != "words"
    }
    return {**parameters, "prompts": {**prompts, **with_words}}


def _check_words(words: Any) -> None:
    """Say what is missing once: every prompt brings the words along."""
    try:
        Words.model_validate(words)
    except ValidationError as error:
        key, said = first_fault(error)
        raise ConfigurationError(
            f"words.yml of the prompts is wrong at '{key}': {said}."
        ) from error


def _derived(node: Any, parameters: dict[str, Any]) -> Any:
    """Return ``node``, what is ``same_as`` other parameters laid over those."""
    if not isinstance(node, dict):
        return node
    own = {name: _derived(value, parameters) for name, value in node.items()}
    path = own.pop("same_as", None)
    return own if path is None else over(_at(path, parameters), own)


def _at(path: str, parameters: dict[str, Any]) -> dict[str, Any]:
    found: Any = parameters
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise ConfigurationError(
            f"A parameter is to be the `same_as: {path}`, and there are no parameters"
            " of that name: name the group that it differs from."
        )
    return found


def over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return ``below`` with what ``above`` says put over it, key by key.

    An empty mapping replaces what is below it.
    """
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and above[key] and isinstance(above[key], dict):
            merged[key] = over(below[key], above[key])
    return merged


def _fault(path: Path) -> str:
    """Return where a file is broken and the mend; nothing where it is sound."""
    try:
        loaded = OmegaConf.load(path)
        if path.parts[-3] != "prompts":  # examples stand there as a list
            loaded.keys()
    except yaml.MarkedYAMLError as error:
        return f" at {_place(error)}: {_remedy(error)}"
    except UnicodeDecodeError:
        return ": save it as UTF-8"
    except GrammarParseError as error:
        return f" at the key '{error.full_key}': write a `$` before a brace as `\\$`"
    except _FAULTS as error:
        return f" ({type(error).__name__}): it holds more than lines of `name: value`"
    return ""


def _place(error: yaml.MarkedYAMLError) -> str:
    mark, start = error.problem_mark, error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "its end"
    if start and mark and start.line != mark.line:
        return f"{place}, in what begins at line {start.line + 1}"
    return place


def _remedy(error: yaml.MarkedYAMLError) -> str:
    if "duplicate key" in str(error.problem):
        return "this key stands there twice, remove one"
    return _MEND


def _unresolved(key: str, error: Exception) -> str:
    """Return what is wrong where each file can be read, but not what they say."""
    name = getattr(error, "full_key", None)
    if not name:
        return f"The {key} cannot be read: {error}."
    if key == "credentials":
        return (
            f"'{name}' of the credentials reads something that is not there, as"
            " `${oc.env:…}` does where the variable is not set: set it."
        )
    first = str(error).splitlines()[0].rstrip(".")
    return f"'{name}' of the {key} cannot be resolved: {first}."
