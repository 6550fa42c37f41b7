"""What debaters said."""

from pydantic import JsonValue

from langgraph_parallel.records.base import Record


class Turn(Record):
    """What one debater said in one round."""

    round: int
    """From 1."""
    debater: str
    choice: JsonValue
    """None where it gave none, or did not answer."""
    argument: str
    changed: bool
    """Whether it is another choice than in the round before."""
