"""Sections 2.2 and 2.3: questions, verified rationales, empathetic dialogues."""

from kedro.pipeline import Pipeline

from psyche_kedro.pipelines.synthesis import costs, dialogues, questions, rationales


def create_pipeline() -> Pipeline:
    """Join the rooms of the chapter."""
    rooms = (questions, rationales, dialogues, costs)
    return sum((room.create_pipeline() for room in rooms), Pipeline([]))
