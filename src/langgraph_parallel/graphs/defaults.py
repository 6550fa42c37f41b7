"""Arguments for the factories that need some, so that their graphs can be tried as they are."""

from collections.abc import Callable
from typing import Any

from langgraph_parallel.nodes.flow import split
from langgraph_parallel.nodes.flow.synthesizer import by_model
from langgraph_parallel.nodes.work.ask import Ask


def _map_reduce() -> dict[str, Any]:
    """Summarise each item, and make one summary of all."""
    return {
        "worker": Ask.shipped("sectioning/summarise"),
        "synthesizer": Ask.shipped("map_reduce/reduce"),
        "max_tokens": 6000,
    }


def _scatter_gather() -> dict[str, Any]:
    """Ask one model at three temperatures."""
    sources = {
        name: Ask.shipped("voting/question", temperature=temperature).numbered(f"You are the {name} source.")
        for name, temperature in (("cool", 0.0), ("warm", 0.7), ("hot", 1.0))
    }
    return {"sources": sources, "synthesizer": by_model()}


def _sectioning() -> dict[str, Any]:
    """Summarise the sections below the headings of a Markdown text, and make one summary of all."""
    return {
        "planner": split.by_heading(),
        "worker": Ask.shipped("sectioning/summarise"),
        "synthesizer": by_model(),
    }


DEFAULTS: dict[str, Callable[[], dict[str, Any]]] = {
    "map_reduce": _map_reduce,
    "scatter_gather": _scatter_gather,
    "sectioning": _sectioning,
}
"""By the name of the pattern. A call builds the arguments; an application replaces what it does otherwise."""
