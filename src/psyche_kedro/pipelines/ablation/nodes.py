"""The arms beside the models of the chain, as evaluation and report read them."""

import polars as pl

from psyche_kedro.pipelines.evaluation.pipeline import TRAINED
from psyche_kedro.tables import Predictions, TrainedModels


def gather_predictions(of_chain: pl.DataFrame, **arms: pl.DataFrame) -> pl.DataFrame:
    """Return what the arms and the chain's own models said in the same exams.

    Args:
        of_chain: ``Predictions`` of the chain; those of models that no training made
            and of other protocols are left out.
        **arms: Of each arm, by its name.

    Returns:
        ``Predictions``.
    """
    said = pl.concat(arms.values())
    asked_alike = pl.col("protocol").is_in(said["protocol"].unique().implode())
    chain = of_chain.filter(pl.col("role").is_in([*TRAINED]) & asked_alike)
    return Predictions.validate(pl.concat([chain, said]))


def gather_models(**arms: pl.DataFrame) -> pl.DataFrame:
    """Return what the model of each arm is: ``TrainedModels``.

    Args:
        **arms: The model of each, by its name.
    """
    return TrainedModels.validate(pl.concat(arms.values()))
