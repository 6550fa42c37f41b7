"""Flow: the description of a graph over sections, from which `graphs.flow` wires it."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, get_type_hints

from pydantic import JsonValue

from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.early_end import Watch
from langgraph_parallel.runtime.gathering import Gathering
from langgraph_parallel.runtime.messages import FromMessages
from langgraph_parallel.runtime.run import Run

Sections = Sequence[Section]


class NotedPlan(NamedTuple):
    """Sections, and notes for the close: what the plan leaves out, for example."""

    sections: Sections
    notes: Mapping[str, JsonValue]


Plan = Callable[[Mapping[str, Any], Any], Sections | NotedPlan | Awaitable[Sections | NotedPlan]]
"""From a graph's input and the runtime context to sections."""
NextRound = Callable[[Gathered], Sections | Awaitable[Sections]]
"""From the results so far to the sections of the next round; an empty sequence ends the rounds."""
Close = Callable[[Gathered], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]
"""From the results to the keys of the graph's output."""


class PlanEstimate(NamedTuple):
    """Upper bounds of a plan by a model: its calls, and stand-ins for the most sections that it may have."""

    calls: Estimate
    sections: Sections


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One graph over sections: plan -> workers -> (next round -> workers ...) -> close."""

    name: str
    """The graph's name; by default branches are called `name[title of the section]`."""
    kind: str
    """The pattern: `briefing`."""
    input: Any
    """TypedDict of the graph's input."""
    output: Any
    """TypedDict of what `close` returns; a key that it leaves out is None. It may add `missing`."""
    plan: Plan
    workers: Workers
    close: Close
    next_round: NextRound | None = None
    """Plans further rounds; None if none is planned from results. Sections may need sections of any round."""
    joins: Collection[str] = ()
    """Names of workers that join results. A section of theirs works with what those that it needs gave;
    failed ones are missing. It is skipped if there is nothing, and passes on what is alone."""
    not_asked: Callable[[Gathered], int] = lambda gathered: 0
    """Number of sections that were spared, because the results were good enough without them."""
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    """What the plan and the close were built with, and a redrive depends on: the aspects of a review."""
    context: type[Context] = Context
    """Type of the runtime context, which `plan` gets."""
    from_text: Callable[[str, str], Any] | None = None
    """Builds the input from a title and a text, for a graph that is a worker or a voter."""
    from_messages: FromMessages | None = None
    """Reads the input from a conversation, which then gets the answer; None if the graph takes none."""

    own_steps: bool = False
    """Whether plan, rounds and close are code of this package alone, which needs nothing of LangGraph."""
    gathers: Gathering | None = None
    """How the graph takes many independent items in one run; None if it does not."""

    plan_asks: Sequence[Ask] = ()
    """The `Ask`s of the plan and of `next_round`."""
    close_asks: Sequence[Ask] = ()
    """The `Ask`s of the close."""
    uses_model: Callable[[Any], bool] | None = None
    """Whether a run with this context asks models, or engines work instead; None for always models."""

    estimate_plan: Callable[[Mapping[str, Any], Run, Any], PlanEstimate] | None = None
    """Estimates the plan where a model makes it; None if planning is free, so that it is simply done."""
    later_sections: Callable[[Sections], Sections] = lambda sections: []
    """For an estimate: the most sections of all later rounds, given those of the first.

    Their `earlier` results are empty, since nothing has run."""

    needs_results: bool = True
    """Whether there is a result only if a branch succeeded; else the close says itself what is missing."""
    watch: Callable[[Run, Sections], Watch] | None = None
    """Builds the function that is asked after each branch whether the running ones are still needed."""
    quiet: bool = False
    """Whether events leave out the results of branches."""
    keeps_notes: bool = False
    """Whether `plan` returns a `NotedPlan`. Such a plan asks no model: it is made again on a redrive."""
    branch_name: Callable[[Section], str] | None = None
    """Names the branch of a section in traces and reports."""
    branch_timeout: Callable[[Section], float | None] = lambda section: section.timeout
    """Seconds for the worker of a section; None for no limit."""
    branch_metadata: Callable[[Section], dict[str, str]] = lambda section: {}
    """Additional trace metadata of a section's branch, which workers find in their config."""
    work_name: str = "worker"
    """Name of the node of the branches: a verb, or `worker` for that of the caller."""
    close_name: str = "synthesize"
    """Name of the closing node, and of its failure in the run report."""

    @cached_property
    def input_keys(self) -> list[str]:
        """The keys of the input."""
        return list(get_type_hints(self.input))

    @cached_property
    def output_keys(self) -> list[str]:
        """The keys that the close sets."""
        return list(get_type_hints(self.output))

    @cached_property
    def built(self) -> dict[str, Any]:
        """What a resumed run must have in common with the one that began it."""
        return {"graph": self.kind, **self.settings, **self.workers.built}

    @property
    def in_task(self) -> bool:
        """Whether nothing of the graph needs LangGraph while it runs."""
        return self.own_steps and self.workers.in_task

    @property
    def asks(self) -> list[Ask]:
        """Every `Ask` of the graph."""
        return [*self.plan_asks, *self.close_asks, *self.workers.asks]

    def asks_models(self, context: Context) -> bool:
        """Return whether a run with this context asks models.

        Raises:
            NoModelError: the named model is not available.
        """
        return self.uses_model is None or self.uses_model(context)

    def name_branch(self, section: Section) -> str:
        """Return what traces and reports call the branch of a section."""
        return self.branch_name(section) if self.branch_name else f"{self.name}[{section.title}]"

    def read_input(self, state: Any) -> dict[str, Any]:
        """Return the keys of the input that the caller set."""
        if not isinstance(state, Mapping):
            return {}
        return {key: state[key] for key in self.input_keys if state.get(key) is not None}
