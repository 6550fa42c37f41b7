"""The commands, one module each. Importing them is cheap: each imports its work when it is called."""

from collections.abc import Callable, Sequence

from langgraph_parallel.cli.commands.batches import batches
from langgraph_parallel.cli.commands.brief import brief
from langgraph_parallel.cli.commands.doctor import doctor
from langgraph_parallel.cli.commands.evaluate import evaluate
from langgraph_parallel.cli.commands.feedback import feedback
from langgraph_parallel.cli.commands.graphs import graphs
from langgraph_parallel.cli.commands.map import map
from langgraph_parallel.cli.commands.mcp import mcp
from langgraph_parallel.cli.commands.moderate import moderate
from langgraph_parallel.cli.commands.panel import panel
from langgraph_parallel.cli.commands.replay import replay
from langgraph_parallel.cli.commands.research import research
from langgraph_parallel.cli.commands.review import review
from langgraph_parallel.cli.commands.run import run
from langgraph_parallel.cli.commands.runs import runs
from langgraph_parallel.cli.commands.vote import vote

COMMANDS: Sequence[Callable[..., int]] = (
    review,
    vote,
    brief,
    research,
    moderate,
    feedback,
    run,
    map,
    evaluate,
    graphs,
    runs,
    batches,
    replay,
    panel,
    mcp,
    doctor,
)
"""All commands, in the order in which `--help` lists them."""
