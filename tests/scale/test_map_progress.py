"""Progress of a run over many items: lines, JSON, a bar; and how fast it goes."""

import io
import json
import random
from dataclasses import replace

import pytest
from rich.console import Console

from langgraph_parallel.cli.map.progress import MapProgress, ProgressKind, bar
from langgraph_parallel.scale.engine import WorkerState
from langgraph_parallel.scale.pace import Pace, expected_usd
from langgraph_parallel.scale.progress import progress_line, progress_record
from langgraph_parallel.scale.rows import Spent
from langgraph_parallel.scale.snapshot import Snapshot

WORKERS = [WorkerState(f"node{number}", 50 - number, 40, 1000) for number in range(6)]
SNAPSHOT = Snapshot(
    seconds=215.3,
    total=100_000,
    kept=10_000,
    ok=35_000,
    failed=210,
    rate=210.44,
    seconds_left=261.2,
    spent=Spent(100_000, 5_000_000, 200_000, 1.2345, 2_000),
    expected_usd=2.7435,
    failures={"timeout": 80, "rate \x1b[31mlimit\nagain": 120, "x": 1, "y": 4, "z": 5},
    throttled_share=0.021,
    workers=WORKERS,
    lost_workers=1,
)
YOUNG = Snapshot(seconds=0.0, total=None)


def test_a_line_says_all_that_matters() -> None:
    """Items, rate, time left, cost, what is unusual, what runs, what failed and why."""
    assert progress_line(SNAPSHOT) == (
        "45,210 of 100,000 items (45%), 210/s, 4:21 left, $1.23 of about $2.74, 10,000 kept, "
        "2.1% of calls throttled, 1 worker lost, 285 running, 240 calls in flight on 6 workers, "
        "210 failed (120 times: rate \\x1b[31mlimit again; 80 times: timeout; 5 times: z; "
        "5 times: 2 other causes)"
    )


def test_a_line_leaves_out_what_is_not_known() -> None:
    """At the start, without a total, at an unknown price, for free, and at the end."""
    assert progress_line(YOUNG) == "0 items"
    unknown = replace(SNAPSHOT, total=None, seconds_left=None, expected_usd=None, failed=0, kept=0)
    unknown = replace(unknown, workers=WORKERS[:1], lost_workers=0, throttled_share=0.0, rate=0.05)
    assert progress_line(unknown) == "35,000 items, 3.0 a minute, $1.23, 50 running, 40 calls in flight"
    unpriced = replace(unknown, spent=Spent(usd=None), state="draining", rate=0.001)
    assert progress_line(unpriced) == (
        "35,000 items, stopping: what runs may end, 3.6 an hour, at an unknown price, 50 running, "
        "40 calls in flight"
    )
    ended = replace(
        SNAPSHOT, state="ended", workers=(), failed=0, lost_workers=0, throttled_share=0.0, kept=0
    )
    assert progress_line(ended) == "35,000 of 100,000 items (35%), ended after 3:35, 210/s, $1.23"
    assert progress_line(Snapshot(seconds=0, total=0, state="ended")) == "0 of 0 items, ended after 0:00"


def test_all_items_are_not_a_hundred_percent_too_early() -> None:
    """The share is rounded down."""
    assert "(99%)" in progress_line(Snapshot(seconds=1, total=100_000, ok=99_999))
    assert "(100%)" in progress_line(Snapshot(seconds=1, total=100_000, ok=100_000))


def test_a_record_has_the_same_keys_at_all_times() -> None:
    """They are documented, in the types of JSON; causes are as they are."""
    record = json.loads(json.dumps(progress_record(SNAPSHOT)))
    assert list(record) == list(progress_record(YOUNG))
    assert record["failures"]["rate \x1b[31mlimit\nagain"] == 120
    assert record["workers"][0] == {"name": "node0", "running": 50, "in_flight": 40, "done": 1000}
    documented = str(progress_record.__doc__)
    for name in ("state", "total", "seconds_left", "usd", "expected_usd", "kept", "throttled", "failures"):
        assert f"`{name}`" in documented


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Return that it is."""
        return True


def drawn(snapshot: Snapshot, width: int) -> list[str]:
    """The bar as text."""
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    console.print(bar(snapshot, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 40, 20])
def test_the_bar_fits_its_terminal(width: int) -> None:
    """No line is wider; nothing that data has put into it moves the cursor."""
    for snapshot in (SNAPSHOT, YOUNG, replace(SNAPSHOT, failures={"é" * 300: 1, "[bold]no markup": 2})):
        lines = drawn(snapshot, width)
        assert all(len(line) <= width for line in lines)
        assert all(line.isprintable() for line in lines)


def test_the_bar_at_eighty_columns() -> None:
    """Share and number at its right; below it what the line says, and each of the busiest workers."""
    lines = drawn(SNAPSHOT, 80)
    assert lines[0].endswith("  45% 45,210 of 100,000") or lines[0].endswith(" 45% 45,210 of 100,000")
    assert lines[1:4] == [
        "  210/s   4:21 left   $1.23 of about $2.74   10,000 kept",
        "  2.1% of calls throttled   1 worker lost",
        "  285 running, 240 calls in flight on 6 workers",
    ]
    assert lines[4:6] == ["  210 failed", "    120 times: rate \\x1b[31mlimit again"]
    assert lines[8:10] == [
        "    5 times: 2 other causes",
        "  node0: 50 running, 40 calls in flight, 1,000 done",
    ]
    assert lines[-1] == "  2 more workers: 91 running"


def moments(seconds: float, step: float) -> list[Snapshot]:
    """Snapshots of a run, the last one of its end."""
    snapshots = [
        replace(SNAPSHOT, seconds=number * step, ok=number) for number in range(int(seconds / step) + 1)
    ]
    return [*snapshots, replace(snapshots[-1], seconds=seconds + 0.1, state="ended")]


def test_elsewhere_than_on_a_terminal_there_is_a_line_every_ten_seconds() -> None:
    """And one at the end, once."""
    stream = io.StringIO()
    with MapProgress("bar", stream) as show:
        for snapshot in moments(35, 0.2):
            show(snapshot)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert "ended after 0:35" in lines[-1]


def test_json_is_one_object_a_line() -> None:
    """Of which the last one says that the run has ended; a run that breaks off has its last one, too."""
    stream = io.StringIO()
    with MapProgress("json", stream) as show:
        for snapshot in moments(15, 1):
            show(snapshot)
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [record["seconds"] for record in records] == [0, 10, 15.1]
    assert records[-1]["state"] == "ended"
    broken = io.StringIO()
    with MapProgress("json", broken) as show:
        for snapshot in moments(15, 1)[:5]:
            show(snapshot)
    assert [json.loads(line)["seconds"] for line in broken.getvalue().splitlines()] == [0, 4]


def test_a_dashboard_is_told_once_before_all() -> None:
    """As a line, or as an object of its own; above a bar it stays."""
    address = "http://127.0.0.1:8787/status"
    shown: dict[str, str] = {}
    kinds: list[ProgressKind] = ["bar", "json", "none"]
    for kind in kinds:
        stream = io.StringIO()
        with MapProgress(kind, stream) as show:
            for snapshot in moments(15, 1):
                show(replace(snapshot, dashboard=address))
        shown[kind] = stream.getvalue()
    assert shown["bar"].splitlines()[0] == f"dashboard: {address}"
    assert json.loads(shown["json"].splitlines()[0]) == {"event": "dashboard", "address": address}
    assert not shown["none"]
    terminal = Terminal()
    with MapProgress("bar", terminal) as show:
        show(replace(SNAPSHOT, dashboard=address))
    for text in (shown["bar"], shown["json"], terminal.getvalue()):
        assert text.count(address) == 1


def test_none_says_nothing() -> None:
    """Also at the end."""
    stream = Terminal()
    with MapProgress("none", stream) as show:
        for snapshot in moments(35, 1):
            show(snapshot)
    assert stream.getvalue() == ""


def test_the_bar_is_drawn_at_most_four_times_a_second_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often there is something new; at the end its place is free."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with MapProgress("bar", stream) as show:
        for snapshot in moments(2, 0.01):
            show(snapshot)
    drawings = stream.getvalue().count("of 100,000")
    assert 8 <= drawings <= 12
    assert stream.getvalue().endswith("\x1b[1A\x1b[2K")


def test_a_terminal_that_cannot_draw_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """TERM=dumb, as in editors."""
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with MapProgress("bar", stream) as show:
        show(SNAPSHOT)
    assert stream.getvalue() == progress_line(SNAPSHOT) + "\n"


@pytest.mark.parametrize("at_once", [1, 50, 500], ids=str)
def test_a_steady_rate_is_found_whatever_ends_together(at_once: int) -> None:
    """Single items, or chunks of five seconds: within a sixth, from the third chunk on."""
    lots, pace, now = random.Random(7), Pace(0.0), 0.0
    rates = []
    while now < 120:
        now += at_once / 100 * lots.uniform(0.8, 1.2)
        pace.add(at_once, now)
        if now > 3 * at_once / 100 and now > 3:
            rates.append(pace.rate(now))
    assert all(80 < rate < 125 for rate in rates)


def test_the_rate_follows_what_happens_of_late() -> None:
    """Half as fast after two minutes: known a minute later; nothing at all: no time can be given."""
    pace = Pace(0.0)
    for second in range(1, 121):
        pace.add(100, float(second))
    for second in range(121, 181):
        pace.add(50, float(second))
    assert 50 < pace.rate(180.0) < 60
    left = pace.seconds_left(6_000, 180.0)
    assert left is not None
    assert 100 < left < 120
    assert pace.seconds_left(0, 180.0) == 0
    assert pace.seconds_left(None, 180.0) is None
    assert pace.seconds_left(10, 2_000_000.0) is None


def test_a_pace_without_time_or_items_has_no_rate() -> None:
    """At the start, and with a clock that stands still."""
    pace = Pace(5.0)
    assert pace.rate(5.0) == 0
    pace.add(10, 5.0)
    assert pace.rate(5.0) == 0
    assert pace.seconds_left(10, 5.0) is None


def test_expected_dollars_go_on_as_before() -> None:
    """None while the price, the rest, or any cost is not known."""
    assert expected_usd(0.0, 0, 0) == 0
    assert expected_usd(None, 5, 5) is None
    assert expected_usd(1.0, 5, None) is None
    assert expected_usd(0.5, 0, 100) is None
    assert expected_usd(1.0, 100, 900) == 10
