"""The graphs as LangGraph Studio and `langgraph dev` open them: with defaults, and without a checkpointer.

None needs a key to be loaded. The review runs without one, on static engines; the others need a model,
from the runtime context or the environment.
"""

from langgraph_parallel.graphs.review import create_review
from langgraph_parallel.graphs.sectioning import create_sectioning
from langgraph_parallel.graphs.voting import create_voting
from langgraph_parallel.nodes import split, synthesize
from langgraph_parallel.nodes.ask import Ask

review = create_review()
voting = create_voting()
sectioning = create_sectioning(
    planner=split.by_heading(), worker=Ask.shipped("summarise"), synthesizer=synthesize.by_model()
)
