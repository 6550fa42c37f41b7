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
from langgraph_parallel.control import aestimate, aredrive, estimate, redrive
from langgraph_parallel.graphs.best_of import create_best_of
from langgraph_parallel.graphs.brainstorm import create_brainstorm
from langgraph_parallel.graphs.briefing import create_briefing
from langgraph_parallel.graphs.debate import create_debate
from langgraph_parallel.graphs.feedback import create_feedback_analysis
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
from langgraph_parallel.nodes.flow import plan, split, synthesize
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import (
    Aspect,
    Ballot,
    Branch,
    Claim,
    Estimate,
    Finding,
    Interval,
    Review,
    RunReport,
    Section,
    Support,
    Tally,
    Trial,
    Verdict,
)
from langgraph_parallel.records.best_of import Draft
from langgraph_parallel.records.brainstorm import Idea
from langgraph_parallel.records.briefing import Briefing, Citation
from langgraph_parallel.records.debate import Turn
from langgraph_parallel.records.feedback import Feedback
from langgraph_parallel.records.labeling import Label
from langgraph_parallel.records.market_study import Forecast, MarketStudy
from langgraph_parallel.records.moderation import CheckOutcome, Moderation, Span
from langgraph_parallel.records.research import Reference, Research
from langgraph_parallel.reducers.completion import deadline, min_success, required, tolerated_failures
from langgraph_parallel.reducers.votes.agreement import Agreement, agreement
from langgraph_parallel.reducers.votes.calibration import Calibration, calibrate
from langgraph_parallel.reducers.votes.rules import (
    approval,
    borda,
    first_valid,
    instant_runoff,
    majority,
    median,
    mode,
    most_similar,
    schulze,
    threshold,
    trimmed_mean,
    unanimous,
    union,
    weighted,
)
from langgraph_parallel.reducers.votes.rules.dawid_skene import fit_dawid_skene
from langgraph_parallel.reducers.votes.stops import (
    adaptive,
    ahead_by,
    all_votes,
    confident,
    decided,
    no_new_findings,
    window,
)
from langgraph_parallel.runtime.context import Context, ReviewContext, VotingContext
from langgraph_parallel.runtime.langchain_limiter import PacedRateLimiter
from langgraph_parallel.runtime.limiter import Limiter, Rates
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.redis_limits import share_limits
from langgraph_parallel.runtime.run import drain

__version__ = version("langgraph-parallel")

__all__ = [
    "Agreement",
    "Ask",
    "Aspect",
    "Ballot",
    "Branch",
    "Briefing",
    "Calibration",
    "Check",
    "CheckOutcome",
    "Citation",
    "Claim",
    "Context",
    "Draft",
    "Estimate",
    "Feedback",
    "Finding",
    "Forecast",
    "Http",
    "Idea",
    "Interval",
    "Judge",
    "Label",
    "Limiter",
    "Limits",
    "MarketStudy",
    "Moderation",
    "PacedRateLimiter",
    "Prompt",
    "Rates",
    "Reference",
    "Research",
    "Review",
    "ReviewContext",
    "RunReport",
    "Section",
    "Source",
    "Span",
    "Support",
    "Tally",
    "Trial",
    "Turn",
    "Verdict",
    "VotingContext",
    "__version__",
    "adaptive",
    "aestimate",
    "agreement",
    "ahead_by",
    "all_votes",
    "approval",
    "aredrive",
    "borda",
    "calibrate",
    "confident",
    "create_best_of",
    "create_brainstorm",
    "create_briefing",
    "create_debate",
    "create_feedback_analysis",
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
    "deadline",
    "decided",
    "drain",
    "errors",
    "estimate",
    "first_valid",
    "fit_dawid_skene",
    "instant_runoff",
    "majority",
    "median",
    "min_success",
    "mode",
    "most_similar",
    "no_new_findings",
    "plan",
    "redrive",
    "required",
    "schulze",
    "share_limits",
    "split",
    "synthesize",
    "threshold",
    "tolerated_failures",
    "trimmed_mean",
    "unanimous",
    "union",
    "weighted",
    "window",
]
