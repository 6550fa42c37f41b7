"""What is special about a graph over sections: how it is planned, who works, what follows, how it closes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.fan_out import IsOver
from langgraph_parallel.runtime.run import Run

Sections = Sequence[Section]
Plan = Callable[[Mapping[str, Any], Context], Sections | Awaitable[Sections]]
"""From a graph's input, and the runtime context, to sections."""
Further = Callable[[Gathered], Sections | Awaitable[Sections]]
"""From what was gathered to the sections of the next round; none ends the rounds."""
Close = Callable[[Gathered], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]
"""From what was gathered to a graph's output, without its branches and its report."""


@dataclass(frozen=True)
class Flow:
    """What is special about one graph over sections."""

    name: str
    """Shown in traces: `name[title of the section]`."""
    plan: Plan
    workers: Workers
    close: Close
    gives: Sequence[str]
    """The keys that the close makes; they are None where it fails."""
    takes: Sequence[str]
    """The keys of the input."""
    further: Further | None = None
    draft: Callable[[Mapping[str, Any], Run, Context], tuple[Estimate, Sections]] | None = None
    """For an estimate, where a model plans: what asking it takes, and the most sections that it may make."""
    plans: Sequence[Ask] = ()
    """What asks a model in the plan and between the rounds."""
    closes: Sequence[Ask] = ()
    """What asks a model in the close."""
    needs_model: Callable[[Context], bool] = lambda context: True
    """Whether a run with this context asks models; else engines do the work, where there are any."""
    watch: Callable[[Run, Sections], IsOver] | None = None
    """Makes what is asked after each branch: why those that still run are not needed any more; an empty text
    while they are."""
    quiet: bool = False
    """Whether what comes of a branch is kept out of the stream of events."""
    most: Callable[[Sections], Sections] = field(default=lambda sections: [])
    """For an estimate: the sections of all later rounds, at the most, by those of the first."""
    timeout: Callable[[Section], float | None] = lambda section: None
    """Seconds for the worker of a section."""
    metadata: Callable[[Section], dict[str, str]] = lambda section: {}
    """What traces show of a section besides, and its worker finds in its config."""
    closes_with: str = "synthesize"
    """What the closing node, and so its failure, is called."""

    @property
    def all_asks(self) -> list[Ask]:
        """Everything that asks a model."""
        return [*self.plans, *self.closes, *self.workers.asks]


def known_input(flow: Flow, state: Mapping[str, Any]) -> dict[str, Any]:
    """The input, as far as it was given."""
    return {key: state[key] for key in flow.takes if state.get(key) is not None}
