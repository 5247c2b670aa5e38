"""Each node runs with what stands already kept from the garbage collector."""

from contextlib import AbstractContextManager

from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node

from psyche_kedro.llm.heap import heap_set_aside


class HeapAside:
    """Spares a node the collector's walks through a whole session; see ``llm.heap``.

    A node that walks a hundred thousand rows between two calls needs it as the request
    engine does. Nodes may run beside each other, so each leaves by its own name.
    """

    def __init__(self) -> None:
        self._inside: dict[str, AbstractContextManager[None]] = {}

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Bring back what a run set aside that Ctrl-C ended: no hook hears of it."""
        while self._inside:
            self._inside.popitem()[1].__exit__(None, None, None)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Set the heap aside."""
        self._inside[node.name] = heap_set_aside()
        self._inside[node.name].__enter__()

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Return to what was."""
        self._leave(node)

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Return to what was."""
        self._leave(node)

    def _leave(self, node: Node) -> None:
        self._inside.pop(node.name).__exit__(None, None, None)
