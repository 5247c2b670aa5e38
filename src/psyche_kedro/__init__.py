"""Psyche-R1's pipeline, from a textbook page to an evaluation report."""

__version__ = "0.1.0"
