"""What an `Ask` prepares once for a run: no run, model or limit is mistaken for another one."""

from typing import Any

import pytest

from langgraph_parallel import Ask, Limits, Section, create_sectioning
from langgraph_parallel.nodes.work import ask as ask_module
from langgraph_parallel.runtime.run import current_run
from tests.support.server import ModelServer, Reply


def _one(content: str) -> list[Section]:
    return [Section(id="only", title="only", content=content)]


async def test_a_nested_graph_keeps_its_own_limits(model: str, server: ModelServer) -> None:
    """One `Ask`, in a graph and in a graph inside it with other limits: each call obeys those around it."""
    server.always(Reply(status=500))
    ask = Ask("{content}", model=model)
    inner = create_sectioning(planner=_one, worker=ask, limits=Limits(attempts=1))
    sections = [Section(id=name, title=name, content=name, worker=name) for name in ("outer", "inner")]
    graph = create_sectioning(
        planner=lambda content: sections,
        worker={"outer": ask, "inner": inner},
        limits=Limits(attempts=3, backoff=0.001, rest_after=0),
    )
    await graph.ainvoke({"content": "x"})
    asked = ["outer" if "\nouter\n" in request.prompt else "inner" for request in server.requests]
    assert (asked.count("outer"), asked.count("inner")) == (3, 1)


async def test_each_run_asks_the_model_of_its_environment(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment may name another model for the next run of the same graph."""
    server.always(Reply(text="fine"))
    graph = create_sectioning(planner=_one, worker=Ask("{content}"))
    for name in ("one", "two"):
        monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", f"openai:{name}")
        await graph.ainvoke({"content": "x"})
    assert [request.body["model"] for request in server.requests] == ["one", "two"]


async def test_a_worker_that_makes_an_ask_for_each_call_fills_no_memory(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was prepared for an `Ask` that nobody has any more is dropped."""
    server.always(Reply(text="fine"))
    monkeypatch.setattr(ask_module, "_MOST_PREPARED", 4)
    held: list[int] = []

    async def worker(section: Section) -> Any:
        answer = await Ask("{content}", model=model).ainvoke(section)
        held.append(len(current_run().prepared))
        return answer

    sections = [Section(id=str(i), title=str(i), content="x") for i in range(20)]
    out = await create_sectioning(planner=lambda content: sections, worker=worker).ainvoke({"content": "x"})
    assert out["run_report"].branches == {"ok": 20}
    assert max(held) <= 4
