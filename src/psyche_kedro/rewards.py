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

Example, two of three right labels::

    >>> paper = RewardParameters(
    ...     parsable=1.25,
    ...     unparsable=-1,
    ...     right=1,
    ...     wrong=-1,
    ...     empty=-1,
    ...     partial_credit=True,
    ... )
    >>> answered = read_answer("<think>B说反了。</think>AC", "ABCD")
    >>> format_reward(answered, paper)
    1.25
    >>> round(accuracy_reward(answered, frozenset("ACD"), paper), 3)
    0.667
"""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any, Protocol

from psyche_kedro.answers import read_choice, split_thought
from psyche_kedro.parameters import Parameters


class RewardParameters(Parameters):
    """``training.reward``: the values of Equation 2 and of the guards."""

    parsable: float
    unparsable: float
    right: float
    wrong: float
    empty: float
    partial_credit: bool
    """Whether a proper subset of the gold earns its share of it."""


class LogMetric(Protocol):
    """TRL's callback for one number per batch."""

    def __call__(self, name: str, value: float) -> None:
        """Take the mean of ``name`` over a batch."""
        ...


def read_answer(completion: str, labels: Sequence[str]) -> frozenset[str]:
    """Return the labels answered after one well-formed thought; else none.

    Args:
        completion: What the policy wrote.
        labels: Labels of the question's options.

    >>> read_answer("答案：A", "ABCD")  # right or wrong: there is no thought
    frozenset()
    """
    thought = split_thought(completion)
    return read_choice(thought.answer, labels).labels if thought else frozenset()


def format_reward(answered: frozenset[str], params: RewardParameters) -> float:
    """Return R_fmt of a completion from which ``read_answer`` read ``answered``.

    Source: §2.5.
    """
    return params.parsable if answered else params.unparsable


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
        texts = [turns[0]["content"] for turns in completions]
        thoughts = [len(t.reasoning) for t in map(split_thought, texts) if t]
        if log_metric and thoughts:
            log_metric("psyche/thought_chars", fmean(thoughts))
        return [
            format_reward(read_answer(text, labels), self.parameters)
            for text, labels in zip(texts, option_labels, strict=True)
        ]


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
        **_: Any,
    ) -> list[float]:
        """Return ``[batch]`` rewards; see ``FormatReward``.

        Besides, it logs how the answers miss: the reward alone hides a policy that
        learns to leave out every uncertain option.
        """
        pairs = [
            (read_answer(turns[0]["content"], labels), frozenset(letters))
            for turns, letters, labels in zip(
                completions, gold, option_labels, strict=True
            )
        ]
        if log_metric:
            for name, value in answer_shares(pairs).items():
                log_metric(f"psyche/{name}", value)
        return [accuracy_reward(a, g, self.parameters) for a, g in pairs]


def answer_shares(
    pairs: Iterable[tuple[frozenset[str], frozenset[str]]],
) -> dict[str, float]:
    """Return how answers relate to gold, as shares of all pairs.

    Args:
        pairs: ``[n]`` of (answered, gold), n > 0.

    Returns:
        ``exact``; ``under`` (a proper subset); ``over`` (an option too many);
        ``empty``.

    >>> answers = ["AC", "A", "ABC", ""]
    >>> answer_shares([(frozenset(a), frozenset("AC")) for a in answers])
    {'exact': 0.25, 'under': 0.25, 'over': 0.25, 'empty': 0.25}
    """
    pairs = list(pairs)
    return {
        "exact": fmean(a == g for a, g in pairs),
        "under": fmean(bool(a) and a < g for a, g in pairs),
        "over": fmean(bool(a - g) for a, g in pairs),
        "empty": fmean(not a for a, _ in pairs),
    }
