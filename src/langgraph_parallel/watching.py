"""Watch a run: its events as typed records, without knowing LangGraph's stream modes."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, suppress
from time import time
from typing import Any, cast

from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import RunControl

from langgraph_parallel.control import go_back_to_failed, is_unfinished, read_output, require_redrivable
from langgraph_parallel.errors import CompletionError, UsageError
from langgraph_parallel.records.events import (
    Custom,
    Event,
    Interrupt,
    Interrupted,
    Output,
    Token,
    read_event,
)
from langgraph_parallel.runtime.replying import is_reply

_INTERRUPT = "__interrupt__"


async def events(
    graph: Any,
    input: Any,
    config: RunnableConfig | None = None,
    *,
    context: Any = None,
    tokens: bool = False,
    redrive: bool = False,
    control: RunControl | None = None,
) -> AsyncIterator[Event]:
    """Run a graph, and yield what happens at all levels of nesting.

        async for event in events(graph, {"content": text}):
            if event.event == "ended":
                print(event.name, event.status)
            elif event.event == "output":
                out = event.output

    The last event is `output`, or `interrupted` if a person is asked: run it again then with
    `Command(resume=...)` as the input. Closing the iterator ends the run.

    Args:
        graph: from one of the factories, or a LangGraph graph of yours with some of these in it.
        input: as for `ainvoke`; None, or a `Command`, goes on with the run of the thread.
        config: as for `ainvoke`.
        context: the runtime context, as for `ainvoke`.
        tokens: whether to yield the answers of models as they are written. Calls are streamed then, which
            costs more.
        redrive: whether to run again what did not end ok in the last run of the thread, as `aredrive` does,
            which returns the output alone. `input` is None then.
        control: as for `ainvoke`: its `request_drain` stops the run between two calls.

    Yields:
        records of `records.events`, in the order in which things happened.

    Raises:
        UsageError: `graph` is not a LangGraph graph, or cannot be redriven, as for `aredrive`.
        GraphDrained: the run was asked to stop; it goes on with None as the input.
        Exception: that of the run, after its last event.
    """
    if not hasattr(graph, "astream") or not hasattr(graph, "output_channels"):
        raise UsageError(f"{graph!r} is not a LangGraph graph; pass a compiled graph")
    if redrive and input is not None:
        raise UsageError("a redrive has the input of the run that it repeats; pass None with redrive=True")
    if redrive:
        told = _redrive(graph, config or {}, context, control, tokens=tokens)
    else:
        told = _run(graph, input, config, context, control, tokens=tokens)
    async with aclosing(cast("Any", told)) as found:
        async for event in found:
            yield event


async def _redrive(
    graph: Any, config: RunnableConfig, context: Any, control: RunControl | None, *, tokens: bool
) -> AsyncIterator[Event]:
    """Finish the run of a thread, if it is not finished, and run again what did not end ok."""
    redriven = require_redrivable(graph)
    if await is_unfinished(redriven, config):
        with suppress(CompletionError):
            async with aclosing(
                cast("Any", _run(redriven, None, config, context, control, tokens=tokens))
            ) as told:
                async for event in told:
                    if not isinstance(event, Output):  # the last one is told below
                        yield event
                    if isinstance(event, Interrupted):
                        return
    if (back := await go_back_to_failed(redriven, config, context)) is None:
        yield Output(event="output", at=time(), output=await read_output(redriven, config))
        return
    async with aclosing(cast("Any", _run(redriven, None, back, context, control, tokens=tokens))) as told:
        async for event in told:
            yield event


async def _run(
    graph: Any,
    input: Any,
    config: RunnableConfig | None,
    context: Any,
    control: RunControl | None,
    *,
    tokens: bool,
) -> AsyncIterator[Event]:
    stream: AsyncIterator[Any] = graph.astream(
        input,
        config,
        context=context,
        control=control,
        stream_mode=["custom", "values", *(["messages"] if tokens else [])],
        output_keys=graph.output_channels,
        subgraphs=True,
    )
    output: Any = None
    asked: dict[str, Interrupt] = {}
    async with aclosing(cast("Any", stream)) as chunks:
        async for place, mode, data in chunks:
            if mode == "custom":
                yield read_event(data) or Custom(event="custom", at=time(), data=data)
            elif mode == "messages":
                for token in _tokens(*data):
                    yield token
            elif not place:
                found = data.get(_INTERRUPT) if isinstance(data, Mapping) else None
                if found:
                    asked |= {
                        one.id: Interrupt(id=one.id, value=one.value, response_schema=one.response_schema)
                        for one in found
                    }
                    continue
                output = data
    if asked:
        yield Interrupted(event="interrupted", at=time(), interrupts=list(asked.values()))
    else:
        yield Output(event="output", at=time(), output=output)


def _tokens(message: Any, metadata: Mapping[str, Any]) -> Iterator[Token]:
    """Yield the part of an answer in a message, if it is one of a model and has text.

    The answer of a graph is in its output, and would repeat the parts that models and guards have shown.
    """
    if isinstance(message, AIMessage) and message.text and not is_reply(message):
        yield Token(
            event="token",
            at=time(),
            branch=list(metadata.get("branch_path") or ()),
            call=metadata.get("call"),
            text=message.text,
        )
