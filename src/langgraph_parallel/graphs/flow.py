"""How every graph over sections is wired: plan -> worker -> gather -> (worker ...) -> close."""

from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.nodes.fan_out.branch import branch_node, task_type
from langgraph_parallel.nodes.fan_out.scatter import answered_to, scatter_to
from langgraph_parallel.nodes.fan_out.state import BRANCHES, RUN_REPORT, typed_dict
from langgraph_parallel.nodes.flow.estimate import flow_estimator
from langgraph_parallel.nodes.flow.nodes import (
    asking,
    close_node,
    gather_node,
    of_first_round,
    plan_node,
    section_tasks,
)
from langgraph_parallel.nodes.flow.rounds import again
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.records import Answer, Branch, Call, Section
from langgraph_parallel.reducers.channels import merge_calls
from langgraph_parallel.reducers.completion import Completion, as_completion
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.graph import Governing, governed
from langgraph_parallel.runtime.limits import Limits, limits_from_environment, merged
from langgraph_parallel.runtime.prices import check_prices


class Options(TypedDict, total=False):
    """What every graph over sections can be made with."""

    limits: Limits | None
    """Bounds of calls, budget and deadline of a run."""
    completion: str | Completion | None
    """When there is enough of what was planned at first, such as `min_success(0.8)`."""
    checkpointer: Checkpointer
    """Of the compiled graph; leave it out where the graph becomes part of another."""
    store: BaseStore | None
    """Of the compiled graph."""


class FlowOutput(TypedDict):
    """What every graph over sections gives beside its result."""

    sections: Annotated[list[Section], Field(title="Sections", description="What was planned.")]
    branches: BRANCHES
    report: RUN_REPORT


class _Inner(FlowOutput):
    """Channels that stay inside."""

    wave: list[str]
    """Ids of the sections that are worked on now."""
    calls: Annotated[dict[str, Call], merge_calls]
    answers: list[Answer]
    """What a person has decided of votes in the sections."""
    spare: dict[str, Branch]
    """What a run before has done of later rounds, by what it was done on."""
    problems: dict[str, str]
    """Steps beside the branches that have failed, and why."""


def flow_graph(
    flow: Flow,
    given: Any,
    made: Any,
    *,
    limits: Limits | None = None,
    completion: str | Completion | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    context: type[Context] = Context,
    takes: Any = None,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile a flow.

    Args:
        flow: what is special about it.
        given: its input, a TypedDict.
        made: what its close makes, a TypedDict.
        limits: bounds of calls, budget and deadline of a run.
        completion: when there is enough of the first round.
        checkpointer: of the compiled graph.
        store: of the compiled graph.
        context: the runtime context.
        takes: the input for one text under a title, as in `Governing`.

    Raises:
        UnknownPrice: a budget in dollars, and a model without a known price.
    """
    check_prices(merged([limits, limits_from_environment()]), [ask.model for ask in flow.all_asks])
    escalates = flow.workers.escalates
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(
        typed_dict(f"{flow.name}State", _Inner, given, made),
        context_schema=context,
        input_schema=given,
        output_schema=typed_dict(f"{flow.name}Output", made, FlowOutput),
    )
    end = flow.closes_with
    tasks = section_tasks(flow)
    builder.add_node("plan", plan_node(flow))
    only = flow.workers.only  # a graph that is the only worker shows in drawings
    branch = (
        branch_node(only, "section", into=flow.workers.into)
        if only
        else branch_node(flow.workers, "section", quiet=flow.quiet)
    )
    builder.add_node("worker", branch, input_schema=task_type("SectionTask", Section))
    builder.add_node("gather", gather_node(flow))
    builder.add_node(end, close_node(flow))
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", *scatter_to("worker", tasks, join="gather", all_of=of_first_round))
    builder.add_edge("worker", "gather")
    join = "escalate" if escalates else end
    builder.add_conditional_edges("gather", *scatter_to("worker", tasks, join=join, all_of=of_first_round))
    if escalates:
        builder.add_node("escalate", asking)
        builder.add_conditional_edges(
            "escalate", *answered_to("worker", tasks, join=end, all_of=of_first_round)
        )
    builder.add_edge(end, END)
    return governed(
        builder.compile(checkpointer=checkpointer, store=store, name=flow.name),
        Governing(
            "plan",
            end,
            flow_estimator(flow),
            context,
            limits,
            as_completion(completion),
            again=again,
            escalates=escalates,
            fills=flow.takes,
            asks=flow.all_asks,
            takes=takes,
        ),
    )
