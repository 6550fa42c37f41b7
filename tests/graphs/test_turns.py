"""Lossless waves: a voter is asked as soon as it is certain to be needed, and never in vain."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from langgraph_parallel import create_sectioning, create_voting, drain
from tests.support.fans import GIVEN, numbered

QUESTION = {"question": "Is it safe?"}
CONFIG: Any = {"configurable": {"thread_id": "turns"}}


class Panel:
    """Voters whose ballots a test lets go, one by one.

    Args:
        ballots: what each voter says, one letter for each; `!` fails.
        holds: letters of the voters that wait to be let go; the others answer at once.
    """

    def __init__(self, ballots: str, holds: str = "") -> None:
        self.begun: list[str] = []
        self.names = "abcdefghi"[: len(ballots)]
        self._ballots = dict(zip(self.names, ballots, strict=True))
        self._go = {voter: asyncio.Event() for voter in holds}
        self._began = {voter: asyncio.Event() for voter in self.names}

    def let_go(self, voters: str) -> None:
        """Let voters answer."""
        for voter in voters:
            self._go[voter].set()

    async def has_begun(self, voter: str) -> None:
        """Wait until a voter is asked."""
        await asyncio.wait_for(self._began[voter].wait(), 20)

    async def _answer(self, voter: str) -> Any:
        self.begun.append(voter)
        self._began[voter].set()
        if voter in self._go:
            await self._go[voter].wait()
        if self._ballots[voter] == "!":
            raise ValueError(f"{voter} broke")
        return interrupt("sure?") if self._ballots[voter] == "?" else self._ballots[voter]

    def graph(self, **options: Any) -> Any:
        """Return a vote of all voters."""

        def voter(name: str) -> Any:
            async def answer(question: str) -> Any:
                return await self._answer(name)

            return answer

        voters = {name: voter(name) for name in self.names}
        return create_voting(voters=voters, **options)


async def test_the_fourth_of_five_is_asked_when_the_first_two_disagree() -> None:
    """The third may take as long as it likes: whatever it says, a fourth ballot is needed."""
    panel = Panel("yn" + "yyy", holds="ce")
    running = asyncio.ensure_future(panel.graph().ainvoke(QUESTION))
    await panel.has_begun("d")
    assert sorted(panel.begun) == ["a", "b", "c", "d"]
    panel.let_go("c")
    out = await asyncio.wait_for(running, 20)
    verdict = out["verdict"]
    assert (verdict.choice, str(verdict.support), verdict.not_asked) == ("y", "3/4", 1)
    assert out["run_report"].calls_saved == 1
    assert sorted(panel.begun) == ["a", "b", "c", "d"]


async def test_nobody_starts_who_may_not_be_needed() -> None:
    """While two agree and the third hangs, the fourth waits; it leaves no record when the vote is over."""
    panel = Panel("yyyyy", holds="c")
    running = asyncio.ensure_future(panel.graph().ainvoke(QUESTION))
    await panel.has_begun("c")
    panel.let_go("c")
    out = await asyncio.wait_for(running, 20)
    assert sorted(panel.begun) == sorted(out["branches"]) == ["a", "b", "c"]
    assert out["missing"] == []


async def test_failures_call_the_next_at_once() -> None:
    """Voters that fail support nothing, so that others take their place while the rest works."""
    panel = Panel("!!yyy", holds="c")
    running = asyncio.ensure_future(panel.graph().ainvoke(QUESTION))
    await panel.has_begun("d")
    panel.let_go("c")
    out = await asyncio.wait_for(running, 20)
    assert (str(out["verdict"].support), out["verdict"].failed) == ("2/2", 2)
    assert sorted(panel.begun) == ["a", "b", "c", "d"]


async def test_under_a_bound_of_tasks_waves_stay() -> None:
    """Where LangGraph runs one task after another, a voter that waits would take another one's place."""
    panel = Panel("yn" + "yyy")
    out = await panel.graph().ainvoke(QUESTION, {"max_concurrency": 1})
    assert panel.begun == ["a", "b", "c", "d"]
    assert str(out["verdict"].support) == "3/4"


async def test_a_person_is_asked_although_others_wait_for_their_turn() -> None:
    """A voter inside a section interrupts: the run does not hang, and the answer is a ballot like others."""
    panel = Panel("?nyyy")
    vote = panel.graph()
    graph = create_sectioning(planner=numbered(1), worker=vote, checkpointer=InMemorySaver())
    out = await asyncio.wait_for(graph.ainvoke(GIVEN, CONFIG), 20)
    assert [asked.value for asked in out["__interrupt__"]] == ["sure?"]
    out = await asyncio.wait_for(graph.ainvoke(Command(resume="n"), CONFIG), 20)
    (branch,) = out["branches"].values()
    assert branch.value["verdict"]["choice"] in ("n", "y")
    assert branch.ok


async def test_a_stopped_run_asks_nobody_else() -> None:
    """Those who wait are skipped as those in line, and the vote says that it was stopped."""
    panel = Panel("ynyyy", holds="abc")
    running = asyncio.ensure_future(panel.graph().ainvoke(QUESTION))
    await panel.has_begun("c")
    drain("enough", grace=0)
    out = await asyncio.wait_for(running, 20)
    assert sorted(panel.begun) == ["a", "b", "c"]
    assert {branch.status for branch in out["branches"].values()} == {"cancelled", "skipped"}
    assert out["run_report"].completion_reason == "RunDrained: enough"


async def test_a_cancelled_run_leaves_nobody_waiting() -> None:
    """The cancellation reaches voters that wait for their turn."""
    panel = Panel("yyyyy", holds="abc")
    running = asyncio.ensure_future(panel.graph().ainvoke(QUESTION))
    await panel.has_begun("c")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 20)


async def is_stored(graph: Any, voters: str) -> None:
    """Wait until the ballots of voters are in the checkpointer, which is written in the background."""
    while True:
        results = [task.result or {} for task in (await graph.aget_state(CONFIG)).tasks]
        if set(voters) <= {id for result in results for id in result.get("branches") or {}}:
            return
        await asyncio.sleep(0)


@pytest.mark.parametrize("stored", ["ab", "abd"])
async def test_a_vote_that_died_goes_on_where_it_was(stored: str) -> None:
    """The ballots that were paid for count, also one of a voter that had waited; nobody is asked twice."""
    saver = InMemorySaver()
    panel = Panel("ynyyy", holds="c" if "d" in stored else "cd")
    running = asyncio.ensure_future(panel.graph(checkpointer=saver).ainvoke(QUESTION, CONFIG))
    await panel.has_begun("d")
    await asyncio.wait_for(is_stored(panel.graph(checkpointer=saver), stored), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    again = Panel("ynyyy")
    out = await asyncio.wait_for(again.graph(checkpointer=saver).ainvoke(None, CONFIG), 20)
    assert (out["verdict"].choice, str(out["verdict"].support)) == ("y", "3/4")
    assert sorted(again.begun) == sorted(set("abcd") - set(stored))


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="yn!", min_size=3, max_size=9), st.randoms(use_true_random=False))
def test_no_voter_is_asked_in_vain(ballots: str, order: Any) -> None:
    """Whatever the voters say, and in which order, as many are asked as one at a time, with one verdict."""

    async def run() -> None:
        panel = Panel(ballots, holds="abcdefghi"[: len(ballots)])
        running = asyncio.ensure_future(panel.graph().ainvoke(QUESTION))
        answered: set[str] = set()
        while not running.done():
            open_ = [voter for voter in panel.begun if voter not in answered]
            if open_:
                voter = order.choice(open_)
                answered.add(voter)
                panel.let_go(voter)
            await asyncio.sleep(0)
        one_by_one = Panel(ballots)
        expected = await one_by_one.graph(wave=1).ainvoke(QUESTION)
        out = running.result()
        assert sorted(panel.begun) == sorted(one_by_one.begun)
        assert out["verdict"].choice == expected["verdict"].choice
        assert out["verdict"].counts == expected["verdict"].counts

    asyncio.run(run())
