"""No pattern of the package takes for ever to miss what nearly fits it.

Where a repeated piece can be taken in two ways, forty of them are 2^40 ways to miss
what follows: a reply, a page or a post of fifty characters would stop a run. Each
pattern is attacked with what its own repeats are made of.
"""

import importlib
import inspect
import pkgutil
import random
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from re import _compiler as compiler
from re import _constants as op
from re import _parser as parser

import pytest

import psyche_kedro

REPEATS = {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}
AROUND = {op.ASSERT, op.ASSERT_NOT}
CHARACTER = {op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN}
OPEN, TIMES = 8, 40
"""How often a repeat may go to be attacked, and how often it then goes."""
ENDS = ("\0", "", "\n字")
CHARACTERS = "aB7字 ,。1\n\t-:/()（）、.;x是的\u2603"
CPU_SECONDS = 0.5


def patterns() -> dict[re.Pattern[str], str]:
    """Return the patterns in the package's modules, and where each stands."""
    found = {}
    for module in pkgutil.walk_packages(psyche_kedro.__path__, "psyche_kedro."):
        try:
            names = vars(importlib.import_module(module.name))
        except ImportError:  # of an extra that is not installed
            continue
        for name, value in names.items():
            held = made_by(value) if is_maker(value, module.name) else value
            found |= dict.fromkeys(compiled(held), f"{module.name}.{name}")
    return found


def is_maker(value: object, module: str) -> bool:
    """Return whether this makes something once, of no argument, when it is needed."""
    is_cached = hasattr(value, "cache_info") and value.__module__ == module
    return is_cached and not inspect.signature(value).parameters


def made_by(maker: Callable[[], object]) -> object:
    try:
        return maker()
    except ImportError:  # of an extra that is not installed
        return None


def compiled(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield from [value] if isinstance(value.pattern, str) else []
    elif isinstance(value, (Mapping, tuple, list)):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from compiled(inner)


class Attack:
    """Texts that a pattern takes in part, after its parsed form."""

    def __init__(self, pattern: re.Pattern[str], seed: int) -> None:
        self._parsed = parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
        self._draw = random.Random(seed)

    def texts(self) -> Iterator[str]:
        for before, repeated in self._repeats(self._parsed, ""):
            piece = self._fit(repeated)
            for unit in {piece, piece + self._fit(repeated), piece[:1], piece[-1:]}:
                yield from (before + unit * TIMES + end for end in ENDS)

    def _repeats(self, parsed, before):
        """Yield each open repeat and a text that leads to it."""
        for kind, of in parsed:
            if kind in REPEATS and of[1] >= OPEN:
                yield before, of[2]
            for inner in self._inner(kind, of):
                yield from self._repeats(inner, before)
            before += self._fit_one(kind, of)

    def _inner(self, kind, of) -> list:
        if kind in REPEATS:
            return [of[2]]
        if kind is op.BRANCH:
            return of[1]
        if kind is op.SUBPATTERN:
            return [of[3]]
        if kind in AROUND:
            return [of[1]]
        return [of] if kind is op.ATOMIC_GROUP else []

    def _fit(self, parsed) -> str:
        return "".join(self._fit_one(kind, of) for kind, of in parsed)

    def _fit_one(self, kind, of) -> str:
        if kind in CHARACTER:
            return self._character(kind, of)
        if kind in AROUND or not self._inner(kind, of):
            return ""
        inner = self._draw.choice(self._inner(kind, of))
        least, most = of[:2] if kind in REPEATS else (1, 1)
        times = self._draw.randint(least, min(int(most), least + 2))
        return "".join(self._fit(inner) for _ in range(times))

    def _character(self, kind, of) -> str:
        alone = compiler.compile(parser.SubPattern(self._parsed.state, [(kind, of)]))
        named = of if kind is op.IN else [(kind, of)]
        ends = [end for _, value in named for end in _numbers(value)]
        fit = [c for c in [*map(chr, ends), *CHARACTERS] if alone.fullmatch(c)]
        return self._draw.choice(fit) if fit else ""


def _numbers(value: object) -> list[int]:
    """Return the code points that a character, or a range of them, names."""
    values = value if isinstance(value, tuple) else (value,)
    return [v for v in values if type(v) is int]


def is_missed_at_once(pattern: re.Pattern[str], text: str) -> bool:
    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        pattern.search(text)
    except TimeoutError:
        return False
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return True


def test_the_attack_finds_what_can_be_taken_in_two_ways():
    safe, open_ = re.compile("企鹅(?:群|号)*\\d"), re.compile("企鹅(?:群|号{0,8})*\\d")
    assert all(is_missed_at_once(safe, text) for text in Attack(safe, 0).texts())
    assert not all(is_missed_at_once(open_, text) for text in Attack(open_, 0).texts())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of what the modules import
def test_what_is_made_when_needed_is_attacked_too():
    places = " ".join(patterns().values())
    assert all(name in places for name in ("refusals._rules", "names.name_rules"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(3))
def test_no_pattern_takes_for_ever(seed):
    held = {
        f"{place}: {text[:80]!r}"
        for pattern, place in patterns().items()
        for text in Attack(pattern, seed).texts()
        if not is_missed_at_once(pattern, text)
    }
    assert held == set()
