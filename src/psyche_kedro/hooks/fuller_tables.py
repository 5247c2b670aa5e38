"""A node whose calls failed for technical reasons overwrites no fuller table."""

from typing import Any, Final

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline.node import Node

from psyche_kedro.errors import ChatModelError
from psyche_kedro.llm.accounts import RUN_LEDGER

_ROWS_OF_A_CALL: Final = 10
"""At the most (ours); a table that shrank further did so for another reason."""

_NO_RESULT: Final = ["failed", "reverted"]


class FullerTables:
    """Stops a run before a table of an earlier one would lose rows to a bad endpoint.

    Calls that failed for no fault of their own (time-outs, HTTP 400, empty replies …)
    are asked again by the next run, so their rows are missing and not rejected for
    good. Where a node had such calls and its product, the first of its outputs, is the
    poorer for it, nothing of the node is saved: rows of two runs in one table would be
    told apart by nobody. What was answered is in the store.
    """

    def __init__(self) -> None:
        self._before: dict[str, int] = {}

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Note how many calls had failed so far."""
        self._before[node.name] = RUN_LEDGER.total().unserved

    @hook_impl(trylast=True)
    def after_node_run(
        self, node: Node, catalog: DataCatalog, outputs: dict[str, Any]
    ) -> None:
        """Compare the product with what an earlier run left; nothing is saved yet.

        Raises:
            ChatModelError: If the earlier table is the fuller one.
        """
        failed = RUN_LEDGER.total().unserved - self._before.pop(node.name, 0)
        if not failed or not node.outputs:
            return
        name = node.outputs[0]
        made, table = outputs.get(name), catalog.get(name)
        if not table.exists():
            return
        rows, earlier = _good_rows(made), _good_rows(table.load())
        if 0 < earlier - rows <= failed * _ROWS_OF_A_CALL:
            raise ChatModelError(
                f"{failed} calls of '{node.name}' failed, and '{name}' would have"
                f" {rows} good rows where an earlier run left {earlier}: nothing was"
                " overwritten, and all that was answered is stored. Run the same"
                " command again, which asks only what failed; to do without those rows,"
                f" move {getattr(table, '_filepath', 'that table')} away."
            )


def _good_rows(made: Any) -> int:
    """Return the rows that came to something: those with a reason why not did not."""
    import polars as pl  # noqa: PLC0415 - every kedro command loads this module

    if not isinstance(made, pl.DataFrame):
        return int(getattr(made, "height", 0))  # a table in parts
    if "reason" in made.columns:
        made = made.filter(pl.col("reason").is_null())
    if "outcome" in made.columns:
        # Of several attempts at a question, the right one alone is a result.
        unfit = [*_NO_RESULT, "wrong"] if "attempt" in made.columns else _NO_RESULT
        made = made.filter(~pl.col("outcome").is_in(unfit))
    return int(made.height)
