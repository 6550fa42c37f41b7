"""The parts of the driver by themselves: sizes of chunks, suspects, counts, what ends a run."""

import asyncio
import importlib
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

import langgraph_parallel.scale
from langgraph_parallel.reducers.completion import as_completion
from langgraph_parallel.scale.chunking import ChunkSizes
from langgraph_parallel.scale.endings import Endings
from langgraph_parallel.scale.rows import Result, Row, Spent
from langgraph_parallel.scale.suspects import Suspects
from langgraph_parallel.scale.tally import Tally
from langgraph_parallel.scale.writing import MOST, WriteQueue
from tests.scale.driven import turns


def _converged(seconds: float, at_once: int, capacity: int) -> int:
    """Return the size of chunks after many, for a worker that runs some rows at once, each as long."""
    sizes = ChunkSizes()
    for _ in range(200):
        rows = sizes.next(capacity)
        # In flight are `capacity` chunks: a row waits for those before it, in waves of `at_once`.
        stayed = max(seconds, capacity * rows / at_once * seconds * 0.75)
        sizes.learn(rows, stayed, seconds)
    return sizes.next(capacity)


@pytest.mark.parametrize(
    ("seconds", "at_once", "capacity", "least", "most"),
    [
        (0.0, 1, 2, 1000, 1000),
        (0.001, 1, 2, 400, 900),
        (0.001, 64, 2, 1000, 1000),
        (2.0, 64, 2, 48, 128),
        (2.0, 64, 8, 12, 32),
        (30.0, 1, 2, 1, 2),
        (600.0, 4, 4, 1, 4),
    ],
    ids=["nothing", "fast", "fast many", "calls", "calls, capacity", "slow", "very slow"],
)
def test_chunks_take_a_second_or_fill_their_worker(
    seconds: float, at_once: int, capacity: int, least: int, most: int
) -> None:
    """Fast rows come in chunks of a second, slow ones in as many as keep all places of a worker taken."""
    assert least <= _converged(seconds, at_once, capacity) <= most


@given(
    chunks=st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 1e4), st.floats(0, 1e4)), max_size=30),
    capacity=st.integers(1, 100),
    left=st.one_of(st.none(), st.integers(0, 10**6)),
)
def test_a_chunk_has_between_one_and_a_thousand_rows(
    chunks: Sequence[tuple[int, float, float]], capacity: int, left: int | None
) -> None:
    """Whatever was measured; and near the end no worker gets more than half of its share."""
    sizes = ChunkSizes()
    for rows, stayed, ran in chunks:
        sizes.learn(rows, stayed, ran)
    size = sizes.next(capacity, left)
    assert 1 <= size <= 1000
    assert left is None or size <= max(1, -(-left // (2 * capacity)))
    assert ChunkSizes(7).next(capacity, left) == 7


def test_suspects_run_alone_and_last() -> None:
    """After one death a row is next; after two it waits for all others; after three it is given up."""
    suspects, row, other = Suspects(), Row("a", {}), Row("b", {})
    assert suspects.add([row, other]) == []
    assert [suspects.take(alone=False), suspects.take(alone=False)] == [row, other]
    assert suspects.add([row]) == []
    assert suspects.take(alone=False) is None
    assert suspects.take(alone=True) is row
    assert suspects.add([row]) == [row]
    suspects.clear([Result("b", "ok")])
    assert suspects.add([other]) == []
    assert suspects.take(alone=False) is other


def test_causes_are_counted_without_what_varies() -> None:
    """Numbers and quoted words differ between failures of one cause; the first one is shown."""
    tally = Tally()
    errors = ["'a.md' has 12 pages", "'b.md' has 3 pages", "no title"]
    tally.add([Result(str(n), "failed", error=error) for n, error in enumerate(errors)])
    assert dict(tally.failures) == {"'a.md' has 12 pages": 2, "no title": 1}
    tally.add([Result(str(n), "failed", error="x" * n) for n in range(1, 200)])
    assert len(tally.failures) <= 51
    assert sum(tally.failures.values()) == 202


def test_an_unknown_price_is_no_price() -> None:
    """The sum of costs is unknown if one is."""
    tally = Tally()
    tally.add_spent(
        [Result("1", "ok", spent=Spent(1, 2, 3, 0.5, 1)), Result("2", "ok", spent=Spent(1, 2, 3, None))]
    )
    assert tally.spent == Spent(2, 4, 6, None, 1)
    assert tally.throttled_share == 0.5


@pytest.mark.parametrize(
    ("policy", "ok", "failed", "items", "left", "reason", "met"),
    [
        ("tolerated_failures(0.1)", 90, 10, 100, 0, "", True),
        ("tolerated_failures(0.1)", 50, 11, 100, 39, "can no longer be met", False),
        ("tolerated_failures(0.1)", 50, 11, None, 0, "", False),
        ("tolerated_failures(0)", 50, 0, 100, 50, "", False),
        ("tolerated_failures(3)", 50, 4, None, 0, "can no longer be met", False),
        ("min_success(10)", 10, 5, None, 99, "is met", True),
        ("min_success(0.5)", 49, 51, 100, 0, "can no longer be met", False),
        ("deadline(0.000001)", 3, 0, 100, 97, "is met", True),
    ],
)
def test_a_policy_is_judged_over_items(
    policy: str, ok: int, failed: int, items: int | None, left: int, reason: str, met: bool
) -> None:
    """Shares are of all items, as soon as their number is known; what was not run is no success."""
    tally, endings = Tally(), Endings(as_completion(policy), None)
    tally.ok, tally.failed = ok, failed
    assert reason in endings.judge(tally, items)
    assert bool(endings.judge(tally, items)) == bool(reason)
    assert endings.is_met(tally, items or ok + failed, left) == met


def test_required_items_are_found_by_their_keys() -> None:
    """`required` names keys; the others are only counted."""
    tally, endings = Tally(), Endings(as_completion("required('a', 'b') & tolerated_failures(5)"), None)
    tally.ok = 1
    endings.see("a", "ok")
    assert endings.judge(tally, 10) == ""
    assert not endings.is_met(tally, 10, 0)
    tally.failed = 1
    endings.see_results([Result("b", "failed")])
    assert "can no longer be met" in endings.judge(tally, 10)


def test_results_are_written_in_batches_and_in_order() -> None:
    """Results that come while others are written are written together; none is lost, none twice."""

    async def run() -> None:
        written: list[str] = []
        batches: list[int] = []

        async def write(results: Sequence[Result]) -> None:
            await asyncio.sleep(0.001)
            written.extend(result.key for result in results)
            batches.append(len(results))

        queue = WriteQueue(write, lambda failure: None)
        for n in range(10_000):
            await queue.put([Result(str(n), "ok")])
            assert len(queue.unwritten) <= 2 * MOST
        await queue.close()
        assert written == [str(n) for n in range(10_000)]
        assert queue.unwritten == set()
        assert len(batches) < 100

    asyncio.run(run())


def test_long_texts_wait_for_the_sink_in_small_numbers() -> None:
    """Results of a megabyte each are held back long before there are thousands of them."""

    async def run() -> None:
        begun, gate, text = asyncio.Event(), asyncio.Event(), "x" * 1_000_000

        async def write(results: Sequence[Result]) -> None:
            begun.set()
            await gate.wait()

        queue, brought = WriteQueue(write, lambda failure: None), 0

        async def bring() -> None:
            nonlocal brought
            for n in range(500):
                await queue.put([Result(str(n), "ok", {"text": text})])
                brought += 1

        bringing = asyncio.create_task(bring())
        await begun.wait()
        await turns(1_000)
        assert 32 <= brought <= 64
        gate.set()
        await bringing
        await queue.close()

    asyncio.run(run())


def test_a_result_is_written_soon_even_if_none_follows() -> None:
    """A result waits for others for at most 50 ms."""

    async def run() -> None:
        written = asyncio.Event()

        async def write(results: Sequence[Result]) -> None:
            written.set()

        queue = WriteQueue(write, lambda failure: None)
        await queue.put([Result("1", "ok")])
        await asyncio.wait_for(written.wait(), 5)
        await queue.close()

    asyncio.run(run())


def test_all_public_names_are_there_and_cost_nothing_before() -> None:
    """Every name can be imported; the package itself loads none of them."""
    names = langgraph_parallel.scale.__all__
    assert names == sorted(names)
    assert set(names) == set(langgraph_parallel.scale._MODULES)
    assert all(hasattr(langgraph_parallel.scale, name) for name in names)
    assert dir(langgraph_parallel.scale) == names
    code = "import sys, langgraph_parallel.scale; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"langgraph", "pydantic", "asyncio", "sqlite3", "distributed"} & set(loaded.split())
    with pytest.raises(AttributeError, match="no attribute 'map_all'"):
        getattr(importlib.import_module("langgraph_parallel.scale"), "map_" + "all")
