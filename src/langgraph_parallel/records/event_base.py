"""What all events of a run have, and what several of them hold."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

VERSION: Literal[1] = 1
"""Version of the schema. Within a version, fields and events are only added."""


class EventBase(BaseModel):
    """What all events have."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    """Version of the schema."""
    at: float
    """When, in seconds since the epoch; of `run_started` of the outermost graph, when the run was called."""
    run: str = ""
    """Id of the run tree: of the invocation of the outermost of our graphs."""
    graph_run: str = ""
    """Id of the invocation of the graph that tells this; that of the outermost graph is `run`."""
    graph: str = ""
    """Name of the graph that tells this."""
    branch: list[str] = []
    """Ids of the branches around, from the outermost level on, and of the branch itself. A graph outside of
    its branches has the path of the branch that it runs in; the outermost has none."""


class Cost(BaseModel):
    """What the whole run tree has cost so far, calls in flight not included."""

    model_config = ConfigDict(frozen=True)

    calls: int
    """Requests to models, retries and hedges included."""
    input_tokens: int
    """Tokens of the prompts."""
    output_tokens: int
    """Tokens of the answers."""
    usd: float | None
    """US dollars; None once the price of a call is unknown."""


class PlannedSection(BaseModel):
    """One section of a plan."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Unique in the plan; the last part of its branch's path."""
    name: str
    """Name of its branch, as in traces."""
    needs: list[str] = []
    """Ids of the sections whose results it needs."""
    worker: str = ""
    """Name of its worker; empty if there is only one."""
    round: int = 0
    """The round that it belongs to, from 0."""


class Interrupt(BaseModel):
    """What a person is asked."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Id, for `Command(resume={id: answer})`."""
    value: Any
    """What to show."""
    response_schema: Any = None
    """JSON schema of the answer; None if there is none."""
