"""Parallelization patterns for LLM agents, as compiled LangGraph graphs.

    from langgraph_parallel import create_voting

    vote = create_voting(model="openai:gpt-5-mini", choices=["yes", "no"], voters=5)
    out = await vote.ainvoke({"question": "Is 2027 a prime number?"})
    out["verdict"].choice, str(out["verdict"].support)

Every graph follows one idea: plan -> scatter -> branches -> gather -> close. Branches run at the same time; a
branch that fails is a record with its cause, not an exception; pure reducers join the results.

Names are imported when they are first used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph_parallel import (
        agents,
        completion,
        errors,
        limiting,
        plan,
        records,
        rules,
        split,
        stops,
        synthesize,
        votes,
    )
    from langgraph_parallel.control import aestimate, aredrive, estimate, redrive
    from langgraph_parallel.graphs.best_of import create_best_of
    from langgraph_parallel.graphs.brainstorm import create_brainstorm
    from langgraph_parallel.graphs.briefing import create_briefing
    from langgraph_parallel.graphs.debate import create_debate
    from langgraph_parallel.graphs.feedback import create_feedback
    from langgraph_parallel.graphs.guarded import create_guarded
    from langgraph_parallel.graphs.labeling import create_labeling
    from langgraph_parallel.graphs.map_reduce import create_map_reduce
    from langgraph_parallel.graphs.market_study import create_market_study
    from langgraph_parallel.graphs.moderation import create_moderation
    from langgraph_parallel.graphs.research import create_research
    from langgraph_parallel.graphs.review import create_review
    from langgraph_parallel.graphs.scatter_gather import create_scatter_gather
    from langgraph_parallel.graphs.sectioning import create_sectioning
    from langgraph_parallel.graphs.voting import create_voting
    from langgraph_parallel.nodes.catalogue.checks import Check
    from langgraph_parallel.nodes.catalogue.scatter_gather import Http, Source
    from langgraph_parallel.nodes.vote.judge import Judge
    from langgraph_parallel.nodes.work.ask import Ask
    from langgraph_parallel.nodes.work.roster import Roster
    from langgraph_parallel.prompts import Prompt
    from langgraph_parallel.records import Section
    from langgraph_parallel.runtime.answer_cache import AnswerCache
    from langgraph_parallel.runtime.context import Context, ReviewContext, VotingContext
    from langgraph_parallel.runtime.draining import drain
    from langgraph_parallel.runtime.governed import governed
    from langgraph_parallel.runtime.limits import Limits
    from langgraph_parallel.tools.details import details_tool
    from langgraph_parallel.tools.graph_tool import as_tool
    from langgraph_parallel.tools.parallel import parallel_tool
    from langgraph_parallel.watching import events

    __version__: str

_MODULES = {
    "AnswerCache": "runtime.answer_cache",
    "Ask": "nodes.work.ask",
    "Check": "nodes.catalogue.checks",
    "Context": "runtime.context",
    "Http": "nodes.catalogue.scatter_gather",
    "Judge": "nodes.vote.judge",
    "Limits": "runtime.limits",
    "Prompt": "prompts",
    "ReviewContext": "runtime.context",
    "Roster": "nodes.work.roster",
    "Section": "records",
    "Source": "nodes.catalogue.scatter_gather",
    "VotingContext": "runtime.context",
    "aestimate": "control",
    "aredrive": "control",
    "as_tool": "tools.graph_tool",
    "create_best_of": "graphs.best_of",
    "create_brainstorm": "graphs.brainstorm",
    "create_briefing": "graphs.briefing",
    "create_debate": "graphs.debate",
    "create_feedback": "graphs.feedback",
    "create_guarded": "graphs.guarded",
    "create_labeling": "graphs.labeling",
    "create_map_reduce": "graphs.map_reduce",
    "create_market_study": "graphs.market_study",
    "create_moderation": "graphs.moderation",
    "create_research": "graphs.research",
    "create_review": "graphs.review",
    "create_scatter_gather": "graphs.scatter_gather",
    "create_sectioning": "graphs.sectioning",
    "create_voting": "graphs.voting",
    "details_tool": "tools.details",
    "drain": "runtime.draining",
    "estimate": "control",
    "events": "watching",
    "governed": "runtime.governed",
    "parallel_tool": "tools.parallel",
    "redrive": "control",
}
"""For each public name, the module that defines it."""
_NAMESPACES = {
    "agents",
    "completion",
    "errors",
    "limiting",
    "plan",
    "records",
    "rules",
    "split",
    "stops",
    "synthesize",
    "votes",
}

__all__ = [
    "AnswerCache",
    "Ask",
    "Check",
    "Context",
    "Http",
    "Judge",
    "Limits",
    "Prompt",
    "ReviewContext",
    "Roster",
    "Section",
    "Source",
    "VotingContext",
    "__version__",
    "aestimate",
    "agents",
    "aredrive",
    "as_tool",
    "completion",
    "create_best_of",
    "create_brainstorm",
    "create_briefing",
    "create_debate",
    "create_feedback",
    "create_guarded",
    "create_labeling",
    "create_map_reduce",
    "create_market_study",
    "create_moderation",
    "create_research",
    "create_review",
    "create_scatter_gather",
    "create_sectioning",
    "create_voting",
    "details_tool",
    "drain",
    "errors",
    "estimate",
    "events",
    "governed",
    "limiting",
    "parallel_tool",
    "plan",
    "records",
    "redrive",
    "rules",
    "split",
    "stops",
    "synthesize",
    "votes",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("langgraph-parallel")
    elif name in _NAMESPACES:
        value = import_module(f"{__name__}.{name}")
    elif name in _MODULES:
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
