"""Who gets which rows, by a desk without processes."""

import asyncio
import tempfile
from collections.abc import Sequence
from typing import Any

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.engine import Chunk, WorkerLost
from langgraph_parallel.scale.engines.desk import Desk
from langgraph_parallel.scale.line.marks import Marks
from langgraph_parallel.scale.line.wire import unpack_rows
from langgraph_parallel.scale.pulling import Puller
from tests.scale.driving import job_of, numbered


class Office:
    """A desk, and what an engine does with it."""

    def __init__(self) -> None:
        self.left: dict[str, Sequence[int]] = {}
        self.desk = Desk(self.left.__setitem__)
        self.chunks: list[asyncio.Task[str]] = []

    def put(self, rows: int) -> asyncio.Task[str]:
        """Hand a chunk in."""
        chunk = Chunk(len(self.chunks) + 1, numbered(rows))
        self.chunks.append(asyncio.create_task(self.desk.run(chunk)))
        return self.chunks[-1]

    def pull(self, worker: str) -> "asyncio.Task[dict[str, Any]]":
        """Pull as a worker does."""
        return asyncio.create_task(self.desk.answer(worker, "rows.take", {}))

    def listen(self, worker: str) -> "asyncio.Task[dict[str, Any]]":
        """Wait for news as a worker does."""
        return asyncio.create_task(self.desk.answer(worker, "rows.news", {}))


def _keys(given: dict[str, Any]) -> list[str]:
    return [row.key for row in unpack_rows(given["rows"])]


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_chunk_goes_to_who_pulls_first() -> None:
    """And is done once its part has ended."""
    office = Office()
    pulled, other = office.pull("a"), office.pull("b")
    done = office.put(3)
    given = await pulled
    assert _keys(given) == ["1", "2", "3"]
    assert not other.done()
    assert office.desk.taken == 1
    office.desk.ended(given["part"], "", None)
    assert await done == ""
    other.cancel()


async def test_rows_move_from_a_slow_worker_to_an_idle_one() -> None:
    """The chunk is done once both parts have ended."""
    office = Office()
    done = office.put(4)
    first = await office.pull("slow")
    news = office.listen("slow")
    waiting = office.pull("idle")
    assert await news == {"back": True}
    await office.desk.answer("slow", "rows.back", {"part": first["part"], "places": [2, 3]})
    second = await waiting
    assert _keys(second) == ["3", "4"]
    office.desk.ended(second["part"], "", None)
    await _settle()
    assert not done.done()
    office.desk.ended(first["part"], "", None)
    assert await done == ""


async def test_rows_that_were_given_back_do_not_return_to_their_giver() -> None:
    """Though it pulls again already."""
    office = Office()
    office.put(4)
    first = await office.pull("slow")
    again, news = office.pull("slow"), office.listen("slow")
    idle = office.pull("idle")
    assert await news == {"back": True}
    await office.desk.answer("slow", "rows.back", {"part": first["part"], "places": [3]})
    assert _keys(await idle) == ["4"]
    assert not again.done()
    again.cancel()


async def test_nobody_is_asked_while_parts_wait() -> None:
    """Nor for a worker that has rows."""
    office = Office()
    for _ in range(3):
        office.put(2)
    await office.pull("a")
    news = office.listen("a")
    await office.pull("b")
    await office.pull("b")
    more = office.pull("b")
    await _settle()
    assert not news.done()
    for task in (news, more):
        task.cancel()


async def test_a_worker_with_nothing_to_give_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others first; then all of them once more after a moment."""
    monkeypatch.setattr("langgraph_parallel.scale.engines.desk._ASK_AGAIN", 0.01)
    office = Office()
    for rows in (5, 3):
        office.put(rows)
    await office.pull("a")
    await office.pull("b")
    news = {worker: office.listen(worker) for worker in "ab"}
    idle = office.pull("c")
    assert await news["a"] == {"back": True}
    again = office.listen("a")
    assert await news["b"] == {"back": True}
    assert await again == {"back": True}
    idle.cancel()


async def test_the_rows_of_a_dead_worker_are_lost_with_those_that_ran() -> None:
    """Its parts are told at once; the chunk ends when its results were delivered."""
    office = Office()
    done = office.put(3)
    given = await office.pull("a")
    office.desk.worker_gone("a")
    assert office.left == {"a": [given["part"]]}
    assert office.desk.keys([(given["part"], 1), (given["part"], 9), (77, 0)]) == {given["part"]: ["2"]}
    await _settle()
    assert not done.done()
    office.desk.lost(given["part"], ["2"], "worker a was killed")
    with pytest.raises(WorkerLost, match="worker a was killed") as lost:
        await done
    assert lost.value.begun == ["2"]


async def test_a_worker_that_dies_while_it_pulls_gets_nothing() -> None:
    """The next one that pulls gets the part."""
    office = Office()
    dead = office.pull("a")
    await _settle()
    office.desk.worker_gone("a")
    office.put(1)
    assert _keys(await office.pull("b")) == ["1"]
    assert dead.cancelled()


async def test_a_cancelled_chunk_stops_where_it_runs() -> None:
    """And is handed out no more where it waits; what ends later is ignored."""
    office = Office()
    runs = office.put(2)
    given = await office.pull("a")
    waits = office.put(2)
    news = office.listen("a")
    await _settle()
    runs.cancel()
    assert await news == {"stop": [given["part"]]}
    waits.cancel()
    await _settle()
    office.desk.ended(given["part"], "", None)
    office.put(1)
    assert _keys(await office.pull("a")) == ["1"]


async def test_a_stop_waits_for_a_worker_that_does_not_listen_at_the_moment() -> None:
    """It gets it with its next question."""
    office = Office()
    runs = office.put(2)
    given = await office.pull("a")
    runs.cancel()
    await _settle()
    assert await office.listen("a") == {"stop": [given["part"]]}


async def test_a_closed_desk_hands_out_nothing() -> None:
    """Chunks that wait end without results, workers that pull hear that there is nothing."""
    office = Office()
    running = office.put(1)
    given = await office.pull("a")
    waiting, pulled = office.put(1), office.pull("b")
    assert (await pulled)["part"]
    idle = office.pull("c")
    third = office.put(1)
    assert (await idle)["part"]
    last = office.put(1)
    await _settle()
    office.desk.close()
    assert await last == ""
    assert (await office.pull("d"))["part"] == 0
    assert await office.put(1) == ""
    office.desk.ended(given["part"], "the budget is spent", None)
    assert await running == "the budget is spent"
    for task in (waiting, third):
        task.cancel()


async def test_a_program_that_cannot_be_loaded_fails_its_chunk() -> None:
    """With the words of the worker."""
    office = Office()
    done = office.put(1)
    given = await office.pull("a")
    office.desk.ended(given["part"], "", UsageError("there is no module x"))
    with pytest.raises(UsageError, match="there is no module x"):
        await done


async def test_large_rows_are_handed_out_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no frame grows with the size of a chunk."""
    monkeypatch.setattr("langgraph_parallel.scale.engines.desk._MOST_BYTES", 100)
    office = Office()
    done = office.put(20)
    keys: list[str] = []
    while len(keys) < 20:
        given = await office.pull("a")
        assert len(given["rows"]) <= 100
        keys += _keys(given)
        office.desk.ended(given["part"], "", None)
    assert keys == [str(number) for number in range(1, 21)]
    assert await done == ""


async def test_a_worker_that_hung_up_while_it_waited_for_news_is_told_none() -> None:
    """Its question is over before anybody notes that it is gone; a chunk that is stopped then just ends."""
    office = Office()
    listening, pulled = office.listen("a"), office.pull("a")
    done = office.put(3)
    await pulled
    listening.cancel()
    await _settle()
    done.cancel()
    with pytest.raises(asyncio.CancelledError):
        await done
    assert (await office.desk.answer("a", "rows.news", {}))["stop"] == [1]


class _BrokenLine:
    """A line whose news cannot be read, while rows are waited for, or cannot be read either."""

    def __init__(self, *, gives_rows: bool = False) -> None:
        self.gives_rows = gives_rows

    async def ask(self, op: str, data: dict[str, Any]) -> dict[str, Any]:
        """Wait forever, or fail."""
        if op == "rows.news":
            raise ValueError("no news of this kind")
        if op == "rows.take":
            if self.gives_rows:
                raise ValueError("no rows of this kind")
            await asyncio.Event().wait()
        return {"endpoints": {}, "now": 0.0}


async def test_a_worker_that_hears_no_news_ends() -> None:
    """Nobody could stop its rows or have some of them back; its end is seen, and it is replaced."""
    with tempfile.TemporaryFile() as file:
        marks = Marks(file.fileno())
        try:
            puller = Puller(job_of("programs:nothing"), _BrokenLine(), marks, 1)
            with pytest.raises(ValueError, match="no news of this kind"):
                await asyncio.wait_for(puller.run(), 20)
        finally:
            marks.close()


async def test_a_worker_whose_line_fails_for_rows_and_for_news_tells_of_the_rows() -> None:
    """Which of the two is told does not depend on chance."""
    with tempfile.TemporaryFile() as file:
        for _ in range(8):
            marks = Marks(file.fileno())
            try:
                puller = Puller(job_of("programs:nothing"), _BrokenLine(gives_rows=True), marks, 1)
                with pytest.raises(ValueError, match="no rows of this kind"):
                    await asyncio.wait_for(puller.run(), 20)
            finally:
                marks.close()
