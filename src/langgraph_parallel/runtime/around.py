"""What bounds a run besides its own limits, where it is one of several that a conversation pays for."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config

from langgraph_parallel.runtime.budget import Budget
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.settings import as_settings

AROUND = "__langgraph_parallel_around"
"""Key in the config; LangGraph keeps keys with two underscores out of traces and checkpoints."""


@dataclass(frozen=True)
class Around:
    """Limits of one call of a graph by an agent, and budgets that it shares with other calls.

    They hold for the outermost graph below the config that carries them, and so for all graphs inside of it.
    """

    limits: Sequence[Limits] = ()
    """Apply where the graph itself sets nothing; their deadline applies in any case."""
    budgets: Sequence[Budget] = ()
    """Are charged as those of the runs around."""
    hold: Callable[[Callable[[bool], None]], None] | None = None
    """Takes what a run in the batch lane would call at its end, to forget the answers that it has collected:
    whoever makes the run stores its result first. None if the end of the run is the end of it."""
    line: Hashable = None
    """What has one line at an endpoint together with other runs, as the rows of a map; None for a line of its
    own."""

    def within(self, config: RunnableConfig | None) -> RunnableConfig:
        """Return the config with this in it."""
        config = config or {}
        return {**config, "configurable": {**(config.get("configurable") or {}), AROUND: self}}


NOTHING = Around()


def find_around(config: RunnableConfig | None, *, inherited: bool = True) -> Around:
    """Return what is around the run that begins with a config.

    Args:
        config: that it was called with.
        inherited: whether what is around the code that calls holds as well, where the config has nothing: as
            in a node that passes no config on. Not inside of a run, which has taken it over.
    """
    around: Around | None = ((config or {}).get("configurable") or {}).get(AROUND)
    if around is None and inherited:
        with suppress(RuntimeError):  # outside of any graph
            around = (get_config().get("configurable") or {}).get(AROUND)
    return around or NOTHING


def around(limits: Limits | Mapping[str, Any], config: RunnableConfig | None = None) -> RunnableConfig:
    """Return a config whose limits bound all graphs below it together.

        config = limiting.around({"budget_usd": 0.5, "fairness_key": tenant}, {"configurable": {...}})
        await app.ainvoke(given, config)  # a graph of yours, with several of ours as its nodes

    Budgets are one for all graphs of ours that run with the config, one after the other or at the same time.
    The other limits are those of each graph that does not set them itself; a deadline begins with each. What
    runs on the same thread later, after a person's answer for example, has a new budget: pass what is left.

    Args:
        limits: that bound them, those of runs and those of calls.
        config: of the run; limits that it already has from here apply as well. It is not changed.

    Raises:
        UsageError: a limit is not valid.
    """
    given, outer = as_settings(limits, Limits, "limits"), find_around(config)
    return replace(outer, limits=[given, *outer.limits], budgets=[Budget(given), *outer.budgets]).within(
        config
    )
