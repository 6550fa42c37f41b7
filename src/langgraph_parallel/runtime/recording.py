"""The calls of a branch, collected while it runs."""

from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Call, Usage
from langgraph_parallel.runtime.counted import as_usage, with_details
from langgraph_parallel.runtime.emitting import current_emitter

_place: ContextVar[str] = ContextVar("place", default="")
_calls: ContextVar[dict[str, Call] | None] = ContextVar("calls", default=None)
_notes: ContextVar[list[str] | None] = ContextVar("notes", default=None)

NODE_PATH = "langgraph_checkpoint_ns"
"""Key in the metadata that LangGraph gives a node: `worker:1f2e|tools:3c4d`, the path of nodes with ids."""


class Unheard:
    """Marks callback handlers that do not listen to calls of `Ask`, which may take the direct path then."""


class recording:  # noqa: N801 - entered like a function of contextlib, at half the cost for every branch
    """Collect the calls that are made inside, by id; an enclosing recording gets them when this one ends.

    Args:
        config: of the node; steps are named from there.
    """

    __slots__ = ("_calls", "_outer", "_path", "_tokens")

    def __init__(self, config: RunnableConfig | None = None) -> None:
        self._path = ((config or {}).get("metadata") or {}).get(NODE_PATH)
        self._outer: dict[str, Call] | None = None
        self._calls: dict[str, Call] = {}
        self._tokens: tuple[Token[dict[str, Call] | None], Token[str]] | None = None

    def __enter__(self) -> dict[str, Call]:
        self._outer = _calls.get()
        self._tokens = _calls.set(self._calls), _place.set(str(self._path or _place.get()))
        return self._calls

    def __exit__(self, *_: object) -> None:
        assert self._tokens is not None
        _calls.reset(self._tokens[0])
        _place.reset(self._tokens[1])
        if self._outer is not None:
            self._outer.update(self._calls)


class noting:  # noqa: N801 - as above
    """Collect the notes that are made inside."""

    __slots__ = ("_token",)

    def __init__(self) -> None:
        self._token: Token[list[str] | None] | None = None

    def __enter__(self) -> list[str]:
        notes: list[str] = []
        self._token = _notes.set(notes)
        return notes

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        _notes.reset(self._token)


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
        if (emitter := current_emitter()) is not None:
            emitter.called(call)


def current_recording() -> dict[str, Call] | None:
    """Return the calls of the recording that this code runs in; None outside of one."""
    return _calls.get()


def answered_by() -> list[str]:
    """Return the names of the models that have answered in the recording that this code runs in."""
    return list(dict.fromkeys(c.target for c in (_calls.get() or {}).values() if c.kind == "model" and c.ok))


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
    if not isinstance(message, AIMessage):
        return Usage()
    return with_details(as_usage(message.usage_metadata), message.response_metadata.get("token_usage"))
