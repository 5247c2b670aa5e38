"""Tables 3 and 4 and Figure 3: the chapters again, each time with one thing changed."""

from psyche_kedro.pipelines.ablation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
