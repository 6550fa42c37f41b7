"""Turns of a debate."""

from pydantic import JsonValue

from langgraph_parallel.records.base import Record


class Turn(Record):
    """The answer of one debater in one round."""

    round: int
    """Round number, from 1."""
    debater: str
    """Name of the debater."""
    choice: JsonValue
    """The choice; None if the debater abstained or failed."""
    rationale: str
    """The reason for the choice; may be empty."""
    changed: bool
    """Whether the choice differs from the debater's previous one."""
