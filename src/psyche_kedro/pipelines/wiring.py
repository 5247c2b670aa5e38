"""How a node is wired: its arguments are called like the datasets that they read.

What is called otherwise, parameters above all, stands beside the function; of a bundle
the part that is read stands behind its name::

    wire(
        read_benchmarks,
        ["benchmark_items", "unreadable_benchmarks"],
        benchmark_files="raw_files/benchmarks",
        limits="params:ingestion.limits",
    )
"""

from collections.abc import Callable
from inspect import signature
from typing import Any

from kedro.pipeline import Node

from psyche_kedro.datasets.bundle_dataset import taking


def wire(
    function: Callable[..., Any],
    outputs: str | list[str],
    /,
    *,
    name: str | None = None,
    **inputs: str,
) -> Node:
    """Return the node of a function.

    Args:
        function: Each argument without a default reads the dataset of its name.
        outputs: The datasets that it writes.
        name: Of the node, where the function's own does not say it.
        **inputs: What an argument reads that is called otherwise, or has a default: a
            dataset, or ``bundle/part``.
    """
    named = {
        argument.name: argument.name
        for argument in signature(function).parameters.values()
        if argument.default is argument.empty
        and argument.kind is not argument.VAR_KEYWORD
    }
    read = {argument: whole.partition("/") for argument, whole in inputs.items()}
    parts = {argument: part for argument, (_, _, part) in read.items() if part}
    return Node(
        taking(function, **parts) if parts else function,
        inputs=named | {argument: entry for argument, (entry, _, _) in read.items()},
        outputs=outputs,
        name=name or function.__name__,
    )
