"""A foreign agent with a review in it, as a process of its own that a test can kill.

    python -m tests.support.embedded_agent DATABASE

Prints the report as JSON when it gets to its end. Run again on the same database, it resumes.
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


def start(state: Agent) -> Agent:
    """Prepare the files."""
    return {"log": ["start"], "files": {"app.py": "def run(name):\n    return name.lenght\n"}}


def finish(state: Agent) -> Agent:
    """Note the end."""
    return {"log": ["finish"]}


def build() -> StateGraph[Any, Any, Any, Any]:
    """The agent, not yet compiled."""
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(Agent)
    builder.add_node("start", start)
    builder.add_node("review", create_review(aspects=ASPECTS, voters=3, engines=False))
    builder.add_node("finish", finish)
    builder.add_edge(START, "start")
    builder.add_edge("start", "review")
    builder.add_edge("review", "finish")
    builder.add_edge("finish", END)
    return builder


async def main(database: str) -> None:
    """Run, or resume what an earlier process has left."""
    async with AsyncSqliteSaver.from_conn_string(database) as checkpointer:
        graph = build().compile(checkpointer=checkpointer)
        config: Any = {"configurable": {"thread_id": "1"}}
        begun = (await graph.aget_state(config)).next
        out = await graph.ainvoke(None if begun else {"task": "review"}, config)
    report = out["run_report"]
    print(
        json.dumps(
            {
                "log": out["log"],
                "markdown": out["markdown"],
                "support": [str(finding.support) for finding in out["findings"]],
                "branches": report.branches,
                "calls": len(report.calls),
                "tokens": report.usage.input_tokens,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
