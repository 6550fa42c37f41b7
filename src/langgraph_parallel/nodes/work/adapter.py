"""Adapters: graphs of others get their work in a form that they take, and their result is read."""

import inspect
import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.errors import ParentCommand
from langgraph.graph.state import CompiledStateGraph

from langgraph_parallel.answers.message import read_message
from langgraph_parallel.arguments import checked
from langgraph_parallel.errors import InvalidAnswer, UsageError
from langgraph_parallel.nodes.work.attempts import Attempts, RetryOn
from langgraph_parallel.nodes.work.function import Function
from langgraph_parallel.nodes.work.media import divide_media
from langgraph_parallel.nodes.work.render import as_text, section_text
from langgraph_parallel.records import Call, Section
from langgraph_parallel.runtime.graph import is_resuming
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.prices import Priced
from langgraph_parallel.runtime.recording import current_recording, read_usage, record
from langgraph_parallel.runtime.run import current_run
from langgraph_parallel.runtime.savings import saved_by
from langgraph_parallel.runtime.settings import as_settings

_RUN_ID = re.compile(r"lc_run--([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
"""The id that LangChain gives a message: that of the run of the model's call."""


class Adapter:
    """A worker that gets its input from one function, whose output another one reads, and that has limits.

    Args:
        runnable: a graph, an agent, a chain, a tool, a `RemoteGraph`.
        input: builds its input from the work: a `Section`, a question, a text, an item. None for the work
            itself.
        output: reads its output; None for the output itself.
        handoff: makes the result of the command by which the runnable hands over to another agent; None if
            that is a failure.
        attempts: what bounds it; None for the limits of the run.
    """

    def __init__(
        self,
        runnable: "Runnable[Any, Any]",
        input: Callable[[Any], Any] | None,
        output: Callable[[Any], Any] | None,
        handoff: Callable[[Any], Any] | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        self.runnable = runnable
        self._input, self._output, self._handoff = input, output, handoff
        self._attempts = attempts or Attempts()

    def around(self, runnable: "Runnable[Any, Any]") -> "Adapter":
        """Return the same for another form of its runnable, with the limits of both together."""
        return Adapter(runnable, self._input, self._output, self._handoff, self._attempts)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Do the work."""
        name = (config or {}).get("run_name") or getattr(self.runnable, "name", None) or "worker"
        return await self._attempts.make(lambda: self._work(input, config), name)

    async def _work(self, input: Any, config: RunnableConfig | None) -> Any:
        given = input if self._input is None else await _awaited(self._input(input))
        try:
            output = await self.runnable.ainvoke(given, config)
        except ParentCommand as command:
            if self._handoff is None:
                raise
            return await _awaited(self._handoff(command.args[0]))
        if is_resuming(config):
            _record_earlier(output, given)
        return output if self._output is None else await _awaited(self._output(output))


@checked
def adapt(
    worker: "Runnable[Any, Any] | Callable[..., Any]",
    *,
    input: Callable[[Any], Any] | None = None,
    output: Callable[[Any], Any] | None = None,
    handoff: Callable[[Any], Any] | None = None,
    limits: Limits | Mapping[str, Any] | None = None,
    retry_on: RetryOn | None = None,
) -> Adapter:
    """Make a worker of a graph, another Runnable, a tool or a function, with an input or limits of its own.

        adapt(graph, input=lambda section: {"topic": section.title}, output=lambda out: out["summary"])
        adapt(fetch, limits=Limits(call_timeout=5, attempts=3, concurrency=4), retry_on=OSError)

    Agents, and all graphs with `messages` in their state, need no adapter.

    Limits of workers of yours are those that somebody sets, here, for the graph or for the run; the defaults
    are those of a request to a model. `call_timeout` is the time of one attempt, in which no model call is
    under way: those have limits of their own, as before. A sync function is not waited for after that time,
    but its thread runs on. `concurrency` is how many branches work at the same time, in all runs of the
    process, `requests_per_minute` how many begin.

    Args:
        worker: a graph, an agent, a chain, a tool, a `RemoteGraph`, or a function, sync or async.
        input: builds its input from the work, sync or async. The work is a `Section`, or, as for a function
            in the same place, the question, the text or the item. None for the work itself.
        output: reads its output, sync or async; None for the output itself.
        handoff: makes the result of LangGraph's `Command` by which a graph hands over to another agent, sync
            or async; None to let the branch fail, with that cause.
        limits: `call_timeout`, `attempts`, `backoff`, `concurrency`, `requests_per_minute`; None for those of
            the graph and the run.
        retry_on: the exceptions after which it is tried again: a type, a tuple of types, or a function of the
            exception; up to `attempts` times, by default 4. None for what may be gone the next time (429,
            5xx, broken connections, timeouts), if `attempts` is set. What interrupts, and calls to models
            that have used up their attempts, are never tried again.

    Raises:
        UsageError: `worker` is neither a Runnable nor a function, or another argument is not valid.
    """
    for name, function in (("input", input), ("output", output), ("handoff", handoff)):
        if function is not None and not callable(function):
            raise UsageError(f"{name} is {function!r}; expected a function")
    attempts = Attempts(as_settings(limits, Limits, "limits") if limits is not None else None, retry_on)
    return Adapter(_as_runnable(worker), input, output, handoff, attempts)


def _as_runnable(worker: Any) -> "Runnable[Any, Any]":
    if hasattr(worker, "ainvoke"):
        runnable: Runnable[Any, Any] = worker
        return runnable
    if not callable(worker) or isinstance(worker, type):
        raise UsageError(f"{worker!r} cannot be adapted; pass a graph, another Runnable, or a function")
    return Function(worker)


def adapt_graph(
    graph: CompiledStateGraph[Any, Any, Any, Any], offers: Collection[str] | None
) -> "CompiledStateGraph[Any, Any, Any, Any] | Adapter":
    """Return a graph of others as a worker: with `messages` in its state it gets the work as a message.

    Args:
        graph: not of this package.
        offers: keys of the work in this place; empty if it is a text, None if it is whatever the caller has.

    Raises:
        UsageError: the graph takes none of the keys, so that it would run without its work.
    """
    takes = list(graph.builder.schemas[graph.builder.input_schema])
    if "messages" in takes:
        return Adapter(graph, _as_message, _read_messages)
    if offers is None or set(takes) & set(offers):
        return graph
    offered = f"the keys {', '.join(sorted(offers))}" if offers else "a text"
    raise UsageError(
        f"graph {graph.name!r} takes {', '.join(takes)}, but the work has {offered}; pass "
        "agents.adapt(graph, input=..., output=...)"
    )


def _record_earlier(output: Any, given: Any) -> None:
    """Record the calls of an agent that the process made before it died: they are in its messages.

    Their times are not known, so they count as calls without a duration.
    """
    before = {message.id for message in _messages_in(given)}
    known, now = current_recording() or {}, time.time()
    for message in _messages_in(output):
        made = _RUN_ID.match(message.id or "") if isinstance(message, AIMessage) else None
        if made is None or made[1] in known or message.id in before:
            continue
        about, usage = message.response_metadata, read_usage(message)
        name = str(about.get("model_name") or "model")
        priced = Priced(about.get("model_provider"), name).at(current_run().limits)
        usd = priced.usd(usage)
        record(
            Call(
                id=made[1],
                kind="model",
                target=name,
                started=now,
                ended=now,
                usage=usage,
                usd=usd,
                saved=saved_by(priced, usage, usd),
            )
        )


def _messages_in(state: Any) -> list[BaseMessage]:
    messages = state.get("messages") if isinstance(state, Mapping) else None
    return [message for message in messages or [] if isinstance(message, BaseMessage)]


def _as_message(work: object) -> dict[str, list[BaseMessage]]:
    """Return the input of an agent: the work as one message, with its pictures and files."""
    if isinstance(work, Section):
        text, blocks = section_text(work), work.blocks
    elif (divided := divide_media(work)) is not None:
        text, blocks = divided[0], [dict(block) for block in divided[1]]
    else:
        return {"messages": [HumanMessage(as_text(_plain(work)))]}
    return {"messages": [HumanMessage([{"type": "text", "text": text}, *blocks] if blocks else text)]}


def _plain(work: Any) -> Any:
    dump = getattr(work, "model_dump", None)
    return dump(mode="json") if dump else work


def _read_messages(output: Any) -> Any:
    """Return the structured response of an agent, else the text of its last message.

    Raises:
        InvalidAnswer: it has neither.
        AnswerError: the last message is not a whole answer.
    """
    fields = output if isinstance(output, Mapping) else vars(output)
    if (structured := fields.get("structured_response")) is not None:
        return structured
    messages = fields.get("messages") or []
    last = messages[-1] if messages and isinstance(messages[-1], BaseMessage) else None
    if last is None or not last.text.strip():
        raise InvalidAnswer("the agent's last message has no text, and there is no structured response")
    return read_message(last).whole_text()


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
