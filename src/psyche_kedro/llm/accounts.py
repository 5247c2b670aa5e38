"""What a run's model calls cost, by role and task, and the budget that stops it.

A reply from the store costs nothing. Money is tokens times the user's own dated price
list (``conf/base/prices.yml``); a model without a price costs nothing and is listed as
unpriced, never guessed.
"""

import logging
import re
import shlex
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from psyche_kedro.llm.chat_model import ChatModelError, Outcome, Reply, Usage

_LOG = logging.getLogger(__name__)
_REPORT_SECONDS: Final = 30.0
_PRICED_TOKENS: Final = 1_000_000


class Price(BaseModel):
    """Price of a model, for a million tokens.

    Attributes:
        input: Of the prompt.
        output: Of the completion, reasoning included.
        batch_discount: Share taken off in batch mode.
        currency: E.g. ``CNY``.
        as_of: When the provider asked this price.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    batch_discount: float = Field(default=0.5, ge=0, le=1)
    currency: str
    as_of: str


class Budget(BaseModel):
    """What one run may spend; reached, nothing more is sent.

    Attributes:
        calls: Requests sent.
        tokens: Input and output together.
        money: In the currency of the price list.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: int | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    money: float | None = Field(default=None, gt=0)


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
        stored: Requests that the store answered.
        input_tokens: Of the replies, of completions that are of no use (cut off, empty,
            another model's) and of copies that a hedge outran.
        output_tokens: Likewise.
        estimated_tokens: Those of the tokens that the endpoint did not count.
        stored_input_tokens: Of the replies from the store: needed, not paid again.
        stored_output_tokens: Likewise.
        money: In the price list's currency.
    """

    calls: int = 0
    hedges: int = 0
    attempts: int = 0
    replies: int = 0
    failures: int = 0
    stored: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    estimated_tokens: int = 0
    stored_input_tokens: int = 0
    stored_output_tokens: int = 0
    money: float = 0.0

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def add(self, other: "Tally") -> None:
        """Add ``other`` to the sums."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def since(self, earlier: "Tally") -> "Tally":
        """Return what was added after ``earlier``."""
        return Tally(*(getattr(self, n) - getattr(earlier, n) for n in self.__slots__))


class Ledger:
    """Tallies by role and task; one for the whole process, so for the run.

    Attributes:
        unpriced: Roles that paid for replies of a model without a price.
    """

    def __init__(self) -> None:
        self.unpriced: set[str] = set()
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._lock = threading.Lock()

    def add(self, role: str, task: str, tally: Tally) -> None:
        """Add ``tally`` to those of ``role`` and ``task``."""
        with self._lock:
            self._tallies.setdefault((role, task), Tally()).add(tally)

    def count_call(self, role: str, task: str) -> None:
        """Add one call."""
        with self._lock:
            self._tallies.setdefault((role, task), Tally()).calls += 1

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
            re.sub(r"[^\w./ -]", "_", f"{name}.{column.name}"): float(value)
            for name, tally in named
            for column in fields(tally)
            if (value := getattr(tally, column.name))
        }

    def summary(self) -> str:
        """Return one line for each role and task, and one for the run.

        Where some models have a price, those without one are named: the sum lacks them.
        """
        with self._lock:
            rows = [(f"{r} · {t}", tally) for (r, t), tally in self._tallies.items()]
        rows.append(("total", total := self.total()))
        lines = [f"{name}: {_sentence(tally)}" for name, tally in rows]
        if total.money and self.unpriced:
            lines.append(f"without a price: {', '.join(sorted(self.unpriced))}")
        return "\n".join(lines)

    def clear(self) -> None:
        """Forget everything, at the beginning of a run."""
        with self._lock:
            self._tallies.clear()
            self.unpriced.clear()


RUN_LEDGER: Final = Ledger()
"""What this process spent; hooks read it at the end of a run."""


class Account:
    """Counts one role's calls and says when its budget, or the run's, is spent.

    Args:
        role: As in the catalog, e.g. ``teacher``.
        price: ``None`` where none is known.
        budget: Of this role.
        run_budget: Of all roles together.
        batch: Whether the calls go through the Batch API, at its discount.
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
        self._ledger = ledger

    @property
    def priced(self) -> bool:
        """Whether a price is known."""
        return self._price is not None

    def asked(self, task: str) -> None:
        """Count one request about to be sent."""
        self._ledger.count_call(self.role, task)

    def hedge(self, task: str) -> bool:
        """Return whether a second copy of a request may be sent; it is counted then.

        False once a budget is spent: the first copy is still waited for.
        """
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

    def recalled(self, task: str, count: int, usage: Usage) -> None:
        """Count requests that the store answered, and the tokens of their replies."""
        tally = Tally(
            stored=count,
            stored_input_tokens=usage.input_tokens,
            stored_output_tokens=usage.output_tokens,
        )
        self._ledger.add(self.role, task, tally)

    def settled(self, task: str, outcomes: Iterable[tuple[Outcome, int]]) -> Tally:
        """Count requests that were answered, or not.

        Args:
            task: The node that asked.
            outcomes: Each with how often its request was sent.

        Returns:
            What was counted.
        """
        tally = Tally()
        for outcome, attempts in outcomes:
            tally.attempts += attempts
            if not isinstance(outcome, Reply):
                tally.failures += 1
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

    def spent(self) -> str:
        """Return which budget is spent, or nothing while none is."""
        if not self.bounded:
            return ""
        for whose, role, budget in self._budgets:
            tally = self._ledger.total(role)
            for unit in ("calls", "tokens", "money"):
                limit = getattr(budget, unit)
                if limit is not None and getattr(tally, unit) >= limit:
                    return f"The budget of {whose}, {limit:g} {unit}"
        return ""

    def _cost(self, given: int, made: int) -> float:
        if self._price is None:
            return 0.0
        full = given * self._price.input + made * self._price.output
        return self._share_paid * full / _PRICED_TOKENS


def stop_for_budget(which: str) -> ChatModelError:
    """Return the error that ends a run whose budget is spent."""
    return ChatModelError(
        f"{which}, is spent; everything answered is stored and nothing is lost: run"
        f" {_this_command()} again to go on with as much once more, or raise `budget`"
        " in the catalog."
    )


def _this_command() -> str:
    """Return what the user typed, as far as Python can tell."""
    program = Path(sys.argv[0])
    if program.stem.endswith("kernel_launcher"):  # Jupyter, Colab
        return "this cell"
    if program.name == "__main__.py":
        typed = ["python", "-m", program.parent.name]
    else:
        typed = ["python", str(program)] if program.suffix == ".py" else [program.name]
    return f"`{shlex.join([*typed, *sys.argv[1:]])}`"


def read_prices(path: str | Path) -> dict[str, Price]:
    """Return the prices by model id from a YAML file.

    Raises:
        ChatModelError: If the file is no price list.
    """
    import yaml  # noqa: PLC0415 - only where prices are given

    try:
        listed = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
        prices = {model: Price(**price) for model, price in listed.items()}
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ChatModelError(
            f"The price list {path} must map model ids to input, output, currency and"
            f" as_of, and could not be read so ({type(error).__name__}): mend it or"
            " remove `prices` from the catalog entry."
        ) from error
    if len(currencies := {price.currency for price in prices.values()}) > 1:
        raise ChatModelError(
            f"The price list {path} mixes {sorted(currencies)}: give every price in one"
            " currency, for they are added up."
        )
    return prices


class Progress:
    """Logs how far a batch is, at most every 30 seconds, and once at its end.

    Args:
        name: Of the model.
        total: How many requests there are; ``None`` where they are lazy.
    """

    def __init__(self, name: str, total: int | None) -> None:
        self._name = name
        self._total = total
        self._began_at = self._logged_at = time.monotonic()
        self._tally = Tally()

    def move(self, tally: Tally) -> None:
        """Add to the counts and log when it is time."""
        self._tally.add(tally)
        now = time.monotonic()
        if now - self._logged_at > _REPORT_SECONDS:
            self._logged_at = now
            self._log(now)

    def end(self) -> None:
        """Log the whole, where it took long enough to have been watched."""
        if self._logged_at > self._began_at:
            self._log(time.monotonic())

    def _log(self, now: float) -> None:
        fresh = self._tally.replies + self._tally.failures
        rate = fresh / max(now - self._began_at, 1e-9)
        done = fresh + self._tally.stored
        left = f" of {self._total}" if self._total is not None else ""
        wait = ""
        if self._total is not None and rate:
            wait = f", about {(self._total - done) / rate / 60:.0f} min left"
        _LOG.info(
            "%s: %d%s done (%s), %.1f replies/s%s",
            self._name,
            done,
            left,
            _sentence(self._tally),
            rate,
            wait,
        )


def _sentence(tally: Tally) -> str:
    parts = [
        f"{tally.replies} replies",
        f"{tally.stored} from the store",
        f"{tally.failures} failed",
        f"{tally.attempts - tally.replies - tally.failures} retries",
        f"{tally.input_tokens:,} + {tally.output_tokens:,} tokens",
    ]
    if tally.hedges:
        parts.append(f"{tally.hedges} hedged")
    if tally.money:
        parts.append(f"cost {tally.money:.2f}")
    return ", ".join(parts)
