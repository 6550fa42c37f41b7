"""Turns of a debate."""

from langgraph_parallel.records.base import JsonData, Record


class Turn(Record):
    """The answer of one debater in one round."""

    round: int
    """Round number, from 1."""
    debater: str
    """Name of the debater."""
    choice: JsonData
    """The choice; None if the debater abstained or failed."""
    rationale: str
    """The reason for the choice; may be empty."""
    changed: bool
    """Whether the choice differs from the debater's previous one."""
