"""`limiting.around`: limits that bound several graphs together."""

import asyncio
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

from langgraph_parallel import create_sectioning, create_voting, limiting, split
from langgraph_parallel.errors import UsageError
from tests.support.server import ModelServer, Reply

YES = Reply(json={"rationale": "", "choice": "yes", "confidence": None})
GIVEN = {"question": "Is it?"}


def vote(model: str, **options: Any) -> Any:
    """Return a vote of three, each of whom is asked."""
    return create_voting(model=model, choices=["yes", "no"], voters=3, stop="all_votes", **options)


async def test_graphs_of_one_config_have_one_budget(model: str, server: ModelServer) -> None:
    """Two votes of three calls have five calls together, and what the second lacks is said."""
    server.always(YES)
    config = limiting.around({"budget_calls": 5, "samples": "off"})
    first = await vote(model).ainvoke(GIVEN, config)
    second = await vote(model).ainvoke(GIVEN, config)
    assert first["run_report"].branches == {"ok": 3}
    assert second["run_report"].branches == {"ok": 2, "skipped": 1}
    assert "the budget of 5 calls is spent" in str(second["run_report"].failures)
    assert len(server.requests) == 5


async def test_at_the_same_time_they_share_it_as_well(model: str, server: ModelServer) -> None:
    """No order of calls gives them more than the budget."""
    server.always(YES)
    config = limiting.around({"budget_calls": 4, "samples": "off"})
    await asyncio.gather(*(vote(model).ainvoke(GIVEN, config) for _ in range(3)))
    assert len(server.requests) == 4


async def test_those_inside_of_others_apply_as_well(model: str, server: ModelServer) -> None:
    """A wider budget around a narrow one does not widen it, and the config given is not changed."""
    server.always(YES)
    outer: Any = {"configurable": {"mine": 1}}
    config = limiting.around(
        {"budget_calls": 9}, limiting.around({"budget_calls": 2, "samples": "off"}, outer)
    )
    await vote(model).ainvoke(GIVEN, config)
    assert len(server.requests) == 2
    assert outer == {"configurable": {"mine": 1}}


async def test_it_holds_where_nodes_pass_no_config_on(model: str, server: ModelServer) -> None:
    """As LangGraph passes callbacks and threads on; a graph inside of one of ours is charged once."""
    server.always(YES)
    panel = vote(model)
    nested = create_sectioning(planner=split.by_heading(), worker=panel, synthesizer=None)

    async def first(text: str) -> str:
        await panel.ainvoke(GIVEN)
        return text

    async def second(text: str) -> str:
        return str((await nested.ainvoke({"content": "# A\nIs it?"}))["run_report"].failures)

    config = limiting.around({"budget_calls": 5, "samples": "off"})
    said = await (RunnableLambda(first) | RunnableLambda(second)).ainvoke("x", config)
    assert len(server.requests) == 5
    assert "the budget of 5 calls is spent" in said


def test_it_holds_in_sync_nodes(model: str, server: ModelServer) -> None:
    """The thread that runs the graph for them has what is around the code that calls."""
    server.always(YES)
    panel = vote(model)
    config = limiting.around({"budget_calls": 2, "samples": "off"})
    RunnableLambda(lambda _: panel.invoke(GIVEN)).invoke("x", config)
    assert len(server.requests) == 2


def test_a_wrong_limit_is_refused() -> None:
    """It is named before anything runs."""
    with pytest.raises(UsageError, match="budget_call"):
        limiting.around({"budget_call": 2})
