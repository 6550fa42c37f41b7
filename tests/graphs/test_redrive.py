"""Redrive: run again only what did not end ok, and add the reports up."""

import asyncio
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    Context,
    Limits,
    aredrive,
    create_map_reduce,
    create_review,
    create_sectioning,
    create_voting,
    drain,
    plan,
    redrive,
    split,
    synthesize,
)
from langgraph_parallel.completion import min_success, tolerated_failures
from langgraph_parallel.errors import CompletionError, UsageError
from langgraph_parallel.runtime.run_report import covered
from tests.support.clock import until
from tests.support.fans import GIVEN, YES, flat, nested, numbered, prompts
from tests.support.server import Gate, ModelServer, Reply

QUICK = Limits(backoff=0, attempts=1)
CONFIG: Any = {"configurable": {"thread_id": "1"}}


def again(server: ModelServer, reply: Reply) -> None:
    """From now on everything is answered, and counted anew."""
    server.always(reply)
    server.requests.clear()


async def test_only_what_failed_runs_again_and_the_report_adds_up(model: str, server: ModelServer) -> None:
    """Two of four failed: two calls, and a report over all six."""
    server.on(lambda r: "Number 1:" in r.prompt or "Number 3:" in r.prompt, Reply(status=500))
    graph = flat(4, model, limits=QUICK, checkpointer=InMemorySaver())
    first = await graph.ainvoke(GIVEN, CONFIG)
    again(server, Reply(text="second"))
    out = await aredrive(graph, CONFIG)
    assert sorted("Number 1:" in request.prompt for request in server.requests) == [False, True]
    assert [branch.value for branch in out["branches"].values()] == ["ok", "second", "ok", "second"]
    assert [branch.attempt for branch in out["branches"].values()] == [1, 2, 1, 2]
    assert out["run_report"].branches == {"ok": 4}
    assert out["run_report"].failures == {}
    assert len(out["run_report"].calls) == 6
    assert out["run_report"].usage.input_tokens == first["run_report"].usage.input_tokens + 20
    seconds = covered((call.started, call.ended) for call in first["run_report"].calls)
    assert out["run_report"].wall_seconds > seconds


async def test_it_reaches_the_failed_leaves_of_every_level(model: str, server: ModelServer) -> None:
    """One voter of one vote two levels down is one call."""
    server.always(Reply(json=YES))
    server.on(lambda r: "Number 1:" in r.prompt and "voter 2 " in r.prompt, Reply(status=500), times=1)
    outer = create_sectioning(
        planner=numbered(2), worker=nested(3, 3, model), limits=QUICK, checkpointer=InMemorySaver()
    )
    first = await outer.ainvoke(GIVEN, CONFIG)
    assert first["run_report"].branches == {"failed": 1, "ok": 17}
    again(server, Reply(json=YES))
    out = await aredrive(outer, CONFIG)
    assert len(server.requests) == 1
    assert out["run_report"].branches == {"ok": 18}
    assert len(out["run_report"].calls) == 19
    assert out["run_report"].failures == {}


@pytest.mark.parametrize("depth", [1, 2])
async def test_a_plan_that_a_model_made_is_not_made_again(
    model: str, server: ModelServer, depth: int
) -> None:
    """Neither of the graph itself nor of one inside it: sections are kept with their branches."""
    briefs = {"sections": [{"title": t, "brief": f"about {t}"} for t in ("alpha", "beta")]}
    server.always(Reply(text="fine"))
    server.on("about beta", Reply(status=500), times=1)
    server.on(lambda request: "response_format" in request.body, Reply(json=briefs))
    options: dict[str, Any] = {"limits": QUICK, "checkpointer": InMemorySaver()}
    graph = create_sectioning(
        planner=plan.by_model(model),
        worker=Ask("{instructions} {content}", model=model),
        **(options if depth == 1 else {}),
    )
    if depth == 2:
        graph = create_sectioning(planner=split.by_heading(), worker=graph, **options)
    first = await graph.ainvoke({"content": "a book"}, CONFIG)
    assert first["run_report"].branches == {"failed": 1, "ok": 1}
    server.requests.clear()
    out = await aredrive(graph, CONFIG)
    assert ["about beta" in request.prompt for request in server.requests] == [True]
    assert len(out["run_report"].calls) == 4
    assert out["run_report"].branches == {"ok": 2}


async def test_after_a_completion_error_it_goes_on_with_what_failed(model: str, server: ModelServer) -> None:
    """The run had raised; what it had is in its checkpoint."""
    server.on("Number 2:", Reply(status=500))
    graph = flat(4, model, limits=QUICK, completion=tolerated_failures(0), checkpointer=InMemorySaver())
    with pytest.raises(CompletionError) as raised:
        await graph.ainvoke(GIVEN, CONFIG)
    again(server, Reply(text="fine"))
    out = await aredrive(graph, CONFIG)
    assert out["run_report"].branches == {"ok": 4}
    assert len(server.requests) == len(raised.value.failed)


async def test_what_was_not_needed_can_be_wanted_after_all(model: str, server: ModelServer) -> None:
    """A policy that was met does not end the redrive that asks for the rest."""
    server.always(Reply(hang=True))
    server.on(lambda r: "Number 0:" in r.prompt or "Number 1:" in r.prompt, Reply(text="first"))
    graph = flat(4, model, completion=min_success(2), checkpointer=InMemorySaver())
    assert (await graph.ainvoke(GIVEN, CONFIG))["run_report"].branches == {"cancelled": 2, "ok": 2}
    again(server, Reply(text="second", gate=Gate(opens_at=2)))
    out = await aredrive(graph, CONFIG)
    assert out["run_report"].branches == {"ok": 4}
    assert out["run_report"].completion_reason == "all 4 branches finished"


async def test_what_fails_again_can_be_run_again(model: str, server: ModelServer) -> None:
    """Attempts are counted, and none of their calls is lost."""
    server.on("Number 0:", Reply(status=500))
    graph = flat(2, model, limits=QUICK, checkpointer=InMemorySaver())
    await graph.ainvoke(GIVEN, CONFIG)
    for attempt in (2, 3):
        out = await aredrive(graph, CONFIG)
        assert out["branches"]["0"].attempt == attempt
        assert len(out["run_report"].calls) == 1 + attempt
        assert out["run_report"].branches == {"failed": 1, "ok": 1}


async def test_with_nothing_to_do_nothing_is_run(model: str, server: ModelServer) -> None:
    """The output is that of the run."""
    graph = flat(2, model, checkpointer=InMemorySaver())
    first = await graph.ainvoke(GIVEN, CONFIG)
    server.requests.clear()
    assert await aredrive(graph, CONFIG) == first
    assert server.requests == []


async def test_a_step_of_the_closing_that_failed_runs_again(model: str, server: ModelServer) -> None:
    """All sections are there; only the synthesizer had no answer."""
    server.on("Missing", Reply(status=500))
    server.on("water", Reply(status=500))
    graph = create_sectioning(
        planner=split.by_heading(),
        worker=lambda section: "done",
        synthesizer=synthesize.by_model(model, limits=QUICK),
        checkpointer=InMemorySaver(),
    )
    server.always(Reply(status=500))
    first = await graph.ainvoke({"content": "# a\nwater"}, CONFIG)
    assert first["result"] is None
    again(server, Reply(text="all of it"))
    out = await aredrive(graph, CONFIG)
    assert (out["result"], out["run_report"].failures, len(server.requests)) == ("all of it", {}, 1)


async def test_a_drained_run_goes_on_where_it_was_stopped(model: str, server: ModelServer) -> None:
    """What was skipped or cancelled then is done now."""
    gate = Gate()
    server.always(Reply(json=YES, gate=gate))
    graph = nested(2, 3, model, limits=Limits(concurrency=2), checkpointer=InMemorySaver())
    running = asyncio.ensure_future(graph.ainvoke(GIVEN, CONFIG))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    drain("stop")
    gate.open()
    assert (await running)["run_report"].branches == {"ok": 2, "skipped": 4}
    out = await aredrive(graph, CONFIG)
    assert out["run_report"].branches == {"ok": 6}
    assert set(prompts(server).values()) == {1}


async def test_a_spent_budget_begins_anew(model: str, server: ModelServer) -> None:
    """Each redrive may spend as much again."""
    graph = flat(5, model, limits=Limits(budget_calls=2), checkpointer=InMemorySaver())
    seen = [(await graph.ainvoke(GIVEN, CONFIG))["run_report"].branches]
    seen += [(await aredrive(graph, CONFIG))["run_report"].branches for _ in range(2)]
    assert seen == [{"ok": 2, "skipped": 3}, {"ok": 4, "skipped": 1}, {"ok": 5}]
    assert set(prompts(server).values()) == {1}


def stored_branches(saver: InMemorySaver) -> set[str]:
    """The branches whose records the checkpointer has."""
    values = [write for writes in saver.writes.values() for write in writes.values()]
    records = [saver.serde.loads_typed(value) for _, channel, value, _ in values if channel == "branches"]
    return {id for record in records if isinstance(record, dict) for id in record}


async def test_a_run_that_was_cancelled_is_finished_first(model: str, server: ModelServer) -> None:
    """What had no record yet, and what had failed, both run; what was ok does not."""
    gate = Gate()
    server.on("Number 0:", Reply(gate=gate))
    server.on("Number 1:", Reply(status=500), times=1)
    saver = InMemorySaver()
    graph = flat(3, model, limits=QUICK, checkpointer=saver)
    running = asyncio.ensure_future(graph.ainvoke(GIVEN, CONFIG))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 1 and len(s.requests) == 3)
    await until(lambda: stored_branches(saver) == {"1", "2"})
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    gate.open()
    out = await aredrive(graph, CONFIG)
    assert out["run_report"].branches == {"ok": 3}
    assert len(server.asked("Number 2:")) == 1


async def test_the_context_of_a_redrive_is_its_own(model: str, server: ModelServer) -> None:
    """Another model can be asked for what the first one could not do."""
    server.on(lambda r: r.body["model"] == "test-model", Reply(status=500))
    graph = flat(1, "openai:test-model", limits=QUICK, checkpointer=InMemorySaver())
    await graph.ainvoke(GIVEN, CONFIG)
    out = await aredrive(graph, CONFIG, context=Context(model="openai:other"))
    assert out["run_report"].branches == {"ok": 1}
    assert [call.target for call in out["run_report"].calls] == ["test-model", "other"]


def test_it_works_from_code_that_is_not_async(model: str, server: ModelServer) -> None:
    """As `invoke` does."""
    server.on("Number 0:", Reply(status=500), times=1)
    graph = flat(2, model, limits=QUICK, checkpointer=InMemorySaver())
    graph.invoke(GIVEN, CONFIG)
    assert redrive(graph, CONFIG)["run_report"].branches == {"ok": 2}


async def test_a_review_is_redriven_voter_by_voter(model: str, server: ModelServer) -> None:
    """One reader of one aspect had failed."""
    server.on(lambda r: "reviewer 2 " in r.prompt and "**Security**" in r.prompt, Reply(status=500), times=1)
    graph = create_review(
        model=model,
        aspects=["security", "style"],
        voters=2,
        engines=False,
        limits=QUICK,
        checkpointer=InMemorySaver(),
    )
    first = await graph.ainvoke({"files": {"a.py": "x = 1\n"}}, CONFIG)
    assert first["run_report"].branches == {"failed": 1, "ok": 3}
    server.requests.clear()
    out = await aredrive(graph, CONFIG)
    assert (len(server.requests), out["run_report"].branches) == (1, {"ok": 4})
    assert [aspect.status for aspect in out["review"].aspects] == ["judged", "judged"]


class Around(TypedDict):
    """The state of a foreign graph."""

    content: str
    result: str


async def test_what_cannot_be_redriven_is_said(model: str, server: ModelServer) -> None:
    """A graph that is not ours and has none of ours, one without a checkpointer, a thread without a run."""
    foreign: StateGraph[Any, Any, Any, Any] = StateGraph(Around)
    foreign.add_node("theirs", lambda state: {})
    foreign.add_edge(START, "theirs")
    with pytest.raises(UsageError, match="is not a langgraph_parallel graph, and has none as a node"):
        await aredrive(foreign.compile(checkpointer=InMemorySaver()), CONFIG)
    foreign.add_node("ours", flat(1, model))
    foreign.add_edge("theirs", "ours")
    with pytest.raises(UsageError, match="build the graph with checkpointer="):
        await aredrive(foreign.compile(), CONFIG)
    with pytest.raises(UsageError, match="thread '1' has no run; run the graph first"):
        await aredrive(foreign.compile(checkpointer=InMemorySaver()), CONFIG)
    with pytest.raises(UsageError, match="build the graph with checkpointer="):
        await aredrive(flat(1, model), CONFIG)
    with pytest.raises(UsageError, match="thread '1' has no run; run the graph first"):
        await aredrive(create_voting(voters=[len], checkpointer=InMemorySaver()), CONFIG)


class DyingSaver(InMemorySaver):
    """A checkpointer whose process dies when it is to store a certain checkpoint; writes are stored.

    LangGraph copies a checkpointer that is to deserialize strictly: what is counted, the copies share.

    Args:
        checkpoints: number that it stores before.
    """

    def __init__(self, checkpoints: int) -> None:
        super().__init__()
        self.left = iter(range(checkpoints))
        self.alive = asyncio.Event()

    async def aput(self, *arguments: Any, **options: Any) -> Any:
        """Store a checkpoint, or die."""
        if not self.alive.is_set() and next(self.left, None) is None:
            raise ProcessDied
        return await super().aput(*arguments, **options)


class ProcessDied(BaseException):
    """Stands for the death of a process."""


def _sections(**options: Any) -> Any:
    return create_sectioning(planner=numbered(3), worker=lambda section: section.title, **options)


def _votes(**options: Any) -> Any:
    return create_voting(voters={"ann": lambda q: "yes", "ben": lambda q: "yes", "cas": len}, **options)


def _nested(**options: Any) -> Any:
    vote = create_voting(voters=[lambda q: "a", lambda q: "a"], stop="all_votes")
    return create_sectioning(planner=numbered(2), worker=vote, **options)


def _rounds(**options: Any) -> Any:
    return create_map_reduce(
        worker=lambda item: item, synthesizer=synthesize.concatenate(headings=False), fan_in=2, **options
    )


def _review(**options: Any) -> Any:
    return create_review(offline=True, aspects=["style"], **options)


DYING: dict[str, tuple[Any, Any, str]] = {
    "sections": (_sections, GIVEN, "result"),
    "votes": (_votes, {"question": "Q?"}, "verdict"),
    "nested": (_nested, GIVEN, "result"),
    "rounds": (_rounds, {"items": list("abcde")}, "result"),
    "review": (_review, {"files": {"a.py": "import os\n"}}, "markdown"),
}
"""Graphs, their inputs, and the keys of their results."""


@pytest.mark.parametrize("name", DYING)
@pytest.mark.parametrize("again", ["aredrive", "ainvoke"])
async def test_a_run_that_died_before_any_checkpoint_is_finished(name: str, again: str) -> None:
    """Between the results of a step and the checkpoint that holds them, nothing seems left to do."""
    build, given, key = DYING[name]
    expected = (await build().ainvoke(given))[key]
    stored, died = 1, True
    while died:
        saver = DyingSaver(stored)
        graph = build(checkpointer=saver)
        try:
            await graph.ainvoke(given, CONFIG)
            died = False
        except ProcessDied:
            saver.alive.set()
            out = await (aredrive(graph, CONFIG) if again == "aredrive" else graph.ainvoke(None, CONFIG))
            assert out[key] == expected
            assert (await aredrive(graph, CONFIG))[key] == expected
        stored += 1
    assert stored > 4
