"""The coordinator: results, control, beats."""

import asyncio
from typing import Any

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.line import outbox as outbox_module
from langgraph_parallel.scale.line.coordinator import Coordinator
from langgraph_parallel.scale.line.outbox import Outbox
from langgraph_parallel.scale.line.wire import pack_results, unpack_job, unpack_results
from langgraph_parallel.scale.rows import Result
from tests.scale.driving import job_of

IDLE = {"running": 0, "in_flight": 0, "done": 0, "reserved": (0, 0, 0.0)}


def _post(*keys: str, reserved: tuple[int, int, float] = (0, 0, 0.0)) -> dict[str, object]:
    results = [Result(key, "ok") for key in keys]
    return {"results": pack_results(results), "size": len(keys), "state": IDLE | {"reserved": reserved}}


async def test_hello_tells_the_job() -> None:
    """A worker learns what to run."""
    answer = await Coordinator(job_of("programs:nothing")).answer("w", "hello", {})
    assert unpack_job(answer["job"]).program.graph == "tests.scale.programs:nothing"
    assert answer["control"] == "go"


async def test_a_post_is_answered_once_there_is_room() -> None:
    """The results are in the mailbox at once; the answer waits until some were collected."""
    coordinator = Coordinator(job_of("programs:nothing"), room=2)
    full = asyncio.create_task(coordinator.answer("w", "post", _post("1", "2")))
    await asyncio.sleep(0)
    assert not full.done()
    collected = await coordinator.answer("driver", "collect", {"after": 0})
    assert [posted[0] for posted in collected["posted"]] == [1]
    await asyncio.sleep(0)
    assert not full.done()  # they were read, and are not stored yet
    await coordinator.answer("driver", "collect", {"after": 1})
    assert (await full) == {"control": "go", "number": 1}


async def test_what_was_collected_comes_again_until_it_is_acknowledged() -> None:
    """A driver that dies before it has stored results leaves them to the next one."""
    coordinator = Coordinator(job_of("programs:nothing"))
    await coordinator.answer("w", "post", _post("1"))
    await coordinator.answer("w", "post", _post("2"))
    for _ in range(2):
        answer = await coordinator.answer("driver", "collect", {"after": 0})
        assert [unpack_results(posted[3], "w")[0].key for posted in answer["posted"]] == ["1", "2"]
    answer = await coordinator.answer("driver", "collect", {"after": 2})
    assert answer["posted"] == []


async def test_collect_waits_for_results() -> None:
    """Within the time that it is given."""
    coordinator = Coordinator(job_of("programs:nothing"))
    waiting = asyncio.create_task(coordinator.answer("driver", "collect", {"after": 0, "wait": 20}))
    await asyncio.sleep(0)
    await coordinator.answer("w", "post", _post("1"))
    assert len((await waiting)["posted"]) == 1


async def test_drain_reaches_workers_with_their_next_answer() -> None:
    """Those who post, those who beat, and those who come later."""
    coordinator = Coordinator(job_of("programs:nothing"))
    await coordinator.answer("w", "hello", {})
    await coordinator.answer("driver", "drain", {})
    assert (await coordinator.answer("w", "beat", {"state": IDLE}))["control"] == "drain"
    assert (await coordinator.answer("w", "post", _post("1")))["control"] == "drain"
    assert (await coordinator.answer("late", "hello", {}))["control"] == "drain"


async def test_the_reservations_of_a_dead_worker_stay_open() -> None:
    """Nobody can tell whether its calls were billed; a worker that comes back is told to stop."""
    coordinator = Coordinator(job_of("programs:nothing"))
    for worker in ("a", "b"):
        await coordinator.answer(worker, "hello", {})
        await coordinator.answer(worker, "beat", {"state": IDLE | {"reserved": (2, 30, 0.25)}})
    coordinator.worker_gone("a")
    assert [one.name for one in coordinator.workers()] == ["b"]
    assert coordinator.open_reservations == Amount(4, 60, 0.5)
    assert (await coordinator.answer("a", "post", _post("1", reserved=(9, 9, 9.0))))["control"] == "gone"
    await coordinator.answer("b", "post", _post("2"))
    assert coordinator.open_reservations == Amount(2, 30, 0.25)
    assert [posted.size for posted in await coordinator.mailbox.read(0, 0)] == [1, 1]


async def test_a_worker_that_was_taken_for_dead_gets_nothing_more_and_its_results_count() -> None:
    """What it held is spent once; places and grants that it got later nobody would take back again."""
    limits = Limits(budget_calls=40, concurrency=4)
    coordinator = Coordinator(job_of("programs:nothing", limits=limits))
    endpoint = {"held": 0, "demand": 4, "concurrency": 4}

    async def ask(worker: str, op: str, session: str, *, spent: int = 0, needs: int = 2) -> dict[str, Any]:
        purse = {"spent": (spent, 0, 0), "held": (0,) * 3, "needs": (needs, 0, 0), "like": (0,) * 3}
        told = {"session": session, "endpoints": {"e|m": endpoint}, "purse": purse}
        return await coordinator.answer(worker, op, told)

    for worker in ("early", "late", "alive"):
        await coordinator.answer(worker, "hello", {})
    assert (await ask("early", "limits.sync", "s1"))["purse"]["granted"][0] == 2
    for worker in ("early", "late"):  # the second has asked for nothing so far
        coordinator.worker_gone(worker)
    for session in ("s1", "s2"):
        assert await ask("early", "limits.sync", session, spent=1) == {"gone": True}
        assert await ask("late", "limits.sync", session) == {"gone": True}
        assert await ask("late", "limits.leave", session) == {"gone": True}
    coordinator.worker_gone("early")
    assert (await coordinator.answer("early", "post", _post("1")))["control"] == "gone"
    assert [posted.size for posted in await coordinator.mailbox.read(0, 0)] == [1]
    answer = await ask("alive", "limits.sync", "s3")
    assert answer["purse"]["spent"][0] == 2
    assert answer["endpoints"]["e|m"]["held"] == 4


async def test_workers_that_do_not_beat_are_silent() -> None:
    """By the clock that the coordinator is given."""
    now = [0.0]
    coordinator = Coordinator(job_of("programs:nothing"), clock=lambda: now[0])
    await coordinator.answer("a", "hello", {})
    await coordinator.answer("b", "hello", {})
    now[0] = 20.0
    await coordinator.answer("b", "beat", {"state": IDLE})
    now[0] = 31.0
    assert coordinator.silent(30) == ["a"]


async def test_an_unknown_op_is_refused() -> None:
    """A worker of another version hears what to do."""
    with pytest.raises(UsageError, match=r"'rows\.take' is not answered here; install the same"):
        await Coordinator(job_of("programs:nothing")).answer("w", "rows.take", {})


class _Line:
    """A line to a coordinator in the same loop."""

    def __init__(self, coordinator: Coordinator) -> None:
        self.coordinator = coordinator
        self.asked = 0

    async def ask(self, op: str, data: dict[str, object]) -> dict[str, object]:
        """Ask."""
        self.asked += 1
        return await self.coordinator.answer("w", op, data)


async def test_results_are_posted_together_and_in_order() -> None:
    """What ends within some milliseconds is one post; `flush` tells its number."""
    coordinator = Coordinator(job_of("programs:nothing"))
    line = _Line(coordinator)
    outbox = Outbox(line, lambda: IDLE, lambda _: None)
    for number in range(50):
        await outbox.deliver([Result(str(number), "ok")])
    outbox.ended(1)
    assert await outbox.flush() == 1
    [posted] = await coordinator.mailbox.read(0, 0)
    assert [one.key for one in unpack_results(posted.results, "w")] == [str(number) for number in range(50)]
    assert [*map(tuple, posted.ended)] == [(1, "", "")]


async def test_rows_wait_while_the_driver_is_behind() -> None:
    """A worker holds a bounded number of results that nobody takes."""
    coordinator = Coordinator(job_of("programs:nothing"), room=10)
    outbox = Outbox(_Line(coordinator), lambda: IDLE, lambda _: None)
    delivered = 0

    async def deliver_all() -> None:
        nonlocal delivered
        for number in range(100):
            await outbox.deliver([Result(f"{number}-{index}", "ok") for index in range(100)])
            delivered += 100

    delivering = asyncio.create_task(deliver_all())
    await asyncio.wait([delivering], timeout=0.2)
    assert not delivering.done()
    assert delivered <= 2_200
    read, keys = 0, 0
    while keys < 10_000:
        for posted in await coordinator.mailbox.read(read, 10):
            read, keys = posted.number, keys + posted.size
    await delivering
    assert keys == 10_000


async def test_a_result_that_is_too_large_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how large it is; its neighbours keep their outputs."""
    monkeypatch.setattr(outbox_module, "_MOST_BYTES", 1_000)
    monkeypatch.setattr(outbox_module, "MOST_OF_A_ROW", 2_000)
    coordinator = Coordinator(job_of("programs:nothing"))
    outbox = Outbox(_Line(coordinator), lambda: IDLE, lambda _: None)
    await outbox.deliver([Result("1", "ok", {"a": "x" * 900}), Result("2", "ok", {"a": "x" * 3_000})])
    await outbox.flush()
    posted = await coordinator.mailbox.read(0, 0)
    first, second = (result for one in posted for result in unpack_results(one.results, "w"))
    assert (first.status, len(str(first.output["a"]))) == ("ok", 900)
    assert second.error == "its output has 3,024 bytes; at most 2,000 can be taken"


async def test_large_results_are_posted_apart() -> None:
    """So that no frame grows with the number of rows."""
    coordinator = Coordinator(job_of("programs:nothing"))
    outbox = Outbox(_Line(coordinator), lambda: IDLE, lambda _: None)
    await outbox.deliver([Result(str(number), "ok", {"text": "x" * 6_000_000}) for number in range(4)])
    flushing = asyncio.create_task(outbox.flush())
    sizes: list[int] = []
    read = 0
    while sum(sizes) < 4:
        for posted in await coordinator.mailbox.read(read, 10):
            read = posted.number
            sizes.append(posted.size)
    assert await flushing == len(sizes)
    assert sizes == [2, 2]


async def test_an_outbox_whose_line_fails_in_any_way_lets_nobody_wait() -> None:
    """Not only an `OSError` ends it: whoever waits for the post hears of the error."""

    class Broken:
        async def ask(self, kind: str, data: object) -> dict[str, Any]:
            raise RuntimeError("limits are not shared any more")

    outbox = Outbox(Broken(), dict, lambda _: None)
    outbox.ended(1)
    async with asyncio.timeout(60):
        with pytest.raises(RuntimeError, match="not shared any more"):
            await outbox.flush()
