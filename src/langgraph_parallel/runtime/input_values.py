"""The values of a graph's input are stored once: what is written to the input's channels refers to them.

LangGraph stores an input as it was given, before anything is run on it, and then again what its first node
writes to a channel for each key. Here this node writes the digests of the values. The values themselves are
found as long as an input that has them is held, by the channel that it is stored in.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from hashlib import sha256
from typing import Any
from weakref import WeakValueDictionary

from langgraph_parallel.errors import UsageError

_SHORTEST = 256
"""Characters from which a value is referred to."""
_MOST_PARTS = 50_000
"""Parts up to which a value is referred to, however short they are."""
_LENGTH_OF_MORE = 64
"""Mean characters of more parts: of shorter ones, the digest would take longer than what it saves."""
_SCALARS = frozenset({int, float, bool, type(None)})
_KEY = "__langgraph_parallel_input"
"""The only key of a reference."""


class Reference(dict[str, str]):
    """What is written in place of a value, and stored as its digest.

    Args:
        digest: of the value.
        value: for the process that writes it.
    """

    __slots__ = ("value",)

    def __init__(self, digest: str, value: Any) -> None:
        super().__init__({_KEY: digest})
        self.value = value


class Held:
    """A value of an input that was loaded.

    Args:
        value: as it was stored.
    """

    __slots__ = ("__weakref__", "read", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.read = False
        """Whether a channel refers to it, or has."""


_values: WeakValueDictionary[str, Held] = WeakValueDictionary()
"""The values of the inputs of all runs that are loaded, by digest; the channels of the inputs hold them."""

_kept: ContextVar[list[Held] | None] = ContextVar("kept", default=None)


def refer(given: Any, keys: Collection[str]) -> Any:
    """Return an input with references in place of long values.

    Args:
        given: the input.
        keys: whose channels resolve references.
    """
    if not isinstance(given, Mapping):
        return given
    return {
        key: value if key not in keys or (digest := _digest(value)) is None else Reference(digest, value)
        for key, value in given.items()
    }


def hold_values(given: Any) -> list[Held]:
    """Return the long values of an input, found by their digests as long as they are held."""
    if not isinstance(given, Mapping):
        return []
    digests = [(digest, value) for value in given.values() if (digest := _digest(value)) is not None]
    held = [_values.setdefault(digest, Held(value)) for digest, value in digests]
    if (kept := _kept.get()) is not None:
        kept += held
    return held


@contextmanager
def keep_values() -> Iterator[None]:
    """Hold what is loaded within the context until it ends, for who reads references after the channels."""
    token = _kept.set([])
    try:
        yield
    finally:
        _kept.reset(token)


def find_value(written: Any) -> Any:
    """Return what stands for a value, not to be changed; None if the value is not held."""
    if isinstance(written, Reference):
        return written.value
    if not _is_stored_reference(written):
        return written
    held = _values.get(written[_KEY])
    if held is None:
        return None
    held.read = True
    return held.value


def resolve(written: Any) -> Any:
    """Return the value of a reference, and anything else as it is.

    Raises:
        UsageError: no input is loaded that has the value.
    """
    value = find_value(written)
    if value is not None and _is_stored_reference(written) and not isinstance(written, Reference):
        return deepcopy(value)  # another run may have loaded the same input
    if value is None and written is not None:
        raise UsageError("the input of this run is not there any more; run the graph on it again")
    return value


def whole_results(state: Any) -> Any:
    """Return a state of LangGraph with whole values in the results of its tasks."""
    tasks = tuple(
        task._replace(result={key: resolve(value) for key, value in task.result.items()})
        if isinstance(task.result, dict) and any(map(_is_stored_reference, task.result.values()))
        else task
        for task in state.tasks
    )
    return state._replace(tasks=tasks)


def _is_stored_reference(written: Any) -> bool:
    return isinstance(written, dict) and written.keys() == {_KEY}


def _digest(value: Any) -> str | None:
    """Return the digest of a value, the same before and after it was stored; None if it is not referred to.

    That is so if it is short or has very many short parts, or if something in it may change when it is
    stored: what is no plain data, and half of a surrogate pair, which LangGraph stores as a question mark.
    """
    parts = length = 0
    digest = sha256()
    try:
        # Part by part: joined, all texts of an input would be copied, at the width of their widest character.
        for part in _spell(value):
            parts, length = parts + 1, length + len(part)
            if parts > _MOST_PARTS and length < _LENGTH_OF_MORE * parts:
                return None
            digest.update(part.encode())
    except (_NotPlain, UnicodeEncodeError):
        return None
    return digest.hexdigest()[:32] if length >= _SHORTEST else None


class _NotPlain(Exception):
    """A value has something in it that is no plain data."""


def _spell(value: Any) -> Iterator[str]:
    """Yield the parts of plain data, so that no other value is written the same.

    Raises:
        _NotPlain: the value is something else.
    """
    kind = type(value)
    if kind is str:
        yield f"s{len(value)}:"
        yield value
    elif kind is list or kind is tuple:  # which is a list after it was stored
        yield f"l{len(value)}:"
        for one in value:
            yield from _spell(one)
    elif kind is dict:
        yield f"d{len(value)}:"
        for key, one in value.items():
            yield from _spell(key)
            yield from _spell(one)
    elif kind in _SCALARS:
        yield f"{value!r};"
    else:
        raise _NotPlain
