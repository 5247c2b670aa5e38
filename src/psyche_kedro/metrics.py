"""What a mark is: accuracies on sets.

The paper (§3.1) takes *standard* and *elastic* accuracy from PsycoLLM for choice
questions. What open ones are scored by stands in ``text.overlaps``.
"""

from collections.abc import Sequence, Set

# ---- choice questions ------------------------------------------------------------


def standard_credit(prediction: Set[str], gold: Set[str]) -> float:
    """Return 1 if the labels are exactly the gold ones, else 0.

    Sets, not strings: the public evaluation code compares strings and so fails ``BA``
    against ``AB``.

    Source: §3.1; PsycoLLM (Hu et al., 2024).

    >>> [standard_credit(set(chosen), set("AB")) for chosen in ("BA", "A", "AC", "")]
    [1.0, 0.0, 0.0, 0.0]
    """
    return float(bool(gold) and prediction == gold)


def verdict_on(prediction: Set[str], gold: Set[str]) -> str:
    """Return ``right`` or ``wrong``; ``unread`` where no label could be told.

    >>> [verdict_on(set(chosen), set("AB")) for chosen in ("BA", "A", "")]
    ['right', 'wrong', 'unread']
    """
    if not prediction:
        return "unread"
    return "right" if prediction == gold else "wrong"


def elastic_credit(prediction: Set[str], gold: Set[str]) -> float:
    """Return ``|prediction| / |gold|`` for a subset of the gold labels, else 0.

    One wrong label forfeits all credit; no label earns none.

    Source: §3.1; PsycoLLM (Hu et al., 2024).

    >>> [elastic_credit(set(chosen), set("AB")) for chosen in ("BA", "A", "AC", "")]
    [1.0, 0.5, 0.0, 0.0]
    """
    return len(prediction) / len(gold) if gold and prediction <= gold else 0.0


def official_credit(said: Sequence[str], gold: Sequence[str]) -> float:
    """Return ``standard_credit`` as PsycoLLM's public code has it: of strings.

    Source: MACLAB-HFUT/Evaluation at 8ff40f3, ``main.py``.

    >>> official_credit("BA", "AB")
    0.0
    """
    return float("".join(said) == "".join(gold))


def official_elastic_credit(said: Sequence[str], gold: Sequence[str]) -> float:
    """Return ``elastic_credit`` as PsycoLLM's public code has it.

    >>> official_elastic_credit("BA", "AB")
    1.0
    """
    return official_credit(said, gold) or elastic_credit(set(said), set(gold))
