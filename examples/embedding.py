"""Put a review into an agent of your own: its state, its checkpointer, one node more.

    python examples/embedding.py

Runs without a key, on static engines; with OPENAI_API_KEY on models too. The second run of a thread that
was killed half way does again only what had not finished.
"""

import asyncio
from pathlib import Path

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from langgraph_parallel import Finding, create_review

STOREFRONT = Path(__file__).parent / "storefront" / "storefront"


class Change(TypedDict, total=False):
    """The agent's own state; `files` and `findings` are what it shares with the review."""

    author: str
    files: dict[str, str]
    findings: list[Finding]
    decision: str


def check_out(state: Change) -> Change:
    """Fetch the change; here, read a folder."""
    return {"files": {path.name: path.read_text() for path in sorted(STOREFRONT.glob("*.py"))}}


def decide(state: Change) -> Change:
    """Do something with what was found."""
    grave = [finding for finding in state["findings"] if finding.confirmed and finding.severity == "high"]
    return {"decision": f"sent back to {state['author']}: {len(grave)} grave findings" if grave else "merged"}


def agent() -> StateGraph[Change]:
    """The agent: a review between two nodes of its own."""
    builder = StateGraph(Change)
    builder.add_node("check_out", check_out)
    builder.add_node("review", create_review(aspects=["security", "correctness"]))
    builder.add_node("decide", decide)
    builder.add_edge(START, "check_out")
    builder.add_edge("check_out", "review")
    builder.add_edge("review", "decide")
    builder.add_edge("decide", END)
    return builder


async def main(database: str = ":memory:") -> str:
    """Run the agent, and say what happens on every level of it."""
    config: RunnableConfig = {"configurable": {"thread_id": "change-1"}}
    decision = ""
    async with AsyncSqliteSaver.from_conn_string(database) as checkpointer:
        graph = agent().compile(checkpointer=checkpointer)
        given: Change = {"author": "ada"}
        async for place, update in graph.astream(given, config, stream_mode="updates", subgraphs=True):
            print("  " * len(place) + ", ".join(update))
            if "decide" in update:
                decision = update["decide"]["decision"]
    print(decision)
    return decision


if __name__ == "__main__":
    asyncio.run(main())
