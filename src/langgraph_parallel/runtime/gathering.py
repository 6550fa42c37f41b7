"""Items of one run that are independent of each other: each is told as soon as it ends, not with the run."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Branch

ON_ITEM = "__langgraph_parallel_on_item"
"""Key in the config; LangGraph keeps keys with two underscores out of traces and checkpoints."""


@dataclass(frozen=True)
class Gathering:
    """How a graph takes many items in one run, each of which has an output of its own."""

    input: str
    """Key of the input that holds the items: a mapping of name to item."""
    output: Callable[[str, Branch], Mapping[str, Any]]
    """Returns what the graph's output has of one item, by its name and its branch."""


class ItemEnded(NamedTuple):
    """An item that has ended, however."""

    name: str
    """Its name in the input."""
    output: Mapping[str, Any]
    """What the graph's output has of it; for an item without a result, too."""
    branch: Branch
    """How it ended, what ended it, and every call that it took."""


OnItem = Callable[[ItemEnded], Awaitable[None]]
"""Called once for each item that ends; the item's branch ends when it returns."""


def telling_items(on_item: OnItem, config: RunnableConfig | None = None) -> RunnableConfig:
    """Return the config of a run whose items are told as they end.

    Args:
        on_item: is told.
        config: of the run otherwise.
    """
    config = config or {}
    return {**config, "configurable": {**(config.get("configurable") or {}), ON_ITEM: on_item}}


class Items:
    """Tells the items of one run.

    Args:
        gathering: how its graph takes them.
        on_item: is told.
    """

    __slots__ = ("_gathering", "_on_item")

    def __init__(self, gathering: Gathering, on_item: OnItem) -> None:
        self._gathering, self._on_item = gathering, on_item

    async def ended(self, branches: Mapping[str, Branch] | None) -> None:
        """Tell that the branches of items have ended.

        Args:
            branches: by the names of the items; None for nothing.
        """
        for name, branch in (branches or {}).items():
            await self._on_item(ItemEnded(name, self._gathering.output(name, branch), branch))


def find_items(config: RunnableConfig | None, gathering: Gathering | None) -> Items | None:
    """Return what tells the items of the run that begins with a config; None if nobody asks for them."""
    if gathering is None:
        return None
    on_item: OnItem | None = ((config or {}).get("configurable") or {}).get(ON_ITEM)
    return None if on_item is None else Items(gathering, on_item)
