"""What becomes of records in checkpoints: a run is stopped, and read back by the same graph, built anew.

    LANGGRAPH_STRICT_MSGPACK=true python -m tests.support.read_back

prints the outcome of each case as JSON. LangGraph reads the variable when it is imported.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Annotated, Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde import jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from langgraph_parallel import Section, create_sectioning, create_voting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Branch, RunReport, Verdict, allow_records
from langgraph_parallel.records.base import Record

CONFIG: Any = {"configurable": {"thread_id": "read-back"}}


def vote(*, asks: bool = False, saver: Any = None) -> Any:
    """Build a vote of three functions, one of which may ask a person."""

    def first(question: str) -> Any:
        return interrupt("sure?") if asks else "yes"

    voters: dict[str, Any] = {"a": first, "b": lambda q: "yes", "c": lambda q: "no"}
    return create_voting(voters=voters, stop="all_votes", checkpointer=saver)


def sections(content: str) -> list[Section]:
    """Plan two sections."""
    return [Section(id=str(i), title=f"Part {i}", content=content) for i in range(2)]


def parent(saver: Any, keys: dict[str, Any], node: Any) -> Any:
    """Build a graph of others around a vote, which asks a person after it."""

    def stop(state: Any) -> dict[str, Any]:
        interrupt("go on?")
        return {}

    state: Any = TypedDict("State", {"question": str, **keys})  # type: ignore[misc]
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(state)
    builder.add_node("vote", node)
    builder.add_node("stop", stop)
    builder.add_edge(START, "vote")
    builder.add_edge("vote", "stop")
    builder.add_edge("stop", END)
    return builder.compile(checkpointer=saver)


async def call(state: Any) -> dict[str, Any]:
    """Call a vote in a function."""
    out = await vote().ainvoke({"question": state["question"]})
    return {"mine": out["verdict"]}


def workflow(saver: Any) -> Any:
    """Build a workflow of LangGraph's functional API."""

    @task
    async def decide(question: str) -> Any:
        return (await vote().ainvoke({"question": question}))["verdict"]

    @entrypoint(checkpointer=saver)
    async def work(given: dict[str, Any]) -> dict[str, Any]:
        verdict = await decide(given["question"])
        interrupt("go on?")
        return {"mine": verdict}

    return work


ANNOTATED = {
    "verdict": Verdict,
    "ballots": list[Ballot],
    "run_report": RunReport,
    "branches": dict[str, Branch],
}
BARE = {"verdict": Any, "ballots": list, "run_report": Any}
CASES: dict[str, Callable[[Any], Any]] = {
    "own": lambda saver: vote(asks=True, saver=saver),
    "own, a copy": lambda saver: vote(asks=True).copy({"checkpointer": saver}),
    "own, restricted to others": lambda saver: vote(
        asks=True, saver=InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=[("a", "B")]))
    ),
    "own, nested": lambda saver: create_sectioning(
        planner=sections, worker=vote(asks=True), checkpointer=saver
    ),
    "annotated": lambda saver: parent(saver, ANNOTATED, vote()),
    "annotated, stopped inside": lambda saver: parent(saver, {"verdict": Verdict}, vote(asks=True)),
    "annotated, in a function": lambda saver: parent(saver, {"mine": Annotated[Verdict, "mine"]}, call),
    "bare": lambda saver: parent(saver, BARE, vote()),
    "bare, allowed": lambda saver: parent(allow_records(saver), BARE, vote()),
    "bare, in a function": lambda saver: parent(saver, {"mine": Any}, call),
    "bare, in a function, allowed": lambda saver: parent(allow_records(saver), {"mine": Any}, call),
    "workflow": workflow,
    "workflow, allowed": lambda saver: workflow(allow_records(saver)),
}


def _types(value: Any) -> set[str]:
    """Return the names of the types of the records in a value, and `plain` for data of a verdict."""
    if isinstance(value, Record):
        return {type(value).__name__}
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    plain = {"plain"} if isinstance(value, dict) and {"rule", "status", "choice"} <= value.keys() else set()
    return plain.union(*map(_types, parts))


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(f"{record.levelname}: {record.getMessage()}")


async def outcome(case: str) -> dict[str, Any]:
    """Stop a run, read its state, and resume it.

    Returns:
        `read`, the types of what was read; `ended`, those of the result; `log`, what LangGraph's reader has
        logged; `error`, of a run, or None.
    """
    jsonplus._warned_unregistered_types.clear()  # each is logged once for a process
    jsonplus._warned_blocked_types.clear()
    logger, log = logging.getLogger(jsonplus.__name__), _Log()
    logger.addHandler(log)
    given = {"content": "text"} if case == "own, nested" else {"question": "?"}
    try:
        saver = InMemorySaver()
        built = CASES[case](saver)
        await built.ainvoke(given, CONFIG)
        again = built if case == "own, restricted to others" else CASES[case](saver)
        state = await again.aget_state(CONFIG, subgraphs=True)
        inside = [getattr(each.state, "values", None) for each in state.tasks]
        read = _types([state.values, *inside])
        resume = {asked.id: "yes" for asked in state.interrupts}
        out = await again.ainvoke(Command(resume=resume), CONFIG)
        return {"read": sorted(read), "ended": sorted(_types(out)), "log": log.messages, "error": None}
    except UsageError as error:
        return {"read": [], "ended": [], "log": log.messages, "error": str(error)}
    finally:
        logger.removeHandler(log)


async def main() -> None:
    """Print all outcomes."""
    print(json.dumps({case: await outcome(case) for case in CASES}))


if __name__ == "__main__":
    asyncio.run(main())
