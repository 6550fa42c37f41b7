"""A process that lives for long: what runs leave behind does not grow with their number."""

import gc
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, SecretStr

from examples.service.graph import build
from langgraph_parallel import (
    Ask,
    Limits,
    aredrive,
    completion,
    create_sectioning,
    create_voting,
    errors,
    events,
    limiting,
)
from langgraph_parallel.answers.fit import plain_schema
from langgraph_parallel.nodes.vote.panel import answer_schema
from langgraph_parallel.nodes.work.form import answer_form
from langgraph_parallel.runtime import loops
from tests.support.clock import Clock
from tests.support.fans import GIVEN, YES, numbered
from tests.support.server import ModelServer, Reply

MODEL = "openai:test-model"
WARM, MORE = 4, 6
"""Runs before the first count, and those after which it is the same."""
PACKAGES = ("langgraph_parallel.", "langchain_openai.")
BOUNDED = (
    "langgraph_parallel.runtime.pace.Launch",
    "langgraph_parallel.runtime.tariff.",
    "langgraph_parallel.testing.",
)
"""The latest 4,096 requests to an endpoint, and 1,024 prices; and what the tests' server has seen."""
Runs = Callable[[int], Awaitable[Any]]


def _thread(number: int) -> Any:
    return {"configurable": {"thread_id": f"thread {number}"}}


def a_service(_: Path) -> Runs:
    """The graph of the example, each run on a thread and with a tenant of its own."""
    saver = InMemorySaver()
    graph = build(saver)

    async def run(number: int) -> None:
        limits = {"budget_usd": 1.0 + number, "fairness_key": f"tenant {number}", "priority": 1.0 + number}
        limits |= {"price_input": 1, "price_output": 1}
        config = limiting.around(limits, _thread(number))
        async for _ in events(graph, {"files": {"a.py": f"x = {number}\n"}}, config):
            pass
        saver.delete_thread(f"thread {number}")

    return run


def graphs_made_for_a_run(_: Path) -> Runs:
    """A graph, its model's settings and its limits are made anew for each run."""

    async def run(number: int) -> None:
        limits = {"concurrency": 8, "deadline": 1000 + number, "requests_per_minute": 100_000 + number}
        graph = create_voting(model=MODEL, choices=["yes", "no"], voters=3, limits=limits)
        await graph.ainvoke({"question": f"Is {number} even?"})

    return run


def functions_made_for_a_run(_: Path) -> Runs:
    """Workers of the caller's with limits, which fail, are tried again, and redriven."""
    saver = InMemorySaver()

    async def run(number: int) -> None:
        failures = iter([True, True, False])

        async def work(section: Any) -> str:
            if section.id == "0" and next(failures, False):
                raise OSError("gone")
            return str(section.id)

        graph = create_sectioning(
            planner=numbered(2),
            worker=work,
            limits=Limits(concurrency=1, attempts=1),
            checkpointer=saver,
            completion=completion.min_success(1),
        )
        await graph.ainvoke(GIVEN, _thread(number))
        await aredrive(graph, _thread(number))
        saver.delete_thread(f"thread {number}")

    return run


def runs_that_fail(_: Path) -> Runs:
    """No branch succeeds, so that the run raises."""

    def work(section: Any) -> str:
        raise ValueError("no")

    graph = create_sectioning(planner=numbered(2), worker=work, completion=completion.min_success(1))

    async def run(number: int) -> None:
        with pytest.raises(errors.ParallelError):
            await graph.ainvoke(GIVEN)

    return run


def kept_answers(folder: Path) -> Runs:
    """A cache of answers, whose file grows and not the process."""
    graph = create_voting(model=MODEL, choices=["yes", "no"], voters=3, cache=str(folder / "answers.sqlite"))

    async def run(number: int) -> None:
        await graph.ainvoke({"question": f"Is {number} even?"})

    return run


def questions_outside_of_graphs(_: Path) -> Runs:
    """An `Ask` for each, outside of any graph."""

    async def run(number: int) -> None:
        await Ask("{text}", model=MODEL, limits=Limits(attempts=2)).ainvoke(f"Is {number} even?")

    return run


def models_made_for_a_run(_: Path) -> Runs:
    """A model of LangChain's for each, as where every user has a key of their own."""

    async def run(number: int) -> None:
        model = ChatOpenAI(model="test-model", api_key=SecretStr(f"sk-{number}"))
        graph = create_voting(model=model, choices=["yes", "no"], voters=3)
        await graph.ainvoke({"question": f"Is {number} even?"})

    return run


def _alive() -> Counter[str]:
    """Count the objects that are alive, of this package and models of LangChain's."""
    for _ in range(3):
        gc.collect()
    names = (f"{type(found).__module__}.{type(found).__qualname__}" for found in gc.get_objects())
    return Counter(name for name in names if name.startswith(PACKAGES) and not name.startswith(BOUNDED))


@pytest.mark.parametrize(
    "made",
    [
        a_service,
        graphs_made_for_a_run,
        functions_made_for_a_run,
        models_made_for_a_run,
        runs_that_fail,
        kept_answers,
        questions_outside_of_graphs,
    ],
    ids=lambda made: made.__name__.replace("_", " "),
)
async def test_nothing_of_ours_is_left_of_a_run(
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    server: ModelServer,
    clock: Clock,
    tmp_path: Path,
    made: Callable[[Path], Runs],
) -> None:
    """More runs add no object for each; the latest models are kept, and one of a run may still be in use."""
    monkeypatch.setattr(loops, "_MOST_LATEST", WARM - 2)
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    server.always(Reply(json={**YES, "choice": "release"} if made is a_service else YES))
    server.on("Reviewers work", Reply(json={"findings": []}))
    run = made(tmp_path)
    for number in range(WARM):
        await run(number)
    grown: list[set[str]] = []
    for first in (WARM, WARM + MORE):  # what is collected late grows once, and what is kept does each time
        before = _alive()
        for number in range(first, first + MORE):
            clock.advance(2)
            await run(number)
        more = _alive() - before
        grown.append({name for name, count in more.items() if count >= MORE})
    assert grown[0] & grown[1] == set()


@pytest.mark.parametrize("read", [plain_schema, answer_form], ids=["schema", "form"])
def test_schemas_that_are_made_for_a_run_are_not_kept(read: Callable[[type[BaseModel]], object]) -> None:
    """Of a service whose choices differ from run to run, a few hundred are: the first is gone after these."""
    schema = answer_schema(["first", "second"])
    read(schema)
    gone = weakref.ref(schema)
    del schema
    for number in range(300):
        read(answer_schema([f"{number}", "none"]))
    gc.collect()
    assert gone() is None
