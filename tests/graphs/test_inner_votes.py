"""What is stored of a vote in a branch of another graph: its waves, and what cannot be had again."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from langgraph_parallel import Judge, create_labeling, create_sectioning, create_voting
from tests.support.fans import GIVEN, numbered
from tests.support.server import ModelServer, Reply

CONFIG: Any = {"configurable": {"thread_id": "inner"}}
LONG = "A text of which a checkpoint needs no second copy. " * 40


def stored(saver: InMemorySaver) -> list[Any]:
    """The checkpoints of graphs inside, the oldest first."""
    return [one for one in saver.list(CONFIG) if one.config["configurable"]["checkpoint_ns"]][::-1]


def channels_written(saver: InMemorySaver) -> Counter[str]:
    """How often each channel was written to, in graphs inside."""
    return Counter(channel for one in stored(saver) for _, channel, _ in one.pending_writes or ())


def say(answer: str) -> Any:
    """Return a voter that says so."""

    async def voter(question: str) -> str:
        return answer

    return voter


VOTERS = {"a": say("x"), "b": say("y"), "c": say("x")}


async def test_a_vote_in_a_branch_stores_its_waves_and_their_ballots() -> None:
    """Two waves are two checkpoints, one after the other; a vote by itself stores each step."""
    saver = InMemorySaver()
    vote = create_voting(voters=VOTERS)
    out = await create_sectioning(planner=numbered(1), worker=vote, checkpointer=saver).ainvoke(GIVEN, CONFIG)
    (branch,) = out["branches"].values()
    assert (branch.value["verdict"]["choice"], branch.value["verdict"]["asked"]) == ("x", 3)
    first, second = stored(saver)
    assert first.parent_config is None
    assert second.parent_config == first.config
    assert channels_written(saver) == {"branches": 3, "branch:to:tally": 3}
    assert second.checkpoint["channel_values"]["branches"].keys() == {"a", "b"}
    alone = InMemorySaver()
    await create_voting(voters=VOTERS, checkpointer=alone).ainvoke({"question": "?"}, CONFIG)
    assert len(list(alone.list(CONFIG))) == 7


async def test_the_question_is_not_stored_again(model: str, server: ModelServer) -> None:
    """The graph around it stores the items; the checkpoints of their votes refer to them."""
    server.always(Reply(json={"choice": "yes"}))
    saver = InMemorySaver()
    graph = create_labeling(labels=["yes", "no"], model=model, checkpointer=saver)
    await graph.ainvoke({"items": {"one": LONG}}, CONFIG)
    (vote,) = stored(saver)
    assert LONG not in str(vote.checkpoint)
    assert LONG in server.requests[0].prompt


class Dying(InMemorySaver):
    """A saver of a process that dies before the branch around a vote is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: asyncio.Event | None = asyncio.Event()

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        """Store the writes of graphs inside; of the outermost, nothing of a branch."""
        is_branch = not config["configurable"]["checkpoint_ns"] and any(c == "branches" for c, _ in writes)
        if self.dead is not None and is_branch and task_path.startswith("~__pregel_push"):
            self.dead.set()
            return
        await super().aput_writes(config, writes, task_id, task_path)


async def test_ballots_count_although_the_run_died_while_it_counted() -> None:
    """Nobody is asked again: the ballots of the wave are stored, and counted anew."""
    saver, asked, go = Dying(), list[str](), asyncio.Event()

    def voter(name: str) -> Any:
        async def answer(question: str) -> str:
            asked.append(name)
            return "x"

        return answer

    async def hangs(section: Any) -> str:
        await go.wait()
        return "done"

    workers: Any = {"vote": create_voting(voters={name: voter(name) for name in "abc"}), "hangs": hangs}
    graph = create_sectioning(planner=both, worker=workers, checkpointer=saver)
    running = asyncio.ensure_future(graph.ainvoke(GIVEN, CONFIG))
    assert saver.dead is not None
    await asyncio.wait_for(saver.dead.wait(), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    saver.dead = None
    go.set()
    out = await graph.ainvoke(None, CONFIG)
    values = {branch.name: branch.value for branch in out["branches"].values()}
    assert [value for value in values.values() if value == "done"] == ["done"]
    (vote,) = [value for value in values.values() if value != "done"]
    assert (vote["verdict"]["choice"], vote["verdict"]["asked"], asked) == ("x", 2, ["a", "b"])


def both(content: str) -> Any:
    """Plan a section for a vote, and one that hangs."""
    sections = zip(numbered(2)(content), ("vote", "hangs"), strict=True)
    return [section.model_copy(update={"worker": worker}) for section, worker in sections]


async def test_a_judge_is_stored_with_its_vote(model: str, server: ModelServer) -> None:
    """What a judge says is paid for, so that a vote with one is stored step by step."""
    server.always(Reply(json={"choice": "x"}))
    saver = InMemorySaver()
    vote = create_voting(voters=VOTERS, rule=Judge(model=model))
    await create_sectioning(planner=numbered(1), worker=vote, checkpointer=saver).ainvoke(GIVEN, CONFIG)
    assert len(stored(saver)) == 5
    assert channels_written(saver)["verdict"] == 1


async def test_a_voter_that_asks_a_person_is_resumed_with_the_others_ballots() -> None:
    """The interrupt belongs to the checkpoint of its wave."""
    asked: list[str] = []

    def sure(question: str) -> Any:
        return interrupt("sure?")

    def sound(question: str) -> str:
        asked.append("b")
        return "y"

    saver = InMemorySaver()
    vote = create_voting(voters={"a": sure, "b": sound}, wave="all", stop="all_votes")
    graph = create_sectioning(planner=numbered(1), worker=vote, checkpointer=saver)
    out = await graph.ainvoke(GIVEN, CONFIG)
    assert [one.value for one in out["__interrupt__"]] == ["sure?"]
    inside: Any = (await graph.aget_state(CONFIG, subgraphs=True)).tasks[0].state
    assert [task.name for task in inside.tasks if not task.result] == ["voter"]
    out = await graph.ainvoke(Command(resume="y"), CONFIG)
    (branch,) = out["branches"].values()
    assert (branch.value["verdict"]["choice"], asked) == ("y", ["b"])
