"""How a graph of this package was built, as its runs and the graphs around it need to know."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph_parallel.records import Estimate
from langgraph_parallel.reducers.completion import Completion
from langgraph_parallel.runtime.answer_setting import Chosen
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.gathering import Gathering
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.messages import FromMessages
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.record_setting import Recording
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.runtime.trace_options import TraceLevel


@dataclass(frozen=True, kw_only=True)
class Governing:
    """How a graph was built, as its runs and the graphs around it need to know."""

    kind: str
    """The pattern: `voting`, `sectioning`. Branch values of nested graphs carry it as `graph`."""
    fan_out_node: str
    """The node after which the fan-out begins; a redrive resumes there."""
    close_node: str | None
    """The node that closes the graph, which traces show; None if it runs after every wave."""
    estimate: Callable[[Any, Run, Context], Awaitable[Estimate]]
    """Returns the upper bounds of a run on an input."""
    context: type[Context] = Context
    limits: Limits | None = None
    completion: Completion | None = None
    fallbacks: Sequence[ModelLike] | None = None
    """Models that are asked where one does not answer; None for those of the run around it."""
    redrive: Callable[[Any, Context], dict[str, Any]] = lambda state, context: {}
    """Returns the state update that takes a finished run back to its fan-out."""
    escalates: bool = False
    """Whether a run may interrupt to ask a person."""
    built: Mapping[str, Any] = field(default_factory=dict)
    """What a resumed run must have in common with the one that began it (`runtime.stamp`)."""
    input_keys: Sequence[str] = ()
    """Keys of the input that are set to None where the caller leaves them out."""
    asks: Sequence[Any] = ()
    """Every `Ask` in the graph, so that an enclosing graph can check models and prices before any call."""
    cache: Chosen = None
    """The cache of answers of its runs; None for that of the graph around, or of the environment."""
    trace: TraceLevel | None = None
    """How much of a run its trace holds, if it is the outermost; None for what the environment says."""
    trace_contents: bool | None = None
    """Whether traces of this graph, wherever it runs, may hold contents."""
    trace_feedback: bool | None = None
    """Whether the KPIs of its runs go to LangSmith as feedback; None for what the environment says."""
    queue: str | None = None
    """The annotation queue for runs that ask a person; None for that of the environment."""
    chat_progress: bool | None = None
    """Whether chat UIs are shown what its runs do; None for what the environment says."""
    recording: Recording | None = None
    """Where the records of its runs go, if it is the outermost; None for what the environment says."""
    stores_waves: bool = False
    """Whether only the checkpoints of its waves are stored (`runtime.wave_saver`)."""
    from_text: Callable[[str, str], Any] | None = None
    """Builds the input from a title and a text, for a graph used as a worker or voter; None if it cannot."""
    from_messages: FromMessages | None = None
    """How the input is read from a conversation, which gets the answer; None if the graph takes none."""
    bundles: bool = False
    """Whether its branches may share tasks of LangGraph's (`runtime.bundling`)."""
    in_task: bool = False
    """Whether nothing in the graph needs LangGraph while it runs: no code of the caller's, and no person."""
    gathers: Gathering | None = None
    """How the graph takes many independent items in one run; None if it does not."""
