"""The chapters of the paper, one Kedro pipeline each."""
