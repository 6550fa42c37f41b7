"""The graphs for LangGraph Studio and `langgraph dev`: with defaults, and without a checkpointer.

None needs an API key to load. Approval, review, briefing, moderation, feedback and research run without a
model, on engines; the others need one, from the runtime context or the environment. Those that take a
conversation show in chat UIs what they do.
"""

from langgraph_parallel.graphs.best_of import create_best_of
from langgraph_parallel.graphs.brainstorm import create_brainstorm
from langgraph_parallel.graphs.briefing import create_briefing
from langgraph_parallel.graphs.debate import create_debate
from langgraph_parallel.graphs.defaults import DEFAULTS
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
from langgraph_parallel.offline.personal_data.search import personal_data
from langgraph_parallel.offline.spam import spam_signs


def _protects_privacy(text: str) -> str:
    return "hold" if personal_data(text) else "publish"


def _looks_serious(text: str) -> str:
    return "hold" if spam_signs(text) else "publish"


approval = create_voting(
    voters={"privacy": _protects_privacy, "spam": _looks_serious},
    choices=["publish", "hold"],
    rule="unanimous",
    stop="all_votes",
    on_undecided="escalate",
    name="approval",
    chat_progress=True,
)
best_of = create_best_of(chat_progress=True)
brainstorm = create_brainstorm(vote=True, chat_progress=True)
briefing = create_briefing(chat_progress=True)
debate = create_debate(chat_progress=True)
feedback = create_feedback()
guarded = create_guarded(stream=True, chat_progress=True)
labeling = create_labeling(labels=["praise", "complaint", "question", "other"])
map_reduce = create_map_reduce(**DEFAULTS["map_reduce"]())
market_study = create_market_study()
moderation = create_moderation(chat_progress=True)
research = create_research(chat_progress=True)
review = create_review(chat_progress=True)
scatter_gather = create_scatter_gather(**DEFAULTS["scatter_gather"]())
sectioning = create_sectioning(**DEFAULTS["sectioning"]())
voting = create_voting(chat_progress=True)
