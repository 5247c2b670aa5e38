"""What every typed view of a parameter file has in common."""

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Parameters of a node: an unknown key is refused, no value can be changed."""

    # Built when first used: a command builds the models that it needs alone.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
