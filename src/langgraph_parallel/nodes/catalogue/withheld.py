"""What runs below an answer that is withheld: no stream, trace or checkpoint sees more than names and times.

Handlers of callbacks get the events of the answer with their contents left out until the gate is open. Events
that the answer's worker writes itself, and checkpoints of graphs in it, are held until then.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.pregel.protocol import StreamProtocol
from langsmith import tracing_context

from langgraph_parallel.nodes.work.held_saver import HeldSaver
from langgraph_parallel.runtime.recording import Unheard

LEFT_OUT = "(withheld)"
"""In place of what handlers do not see."""
_STREAM, _CHECKPOINTER, _RUNTIME = "__pregel_stream", "__pregel_checkpointer", "__pregel_runtime"
_EVENTS = (
    "on_llm_start",
    "on_chat_model_start",
    "on_llm_new_token",
    "on_llm_end",
    "on_llm_error",
    "on_chain_start",
    "on_chain_end",
    "on_chain_error",
    "on_tool_start",
    "on_tool_end",
    "on_tool_error",
    "on_retriever_start",
    "on_retriever_end",
    "on_retriever_error",
    "on_text",
    "on_agent_action",
    "on_agent_finish",
    "on_retry",
    "on_custom_event",
)
_UNTOLD = frozenset({"on_text", "on_agent_action", "on_agent_finish", "on_retry", "on_custom_event"})
"""Events that are nothing but contents; no run begins or ends with them."""


class Withholding(Protocol):
    """What knows whether the contents may be seen."""

    @property
    def is_open(self) -> bool:
        """Whether they may."""
        ...

    def hold(self, write: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return a function that writes once they may."""
        ...


def withheld_config(
    config: RunnableConfig | None, gate: Withholding
) -> tuple[RunnableConfig, HeldSaver | None]:
    """Return a config below which nothing is seen before the gate is open; and the checkpoints that are held.

    Args:
        config: of the branch.
        gate: says when it may be seen.
    """
    given: RunnableConfig = config or {}
    callbacks: Any = given.get("callbacks")
    if callbacks is None or isinstance(callbacks, list):
        kept: Any = _withheld_handlers(callbacks or [], gate)
    else:
        kept = callbacks.copy()
        made = {id(handler): _withheld_handler(handler, gate) for handler in callbacks.handlers}
        made |= {
            id(handler): _withheld_handler(handler, gate)
            for handler in callbacks.inheritable_handlers
            if id(handler) not in made
        }
        kept.handlers = [new for old in callbacks.handlers if (new := made[id(old)]) is not None]
        kept.inheritable_handlers = [
            new for old in callbacks.inheritable_handlers if (new := made[id(old)]) is not None
        ]
    inner: dict[str, Any] = dict(given.get("configurable") or {})
    if (stream := inner.get(_STREAM)) is not None:
        inner[_STREAM] = StreamProtocol(gate.hold(stream), stream.modes)
    saver: HeldSaver | None = None
    if isinstance(checkpointer := inner.get(_CHECKPOINTER), BaseCheckpointSaver):
        saver = inner[_CHECKPOINTER] = HeldSaver(checkpointer)
    if (runtime := inner.get(_RUNTIME)) is not None:
        inner[_RUNTIME] = runtime.override(stream_writer=gate.hold(runtime.stream_writer))
    return {**given, "callbacks": kept, "configurable": inner}, saver


@contextmanager
def within(config: RunnableConfig) -> Iterator[None]:
    """Let code inside find this config, and nothing of the one around it: LangGraph unites their handlers.

    LangSmith's own decorators trace nothing inside, and no new tracer is added.
    """
    token = var_child_runnable_config.set(config)
    try:
        with tracing_context(enabled=False):
            yield
    finally:
        var_child_runnable_config.reset(token)


def _withheld_handlers(handlers: Sequence[Any], gate: Withholding) -> list[Any]:
    return [new for handler in handlers if (new := _withheld_handler(handler, gate)) is not None]


def _withheld_handler(handler: Any, gate: Withholding) -> Any:
    """Return a handler that sees no contents; None for one of a stream, and one that cannot be shielded."""
    if isinstance(handler, Unheard):  # ours: they count tokens, and show nothing
        return handler
    if hasattr(handler, "tap_output_aiter") or not isinstance(handler, BaseCallbackHandler):
        return None
    kind: Any = type(handler)
    overrides = {name: _left_out(name, getattr(kind, name), gate) for name in _EVENTS if hasattr(kind, name)}
    try:
        # Of the same kind, for those who look for a tracer among the handlers, and with the same state.
        shielded: Any = object.__new__(type(kind.__name__, (kind,), overrides))
        shielded.__dict__ = handler.__dict__
    except (TypeError, AttributeError):  # with slots, or made in C
        return None
    return shielded


def _left_out(name: str, method: Callable[..., Any], gate: Withholding) -> Callable[..., Any]:
    """Return a handler's method that leaves out the contents of an event while the gate is not open."""
    if inspect.iscoroutinefunction(method):

        async def told_async(self: Any, *args: Any, **kwargs: Any) -> Any:
            if not gate.is_open:
                if name in _UNTOLD:
                    return None
                args, kwargs = _without_contents(name, args, kwargs)
            return await method(self, *args, **kwargs)

        return told_async

    def told(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not gate.is_open:
            if name in _UNTOLD:
                return None
            args, kwargs = _without_contents(name, args, kwargs)
        return method(self, *args, **kwargs)

    return told


def _without_contents(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of an event without contents: those that start a run have them in the second."""
    place = 1 if name.endswith("_start") else 0
    kept = [_blank(name, value) if index == place else value for index, value in enumerate(args)]
    named = {key: _blank(name, value) if key in _CONTENTS else value for key, value in kwargs.items()}
    return tuple(kept), named


_CONTENTS = frozenset({"messages", "prompts", "token", "chunk", "response", "error", "inputs", "outputs"}) | {
    "input_str",
    "output",
    "query",
    "documents",
}
"""Arguments of events that are contents."""


def _blank(name: str, value: Any) -> Any:
    """Return what stands for the contents of an event."""
    if isinstance(value, BaseException):
        return RuntimeError(f"{type(value).__name__} {LEFT_OUT}")
    if isinstance(value, LLMResult):
        return LLMResult(
            generations=[[_blank_generation(one) for one in batch] for batch in value.generations]
        )
    if name == "on_chat_model_start" and isinstance(value, list):
        return [[HumanMessage(LEFT_OUT)] for _ in value]
    if name == "on_llm_start" and isinstance(value, list):
        return [LEFT_OUT for _ in value]
    if name == "on_retriever_end":
        return []
    if name == "on_llm_new_token":
        return None if not isinstance(value, str) else ""
    return {"output": LEFT_OUT} if name.startswith("on_chain") or isinstance(value, dict) else LEFT_OUT


def _blank_generation(generation: Any) -> Any:
    """Return a generation with its tokens, and without its text."""
    if not isinstance(generation, ChatGeneration):
        return Generation(text=LEFT_OUT)
    usage = getattr(generation.message, "usage_metadata", None)
    return ChatGeneration(message=AIMessage(LEFT_OUT, usage_metadata=usage))
