"""Waits in a storm: each branch says at once that it waits, and for what, also before anything moves."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from langgraph_parallel import create_review, create_sectioning, create_voting, events
from langgraph_parallel.records.run_record import RunRecord
from tests.support.clock import until
from tests.support.fans import GIVEN, YES, numbered
from tests.support.pool import LONG, Pool
from tests.support.server import Gate, ModelServer, Reply

RUNS = 5
LIMITS: Any = {"concurrency": 2, "backoff": 0.001}
MODEL = "openai:test-model"


class Told:
    """What the branches of several runs of a graph are at, by the events that have come."""

    def __init__(self) -> None:
        self.at: dict[tuple[int, str], str] = {}
        """By run and path: `started`, what it waits for, or `calling`."""

    async def follow(self, number: int, graph: Any, given: Any) -> None:
        """Follow a run to its end."""
        async for event in events(graph, given):
            path = (number, "/".join(event.branch))
            if event.event in ("started", "calling", "ended"):
                self.at[path] = event.event
            elif event.event == "waiting":
                self.at[path] = event.on

    def leaves(self) -> dict[str, int]:
        """Return how many branches are at what; of those around others, only the innermost count."""
        paths = [path for path in self.at if not any(_is_below(other, path) for other in self.at)]
        counted: dict[str, int] = {}
        for path in paths:
            counted[self.at[path]] = counted.get(self.at[path], 0) + 1
        return counted


def _is_below(path: tuple[int, str], around: tuple[int, str]) -> bool:
    return path[0] == around[0] and path[1].startswith(f"{around[1]}/")


def a_vote(_: Any) -> tuple[Any, Any]:
    """Three voters."""
    graph = create_voting(model=MODEL, choices=["yes", "no"], voters=3, stop="all_votes", limits=LIMITS)
    return graph, {"question": "Is water wet?"}


def a_vote_in_one_request(_: Any) -> tuple[Any, Any]:
    """Three voters, for whom one request leaves that counts once against the concurrency."""
    limits = {**LIMITS, "concurrency": 1}
    graph = create_voting(model=MODEL, choices=["yes", "no"], voters=3, stop="all_votes", limits=limits)
    return graph, LONG


def a_review(_: Any) -> tuple[Any, Any]:
    """Three readers of one aspect."""
    graph = create_review(model=MODEL, aspects=["security"], voters=3, engines=False, limits=LIMITS)
    return graph, {"files": {"a.py": "import os\n"}}


def functions(gate: asyncio.Event) -> tuple[Any, Any]:
    """Three functions, of which two may work at the same time."""

    async def work(section: Any) -> str:
        await gate.wait()
        return "done"

    return create_sectioning(planner=numbered(3), worker=work, limits=LIMITS), GIVEN


@pytest.mark.parametrize(
    ("made", "work"),
    [(a_vote, 2), (a_vote_in_one_request, 3), (a_review, 2), (functions, 2)],
    ids=["votes", "votes in one request", "reviews", "functions"],
)
async def test_all_that_wait_for_a_slot_say_so_before_anything_moves(
    model: str, server: ModelServer, made: Callable[[Any], tuple[Any, Any]], work: int
) -> None:
    """Of five runs at once, two requests or functions are under way; all other branches wait for a slot."""
    gate, inside = Gate(), asyncio.Event()
    server.always(Reply(json={"findings": []} if made is a_review else YES, gate=gate))
    told, (graph, given) = Told(), made(inside)
    running = [asyncio.ensure_future(told.follow(number, graph, given)) for number in range(RUNS)]
    busy = "started" if made is functions else "calling"
    await until(lambda: told.leaves() == {"slot": 3 * RUNS - work, busy: work}, 20)
    gate.open()
    inside.set()
    await asyncio.gather(*running)
    assert told.leaves() == {"ended": 3 * RUNS}


async def test_a_retry_of_one_request_is_told_by_all_of_its_voters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of three voters rests before the second attempt, at an endpoint that is known to give samples."""
    limits = {**LIMITS, "samples": "on"}
    graph = create_voting(model=MODEL, choices=["yes", "no"], voters=3, stop="all_votes", limits=limits)
    with Pool(["yes"] * 6) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-real-key")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        await graph.ainvoke({"question": "Is ice wet?"})
        server.on("water", Reply(status=429), times=1)
        rests = [
            event.branch[0]
            async for event in events(graph, {"question": "Is water wet?"})
            if event.event == "waiting" and event.on == "retry"
        ]
        assert server.sizes == [3, 3, 3]
    assert sorted(rests) == ["#1", "#2", "#3"]


async def test_a_function_that_has_waited_says_that_it_works() -> None:
    """The record has its wait for a slot apart from its work; a second attempt says so, too."""
    gates, tries = [asyncio.Event(), asyncio.Event()], 0

    async def work(section: Any) -> str:
        nonlocal tries
        tries += 1
        if tries == 3:
            raise ConnectionError("gone")
        if tries < 3:
            await gates[tries - 1].wait()
        return "done"

    kept: list[RunRecord] = []
    limits: Any = {"concurrency": 1, "attempts": 2, "backoff": 0.001}
    graph = create_sectioning(planner=numbered(3), worker=work, limits=limits, record=kept.append)
    told: list[tuple[str, str]] = []
    async for event in events(graph, GIVEN):
        if event.branch and event.event in ("waiting", "working"):
            told.append((event.branch[0], event.on if event.event == "waiting" else "works"))
        if told.count(("1", "works")) == 0 and ("2", "slot") in told:
            gates[0].set()
        elif told.count(("1", "works")) == 1 and not gates[1].is_set():
            begun = event.at
            gates[1].set()
    assert told[:4] == [("1", "slot"), ("2", "slot"), ("1", "works"), ("2", "works")]
    assert told[4:6] == [("2", "retry"), ("2", "works")]
    assert told[-1] == ("2", "works")
    (wait,) = [one for one in kept[0].waits if kept[0].branches[one.branch or 0].path == ["1"]]
    assert wait.on == "slot"
    assert wait.ended == pytest.approx(begun - kept[0].started, abs=2e-6)  # as a record rounds
