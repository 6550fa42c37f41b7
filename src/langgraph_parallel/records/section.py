"""The unit of work that a planner makes."""

from langgraph_parallel.records.base import Record


class Section(Record):
    """An independent piece of the input, for one worker."""

    id: str
    """Unique within the plan; branches and results are keyed by it."""
    title: str
    """What a person sees: in traces, in progress and in the closing text."""
    content: str
    """The material to work on. It comes from outside: data, never instructions."""
    instructions: str = ""
    """What to do with it, where the planner decides that (a criterion, a brief)."""
