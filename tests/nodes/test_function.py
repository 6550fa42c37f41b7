"""Functions as workers: called without a run of LangChain's where nothing listens, and else with one."""

import asyncio
import functools
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.runnables import RunnableConfig, RunnableLambda

from langgraph_parallel import create_voting
from langgraph_parallel.nodes.work.function import Function

QUESTION = {"question": "Is it safe?"}


class Listener(AsyncCallbackHandler):
    """Notes the names of the runs that begin."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        """Note the name."""
        self.names.append(kwargs["name"])


async def test_where_somebody_listens_a_function_has_its_run() -> None:
    """A callback sees the run of each voter by its name, and the answers are the same without one."""

    async def voter(question: str) -> str:
        return "yes"

    listener, graph = Listener(), create_voting(voters={"ann": voter, "ben": voter}, stop="all_votes")
    heard = await graph.ainvoke(QUESTION, {"callbacks": [listener]})
    unheard = await graph.ainvoke(QUESTION)
    assert {"vote[voting#ann]", "vote[voting#ben]"} <= set(listener.names)
    assert heard["verdict"] == unheard["verdict"]


@pytest.mark.parametrize("callbacks", [None, [Listener()]], ids=["unheard", "heard"])
async def test_what_runs_inside_a_function_finds_its_config(callbacks: Any) -> None:
    """Metadata and tags reach a Runnable that the function calls without a config, and nothing leaks out."""
    seen: list[dict[str, Any]] = []

    async def inner(value: str, config: RunnableConfig) -> str:
        seen.append({"tags": config["tags"], "section": config["metadata"]["section"]})
        return value.upper()

    async def outer(value: str) -> Any:
        return await RunnableLambda(inner).ainvoke(value)

    config: RunnableConfig = {
        "callbacks": callbacks,
        "tags": ["mine"],
        "metadata": {"section": "s1"},
        "run_name": "outer",
    }
    assert await Function(outer).ainvoke("a", config) == "A"
    assert seen == [{"tags": ["mine"], "section": "s1"}]
    assert config["run_name"] == "outer"


@pytest.mark.parametrize("callbacks", [None, [Listener()]], ids=["unheard", "heard"])
async def test_a_function_that_cancels_its_own_task_ends_alone(callbacks: Any) -> None:
    """Its branch is cancelled, and the vote goes on with the others."""

    async def cancels(question: str) -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)
        return "no"

    async def voter(question: str) -> str:
        return "yes"

    graph = create_voting(voters={"ann": cancels, "ben": voter, "cas": voter})
    out = await graph.ainvoke(QUESTION, {"callbacks": callbacks})
    assert (out["verdict"].choice, out["branches"]["ann"].status) == ("yes", "cancelled")


async def test_a_runnable_or_an_awaitable_that_a_function_returns_is_run() -> None:
    """As LangChain does: the Runnable gets the same input."""

    async def returns_runnable(value: int) -> Any:
        return RunnableLambda(lambda given: given + 1)

    async def returns_awaitable(value: int) -> Any:
        return asyncio.ensure_future(asyncio.sleep(0, value * 2))

    assert await Function(returns_runnable).ainvoke(3) == 4
    assert await Function(returns_awaitable).ainvoke(3) == 6


def _described(function: Any) -> Any:
    async def called(value: str, *rest: Any) -> Any:
        return value

    return functools.wraps(function)(called)


async def _with_config(value: str, config: RunnableConfig) -> Any:
    return config["metadata"]["mine"]


async def _with_a_variable(value: str) -> Any:
    config = value.upper()
    return config.lower()


@pytest.mark.parametrize(
    ("function", "returned"),
    [
        pytest.param(_with_config, "metadata", id="a parameter"),
        pytest.param(_with_a_variable, "given", id="a variable of that name"),
        pytest.param(_described(_with_a_variable), "given", id="the signature of another one"),
    ],
)
async def test_a_function_gets_its_config_where_it_takes_one(function: Any, returned: str) -> None:
    """What it has as a parameter it is given, and nothing else."""
    assert await Function(function).ainvoke("given", {"metadata": {"mine": "metadata"}}) == returned
