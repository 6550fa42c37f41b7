"""The graph of the service: a nested review, and a vote on it that asks a person where it stays undecided."""

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from langgraph_parallel import completion, create_review, create_voting
from langgraph_parallel.records import Verdict

LINES = 40
"""Of the report, that the vote is shown."""


class State(TypedDict, total=False):
    """What a run of the service keeps."""

    files: dict[str, str]
    diff: str | None
    report: str
    question: str
    verdict: Verdict


def ask(state: State) -> dict[str, str]:
    """Make the question of the vote from the report of the review."""
    report = "\n".join(state["report"].splitlines()[:LINES])
    return {"question": f"May this change be released? Answer by the report of its review alone.\n\n{report}"}


def build(checkpointer: Any) -> Any:
    """Build the graph: two aspects, three voters each, and three voters who must agree on the release."""
    builder = StateGraph(State)
    review = create_review(
        aspects=["security", "correctness"],
        voters=3,
        engines=False,
        completion=completion.tolerated_failures(0.5),  # with less of a review, there is nothing to vote on
        inputs={"files": "files", "diff": "diff"},
        outputs={"markdown": "report"},
    )
    release = create_voting(
        name="release",
        choices=["release", "hold"],
        voters=3,
        rule="unanimous",
        on_undecided="escalate",
        inputs={"question": "question"},
        outputs={"verdict": "verdict"},
    )
    builder.add_node("review", review)
    builder.add_node("ask", ask)
    builder.add_node("release", release)
    builder.add_edge(START, "review")
    builder.add_edge("review", "ask")
    builder.add_edge("ask", "release")
    builder.add_edge("release", END)
    return builder.compile(checkpointer=checkpointer)
