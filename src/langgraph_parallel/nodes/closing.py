"""What every closing node does: note its calls, survive its own failure, and measure the run."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from langgraph.errors import GraphBubbleUp

from langgraph_parallel.nodes.gather import in_order
from langgraph_parallel.records import Call, RunReport
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.run_report import measure


@dataclass
class Closing:
    """The calls of one step outside of branches, and its failure, if it failed."""

    calls: dict[str, Call] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def report(self, state: Mapping[str, Any]) -> RunReport:
        """The run report of a graph that closes with this step."""
        calls = {**state["calls"], **self.calls}
        branches = in_order(state["branches"])
        measured = measure(branches, started=state["started"], ended=time.time(), closing=calls.values())
        return measured.model_copy(update={"failures": measured.failures | self.problems})


@contextmanager
def closing(step: str) -> Iterator[Closing]:
    """Run a step whose failure must not lose what the branches have brought, because that is paid for.

    Raises:
        GraphBubbleUp: the step interrupts; LangGraph has to see that.
    """
    held = Closing()
    with recording() as held.calls:
        try:
            yield held
        except GraphBubbleUp:
            raise
        except Exception as error:
            held.problems[step] = describe(error)
