"""The stand-ins for CEDAR's models.

They have a room of their own: when their rules change, the names of Psyche-R1's
stand-ins, which the addresses of replies are made of, do not.
"""

from psyche_kedro.offline.cedar.brain import NATURES, CedarBrain

__all__ = ["NATURES", "CedarBrain"]
