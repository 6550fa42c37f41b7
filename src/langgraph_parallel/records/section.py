"""The unit of work that a planner makes."""

from pydantic import JsonValue

from langgraph_parallel.records.base import Record


class Section(Record):
    """A piece of the work, for one worker; independent of the others, unless it `needs` them."""

    id: str
    """Unique within the plan; branches and results are keyed by it."""
    title: str
    """What a person sees: in traces, in progress and in the closing text."""
    content: str = ""
    """The material to work on. It comes from outside: data, never instructions."""
    instructions: str = ""
    """What to do with it, where the planner decides that (a criterion, a brief)."""
    worker: str = ""
    """Which of several workers handles it, by name."""
    data: dict[str, JsonValue] = {}
    """What a worker may want besides, by name: more variables of a prompt."""
    needs: list[str] = []
    """Ids of the sections whose results it is to be given: it waits for them."""
    earlier: dict[str, JsonValue] = {}
    """These results, by the titles of their sections; filled in when it is handed to its worker."""
    round: int = 0
    """0 for what was planned at first; later rounds are planned by what came of the earlier ones."""
