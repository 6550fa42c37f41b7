"""Wire a flow: plan -> work -> gather -> (work ...) -> close."""

from typing import Annotated, Any, Unpack

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from langgraph_parallel.graphs.options import GraphOptions, resolve
from langgraph_parallel.nodes.fan_out.branch import branch_node
from langgraph_parallel.nodes.fan_out.scatter import scatter_answers_to, scatter_to
from langgraph_parallel.nodes.fan_out.state import (
    BRANCHES,
    MISSING,
    PUT_OFF_IDS,
    RUN_REPORT,
    input_type,
    messages_fields,
    output_messages,
    state_type,
    typed_dict,
)
from langgraph_parallel.nodes.fan_out.task import SentTask
from langgraph_parallel.nodes.flow.estimate import flow_estimator
from langgraph_parallel.nodes.flow.nodes import (
    ask_person_node,
    close_node,
    gather_node,
    plan_node,
)
from langgraph_parallel.nodes.flow.redrive import redrive_update, watch_again
from langgraph_parallel.nodes.flow.sending import assignments, first_round_ids, section_tasks
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.vote.escalate import asked_after_gather
from langgraph_parallel.records import Answer, Branch, Call, Section
from langgraph_parallel.report.reply import answering
from langgraph_parallel.runtime.governing import Governing
from langgraph_parallel.runtime.graph import parallel_graph
from langgraph_parallel.runtime.named_graph import name_keys
from langgraph_parallel.runtime.replying import Replying, replying, showing_progress, telling_to_wait
from langgraph_parallel.runtime.stamp import STAMP


class FlowOutput(TypedDict):
    """The output keys that every graph over sections has."""

    missing: MISSING
    sections: Annotated[list[Section], Field(title="Sections", description="The plan.")]
    branches: BRANCHES
    run_report: RUN_REPORT


class _Inner(FlowOutput):
    """Internal channels."""

    wave: list[str]
    """Ids of the sections that are worked on now."""
    notes: dict[str, JsonValue]
    """What the planner noted besides its sections."""
    calls: dict[str, Call]
    """Calls outside of branches."""
    answers: list[Answer]
    """A person's answers to votes in the sections."""
    spare: dict[str, Branch]
    """Later-round results of the previous run, keyed by fingerprint."""
    problems: dict[str, str]
    """Failed steps outside of branches, each with its cause."""
    put_off: PUT_OFF_IDS
    stamp: STAMP


def flow_graph(flow: Flow, **options: Unpack[GraphOptions]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile a flow.

    Raises:
        UsageError: an option is not valid.
        UnknownPrice: a budget in dollars, and a model without a known price.
    """
    # Of a graph that can work without models, the environment's model is checked when a run asks it.
    models = [model for ask in flow.asks for model in ask.models]
    named = [model for model in models if model is not None or flow.uses_model is None]
    resolved = resolve(options, named)
    governing = Governing(
        kind=flow.kind,
        fan_out_node="plan",
        close_node=flow.close_name,
        estimate=flow_estimator(flow),
        context=flow.context,
        limits=resolved.limits,
        completion=resolved.completion,
        redrive=redrive_update(flow),
        **resolved.governing,
        built=flow.built,
        escalates=flow.workers.escalates,
        input_keys=flow.input_keys,
        asks=flow.asks if flow.uses_model is None else (),  # a graph that can work offline checks its own
        from_text=flow.from_text,
        from_messages=flow.from_messages,
        in_task=flow.in_task,
        gathers=flow.gathers,
    )
    graph = parallel_graph(_wire(flow).compile(name=flow.name, **resolved.compile), governing)
    return name_keys(graph, **resolved.names)


def _reply(flow: Flow) -> Replying | None:
    """Return how a flow answers in a conversation; None if it takes none."""
    spec = flow.from_messages
    return None if spec is None else answering(flow.kind, flow.name, spec)


def _wire(flow: Flow) -> StateGraph[Any, Any, Any, Any]:
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(
        state_type(
            f"{flow.name}State",
            flow.input_keys,
            _Inner,
            flow.input,
            flow.output,
            messages_fields(flow.from_messages),
            graphs=flow.workers.has_graphs,
        ),
        context_schema=flow.context,
        input_schema=input_type(flow.input, flow.from_messages),
        output_schema=typed_dict(
            f"{flow.name}Output", flow.output, FlowOutput, output_messages(flow.from_messages)
        ),
    )
    work, close, only, tasks = flow.work_name, flow.close_name, flow.workers.only, section_tasks(flow)
    how: dict[str, Any] = {
        "assignments": assignments(flow),
        "quiet": flow.quiet,
        "on_resume": watch_again(flow),
    }
    branch = (
        branch_node(
            only,
            "section",
            input_for=flow.workers.input_for,
            **how,
        )
        if only  # a graph that is the only worker is drawn as a subgraph
        else branch_node(flow.workers, "section", **how)
    )
    builder.add_node("plan", showing_progress(plan_node(flow), _reply(flow)))
    builder.add_node(work, branch, input_schema=SentTask)
    builder.add_node("gather", telling_to_wait(gather_node(flow), _reply(flow), asked_after_gather))
    builder.add_node(close, replying(close_node(flow), _reply(flow)))
    builder.add_edge(START, "plan")
    builder.add_edge(work, "gather")
    builder.add_edge(close, END)
    edge: dict[str, Any] = {"counted": first_round_ids}
    builder.add_conditional_edges("plan", *scatter_to(work, tasks, join="gather", **edge))
    after = "ask_person" if flow.workers.escalates else close
    builder.add_conditional_edges("gather", *scatter_to(work, tasks, join=after, **edge))
    if flow.workers.escalates:
        builder.add_node("ask_person", ask_person_node)
        builder.add_conditional_edges("ask_person", *scatter_answers_to(work, tasks, join=close, **edge))
    return builder
