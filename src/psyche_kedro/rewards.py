r"""The composite reward of GRPO: R(y, y*) = R_fmt + R_acc (§2.5, Equation 2).

What the paper says: a completion whose reasoning stands in ``<think>`` … ``</think>``
and is followed by the answer gets R_fmt = +1.25, any other -1. The letters answered
(â) and the gold letters (a) are compared as sets: R_acc = +1 if equal, |â ∩ a| / |a| if
â ⊂ a, -1 otherwise.

What differs here, and why:

- Read literally, an empty answer is a subset of every gold and earns 0, more than a
  wrong one. On questions that a model mostly fails, and D_grpo *is* those, saying
  nothing is then optimal: a toy policy went from 17 % to 100 % abstention in 30 steps
  while its reward rose. Here an empty answer earns ``empty`` (-1).
- "Structurally parsable" includes an answer that can be read, for the same reason.
- A completion that declares two different answers has none (``answers.read_choice``).

The first two are settings: ``empty: 0`` and ``format_needs: thought`` are the formula
to the letter.

Example, two of three right labels::

    >>> paper = RewardParameters(
    ...     parsable=1.25,
    ...     unparsable=-1,
    ...     right=1,
    ...     wrong=-1,
    ...     empty=-1,
    ...     format_needs="answer",
    ...     partial_credit=True,
    ... )
    >>> reading = read_answer("<think>B说反了。</think>AC", "ABCD")
    >>> format_reward(reading, paper)
    1.25
    >>> round(accuracy_reward(reading.answered, frozenset("ACD"), paper), 3)
    0.667
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any, Literal, NamedTuple, Protocol

from psyche_kedro.answers import Thought, read_choice, split_thought
from psyche_kedro.parameters import Parameters
from psyche_kedro.text.thoughts import has_thought_mark


class RewardParameters(Parameters):
    """``training.reward``: the values of Equation 2 and of the guards."""

    parsable: float
    unparsable: float
    right: float
    wrong: float
    empty: float
    format_needs: Literal["answer", "thought", "letters"]
    """Whether R_fmt asks for one thought and an answer that can be read, only for a
    thought with something after it, or for an answer without any thought."""
    partial_credit: bool
    """Whether a proper subset of the gold earns its share of it."""


RELATIONS = ("exact", "subset", "superset", "other", "empty", "unread")
"""How an answer may stand to the gold."""


class LogMetric(Protocol):
    """TRL's callback for one number per batch."""

    def __call__(self, name: str, value: float) -> None:
        """Take the mean of ``name`` over a batch."""
        ...


class LogExtra(Protocol):
    """TRL's callback for a column beside the completions of a batch."""

    def __call__(self, column: str, values: list[Any]) -> None:
        """Keep ``[batch]`` values under a name."""
        ...


class Reading(NamedTuple):
    """What a completion says: its one thought, and the labels answered after it."""

    thought: Thought | None
    answered: frozenset[str]
    """Empty without a thought, or where no answer can be read."""


def read_answer(completion: str, labels: Sequence[str]) -> Reading:
    """Return what a completion says.

    Args:
        completion: What the policy wrote.
        labels: Labels of the question's options.

    >>> read_answer("答案：A", "ABCD")  # right or wrong: there is no thought
    Reading(thought=None, answered=frozenset())
    """
    thought = split_thought(completion)
    if thought is None:
        return Reading(None, frozenset())
    return Reading(thought, read_choice(thought.answer, labels).labels)


def read_letters(completion: str, labels: Sequence[str]) -> Reading:
    """Return what a completion says that may hold no thought; see ``read_answer``.

    >>> sorted(read_letters("答案：AC", "ABCD").answered)
    ['A', 'C']
    """
    if has_thought_mark(completion):
        return Reading(None, frozenset())
    return Reading(None, read_choice(completion, labels).labels)


def _read_all(
    completions: Iterable[list[dict[str, str]]],
    option_labels: Iterable[Sequence[str]],
    params: RewardParameters,
) -> list[Reading]:
    read = read_letters if params.format_needs == "letters" else read_answer
    turns = zip(completions, option_labels, strict=True)
    return [read(completion[0]["content"], labels) for completion, labels in turns]


def _is_parsable(reading: Reading, params: RewardParameters) -> bool:
    """Return whether a completion has the form that R_fmt asks for."""
    needed = reading.thought if params.format_needs == "thought" else reading.answered
    return bool(needed)


def format_reward(reading: Reading, params: RewardParameters) -> float:
    """Return R_fmt.

    Source: §2.5.
    """
    return params.parsable if _is_parsable(reading, params) else params.unparsable


def accuracy_reward(
    answered: frozenset[str], gold: frozenset[str], params: RewardParameters
) -> float:
    """Return R_acc.

    Raises:
        ValueError: If ``gold`` is empty; such a row is a fault of the data.

    Source: Equation 2.
    """
    if not gold:
        raise ValueError(
            "A GRPO example has no gold label: drop it in selection, where every "
            "example must have at least one."
        )
    if not answered:
        return params.empty
    if answered == gold:
        return params.right
    if answered < gold and params.partial_credit:
        return len(answered) / len(gold)
    return params.wrong


class FormatReward:
    """``format_reward`` for a batch, as TRL calls it; picklable."""

    __name__ = "format"

    def __init__(self, params: RewardParameters) -> None:
        self.parameters = params

    def __call__(
        self,
        completions: list[list[dict[str, str]]],
        option_labels: list[list[str]],
        log_metric: LogMetric | None = None,
        **_: Any,
    ) -> list[float]:
        """Return ``[batch]`` rewards.

        Args:
            completions: ``[batch][turn]`` messages; turn 0 is the completion.
            option_labels: ``[batch][label]``, a column of the GRPO set.
            log_metric: Takes the batch's means.
        """
        readings = _read_all(completions, option_labels, self.parameters)
        if log_metric:
            in_form = (_is_parsable(reading, self.parameters) for reading in readings)
            log_metric("psyche/format", fmean(in_form))
        thoughts = [r.thought for r in readings if r.thought]
        if log_metric and thoughts:
            log_metric(
                "psyche/thought_chars", fmean(len(t.reasoning) for t in thoughts)
            )
            log_metric("psyche/answer_chars", fmean(len(t.answer) for t in thoughts))
        return [format_reward(reading, self.parameters) for reading in readings]


class AccuracyReward:
    """``accuracy_reward`` for a batch, as TRL calls it; picklable."""

    __name__ = "accuracy"

    def __init__(self, params: RewardParameters) -> None:
        self.parameters = params

    def __call__(
        self,
        completions: list[list[dict[str, str]]],
        gold: list[list[str]],
        option_labels: list[list[str]],
        log_metric: LogMetric | None = None,
        log_extra: LogExtra | None = None,
        **_: Any,
    ) -> list[float]:
        """Return ``[batch]`` rewards; see ``FormatReward``.

        Besides, it logs how the answers miss: the reward alone hides a policy that
        learns to leave out every uncertain option.
        """
        readings = _read_all(completions, option_labels, self.parameters)
        pairs = list(zip(readings, map(frozenset, gold), strict=True))
        if log_metric:
            for name, value in answer_shares(pairs).items():
                log_metric(f"psyche/{name}", value)
        if log_extra:
            log_extra("gold", [sorted(gold) for _, gold in pairs])
            log_extra("answered", [sorted(reading.answered) for reading, _ in pairs])
        return [accuracy_reward(r.answered, g, self.parameters) for r, g in pairs]


def answer_shares(pairs: Iterable[tuple[Reading, frozenset[str]]]) -> dict[str, float]:
    """Return how answers relate to gold, as shares of all pairs; they add up to 1.

    Args:
        pairs: ``[n]`` of (reading, gold), n > 0.

    Returns:
        ``exact``; ``subset`` and ``superset``, both proper; ``other``; ``empty``, a
        thought without an answer that can be read; ``unread``, no such form at all.

    >>> texts = ["AC", "A", "ABC", "不知道", "B"]
    >>> readings = [read_answer(f"<think>想</think>{t}", "ABC") for t in texts]
    >>> shares = answer_shares((r, frozenset("AC")) for r in readings)
    >>> {name for name, share in shares.items() if not share}
    {'unread'}
    """
    counts = Counter(_relation(reading, gold) for reading, gold in pairs)
    return {name: counts[name] / counts.total() for name in RELATIONS}


def _relation(reading: Reading, gold: frozenset[str]) -> str:
    answered = reading.answered
    if not answered:
        return "empty" if reading.thought else "unread"
    if answered == gold:
        return "exact"
    if answered < gold:
        return "subset"
    return "superset" if answered > gold else "other"
