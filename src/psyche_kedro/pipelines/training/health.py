"""Signs that a training does not lead to the model that was meant.

Loss is no sign in GRPO, and a reward may rise for the wrong reason. So each entry of a
trainer's log is looked at for what is known to go wrong: in SFT a loss that rises, in
GRPO no readable form to begin with, groups without a difference, replies cut off, a
policy far from its start, a reward that rises while fewer answers are right, a policy
that always says the same.
An alarm is logged where it begins (``alarm/<name>``), with a sentence; those named in
``stop_on`` end the run. What is not finite always does.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, Final, Literal, NamedTuple

from pydantic import Field

from psyche_kedro.parameters import Parameters

AlarmName = Literal[
    "unreadable",
    "zero_variance",
    "no_signal",
    "clipped",
    "kl",
    "reward_hacking",
    "entropy",
    "loss",
]
Entry = Mapping[str, Any]

ALARM: Final = "alarm/"
_FINITE = ("loss", "grad_norm", "reward", "eval_loss")
_ALL = 0.999
"""A share that is all of them, up to rounding."""
_MOVED = 0.05
"""What a mean has to move to count as risen or fallen."""


class HealthParameters(Parameters):
    """``health`` of a stage: when to warn, and when to stop."""

    window: int = Field(ge=1)
    """Rollouts, or steps of SFT, that a mean is taken over."""
    readable: float
    """Least share of the first rollout's completions in the form that the reward
    reads."""
    zero_variance: float
    """Most of the groups whose completions all earn the same."""
    clipped: float
    """Most of the completions cut off at ``max_completion_length``."""
    kl: float
    """Highest divergence from the model that GRPO began with."""
    entropy: float
    """Least share of the first rollouts' entropy that is left."""
    loss: float
    """Highest mean loss of SFT, as a multiple of its first step's."""
    stop_on: tuple[AlarmName, ...]


class Watch:
    """Looks at the entries of one trainer's log in turn."""

    def __init__(self, params: HealthParameters) -> None:
        self._params = params
        self._entries: list[Entry] = []
        self._on: set[str] = set()

    def see(self, entry: Entry) -> dict[str, str]:
        """Return the alarms that begin at ``entry``, each with its sentence."""
        if not {"reward", "loss"} & entry.keys():
            return {}
        self._entries.append(entry)
        found = {
            name: sentence
            for name, alarm in _ALARMS.items()
            if (sentence := alarm(self._entries, self._params))
        }
        begun = {name: said for name, said in found.items() if name not in self._on}
        self._on = set(found)
        return begun

    def stops(self) -> str | None:
        """Return why the run has to stop now, or ``None``."""
        return self._reason(self._params)

    def stops_at_the_end(self) -> str | None:
        """Return why what was trained is no model to publish, or ``None``.

        Here a run shorter than the window is judged by what there is.
        """
        n = min(self._params.window, len(self._entries))
        return self._reason(self._params.model_copy(update={"window": max(1, n)}))

    def _reason(self, params: HealthParameters) -> str | None:
        for name in params.stop_on:
            if self._entries and (said := _ALARMS[name](self._entries, params)):
                return f"{name}: {said}"
        return None


def not_finite(entry: Entry) -> str | None:
    """Return which figure of an entry is no number any more, or ``None``."""
    for name in _FINITE:
        value = entry.get(name)
        if isinstance(value, float) and not math.isfinite(value):
            return f"{name} at step {entry['step']} is {value},"
    return None


def alarms_of(log: Sequence[Entry]) -> Iterator[str]:
    """Yield every alarm of a whole log, with its step."""
    for entry in log:
        for name, sentence in entry.get("alarms", {}).items():
            yield f"{name} from step {entry['step']}: {sentence}"


# ---- the alarms ------------------------------------------------------------------


def _unreadable(rollouts: Sequence[Entry], params: HealthParameters) -> str | None:
    share = rollouts[0].get("psyche/format")
    if len(rollouts) > 1 or share is None or share >= params.readable:
        return None
    return (
        f"{share:.0%} of the first completions have the form that the reward reads: "
        "train SFT further, or look whether its examples have that form"
    )


def _zero_variance(rollouts: Sequence[Entry], params: HealthParameters) -> str | None:
    share = _mean(rollouts, "frac_reward_zero_std", params.window)
    if share is None or share <= params.zero_variance:
        return None
    return (
        f"in {share:.0%} of the groups of {params.window} rollouts all completions "
        "earned the same: they teach nothing"
    )


def _no_signal(rollouts: Sequence[Entry], params: HealthParameters) -> str | None:
    share = _mean(rollouts, "frac_reward_zero_std", params.window)
    if share is None or share < _ALL:
        return None
    return (
        f"in {params.window} rollouts no group had two completions of different "
        "reward, so nothing but the KL term moved the weights: look at the sampled "
        "completions, and at whether the model can earn and miss the reward at all"
    )


def _clipped(rollouts: Sequence[Entry], params: HealthParameters) -> str | None:
    share = _mean(rollouts, "completions/clipped_ratio", params.window)
    if share is None or share <= params.clipped:
        return None
    return (
        f"{share:.0%} of the completions of {params.window} rollouts were cut off: "
        "raise max_completion_length, or train SFT until replies end"
    )


def _kl(rollouts: Sequence[Entry], params: HealthParameters) -> str | None:
    mean = _mean(rollouts, "kl", params.window)
    if mean is None or mean <= params.kl:
        return None
    return (
        f"KL is {mean:.2f} over {params.window} rollouts: the policy has left the "
        "model it began with; lower the learning rate or raise beta"
    )


def _reward_hacking(rollouts: Sequence[Entry], params: HealthParameters) -> str | None:
    reward = _ends(rollouts, "reward", params.window)
    exact = _ends(rollouts, "psyche/exact", params.window)
    if reward is None or exact is None:
        return None
    if reward.last - reward.first < _MOVED or exact.first - exact.last < _MOVED:
        return None
    return (
        f"the reward rose from {reward.first:.2f} to {reward.last:.2f} while right "
        f"answers fell from {exact.first:.0%} to {exact.last:.0%}: read the sampled "
        "completions"
    )


def _entropy(rollouts: Sequence[Entry], params: HealthParameters) -> str | None:
    entropy = _ends(rollouts, "entropy", params.window)
    if entropy is None or entropy.last >= params.entropy * entropy.first:
        return None
    return (
        f"entropy fell from {entropy.first:.3f} to {entropy.last:.3f}: the policy no "
        "longer varies what it says, so that groups cannot differ"
    )


def _loss(steps: Sequence[Entry], params: HealthParameters) -> str | None:
    first, last = steps[0].get("loss"), _mean(steps, "loss", params.window)
    if "reward" in steps[0] or first is None or last is None:
        return None
    if last <= params.loss * first:
        return None
    return (
        f"the loss of {params.window} steps is {last:.2f}, and that of the first was "
        f"{first:.2f}: lower the learning rate"
    )


Alarm = Callable[[Sequence[Entry], HealthParameters], str | None]
_ALARMS: Final[Mapping[str, Alarm]] = {
    "unreadable": _unreadable,
    "zero_variance": _zero_variance,
    "no_signal": _no_signal,
    "clipped": _clipped,
    "kl": _kl,
    "reward_hacking": _reward_hacking,
    "entropy": _entropy,
    "loss": _loss,
}


class _Ends(NamedTuple):
    """Means of a metric over the first and over the last rollouts."""

    first: float
    last: float


def _ends(rollouts: Sequence[Entry], metric: str, window: int) -> _Ends | None:
    if len(rollouts) < 2 * window:
        return None
    first = _mean(rollouts[:window], metric, window)
    last = _mean(rollouts, metric, window)
    return None if first is None or last is None else _Ends(first, last)


def _mean(rollouts: Sequence[Entry], metric: str, window: int) -> float | None:
    """Return the mean over the last ``window`` rollouts, if there are as many."""
    values = [r[metric] for r in rollouts[-window:] if r.get(metric) is not None]
    return fmean(values) if len(values) == window else None
