"""Scatter-gather: one request to different sources at once, and their answers by source."""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.nodes.catalogue.scatter_gather import ScatterGatherSteps, SourceLike
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.flow.synthesizer import SynthesizerLike, as_synthesizer
from langgraph_parallel.nodes.work.workers import Workers, asks_in


class ScatterGatherInput(TypedDict):
    """The request."""

    request: Annotated[
        JsonValue, Field(title="Request", description="What every source is asked.", examples=["used bikes"])
    ]
    correlation_id: NotRequired[
        Annotated[
            str,
            Field(
                title="Correlation id",
                description="Joins the logs of the sources.",
                examples=["order-4711"],
            ),
        ]
    ]


class ScatterGatherOutput(TypedDict):
    """The answers."""

    results: Annotated[
        dict[str, JsonValue], Field(title="Results", description="The answer of each source, by its name.")
    ]
    result: Annotated[JsonValue, Field(title="Result", description="What the synthesizer made of them.")]
    late: Annotated[
        list[str], Field(title="Late", description="Missing sources that did not answer in time.")
    ]
    correlation_id: Annotated[
        str, Field(title="Correlation id", description="The correlation id of the request.")
    ]


@checked
def create_scatter_gather(
    *,
    sources: Mapping[str, SourceLike],
    synthesizer: SynthesizerLike | None = None,
    timeout: float | None = None,
    name: str = "scatter_gather",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that sends one request to several sources at once, and keeps their answers apart.

    Input: `request` (any JSON), and optionally `correlation_id`. Output: `results` (answers by source),
    `result` (what the synthesizer makes of them), `missing` (sources without an answer; the causes are in
    `branches` and in `run_report`), `late` (those of them that did not answer in time, or were not waited
    for), `correlation_id`, `sections`, `branches`, `run_report`. The graph answers when all sources have, or
    enough of them (`completion="min_success(2)"`), or after a deadline (`completion="deadline(3)"`, or of the
    limits).

    Args:
        sources: by name: a function, a tool, a Runnable, a `RemoteGraph`, an `Ask` (with `{question}`), a
            graph of this package, `Http(url)`, or a `Source` with a time limit of its own. Each gets the
            request, and the correlation id in the metadata of its config.
        synthesizer: joins the answers: `synthesize.merge_fields()`, `rank()`, `best_by("price")`,
            `by_model()`, a function of `Gathered`, an `Ask` with `{results}`, or a chat model; by default
            `result` is None.
        timeout: seconds for each source that has no time limit of its own.
        name: shown in traces: `scatter_gather[source]`.
        options: `limits`, `completion`, `checkpointer`, `store`; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than it is given.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    join = None if synthesizer is None else as_synthesizer(synthesizer)
    scattering = ScatterGatherSteps(sources, join, timeout)
    flow = Flow(
        name=name,
        kind="scatter_gather",
        input=ScatterGatherInput,
        output=ScatterGatherOutput,
        plan=scattering.plan,
        workers=Workers(scattering.workers, foreign_input=lambda section: section.data["request"]),
        branch_timeout=scattering.branch_timeout,
        branch_metadata=lambda section: {"correlation_id": str(section.data["correlation_id"])},
        close=scattering.close,
        needs_results=False,
        close_asks=asks_in(join),
        work_name="ask",
        close_name="synthesize",
        from_text=lambda title, text: {"request": text},
    )
    return flow_graph(flow, **options)
