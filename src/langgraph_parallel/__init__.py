"""Parallelization patterns for LLM agents, as compiled LangGraph graphs.

    from langgraph_parallel import create_voting

    vote = create_voting(model="openai:gpt-5-mini", choices=["yes", "no"], voters=5)
    out = await vote.ainvoke({"question": "Is 2027 a prime number?"})
    out["verdict"].choice, str(out["verdict"].support)

Every graph follows one idea: plan -> scatter -> branches -> gather -> close. Branches run at the same
time; one that fails is a record with its cause, not an exception; pure reducers join what comes back.
"""

from importlib.metadata import version

from langgraph_parallel import errors
from langgraph_parallel.graphs.control import aestimate, aredrive, estimate, redrive
from langgraph_parallel.graphs.review import create_review
from langgraph_parallel.graphs.sectioning import create_sectioning
from langgraph_parallel.graphs.voting import create_voting
from langgraph_parallel.nodes import plan, split, synthesize
from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.nodes.judge import Judge
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import (
    Aspect,
    Ballot,
    Branch,
    Claim,
    Estimate,
    Finding,
    Review,
    RunReport,
    Section,
    Support,
    Tally,
    Verdict,
)
from langgraph_parallel.reducers import (
    majority,
    median,
    mode,
    threshold,
    unanimous,
    union,
    weighted,
)
from langgraph_parallel.reducers.completion import deadline, min_success, required, tolerated_failures
from langgraph_parallel.runtime.context import Context, ReviewContext, VotingContext
from langgraph_parallel.runtime.limiter import Limiter, Rates
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.pacing import PacedRateLimiter
from langgraph_parallel.runtime.run import drain
from langgraph_parallel.runtime.shared import share_limits

__version__ = version("langgraph-parallel")

__all__ = [
    "Ask",
    "Aspect",
    "Ballot",
    "Branch",
    "Claim",
    "Context",
    "Estimate",
    "Finding",
    "Judge",
    "Limiter",
    "Limits",
    "PacedRateLimiter",
    "Prompt",
    "Rates",
    "Review",
    "ReviewContext",
    "RunReport",
    "Section",
    "Support",
    "Tally",
    "Verdict",
    "VotingContext",
    "__version__",
    "aestimate",
    "aredrive",
    "create_review",
    "create_sectioning",
    "create_voting",
    "deadline",
    "drain",
    "errors",
    "estimate",
    "majority",
    "median",
    "min_success",
    "mode",
    "plan",
    "redrive",
    "required",
    "share_limits",
    "split",
    "synthesize",
    "threshold",
    "tolerated_failures",
    "unanimous",
    "union",
    "weighted",
]
