"""Sections: the units of work of a plan."""

from pydantic import Field

from langgraph_parallel.records.base import JsonData, Record


class Section(Record):
    """A piece of work for one worker, independent of other sections except those in `needs`."""

    id: str
    """Unique within the plan; key of branches and results."""
    title: str
    """Display name in traces, progress and results."""
    content: str = ""
    """The material to work on. It is untrusted: data, never instructions."""
    blocks: list[dict[str, JsonData]] = Field(default_factory=list)
    """Pictures and files that belong to the content, as LangChain's content blocks (see `media`)."""
    instructions: str = ""
    """What to do with the content, for example a criterion or a brief."""
    worker: str = ""
    """Name of the worker; empty if the graph has only one."""
    data: dict[str, JsonData] = Field(default_factory=dict)
    """Further input for the worker; for a model, variables of its prompt."""
    timeout: float | None = Field(None, gt=0)
    """Seconds for the worker, with all that it waits for; None for no limit. A nested graph closes on what it
    has by then."""
    needs: list[str] = Field(default_factory=list)
    """Ids of the sections that must finish first, and whose results it gets."""
    earlier: dict[str, JsonData] = Field(default_factory=dict)
    """The results of `needs`, by section title; filled in before the worker starts."""
    round: int = 0
    """Round that planned it: 0 for the first plan; later rounds are planned from earlier results."""
