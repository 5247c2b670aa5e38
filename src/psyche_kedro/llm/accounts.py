"""What a run's model calls cost, by role and task, and the budget that stops it.

A reply from the store costs nothing. Money is tokens times the user's own dated price
list (``conf/base/prices.yml``); a model without a price costs nothing and is listed as
unpriced, never guessed.
"""

import functools
import math
import os
import re
import shlex
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.chat_model import Failure, Outcome, Reply, Usage
from psyche_kedro.llm.ledger_file import LedgerFile, Sum
from psyche_kedro.llm.prices import Budget, Price
from psyche_kedro.llm.sampled_calls import RUN_CALLS
from psyche_kedro.llm.store.reply_store import OWN_REASONS
from psyche_kedro.workers.progress import in_words_of

_HOPELESS: Final = 32
_UNPRICED: Final = "unpriced"
_FAILED: Final = "failed."


@dataclass(slots=True)
class Tally:
    """Sums over calls.

    Attributes:
        calls: Requests that the store could not answer and that were sent; a hedge is
            one more.
        hedges: Second copies of slow requests.
        attempts: How often they were sent, retries included, hedges not.
        replies: Those that got a reply.
        failures: Those that got none.
        unserved: Those of the failures that are an endpoint's fault and no finding.
        refused_pictures: Those of the failures that a text model refuses for a picture:
            they say nothing of other requests.
        stored: Requests that the store answered.
        remembered: Those of them that failed in an earlier run and were not asked.
        input_tokens: Of the replies, of completions that are of no use (cut off, empty,
            another model's) and of copies that a hedge outran.
        output_tokens: Likewise.
        estimated_tokens: Those of the tokens that the endpoint did not count.
        stored_input_tokens: Of the replies from the store: needed, not paid again.
        stored_output_tokens: Likewise.
        money: In the price list's currency.
        reasons: The failures by reason.
    """

    calls: int = 0
    hedges: int = 0
    attempts: int = 0
    replies: int = 0
    failures: int = 0
    unserved: int = 0
    refused_pictures: int = 0
    stored: int = 0
    remembered: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    estimated_tokens: int = 0
    stored_input_tokens: int = 0
    stored_output_tokens: int = 0
    money: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def answered(self) -> int:
        """Requests that got a reply, now or in an earlier run."""
        return self.replies + self.stored - self.remembered

    @property
    def telling(self) -> int:
        """Failures that may say something of other requests."""
        return self.failures - self.refused_pictures

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def in_words(self) -> str:
        """Return what was answered, how and for how much, as one line."""
        parts = [
            f"{self.replies} replies",
            f"{self.stored} from the store",
            in_words_of(self.reasons) if self.reasons else f"{self.failures} failed",
            f"{self.attempts - self.replies - self.failures} retries",
            f"{self.input_tokens:,} + {self.output_tokens:,} tokens",
        ]
        if self.hedges:
            parts.append(f"{self.hedges} hedged")
        if self.money:
            parts.append(f"cost {self.money:.2f}")
        return ", ".join(parts)

    def add(self, other: "Tally") -> None:
        """Add ``other`` to the sums."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def numbers(self) -> Iterator[tuple[str, float]]:
        """Yield each sum that is not zero by name; ``failed.<reason>`` of reasons."""
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, Counter):
                yield from ((f"{_FAILED}{reason}", n) for reason, n in value.items())
            elif value:
                yield name, value

    def since(self, earlier: "Tally") -> "Tally":
        """Return what was added after ``earlier``."""
        return Tally(*(getattr(self, n) - getattr(earlier, n) for n in self.__slots__))


class Ledger:
    """Tallies by role and task; one for the whole process, so for the run.

    Where the run has several processes, they share a file that an environment variable
    names, which those that are started inherit.

    Args:
        variable: The variable; without one the sums are this process's alone.

    Attributes:
        unpriced: Roles that paid for replies of a model without a price.
    """

    def __init__(self, variable: str = "") -> None:
        self.unpriced: set[str] = set()
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._lock = threading.Lock()
        self._variable = variable
        self._handed_over: dict[tuple[str, str], Tally] = {}

    def share(self, path: Path) -> None:
        """Count together with the processes that are started from now on."""
        os.environ[self._variable] = str(path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes of the run from counting; what each counted is known."""
        file = self._file()
        if file is None:
            yield
            return
        with file.alone():
            self._hand_over(file)
            yield
            self._hand_over(file)

    def gather(self) -> None:
        """Take over what all processes counted, and share no more."""
        with self.alone():
            file = self._file()
            sums = file.sums() if file else []
        if file is None:
            return
        os.environ.pop(self._variable)
        file.close()
        with self._lock:
            self._tallies.clear()
            for each in sums:
                self._take(each)

    def total_of_all(self, role: str | None) -> Tally:
        """Return the sums of one role, or of the run, in all its processes."""
        sums = self.total(role)
        if file := self._file():
            with self._lock:
                for (owner, _), tally in self._handed_over.items():
                    if role in (None, owner):
                        sums = sums.since(tally)
            for each in file.sums():
                if role in (None, each.role) and each.column in Tally.__slots__:
                    sums.add(Tally(**{each.column: each.value}))  # type: ignore[arg-type]
        return sums

    def _file(self) -> LedgerFile | None:
        path = os.environ.get(self._variable) if self._variable else None
        return _ledger_file(path, os.getpid()) if path else None

    def _hand_over(self, file: LedgerFile) -> None:
        """Add to the file what was counted since the last time."""
        with self._lock:
            news = {
                key: tally.since(self._handed_over.get(key, Tally()))
                for key, tally in self._tallies.items()
                if tally != self._handed_over.get(key)
            }
            self._handed_over |= {key: replace(self._tallies[key]) for key in news}
        file.add(
            Sum(*key, name, value)
            for key, tally in news.items()
            for name, value in tally.numbers()
        )
        file.add(Sum(role, "", _UNPRICED, 1) for role in self.unpriced)

    def _take(self, each: Sum) -> None:
        if each.column == _UNPRICED:
            self.unpriced.add(each.role)
            return
        one = _one_sum(each.column, each.value)
        self._tallies.setdefault((each.role, each.task), Tally()).add(one)

    def add(self, role: str, task: str, tally: Tally) -> None:
        """Add ``tally`` to those of ``role`` and ``task``."""
        with self._lock:
            self._tallies.setdefault((role, task), Tally()).add(tally)

    def count_call(self, role: str, task: str) -> None:
        """Add one call."""
        with self._lock:
            self._tallies.setdefault((role, task), Tally()).calls += 1

    def of(self, role: str, task: str) -> Tally:
        """Return the sums of ``role`` and ``task``, as they are now."""
        with self._lock:
            return replace(self._tallies.get((role, task), Tally()))

    def tallies(self) -> dict[tuple[str, str], Tally]:
        """Return the sums by role and task, as they are now."""
        with self._lock:
            return {key: replace(tally) for key, tally in self._tallies.items()}

    def total(self, role: str | None = None) -> Tally:
        """Return the sums of one role, or of the run."""
        sums = Tally()
        with self._lock:
            for (owner, _), tally in self._tallies.items():
                if role in (None, owner):
                    sums.add(tally)
        return sums

    def metrics(self) -> dict[str, float]:
        """Return what MLflow logs: ``llm.<role>.<task>.<sum>`` and ``llm.total.<sum>``.

        Sums that are zero are left out.
        """
        with self._lock:
            named = [(f"llm.{r}.{t}", tally) for (r, t), tally in self._tallies.items()]
        named.append(("llm.total", self.total()))
        return {
            # MLflow refuses other characters in a metric's name.
            re.sub(r"[^\w./ -]", "_", f"{name}.{column}"): float(value)
            for name, tally in named
            for column, value in tally.numbers()
        }

    def summary(self) -> str:
        """Return one line for each role and task, and one for the run.

        Where some models have a price, those without one are named: the sum lacks them.
        """
        with self._lock:
            rows = [(f"{r} · {t}", tally) for (r, t), tally in self._tallies.items()]
        rows.append(("total", total := self.total()))
        lines = [f"{name}: {tally.in_words()}" for name, tally in rows]
        if total.money and self.unpriced:
            lines.append(f"without a price: {', '.join(sorted(self.unpriced))}")
        return "\n".join(lines)

    def clear(self) -> None:
        """Forget everything, at the beginning of a run."""
        with self._lock:
            self._tallies.clear()
            self._handed_over.clear()
            self.unpriced.clear()


def _one_sum(column: str, value: float) -> Tally:
    if column.startswith(_FAILED):
        return Tally(reasons=Counter({column.removeprefix(_FAILED): int(value)}))
    kind = type(getattr(Tally(), column))
    return Tally(**{column: kind(value)})


@functools.cache
def _ledger_file(path: str, process: int) -> LedgerFile:
    """Return the file as ``process`` has it open: a connection does not bear a fork."""
    return LedgerFile(Path(path))


RUN_LEDGER: Final = Ledger("PSYCHE_KEDRO_LEDGER")
"""What this run spent; hooks read it at its end."""


class Account:
    """Counts one role's calls and says when its budget, or the run's, is spent.

    Args:
        role: As in the catalog, e.g. ``teacher``.
        price: ``None`` where none is known.
        budget: Of this role.
        run_budget: Of all roles together.
        batch: Whether the calls go through the Batch API, at its discount.
        hopeless_after: Failures of a task, none of its requests answered, that stop
            the run; none do where a model is free and its failures are a finding.
        ledger: Where the sums go.

    Attributes:
        bounded: Whether there is a budget.
    """

    def __init__(  # noqa: PLR0913 - what a catalog entry may set
        self,
        role: str,
        *,
        price: Price | None = None,
        budget: Budget | None = None,
        run_budget: Budget | None = None,
        batch: bool = False,
        hopeless_after: float = _HOPELESS,
        ledger: Ledger = RUN_LEDGER,
    ) -> None:
        self.role = role
        self._price = price
        self._share_paid = 1 - price.batch_discount if price and batch else 1.0
        self._budgets = [
            (f"role '{role}'", role, budget or Budget()),
            ("the run", None, run_budget or Budget()),
        ]
        self.bounded = budget is not None or run_budget is not None
        self._hopeless_after = hopeless_after
        self._ledger = ledger

    @property
    def priced(self) -> bool:
        """Whether a price is known."""
        return self._price is not None

    def ask(self, task: str) -> str:
        """Count one request about to be sent; return which budget is spent instead."""
        if not self.bounded:
            self._ledger.count_call(self.role, task)
            return ""
        with self._ledger.alone():
            if spent := self.spent():
                return spent
            self._ledger.count_call(self.role, task)
        return ""

    def hedge(self, task: str) -> bool:
        """Return whether a second copy of a request may be sent; it is counted then.

        False once a budget is spent: the first copy is still waited for.
        """
        with self._ledger.alone():
            if self.spent():
                return False
            self._ledger.add(self.role, task, Tally(calls=1, hedges=1))
        return True

    def outran(self, task: str, usage: Usage) -> None:
        """Count the tokens of a cancelled copy.

        It may be billed and nobody says how much: it is taken for what the copy that
        came first used, and marked as estimated.
        """
        self.wasted(task, replace(usage, estimated=True))

    def wasted(self, task: str, usage: Usage | None) -> None:
        """Count the tokens of a completion that is of no use: it is billed as well."""
        if usage is not None:
            self._ledger.add(self.role, task, self._taken(usage))

    def reserve(self, task: str, usage: Usage) -> None:
        """Count what a submitted call may take, until ``release``."""
        self._ledger.add(self.role, task, self._taken(usage))

    def release(self, task: str, usage: Usage) -> None:
        """Take back what was reserved: what the call took is known."""
        self._ledger.add(self.role, task, Tally().since(self._taken(usage)))

    def _taken(self, usage: Usage) -> Tally:
        given, made = usage.input_tokens, usage.output_tokens
        return Tally(
            input_tokens=given,
            output_tokens=made,
            estimated_tokens=usage.estimated * (given + made),
            money=self._cost(given, made),
        )

    def recalled(
        self, task: str, count: int, usage: Usage, *, remembered: int = 0
    ) -> None:
        """Count requests that the store answered, and the tokens of their replies."""
        tally = Tally(
            stored=count,
            remembered=remembered,
            stored_input_tokens=usage.input_tokens,
            stored_output_tokens=usage.output_tokens,
        )
        self._ledger.add(self.role, task, tally)

    def settled(
        self,
        task: str,
        outcomes: Iterable[tuple[Outcome, int]],
        *,
        refused_pictures: int = 0,
    ) -> Tally:
        """Count requests that were answered, or not.

        Args:
            task: The node that asked.
            outcomes: Each with how often its request was sent.
            refused_pictures: How many of them were refused for a picture.

        Returns:
            What was counted.
        """
        tally = Tally(refused_pictures=refused_pictures)
        for outcome, attempts in outcomes:
            tally.attempts += attempts
            RUN_CALLS.note(self.role, task, outcome, attempts)
            if not isinstance(outcome, Reply):
                tally.failures += 1
                tally.reasons[outcome.reason] += 1
                tally.unserved += self._is_unserved(outcome)
                continue
            usage = outcome.usage
            tally.replies += 1
            tally.input_tokens += usage.input_tokens
            tally.output_tokens += usage.output_tokens
            if usage.estimated:
                tally.estimated_tokens += usage.input_tokens + usage.output_tokens
        tally.money = self._cost(tally.input_tokens, tally.output_tokens)
        if tally.tokens and not self.priced:
            self._ledger.unpriced.add(self.role)
        self._ledger.add(self.role, task, tally)
        return tally

    def _is_unserved(self, failure: Failure) -> bool:
        return self._hopeless_after < math.inf and failure.reason not in OWN_REASONS

    def hopeless(self, task: str) -> bool:
        """Return whether dozens of a task's requests failed now, and none ever did not.

        Refused pictures are none of them. A reply that an earlier run paid for is an
        answer, too.
        """
        tally = self._ledger.of(self.role, task)
        return tally.telling >= self._hopeless_after and not tally.answered

    def in_vain(self, task: str) -> bool:
        """Return the same at the end, the failures that are remembered included."""
        tally = self._ledger.of(self.role, task)
        failed = tally.telling + tally.remembered
        return failed >= self._hopeless_after and not tally.answered

    def spent(self) -> str:
        """Return which budget is spent, or nothing while none is."""
        if not self.bounded:
            return ""
        for whose, role, budget in self._budgets:
            tally = self._ledger.total_of_all(role)
            for unit in ("calls", "tokens", "money"):
                limit = getattr(budget, unit)
                if limit is not None and getattr(tally, unit) >= limit:
                    return f"The budget of {whose}, {limit:g} {unit}"
        return ""

    def _cost(self, given: int, made: int) -> float:
        if self._price is None:
            return 0.0
        return self._share_paid * self._price.of(given, made)


def stop_for_budget(which: str) -> ChatModelError:
    """Return the error that ends a run whose budget is spent."""
    return ChatModelError(
        f"{which}, is spent; everything answered is stored and nothing is lost: run"
        f" {this_command()} again to go on with as much once more, or raise `budget`"
        " in the catalog."
    )


def stop_as_hopeless(task: str, model: str, last: Failure) -> ChatModelError:
    """Return the error that ends a run in which a task gets no answer at all."""
    forget = (
        f" `kedro replies retry --reason {last.reason}` has those asked again that it"
        " remembers;"
        if last.reason in OWN_REASONS
        else ""
    )
    return ChatModelError(
        f"No request of '{task}' to model '{model}' was answered, and dozens failed,"
        f" the last as {last.reason} ({last.detail}): mend that, then run"
        f" the same command again;{forget} the tables of earlier runs stay as they are."
    )


def this_command() -> str:
    """Return what the user typed, as far as Python can tell."""
    program = Path(sys.argv[0])
    if program.stem.endswith("kernel_launcher"):  # Jupyter, Colab
        return "this cell"
    if program.name == "__main__.py":
        typed = ["python", "-m", program.parent.name]
    else:
        typed = ["python", str(program)] if program.suffix == ".py" else [program.name]
    return f"`{shlex.join([*typed, *sys.argv[1:]])}`"
