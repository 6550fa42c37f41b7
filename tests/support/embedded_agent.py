"""A foreign agent with a review in it, as a process of its own that a test can kill.

    python -m tests.support.embedded_agent DATABASE

Prints the report as JSON when it gets to its end. Run again on the same database, it resumes. As a process,
the agent has names of its own for the keys of the review.
"""

import asyncio
import json
import sys
from typing import Annotated, Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from langgraph_parallel import create_review
from langgraph_parallel.records import Finding, RunReport

ASPECTS = ["security", "correctness", "performance", "style"]


def _join(left: list[str], right: list[str]) -> list[str]:
    return left + right


class Agent(TypedDict, total=False):
    """A state that knows nothing of reviews but the keys that it shares with them."""

    task: str
    log: Annotated[list[str], _join]
    files: dict[str, str]
    findings: list[Finding]
    markdown: str
    run_report: RunReport


class NamingAgent(Agent, total=False):
    """A state with names of its own."""

    problems: list[Finding]
    missing: int
    """What the review has under this name must not get here."""


NAMES: dict[str, Any] = {
    "inputs": {"files": "files"},
    "outputs": {"findings": "problems", "markdown": "markdown", "run_report": "run_report"},
}


def start(state: Agent) -> Agent:
    """Prepare the files."""
    return {"log": ["start"], "files": {"app.py": "def run(name):\n    return name.lenght\n"}}


def finish(state: Agent) -> Agent:
    """Note the end."""
    return {"log": ["finish"]}


def build(**names: Any) -> StateGraph[Any, Any, Any, Any]:
    """The agent, not yet compiled."""
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(NamingAgent if names else Agent)
    builder.add_node("start", start)
    builder.add_node("review", create_review(aspects=ASPECTS, voters=3, engines=False, **names))
    builder.add_node("finish", finish)
    builder.add_edge(START, "start")
    builder.add_edge("start", "review")
    builder.add_edge("review", "finish")
    builder.add_edge("finish", END)
    return builder


async def main(database: str) -> None:
    """Run, or resume what an earlier process has left."""
    async with AsyncSqliteSaver.from_conn_string(database) as checkpointer:
        graph = build(**NAMES).compile(checkpointer=checkpointer)
        config: Any = {"configurable": {"thread_id": "1"}}
        begun = (await graph.aget_state(config)).next
        out = await graph.ainvoke(None if begun else {"task": "review", "missing": 7}, config)
    report = out["run_report"]
    print(
        json.dumps(
            {
                "log": out["log"],
                "markdown": out["markdown"],
                "support": [str(finding.support) for finding in out["problems"]],
                "missing": out["missing"],
                "branches": report.branches,
                "calls": len(report.calls),
                "tokens": report.usage.input_tokens,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
