"""The calls of a branch, collected while it runs."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Call, Usage
from langgraph_parallel.runtime.counted import as_usage, with_details
from langgraph_parallel.runtime.emitting import current_emitter

_place: ContextVar[str] = ContextVar("place", default="")
_calls: ContextVar[dict[str, Call] | None] = ContextVar("calls", default=None)

NODE_PATH = "langgraph_checkpoint_ns"
"""Key in the metadata that LangGraph gives a node: `worker:1f2e|tools:3c4d`, the path of nodes with ids."""


class Unheard:
    """Marks callback handlers that do not listen to calls of `Ask`, which may take the direct path then."""


class Recorded:
    """Collects calls, by id; an enclosing recording gets them when this one ends.

    Args:
        config: of the node; steps are named from there.
    """

    # What was there before is set again. A token of each variable would do the same, and be one object more
    # for every branch that waits for an answer.
    __slots__ = ("_outer", "_outer_place", "_path", "calls")

    def __init__(self, config: RunnableConfig | None = None) -> None:
        self._path = ((config or {}).get("metadata") or {}).get(NODE_PATH)
        self._outer: dict[str, Call] | None = None
        self._outer_place = ""
        self.calls: dict[str, Call] = {}

    def start(self) -> None:
        """Collect what this code does from now on."""
        self._outer, self._outer_place = _calls.get(), _place.get()
        _calls.set(self.calls)
        if self._path:
            _place.set(str(self._path))

    def stop(self) -> None:
        """Collect no more."""
        _calls.set(self._outer)
        _place.set(self._outer_place)
        if self._outer is not None:
            self._outer.update(self.calls)


class recording(Recorded):  # noqa: N801 - entered like a function of contextlib, at half the cost
    """Collect the calls that are made inside."""

    __slots__ = ()

    def __enter__(self) -> dict[str, Call]:
        self.start()
        return self.calls

    def __exit__(self, *_: object) -> None:
        self.stop()


class Noted(Recorded):
    """Collects notes, too."""

    __slots__ = ("_outer_noted", "notes")

    def __init__(self, config: RunnableConfig | None = None) -> None:
        super().__init__(config)
        self._outer_noted: Noted | None = None
        self.notes: Sequence[str] = ()

    def start(self) -> None:
        """Collect what this code does, and notes, from now on."""
        super().start()
        self._outer_noted = _noted.get()
        _noted.set(self)

    def stop(self) -> None:
        """Collect no more."""
        super().stop()
        _noted.set(self._outer_noted)
        self._outer_noted = None

    def note(self, text: str) -> None:
        """Add a note."""
        if text not in self.notes:
            self.notes = (*self.notes, text)


_noted: ContextVar[Noted | None] = ContextVar("noted", default=None)


def note(text: str) -> None:
    """Note something about the answer that this code reads; does nothing outside of a branch."""
    if (noted := _noted.get()) is not None:
        noted.note(text)


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
