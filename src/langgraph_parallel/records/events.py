"""Events: what a run tells of itself while it goes on, as plain JSON with a version.

`stream_mode="custom"` gives them as dicts, and `langgraph_parallel.events` as these records. Folded in their
order, they are the record of a run: they say what each branch did, waited for, called, and paid.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from langgraph_parallel.records.branch_events import (
    Called,
    Calling,
    Ended,
    Started,
    Waiting,
    WaitsOn,
    Working,
)
from langgraph_parallel.records.event_base import VERSION, Cost, EventBase, Interrupt, PlannedSection
from langgraph_parallel.records.run_events import (
    Decided,
    Planned,
    Progress,
    RunEnded,
    RunStarted,
    VoteOpened,
    VoteProgress,
)


class Token(EventBase):
    """The next part of an answer: of a guarded answer whose checks have passed, else with `tokens=True`."""

    event: Literal["token"]
    text: str
    """What to append."""
    call: str | None = None
    """Id of the call that it is part of; None for a guarded answer, and where a model of others gives it."""


class Restart(EventBase):
    """The model began its guarded answer anew: drop what `token` events have shown."""

    event: Literal["restart"]


class Withheld(EventBase):
    """A check has tripped after parts of a guarded answer were shown: take it back. Nothing follows."""

    event: Literal["withheld"]


class Interrupted(EventBase):
    """The run waits for a person; only from `events`, and the last one."""

    event: Literal["interrupted"]
    interrupts: list[Interrupt]


class Output(EventBase):
    """The run has returned; only from `events`, and the last one."""

    event: Literal["output"]
    output: Any
    """What `ainvoke` returns."""


class Custom(EventBase):
    """What other code has written to the stream; only from `events`."""

    event: Literal["custom"]
    data: Any


RunEvent = Annotated[
    RunStarted
    | Planned
    | Started
    | Waiting
    | Working
    | Calling
    | Called
    | Ended
    | VoteOpened
    | VoteProgress
    | Decided
    | Progress
    | RunEnded
    | Token
    | Restart
    | Withheld,
    Field(discriminator="event"),
]
"""An event of `stream_mode="custom"`."""
Event = RunEvent | Interrupted | Output | Custom
"""An event of `events`."""

RUN_EVENT: TypeAdapter[RunEvent] = TypeAdapter(RunEvent)
"""Reads an event of `stream_mode="custom"`."""


def read_event(data: Any) -> RunEvent | None:
    """Return what was written to `stream_mode="custom"` as a record; None if it is of other code."""
    if not isinstance(data, Mapping) or data.get("v") != VERSION or "graph_run" not in data:
        return None
    try:
        return RUN_EVENT.validate_python(data)
    except ValidationError:  # it only looks like one
        return None


def events_schema() -> dict[str, Any]:
    """Return the JSON schema of an event of `stream_mode="custom"`."""
    schema = RUN_EVENT.json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Event", **schema}


__all__ = [
    "RUN_EVENT",
    "VERSION",
    "Called",
    "Calling",
    "Cost",
    "Custom",
    "Decided",
    "Ended",
    "Event",
    "EventBase",
    "Interrupt",
    "Interrupted",
    "Output",
    "Planned",
    "PlannedSection",
    "Progress",
    "Restart",
    "RunEnded",
    "RunEvent",
    "RunStarted",
    "Started",
    "Token",
    "VoteOpened",
    "VoteProgress",
    "Waiting",
    "WaitsOn",
    "Withheld",
    "Working",
    "events_schema",
    "read_event",
]
