"""Graphs that run in the task of their caller take all that is around them, and leave nothing behind."""

import asyncio
import gc
from typing import Any, ClassVar

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from langgraph.config import get_config, get_stream_writer
from pydantic import PrivateAttr

from langgraph_parallel import create_labeling, create_sectioning, create_voting, split
from langgraph_parallel.rules import majority
from langgraph_parallel.runtime.in_task import _Walk
from langgraph_parallel.runtime.together import together
from langgraph_parallel.testing import FakeModel
from tests.runtime.test_in_task import counting

LABELS = ["yes", "no"]


class Heard(FakeModel):
    """Notes the configurable values around each call, and writes to the stream."""

    asks_no_person: ClassVar[bool] = True
    _seen: list[dict[str, Any]] = PrivateAttr(default_factory=list)

    async def _agenerate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Any:
        self._seen.append({**get_config()["configurable"]})
        get_stream_writer()({"mine": 1})
        return self._generate(messages, stop, None, **kwargs)


async def test_configurable_values_around_reach_the_models() -> None:
    """A model reads the configurable values of a Runnable around the graph, next to those of the call."""
    model = Heard(default={"choice": "yes"})
    vote = create_voting(model=model, choices=LABELS, voters=1)

    async def ask(question: str) -> Any:
        return await vote.ainvoke({"question": question}, {"configurable": {"own": 1}})

    with counting() as ran:
        await RunnableLambda(ask).ainvoke("Is it?", {"configurable": {"tenant": "acme", "own": 0}})
    assert ran
    assert [(seen["tenant"], seen["own"]) for seen in model._seen] == [("acme", 1)]


class Foreign(FakeModel):
    """A model of a caller's, which may do what it likes."""


@pytest.mark.parametrize("built", ["model", "fallbacks"])
@pytest.mark.parametrize("kind", ["class", "callbacks"])
async def test_langgraph_runs_models_of_callers(built: str, kind: str) -> None:
    """A model of a caller's class, or with callbacks set after the graph was built, is run by LangGraph."""
    answer = {"choice": "yes"}
    model = Foreign(default=answer) if kind == "class" else FakeModel(default=answer)
    models: Any = (
        {"model": model} if built == "model" else {"model": FakeModel(default=answer), "fallbacks": [model]}
    )
    vote = create_voting(choices=LABELS, voters=1, **models)
    if kind == "callbacks":
        model.callbacks = [BaseCallbackHandler()]
    with counting() as ran:
        await vote.ainvoke({"question": "Is it?"})
    assert ran == []


class ForeignRule(majority):
    """A rule of a caller's."""


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"rule": ForeignRule()}, id="rule"),
        pytest.param({"ballot": {"normalise": lambda value: value}}, id="normaliser"),
        pytest.param({"ballot": {"normalise": ["text", lambda value: value]}}, id="a step of a normaliser"),
    ],
)
async def test_langgraph_runs_rules_and_normalisers_of_callers(options: Any) -> None:
    """A vote whose rule or normaliser is code of the caller's is run by LangGraph."""
    vote = create_voting(model=FakeModel(default={"choice": "yes"}), voters=1, **options)
    with counting() as ran:
        await vote.ainvoke({"question": "Is it?"})
    assert ran == []


async def test_runs_leave_no_cycles() -> None:
    """No run is left for the garbage collector."""
    graph = create_labeling(labels=LABELS, model=FakeModel(default={"choice": "yes"}))
    await graph.ainvoke({"items": ["a"]})
    gc.collect()
    before = [one for one in gc.get_objects() if isinstance(one, _Walk)]  # held by what other tests have left
    gc.disable()
    try:
        with counting() as ran:
            await graph.ainvoke({"items": ["a", "b", "c"]})
        found = [one for one in gc.get_objects() if isinstance(one, _Walk)]
        left = [one for one in found if not any(one is other for other in before)]
    finally:
        gc.enable()
    assert ran
    assert left == []


async def test_writes_of_a_nested_vote_are_not_in_the_stream_around() -> None:
    """What code in a nested vote writes is not in the stream of the outer graph, as with LangGraph."""
    model = Heard(default={"choice": "yes"})
    vote = create_voting(model=model, choices=LABELS, voters=1)

    outer = create_sectioning(planner=split.by_heading(), worker=vote)
    with counting() as ran:
        events = [one async for one in outer.astream({"content": "# a\nx"}, stream_mode="custom")]
    assert ran
    assert model._seen
    assert {"mine": 1} not in events


async def test_several_failures_at_once_are_all_read() -> None:
    """Of items that fail at once the first one's error is raised, and none is reported as never retrieved."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))

    async def fail(number: int) -> None:
        raise OSError(number)

    async def run() -> str:
        try:
            await together(fail(number) for number in range(40))
        except OSError as error:
            return str(error)
        return "nothing"

    said = await run()
    gc.collect()
    await asyncio.sleep(0)
    assert said == "0"
    assert reported == []
