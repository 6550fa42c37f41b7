"""The calls of a branch, collected while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from langchain_core.messages import AIMessage, BaseMessage

from langgraph_parallel.records import Call, Usage

_calls: ContextVar[dict[str, Call] | None] = ContextVar("calls", default=None)


class Unheard:
    """Marks callback handlers that do not listen to calls of `Ask`, which may take the direct path then."""


@contextmanager
def recording() -> Iterator[dict[str, Call]]:
    """Collect the calls that are made inside, by id; an enclosing recording gets them when this one ends."""
    outer = _calls.get()
    inner: dict[str, Call] = {}
    token = _calls.set(inner)
    try:
        yield inner
    finally:
        _calls.reset(token)
        if outer is not None:
            outer.update(inner)


def record(call: Call) -> None:
    """Add a call to the recording that this code runs in; does nothing outside of one."""
    calls = _calls.get()
    if calls is not None:
        calls[call.id] = call


def current_recording() -> dict[str, Call] | None:
    """Return the calls of the recording that this code runs in; None outside of one."""
    return _calls.get()


def read_usage(message: BaseMessage) -> Usage:
    """Return the tokens of an answer as counted by the provider; zero if it does not say."""
    counted = message.usage_metadata if isinstance(message, AIMessage) else None
    if not counted:
        return Usage()
    return Usage(input_tokens=counted["input_tokens"], output_tokens=counted["output_tokens"])
