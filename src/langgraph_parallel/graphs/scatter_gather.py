"""Scatter-gather: one request to different sources at once, and what came back under each source's name."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, JsonValue
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.nodes.catalogue.scatter_gather import Source, SourceLike, as_source
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.fan_out.outcome import as_json
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.flow.synthesize import Synthesizer
from langgraph_parallel.nodes.work.arguments import as_plain, check_named
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.nodes.work.workers import Workers, as_worker, asks_in
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.context import Context


class ScatterGatherInput(TypedDict):
    """What all sources are asked."""

    request: Annotated[
        JsonValue, Field(title="Request", description="What every source is asked.", examples=["used bikes"])
    ]
    correlation_id: NotRequired[
        Annotated[str, Field(title="Correlation id", description="Joins the logs of the sources.")]
    ]


class ScatterGatherOutput(TypedDict):
    """What came back."""

    results: Annotated[
        dict[str, JsonValue], Field(title="Results", description="What each source answered, by its name.")
    ]
    result: Annotated[JsonValue, Field(title="Result", description="What was made of the answers.")]
    late: Annotated[list[str], Field(title="Late", description="Sources that were not waited for.")]
    missing: Annotated[list[str], Field(title="Missing", description="Sources that failed.")]
    correlation: Annotated[str, Field(title="Correlation", description="The correlation id of the request.")]


def create_scatter_gather(
    *,
    sources: Mapping[str, SourceLike],
    combine: Synthesizer | None = None,
    timeout: float | None = None,
    name: str = "scatter_gather",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that sends one request to several sources at once, and keeps their answers apart.

    Input: `request` (any JSON), and `correlation_id`, if there is one already. Output: `results` (answers by
    the names of the sources), `result` (what `combine` makes of them), `late` (sources that did not answer
    in time, or were not waited for), `missing` (sources that failed; why is in `branches` and in the
    report), `correlation`, `sections`, `branches`, `report`. It answers when all sources have, or enough of
    them (`completion="min_success(2)"`), or when the time is over (`completion="deadline(3)"`, or a deadline
    of the limits).

    Args:
        sources: by name: a function, a tool, a Runnable, a `RemoteGraph`, an `Ask` (with `{question}`), a
            graph of this package, `Http(url)`, or a `Source` with a time limit of its own. Each gets the
            request, and the correlation id in the metadata of its config.
        combine: from `Gathered` to the result: `synthesize.merge_fields()`, `rank()`, `best_by("price")`,
            `by_model()`, or a function of your own; by default there is none.
        timeout: seconds for each source that has no time limit of its own.
        name: shown in traces: `scatter_gather[source]`.
        options: `limits`, `completion`, `checkpointer`, `store`.

    Raises:
        UsageError: there is no source, or something is none.
    """
    check_named(sources, "sources")
    if not sources:
        raise UsageError("there is no source; pass {'name': worker}")
    held = {source: as_source(given) for source, given in sources.items()}
    if timeout is not None:
        held = {key: Source(one.worker, one.timeout or timeout) for key, one in held.items()}

    def one_for_each(given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        if given.get("request") is None:
            raise InputError("there is no request; pass {'request': ...}")
        correlation = given.get("correlation_id") or str(uuid.uuid4())
        request = as_json(as_plain(given["request"], "the request"))
        data = {"request": request, "question": as_text(request), "correlation_id": correlation}
        return [
            Section(id=source, title=source, content=as_text(request), worker=source, data=data)
            for source in sources
        ]

    async def keep_apart(gathered: Gathered) -> Mapping[str, Any]:
        late = {"timed_out", "cancelled", "skipped"}
        statuses = {key: branch.status for key, branch in gathered.branches.items()}
        return {
            "results": gathered.values,
            "result": None if combine is None else await gathered.attempt("combine", combine),
            "late": [source for source in sources if statuses.get(source) in late],
            "missing": [source for source in sources if statuses.get(source) == "failed"],
            "correlation": gathered.sections[0].data["correlation_id"],
        }

    flow = Flow(
        name=name,
        takes=["request", "correlation_id"],
        plan=one_for_each,
        workers=Workers(
            {source: as_worker(one.worker, "voting/question") for source, one in held.items()},
            foreign=lambda section: section.data["request"],
        ),
        timeout=lambda section: held[section.worker].timeout,
        close=keep_apart,
        closes=asks_in(combine),
        closes_with="combine",
        gives=["results", "result", "late", "missing", "correlation"],
        metadata=lambda section: {"correlation_id": str(section.data["correlation_id"])},
    )
    return flow_graph(
        flow,
        ScatterGatherInput,
        ScatterGatherOutput,
        takes=lambda title, text: {"request": text},
        **options,
    )
