"""The calls of a branch, collected while it runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Call, Usage

_place: ContextVar[str] = ContextVar("place", default="")
_calls: ContextVar[dict[str, Call] | None] = ContextVar("calls", default=None)
_notes: ContextVar[list[str] | None] = ContextVar("notes", default=None)

NODE_PATH = "langgraph_checkpoint_ns"
"""Key in the metadata that LangGraph gives a node: `worker:1f2e|tools:3c4d`, the path of nodes with ids."""


class Unheard:
    """Marks callback handlers that do not listen to calls of `Ask`, which may take the direct path then."""


@contextmanager
def recording(config: RunnableConfig | None = None) -> Iterator[dict[str, Call]]:
    """Collect the calls that are made inside, by id; an enclosing recording gets them when this one ends.

    Args:
        config: of the node; steps are named from there.
    """
    outer = _calls.get()
    inner: dict[str, Call] = {}
    metadata = (config or {}).get("metadata") or {}
    token, place = _calls.set(inner), _place.set(str(metadata.get(NODE_PATH) or _place.get()))
    try:
        yield inner
    finally:
        _calls.reset(token)
        _place.reset(place)
        if outer is not None:
            outer.update(inner)


@contextmanager
def noting() -> Iterator[list[str]]:
    """Collect the notes that are made inside."""
    notes: list[str] = []
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def note(text: str) -> None:
    """Note something about the answer that this code reads; does nothing outside of a branch."""
    notes = _notes.get()
    if notes is not None and text not in notes:
        notes.append(text)


def record(call: Call) -> None:
    """Add a call to the recording that this code runs in; does nothing outside of one."""
    calls = _calls.get()
    if calls is not None:
        calls[call.id] = call


def current_recording() -> dict[str, Call] | None:
    """Return the calls of the recording that this code runs in; None outside of one."""
    return _calls.get()


def step_of(metadata: Mapping[str, Any]) -> str:
    """Return the step of an agent or a graph that makes a call: the path of nodes below the one recorded.

    Args:
        metadata: of the call, as LangChain gives it to callbacks.
    """
    path, place = str(metadata.get(NODE_PATH) or ""), _place.get()
    if not place or not path.startswith(place):
        return ""
    names = [part.partition(":")[0] for part in path.removeprefix(place).split("|") if part]
    agent = str(metadata.get("lc_agent_name") or "")
    return "/".join([agent, *names] if agent and names else names)


def read_usage(message: BaseMessage) -> Usage:
    """Return the tokens of an answer as counted by the provider; zero if it does not say."""
    counted = message.usage_metadata if isinstance(message, AIMessage) else None
    if not counted:
        return Usage()
    return Usage(input_tokens=counted["input_tokens"], output_tokens=counted["output_tokens"])
