"""What bounds a run besides its own limits, where it is one of several that a conversation pays for."""

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.runtime.budget import Budget
from langgraph_parallel.runtime.limits import Limits

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

    def within(self, config: RunnableConfig | None) -> RunnableConfig:
        """Return the config with this in it."""
        config = config or {}
        return {**config, "configurable": {**(config.get("configurable") or {}), AROUND: self}}


NOTHING = Around()


def find_around(config: RunnableConfig | None) -> Around:
    """Return what is around the run that begins with a config."""
    around: Around = ((config or {}).get("configurable") or {}).get(AROUND, NOTHING)
    return around
