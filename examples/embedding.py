"""Embed a review in an agent of your own: its state, its checkpointer, one more node.

    uv run python examples/embedding.py

Runs without a key, on static engines; with OPENAI_API_KEY models vote too. If a run is killed, the next run
of its thread repeats only what had not finished.
"""

import asyncio
from pathlib import Path

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from langgraph_parallel import create_review
from langgraph_parallel.records import Finding

STOREFRONT = Path(__file__).parent / "storefront" / "storefront"


class Change(TypedDict, total=False):
    """The agent's state, in its own words."""

    author: str
    sources: dict[str, str]
    problems: list[Finding]
    decision: str


def check_out(state: Change) -> Change:
    """Fetch the change: here, read a folder."""
    return {"sources": {path.name: path.read_text() for path in sorted(STOREFRONT.glob("*.py"))}}


def decide(state: Change) -> Change:
    """Decide on the findings."""
    severe = [finding for finding in state["problems"] if finding.confirmed and finding.severity == "high"]
    rejection = f"sent back to {state['author']}: {len(severe)} severe findings"
    return {"decision": rejection if severe else "merged"}


def agent() -> StateGraph[Change]:
    """Build the agent: a review between two nodes of its own."""
    builder = StateGraph(Change)
    builder.add_node("check_out", check_out)
    review = create_review(
        aspects=["security", "correctness"], inputs={"files": "sources"}, outputs={"findings": "problems"}
    )
    builder.add_node("review", review)
    builder.add_node("decide", decide)
    builder.add_edge(START, "check_out")
    builder.add_edge("check_out", "review")
    builder.add_edge("review", "decide")
    builder.add_edge("decide", END)
    return builder


async def main(database: str = ":memory:") -> str:
    """Run the agent, print the updates of all levels, and return its decision."""
    config: RunnableConfig = {"configurable": {"thread_id": "change-1"}}
    decision = ""
    async with AsyncSqliteSaver.from_conn_string(database) as checkpointer:
        graph = agent().compile(checkpointer=checkpointer)
        inputs: Change = {"author": "ada"}
        async for place, update in graph.astream(inputs, config, stream_mode="updates", subgraphs=True):
            print("  " * len(place) + ", ".join(update))
            if "decide" in update:
                decision = update["decide"]["decision"]
    print(decision)
    return decision


if __name__ == "__main__":
    asyncio.run(main())
