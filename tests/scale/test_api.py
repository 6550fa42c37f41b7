"""Runs over many items as callers make them, in this process, with a file as a sink."""

import asyncio
import inspect
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import drain, errors
from langgraph_parallel.scale import MapOptions, Snapshot, aestimate_map, amap_items, estimate_map, map_items
from langgraph_parallel.scale.batching import check_endpoints
from langgraph_parallel.scale.making import make_program
from langgraph_parallel.scale.runner import load
from tests.scale import programs
from tests.support.server import ModelServer

ROOT = Path(__file__).parents[2]


def _column(path: Path, name: str) -> dict[str, Any]:
    with sqlite3.connect(path) as database:
        return dict(database.execute(f"SELECT key, {name} FROM rows"))


def test_each_item_has_a_row_of_what_a_function_returned(tmp_path: Path) -> None:
    """A function, a list and a file are all that it takes."""
    sink = tmp_path / "out.sqlite"
    report = map_items(programs.double, [{"number": n} for n in range(300)], sink=sink)
    assert _column(sink, "result") == {str(n + 1): 2 * n for n in range(300)}
    assert (report.status, report.met, report.items, report.ok, report.left) == ("ok", True, 300, 300, 0)
    again = map_items(programs.double, [{"number": n} for n in range(301)], sink=str(sink))
    assert (again.kept, again.ok) == (300, 1)


def test_failed_items_are_rows_and_can_be_redriven(tmp_path: Path) -> None:
    """Failures have their causes, counted; redrive runs them alone."""
    sink, items = tmp_path / "out.sqlite", [{"number": n} for n in range(1, 11)]
    report = map_items(programs.fails_on_odd, items, sink=sink)
    assert (report.status, report.ok, report.failed, report.met) == ("partial", 5, 5, True)
    assert report.failures == {"ValueError: 1 is odd": 5}
    again = map_items(programs.fails_on_odd, items, sink=sink)
    assert (again.kept, again.kept_failed, again.failed, again.status) == (10, 5, 0, "partial")
    redriven = map_items(programs.fails_on_odd, items, sink=sink, redrive="failed")
    assert (redriven.kept, redriven.failed, redriven.ok) == (5, 5, 0)
    assert set(_column(sink, "attempts").values()) == {1, 2}


def test_a_redrive_of_nothing_says_so(tmp_path: Path) -> None:
    """Its report would look like that of a run in which all is well."""
    sink, items = tmp_path / "out.sqlite", [{"number": n} for n in range(3)]
    assert map_items(programs.double, items, sink=sink, limit=2).remarks == []
    again = map_items(programs.double, items, sink=sink, redrive=True)
    assert again.remarks == [
        "nothing was run again: no row has failed, and without redrive, 1 item would be run"
    ]


@pytest.mark.parametrize("kind", ["iterator", "async iterator"])
def test_items_that_raise_midway_keep_what_was_stored(kind: str, tmp_path: Path) -> None:
    """The error says at which item, and how many rows there are; the same call goes on."""
    sink = tmp_path / "out.sqlite"

    def numbers(most: int) -> Iterator[Mapping[str, int]]:
        yield from ({"number": n} for n in range(most))
        raise ValueError("the line is cut")

    async def later() -> AsyncIterator[Mapping[str, int]]:
        for item in numbers(3):
            yield item

    with pytest.raises(errors.UsageError) as raised:
        map_items(programs.double, numbers(3) if kind == "iterator" else later(), sink=sink)
    assert str(raised.value) == (
        "item 4 cannot be read: ValueError: the line is cut; 3 rows of this command are stored, and the same "
        "command goes on once that is mended"
    )
    assert _column(sink, "result") == {"1": 0, "2": 2, "3": 4}
    with pytest.raises(errors.UsageError, match=r"item 1 cannot be read: ValueError: the line is cut$"):
        map_items(programs.double, numbers(0), sink=sink)


def test_a_row_that_ends_the_program_fails_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`sys.exit` in a function is a failure of its row, with its exit code; all others are run."""

    async def exits(number: int) -> int:
        await asyncio.sleep(0)
        if number == 7:
            sys.exit(3)
        return number

    report = map_items(exits, [{"number": n} for n in range(30)], sink=tmp_path / "out.sqlite", chunk=8)
    assert (report.ok, report.failed, report.failures) == (29, 1, {"SystemExit: 3": 1})
    assert capfd.readouterr().err == ""


def test_an_empty_input_is_no_failure(tmp_path: Path) -> None:
    """No items: no rows, and all of them are well."""
    report = map_items(programs.double, [], sink=tmp_path / "out.sqlite")
    assert (report.status, report.met, report.items, report.left) == ("ok", True, 0, 0)


def test_keys_of_any_kind_are_kept(tmp_path: Path) -> None:
    """Keys may hold any text; rows are found again by them."""
    keys = ["é", "e\u0301", "a\nb", "'; DROP TABLE rows; --", "😀", "x", "0" * 5000]
    items = [{"id": key, "number": n} for n, key in enumerate(keys)]
    sink = tmp_path / "out.sqlite"
    report = map_items(programs.double, items, sink=sink, key="id")
    assert report.ok == len(items)
    assert map_items(programs.double, items, sink=sink, key="id").kept == len(items)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"chunk": 0}, "chunk is 0"),
        ({"limit": -1}, "limit is -1"),
        ({"stop_after_errors": True}, "stop_after_errors is True"),
        ({"redrive": "all"}, "redrive is 'all'"),
        ({"watch": 3}, "watch is 3"),
        ({"sink": 3}, "sink is 3; name one of NAME.sqlite"),
        ({"completion": "most(3)"}, "is not a completion policy"),
        ({"limits": {"budget": 3}}, "budget"),
    ],
    ids=["chunk", "limit", "errors", "redrive", "watch", "sink", "completion", "limits"],
)
def test_what_is_not_valid_is_refused_before_anything_runs(
    options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """A wrong argument is named, and no sink is made."""
    sink = tmp_path / "out.sqlite"
    with pytest.raises(errors.UsageError, match=said.replace("(", r"\(").replace(")", r"\)")):
        map_items(programs.double, [{"number": 1}], **{"sink": sink, **options})
    assert not sink.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engin": 2}, "has no argument 'engin'; did you mean 'engine'?"),
        (
            {"budget_usd": 1},
            "has no argument 'budget_usd'; it is one of the limits: limits={\"budget_usd\": 1}",
        ),
        ({"xyz": 1}, "has no argument 'xyz'; it takes graph, items, sink, key, engine"),
    ],
    ids=["misspelt", "a limit", "unknown"],
)
@pytest.mark.parametrize("call", [map_items, amap_items, estimate_map, aestimate_map])
def test_an_option_that_does_not_exist_is_refused_by_name(
    call: Callable[..., Any], options: dict[str, Any], said: str
) -> None:
    """Of the function that was called, with what may be meant."""

    async def run() -> None:
        result = call(programs.double, [], sink="-", **options)
        if inspect.isawaitable(result):
            await result

    with pytest.raises(TypeError) as refused:
        asyncio.run(run())
    assert str(refused.value).startswith(f"{call.__name__}() {said}")


@pytest.mark.parametrize("call", [map_items, amap_items, estimate_map, aestimate_map])
def test_help_lists_the_options_with_their_meanings(call: Callable[..., Any]) -> None:
    """All of them, where they are looked for first."""
    text = inspect.getdoc(call) or ""
    for name in MapOptions.__annotations__:
        assert re.search(rf"^ +{name}: .{{15,}}", text, re.MULTILINE), name


def test_rows_of_another_program_do_not_mix(tmp_path: Path) -> None:
    """Another function on the same sink is refused by name, unless both are wanted."""
    sink, items = tmp_path / "out.sqlite", [{"number": n} for n in (2, 4)]
    map_items(programs.double, items, sink=sink, limit=1)
    with pytest.raises(errors.UsageError, match=r"double.*fails_on_odd"):
        map_items(programs.fails_on_odd, items, sink=sink)
    report = map_items(programs.fails_on_odd, items, sink=sink, mixed=True)
    assert (report.kept, report.ok) == (1, 1)


def test_two_commands_at_once_on_one_sink_are_refused(tmp_path: Path) -> None:
    """The second one is told that another writes; the first is not disturbed."""

    async def run() -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def waits(row: Mapping[str, Any]) -> dict[str, Any]:
            begun.set()
            await go.wait()
            return {"done": True}

        sink = tmp_path / "out.sqlite"
        first = asyncio.create_task(amap_items(waits, [{"a": 1}], sink=sink))
        await begun.wait()
        with pytest.raises(errors.UsageError):
            await amap_items(waits, [{"a": 1}], sink=sink)
        go.set()
        assert (await first).ok == 1

    asyncio.run(run())


def test_a_drain_of_the_process_drains_the_run(tmp_path: Path) -> None:
    """`drain()` ends it like its own signals: rows that run end, and the same call goes on."""

    async def run() -> None:
        go, sink, items = asyncio.Event(), tmp_path / "out.sqlite", [{"n": n} for n in range(500)]

        async def works(row: Mapping[str, Any]) -> dict[str, Any]:
            if row["n"] == 40:
                assert drain("the server shuts down") == 1
                go.set()
            await go.wait()
            return {"n": row["n"]}

        report = await amap_items(works, items, sink=sink, chunk=10)
        assert report.reason == "the server shuts down"
        assert 41 <= report.ok < 500
        assert report.left == 500 - report.ok
        more = await amap_items(works, items, sink=sink)
        assert (more.kept, more.status) == (report.ok, "ok")

    asyncio.run(run())


def test_the_sync_face_works_while_a_loop_is_running(tmp_path: Path) -> None:
    """In a notebook a loop runs already."""

    async def run() -> None:
        report = map_items(programs.double, [{"number": 1}], sink=tmp_path / "out.sqlite")
        assert report.ok == 1

    asyncio.run(run())


def test_it_works_in_a_thread(tmp_path: Path) -> None:
    """Signals are the main thread's; another one only runs its items."""
    reports = []
    sink = tmp_path / "out.sqlite"
    thread = threading.Thread(
        target=lambda: reports.append(map_items(programs.double, [{"number": 1}], sink=sink))
    )
    thread.start()
    thread.join()
    assert reports[0].ok == 1


def test_progress_is_shown_and_cannot_end_the_run(tmp_path: Path) -> None:
    """`watch` hears of the run, its end included; an error of it is a remark."""
    seen: list[Snapshot] = []
    items = [{"seconds": 0.3}] * 3
    report = map_items(programs.sleeps, items, sink=tmp_path / "a.sqlite", watch=seen.append)
    assert (seen[-1].state, seen[-1].ok, seen[-1].total) == ("ended", 3, 3)
    assert seen[0].state == "running"
    assert report.remarks == []

    def broken(snapshot: Snapshot) -> None:
        raise RuntimeError("no terminal")

    report = map_items(programs.sleeps, items, sink=tmp_path / "b.sqlite", watch=broken)
    assert (report.ok, report.remarks) == (3, ["the progress was not shown to the end: no terminal"])


_INTERRUPTED = """
import signal
import sys
from langgraph_parallel.scale import map_items

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored

async def works(row):
    import asyncio
    if row["n"] == 5:
        print("running", flush=True)
    if row["n"] > 10:
        await asyncio.sleep({seconds})
    return {{"n": row["n"]}}

report = map_items(works, [{{"n": n}} for n in range(100_000)], sink=sys.argv[1], chunk=5)
print(report.reason, report.ok)
"""


@pytest.mark.parametrize(("signals", "seconds"), [(1, 0.05), (2, 60)], ids=["drained", "cancelled"])
def test_ctrl_c_drains_and_a_second_one_cancels(signals: int, seconds: float, tmp_path: Path) -> None:
    """After the first Ctrl-C the call returns; after the second it raises. What has ended is stored."""
    sink = tmp_path / "out.sqlite"
    process = subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTED.format(seconds=seconds), str(sink)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired) if signals > 1 and _ == 0 else _nothing():
            process.wait(1 if signals > 1 and _ == 0 else 30)
    out, err = process.communicate()
    stored = len(_column(sink, "n"))
    assert 10 <= stored < 100_000
    if signals == 1:
        assert out == f"stopped by SIGINT {stored}\n"
        assert process.returncode == 0
    else:
        assert "KeyboardInterrupt" in err
        assert process.returncode != 0


def _nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()


async def test_an_endpoint_without_a_batch_api_is_told_once(
    server: ModelServer, model: str, tmp_path: Path
) -> None:
    """Before the sink is made or any row is run; one that only has no list of batches is used."""
    server.batches.offered = False
    sink, settings = tmp_path / "out.sqlite", {"choices": ["yes", "no"]}
    limits = {"lane": "batch"}
    with pytest.raises(errors.UsageError, match=r"/v1 has no Batch API; ask it without the batch lane, or"):
        await amap_items("voting", ["Is it?"], sink=sink, settings=settings, model=model, limits=limits)
    assert not sink.exists()
    assert server.requests == []
    server.batches.offered = True
    server.batches.refuse("list", 404)
    program = make_program("voting", settings=settings, model=model, limits=limits)
    await check_endpoints(program, load(program).target)
    assert server.batches.seen == {"list": 1, "create": 1}
