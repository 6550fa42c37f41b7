"""The options that every factory takes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer
from typing_extensions import TypedDict

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.completion import Completion, as_completion
from langgraph_parallel.runtime.answer_setting import CacheLike, as_cache
from langgraph_parallel.runtime.limit_sources import limits_from_environment, merge_limits
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike, fallbacks_from_environment, read_fallbacks
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.record_setting import RecordLike, as_recording
from langgraph_parallel.runtime.settings import as_settings
from langgraph_parallel.runtime.trace_options import TraceLevel, check_level


class GraphOptions(TypedDict, total=False):
    """Options of every graph."""

    limits: Limits | Mapping[str, Any] | None
    """Limits of calls and work, budget and deadline of a run: `Limits`, or a mapping of its fields."""
    fallbacks: Sequence[ModelLike] | None
    """Models that are asked, in their order, where one does not answer; at every level below this graph,
    unless a graph or a worker there has its own. None for LANGGRAPH_PARALLEL_FALLBACKS."""
    completion: str | Completion | None
    """When enough branches have succeeded, such as `completion.min_success(0.8)`, or the same as text. The
    remaining branches are cancelled then; if it cannot be met, the run raises `CompletionError`. By default
    the graph waits for all branches and closes on those that succeeded."""
    checkpointer: Checkpointer
    """Checkpointer of the compiled graph. Leave it out if the graph becomes a node or a worker of another
    one."""
    store: BaseStore | None
    """Store of the compiled graph."""
    cache: CacheLike | None
    """A cache of answers: a question that a run has had answered is not asked again by a later run. True for
    a file in the user's folder of caches, a path, an `AnswerCache`, an `AnswerStore` of your own, or a cache
    of LangGraph's; False for none. None for that of the graph around, else LANGGRAPH_PARALLEL_CACHE, else
    none. Answers are stored as they are, whatever `trace_contents` says."""
    trace: TraceLevel | None
    """What a trace holds: `full`, every branch and model call; `branches`, one run for each branch; `graph`,
    the graph and its own steps. That of the outermost graph counts. None for LANGGRAPH_PARALLEL_TRACE, else
    `full`."""
    trace_contents: bool | None
    """False keeps prompts, documents, answers and the words of errors out of traces, at every level below
    this graph; names, numbers and sizes stay. None for LANGGRAPH_PARALLEL_TRACE_CONTENTS, else True."""
    trace_feedback: bool | None
    """Whether the KPIs of a run go to LangSmith as feedback on its trace. That of the outermost graph counts.
    None for LANGGRAPH_PARALLEL_TRACE_FEEDBACK, else False."""
    annotation_queue: str | None
    """Name of the LangSmith annotation queue that gets the trace of a run which asks a person to decide a
    vote. None for LANGGRAPH_PARALLEL_ANNOTATION_QUEUE, else none."""
    record: RecordLike | None
    """Where the record of each run goes, with all that it did, waited for, called and paid: a file, such as
    `run.json`; a folder, for a file of each run; a function that gets the `RunRecord`; or a `Recording`,
    which can ask for contents. That of the outermost graph counts. None for LANGGRAPH_PARALLEL_RECORD, else
    none."""
    chat_progress: bool | None
    """Whether a chat UI is shown what a run does while it goes on: where the input is a conversation and the
    caller gets `stream_mode="custom"`, the graph adds a message that its answer replaces, and writes UI
    messages of LangGraph for it. That of the outermost graph counts. None for
    LANGGRAPH_PARALLEL_CHAT_PROGRESS, else False."""
    inputs: Mapping[str, str] | None
    """Your names for keys of the input, by the graph's names: `{"files": "sources"}`. Only named keys enter.
    None for all keys, under the graph's names."""
    outputs: Mapping[str, str] | None
    """Your names for keys of the output, by the graph's names: `{"findings": "problems"}`. Only named keys
    leave. None for all keys, under the graph's names."""


class Resolved(NamedTuple):
    """Options as records."""

    limits: Limits | None
    completion: Completion | None
    compile: dict[str, Any]
    """The options of `StateGraph.compile`."""
    governing: dict[str, Any]
    """The options of `Governing`."""
    names: dict[str, Any]
    """The caller's names: the arguments of `name_keys`."""


def resolve(options: GraphOptions, models: Sequence[ModelLike | None]) -> Resolved:
    """Check the options of a factory, and turn them into records.

    Args:
        options: as the caller passed them.
        models: every model that the graph was built to ask; None for the one that the environment names.

    Raises:
        UsageError: an option does not exist, or is not valid.
        UnknownPrice: a budget in dollars, and a model without a known price.
    """
    if unknown := options.keys() - GraphOptions.__annotations__.keys():
        known = ", ".join(GraphOptions.__annotations__)
        raise UsageError(f"unknown argument {sorted(unknown)[0]!r}; options of every graph are {known}")
    level, contents = check_level(options.get("trace")), options.get("trace_contents")
    if contents not in (None, True, False):
        raise UsageError(f"trace_contents is {contents!r}; expected True, False or None")
    limits = options.get("limits")
    limits = None if limits is None else as_settings(limits, Limits, "limits")
    fallbacks = read_fallbacks(options.get("fallbacks"))
    asked = [*models, *(fallbacks_from_environment() if fallbacks is None else fallbacks)]
    check_prices(merge_limits([limits, limits_from_environment()]), asked)
    return Resolved(
        limits,
        as_completion(options.get("completion")),
        {"checkpointer": options.get("checkpointer"), "store": options.get("store")},
        {
            "trace": level,
            "trace_contents": contents,
            "fallbacks": fallbacks,
            "cache": as_cache(options.get("cache")),
            "trace_feedback": _check_kind("trace_feedback", options.get("trace_feedback"), bool),
            "queue": _check_kind("annotation_queue", options.get("annotation_queue"), str),
            "chat_progress": _check_kind("chat_progress", options.get("chat_progress"), bool),
            "recording": as_recording(options.get("record")),
        },
        {"inputs": options.get("inputs"), "outputs": options.get("outputs")},
    )


def _check_kind(name: str, value: Any, kind: type) -> Any:
    if value is not None and not isinstance(value, kind):
        raise UsageError(f"{name} is {value!r}; expected {kind.__name__} or None")
    return value
