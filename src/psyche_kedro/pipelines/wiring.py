"""How a node is wired: its arguments are called like the datasets that they read.

What is called otherwise, parameters above all, stands beside the function::

    wire(
        decontaminate,
        "contamination_hits",
        params="params:selection.decontamination",
    )
"""

from collections.abc import Callable
from inspect import signature
from typing import Any

from kedro.pipeline import Node


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
        **inputs: What an argument reads that is called otherwise, or has a default.
    """
    named = {
        argument.name: argument.name
        for argument in signature(function).parameters.values()
        if argument.default is argument.empty
        and argument.kind is not argument.VAR_KEYWORD
    }
    return Node(
        function,
        inputs=named | inputs,
        outputs=outputs,
        name=name or function.__name__,
    )
