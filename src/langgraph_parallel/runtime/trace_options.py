"""How much of a run its trace holds: set in the runtime context, for a graph, or in the environment."""

import os
from typing import Any, Literal, cast, get_args

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.limits import PREFIX
from langgraph_parallel.runtime.settings import switch_of

TraceLevel = Literal["full", "branches", "graph"]
"""`full`: every branch and every model call. `branches`: one trace run for each branch. `graph`: the graph
and its own steps."""
LEVELS: tuple[TraceLevel, ...] = get_args(TraceLevel)


def check_level(level: Any) -> TraceLevel | None:
    """Return a level of tracing.

    Raises:
        UsageError: it is none.
    """
    if level is None or level in LEVELS:
        return cast("TraceLevel | None", level)
    raise UsageError(f"trace is {level!r}; expected one of {', '.join(LEVELS)}")


def level_of(*given: TraceLevel | None) -> TraceLevel:
    """Return the first level that is given, else that of the environment, else `full`.

    Raises:
        UsageError: the environment names another one.
    """
    for level in given:
        if level is not None:
            return level
    named = os.environ.get(f"{PREFIX}TRACE", "").strip().lower()
    if named and named not in LEVELS:
        raise UsageError(f"{PREFIX}TRACE={named!r}: expected one of {', '.join(LEVELS)}")
    return next((level for level in LEVELS if level == named), "full")


def shows_contents(*given: bool | None) -> bool:
    """Return whether traces hold contents: not if one of those who may say so says no.

    The strictest wins: a caller of a server cannot make it send what its developer keeps back.

    Raises:
        UsageError: the environment has another value than true or false.
    """
    named = os.environ.get(f"{PREFIX}TRACE_CONTENTS", "").strip().lower()
    switched = switch_of(named)
    if named and switched is None:
        raise UsageError(f"{PREFIX}TRACE_CONTENTS={named!r}: expected true or false")
    return False not in given and switched is not False
