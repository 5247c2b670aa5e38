"""§2.2 and §2.4: the hard questions, and the sets that training reads."""

from psyche_kedro.pipelines.selection.pipeline import create_pipeline

__all__ = ["create_pipeline"]
