"""The graph of reporting reads what chapters say of themselves, and nothing else."""

from psyche_kedro.pipeline_registry import CHAPTERS
from psyche_kedro.pipelines import reporting
from psyche_kedro.pipelines.reporting import funnel

PIPELINE = reporting.create_pipeline()


def test_it_reads_accounts_and_calls_and_no_table_of_the_corpus():
    read = {name for name in PIPELINE.inputs() if not name.startswith("params:")}
    told = {f"{chapter}_account" for chapter in funnel.CHAPTERS}
    assert read == told | {"model_calls", "ablation_account"}


def test_every_chapter_before_it_keeps_an_account():
    assert list(CHAPTERS) == [*funnel.CHAPTERS, "reporting"]
