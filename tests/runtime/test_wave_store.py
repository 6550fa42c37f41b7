"""What votes without LangGraph's loop store is what LangGraph would have stored, and goes on from there."""

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import create_labeling
from langgraph_parallel.records import allow_records
from langgraph_parallel.runtime import stored_ballots, wave_store
from langgraph_parallel.testing import FakeModel
from tests.runtime.test_in_task import (
    LABELS,
    OPTIONS,
    InOrder,
    by_langgraph,
    counting,
    exactly,
    models,
    outcome,
    plain,
)
from tests.support.fans import YES, prompts
from tests.support.server import Gate, ModelServer, Reply

THREAD: Any = {"configurable": {"thread_id": "t"}, "metadata": {"team": "blue"}}
ITEMS = {"items": {name: f"item {i}." for i, name in enumerate("ab")}}


def labeling(saver: Any, **options: Any) -> Any:
    """Build a labeling of any kind."""
    return create_labeling(
        **{"labels": LABELS, "model": FakeModel(default={"choice": "yes"}), "checkpointer": saver, **options}
    )


def inside(config: Any) -> bool:
    """Whether rows are of a graph inside."""
    return bool(config["configurable"]["checkpoint_ns"])


def _step_of(versions: Any) -> Any:
    """Return versions without what is random in them."""
    return {key: int(version.partition(".")[0]) for key, version in versions.items()}


async def rows(graph: Any, saver: InMemorySaver) -> list[Any]:
    """Return what is stored of votes, without ids and times, and the tasks that LangGraph finds in it."""
    found = []
    for one in allow_records(saver).list(THREAD):
        if not inside(one.config):
            continue
        checkpoint: Any = {**one.checkpoint}
        metadata: Any = {**one.metadata}
        del checkpoint["id"], checkpoint["ts"]
        checkpoint["channel_versions"] = _step_of(checkpoint["channel_versions"])
        checkpoint["versions_seen"] = {
            node: _step_of(seen) for node, seen in checkpoint["versions_seen"].items()
        }
        metadata["parents"] = list(metadata["parents"])
        state = await graph.aget_state(one.config)
        tasks = [(task.name, task.path, plain(task.result)) for task in state.tasks]
        follows = one.parent_config is not None
        found.append([checkpoint, metadata, follows, plain(state.values), state.next, tasks])
    return sorted(map(plain, found), key=repr)


class Busy(InMemorySaver):
    """Takes a time for each operation in which several voters may answer."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        """Store writes."""
        await asyncio.sleep(self.seconds)
        await super().aput_writes(config, writes, task_id, task_path)


@settings(max_examples=16)
@given(model=models(2), voters=st.integers(2, 5), options=OPTIONS, seconds=st.sampled_from([0.0015, 1]))
def test_rows_are_those_of_langgraph(model: InOrder, voters: int, options: Any, seconds: float) -> None:
    """Checkpoints, versions, parents, and the ballots as the results of the very tasks that gave them."""

    async def both() -> None:
        stored = []
        for langgraph in (False, True):
            saver = Busy(seconds)
            graph = labeling(saver, model=model, voters=voters, **options)
            with by_langgraph() if langgraph else counting() as names:
                out = await outcome(graph, ITEMS, config=THREAD)
            assert names == (None if langgraph else ["label", "label"])
            stored.append((out, await rows(graph, saver)))
        assert stored[0] == stored[1]
        assert len(stored[0][1]) >= len(ITEMS["items"])

    exactly(both)


class Slow(InMemorySaver):
    """Stores nothing of graphs inside while it is closed, or fails to."""

    def __init__(self, *, opened: bool = False) -> None:
        super().__init__()
        self.opened, self.refuses = asyncio.Event(), False
        self.stored: Counter[str] = Counter()
        """Number of operations inside, and of writes by channel; copies of the saver share it."""
        self.asked, self.branch, self.four = asyncio.Event(), asyncio.Event(), asyncio.Event()
        if opened:
            self.opened.set()

    async def _pass(self, config: Any) -> None:
        if inside(config):
            self.asked.set()
            await self.opened.wait()
            if self.refuses:
                raise OSError("the disk is full")

    async def aput(self, config: Any, *arguments: Any) -> Any:
        """Store a checkpoint."""
        await self._pass(config)
        return await super().aput(config, *arguments)

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        """Store writes."""
        await self._pass(config)
        await super().aput_writes(config, writes, task_id, task_path)
        if inside(config):
            self.stored.update(["operations", *(key for key, _ in writes)])
        if self.stored["branches"] == 4:
            self.four.set()
        if not inside(config) and [key for key, _ in writes] == ["branches", "branch:to:gather"]:
            self.branch.set()


async def test_a_branch_does_not_wait_for_its_rows_but_the_run_does() -> None:
    """The record of the branch is stored before its ballots; the run ends once all are."""
    saver = Slow()
    running = asyncio.ensure_future(labeling(saver).ainvoke({"items": ["a"]}, THREAD))
    await asyncio.wait_for(saver.branch.wait(), 20)
    await asyncio.wait([running], timeout=0.05)
    assert not running.done()
    saver.opened.set()
    assert (await running)["labels"][0].label == "yes"
    (vote,) = [one for one in saver.list(THREAD) if inside(one.config)]
    assert [key for _, key, _ in vote.pending_writes or ()] == ["branches", "branch:to:tally"] * 2
    assert saver.stored["operations"] == 1


async def test_a_run_that_is_cancelled_ends_when_its_rows_are_stored() -> None:
    """What was answered is paid for."""
    saver = Slow()
    running = asyncio.ensure_future(labeling(saver).ainvoke({"items": ["a"]}, THREAD))
    await asyncio.wait_for(saver.branch.wait(), 20)
    running.cancel()
    saver.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    (vote,) = [one for one in saver.list(THREAD) if inside(one.config)]
    assert len(vote.pending_writes or ()) == 4


async def test_what_cannot_be_stored_is_an_error_of_the_run() -> None:
    """As it is where LangGraph stores it."""
    saver = Slow(opened=True)
    saver.refuses = True
    with counting() as names, pytest.raises(OSError, match="the disk is full"):
        await labeling(saver).ainvoke({"items": ["a"]}, THREAD)
    assert names == ["label"]


async def test_with_durability_sync_nobody_is_asked_before_the_wave_is_stored() -> None:
    """As LangGraph has it."""
    saver, model = Slow(), FakeModel(default={"choice": "yes"})
    with counting() as names:
        running = asyncio.ensure_future(
            labeling(saver, model=model).ainvoke({"items": ["a"]}, THREAD, durability="sync")
        )
        await asyncio.wait_for(saver.asked.wait(), 20)
        await asyncio.wait([running], timeout=0.05)
        assert not model.prompts
        saver.opened.set()
        await running
    assert (len(model.prompts), names) == (2, ["label"])


async def test_ballots_that_arrive_during_an_operation_are_stored_in_one_and_found_apart() -> None:
    """LangGraph sees each as the result of its own task, in every way to read them, and goes on with none."""
    saver = Slow()
    graph = labeling(saver, voters=3, stop="all_votes")
    running = asyncio.ensure_future(graph.ainvoke({"items": ["a"]}, THREAD))
    await asyncio.wait_for(saver.branch.wait(), 20)
    saver.opened.set()
    await running
    assert saver.stored["operations"] == 1
    (vote,) = [one for one in saver.list(THREAD) if inside(one.config)]
    assert len({task for task, _, _ in vote.pending_writes or ()}) == 1
    history = [state async for state in graph.aget_state_history(vote.config)]
    read = [await graph.aget_state(vote.config), graph.get_state(vote.config), *history]
    assert len(read) == 3
    for state in read:
        results: Any = [task.result for task in state.tasks]
        assert [[*result["branches"]] for result in results] == [["#1"], ["#2"], ["#3"]]
    (before,) = [state async for state in graph.aget_state_history(THREAD) if "vote" in state.next]
    (task,) = (await graph.aget_state(before.config, subgraphs=True)).tasks
    inner: Any = task.state
    assert [[*one.result["branches"]] for one in inner.tasks] == [["#1"], ["#2"], ["#3"]]


async def test_a_run_that_was_cut_off_asks_only_who_had_not_answered(model: str, server: ModelServer) -> None:
    """LangGraph goes on from the rows, in another graph object."""
    gate, saver = Gate(), Slow(opened=True)
    server.always(Reply(json=YES))
    server.on("annotator 2", Reply(json=YES, gate=gate), times=2)
    options: dict[str, Any] = {"model": model, "stop": "all_votes", "limits": {"samples": "off"}}
    with counting() as names:
        running = asyncio.ensure_future(labeling(saver, **options).ainvoke({"items": ["a", "b"]}, THREAD))
        await asyncio.wait_for(saver.four.wait(), 20)
        await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert names == ["label", "label"]
    gate.open()
    with counting() as names:
        out = await labeling(saver, **options).ainvoke(None, THREAD)
    assert names == []
    assert [label.votes for label in out["labels"]] == [{"#1": "yes", "#2": "yes", "#3": "yes"}] * 2
    assert sorted(prompts(server).values()) == [1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("reason", ["durability", "events", "tasks"])
async def test_langgraph_runs_what_is_stored_in_another_way(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of the run, with a stream at all levels, or by a LangGraph that names tasks otherwise."""
    saver = InMemorySaver()
    graph, options = labeling(saver), dict[str, Any]()
    if reason == "durability":
        options = {"durability": "exit"}
    if reason == "events":
        options = {"stream_mode": "custom", "subgraphs": True}
    if reason == "tasks":
        monkeypatch.setattr(stored_ballots, "_SENT", "another")
        stored_ballots.knows_tasks.cache_clear()
    with counting() as names:
        async for _ in graph.astream({"items": ["a"]}, THREAD, **options):
            pass
    stored_ballots.knows_tasks.cache_clear()
    assert names == []
    assert (await graph.aget_state(THREAD)).values["labels"][0].label == "yes"


def test_a_second_graph_of_a_task_has_a_place_of_its_own() -> None:
    """LangGraph counts them in the task, in whose config it is."""
    numbers = iter([0, 1])
    config: Any = {"checkpoint_ns": "vote:1", "__pregel_scratchpad": SimpleNamespace()}
    config["__pregel_scratchpad"].subgraph_counter = lambda: next(numbers)
    assert [wave_store._place(config) for _ in range(2)] == ["vote:1", "vote:1|1"]
