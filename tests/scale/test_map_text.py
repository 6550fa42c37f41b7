"""What became of a run over many items, and of a sample, in words."""

from typing import Any

import pytest

from langgraph_parallel.records.call import Usage
from langgraph_parallel.records.map_estimate import Expected, MapEstimate
from langgraph_parallel.records.map_report import MapReport
from langgraph_parallel.scale.map_text import estimate_lines, map_lines

USAGE = Usage(input_tokens=5_000, output_tokens=700)


def report(**changes: Any) -> MapReport:
    """A run of 480 items, with 20 that had a row."""
    fields: dict[str, Any] = {
        "sink": "out.sqlite",
        "status": "ok",
        "items": 500,
        "kept": 20,
        "ok": 480,
        "failed": 0,
        "left": 0,
        "seconds": 7.6,
        "calls": 0,
        "usage": USAGE,
    }
    return MapReport(**(fields | changes))


def estimate(**changes: Any) -> MapEstimate:
    """A sample of 50 of 500 items."""
    fields: dict[str, Any] = {
        "sink": "out.sqlite",
        "items": 500,
        "kept": 0,
        "sample": 50,
        "failed": 0,
        "is_random": True,
        "left": 450,
        "calls": 50,
        "usage": USAGE,
        "usd": 0.008,
        "usd_each": Expected(value=0.00016, low=0.00014, high=0.00018),
        "usd_left": Expected(value=0.0718, low=0.0620, high=0.0787),
        "seconds": 2.0,
        "seconds_left": Expected(value=18.0, low=16.0, high=20.0),
        "at_once": 64,
    }
    return MapEstimate(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "500 items: 480 run, 20 kept from before, in 0:08."),
        ({"kept_failed": 1}, "500 items: 480 run, 20 kept from before (1 failed), in 0:08."),
        ({"ok": 470, "failed": 10}, "500 items: 480 run (10 failed), 20 kept from before, in 0:08."),
        (
            {"ok": 0, "unstored": 26, "left": 480},
            "500 items: 26 run (26 failed, without a row), 20 kept from before, 480 left, in 0:08.",
        ),
        (
            {"ok": 300, "failed": 5, "unstored": 100, "left": 175, "kept": 20},
            "500 items: 405 run (105 failed, 100 of them without a row), 20 kept from before, 175 left, "
            "in 0:08.",
        ),
    ],
    ids=["well", "failed before", "failed", "none stored", "some stored"],
)
def test_the_first_line_counts_all_items(changes: dict[str, Any], said: str) -> None:
    """Those that ran, those of before, those that failed of both, and those that are left."""
    assert map_lines(report(**changes))[0] == said


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("stopped by SIGINT", "Stopped by Ctrl-C."),
        ("stopped by SIGTERM", "Stopped by SIGTERM."),
        ("the budget is spent", "Stopped: the budget is spent"),
    ],
    ids=["interrupted", "terminated", "spent"],
)
def test_why_it_stopped_is_said_once(reason: str, said: str) -> None:
    """A signal by what a person has pressed."""
    assert map_lines(report(reason=reason, left=3))[1] == said
    assert estimate_lines(estimate(reason=reason))[1] == said


def test_failures_of_before_can_be_run_again_too() -> None:
    """If this command had none of its own; what is left alone needs no redrive."""
    assert map_lines(report(kept_failed=1), "map x")[-1] == "To run what failed again: map x --redrive failed"
    left = map_lines(report(left=5, status="partial"), "map x")
    assert left[-1] == "To go on: map x"


def test_the_cost_of_all_commands_is_beside_that_of_this_one() -> None:
    """Where there were others."""
    lines = map_lines(report(calls=480, usd=0.0703, usd_all=0.0811))
    assert "480 calls, 5,000 tokens in, 700 out; $0.0703, in all $0.0811." in lines
    alone = map_lines(report(calls=480, usd=0.0703, usd_all=0.0703))
    assert "480 calls, 5,000 tokens in, 700 out; $0.0703." in alone


def test_causes_are_told_with_how_often_they_were() -> None:
    """The most frequent first; what is beyond the fifth is counted."""
    failures = {"a": 1, "b": 20, **{f"cause {n}": 3 for n in range(5)}}
    lines = [line for line in map_lines(report(failures=failures, failed=36)) if line.startswith("Failed")]
    assert lines[0] == "Failed 20 times: b"
    assert lines[-1] == "Failed 4 times: 2 other causes"
    assert map_lines(report(failures={"a": 1}, failed=1))[1] == "Failed once: a"


def test_an_estimate_says_what_the_rest_takes_and_how_to_run_it() -> None:
    """With as many digits as an estimate has."""
    assert estimate_lines(estimate(), "map x") == [
        "50 items run (a random sample), in 0:02.",
        "50 calls: $0.00800.",
        "All 450 that are left: $0.072 ($0.062 to $0.079, 95%), in 0:18 (0:16 to 0:20, 95%)",
        "Rows of the sample: out.sqlite",
        "To run the rest: map x",
    ]
    failed = estimate_lines(estimate(failed=3, failures={"a": 3}))
    assert failed[:2] == ["50 items run (a random sample), 3 failed, in 0:02.", "Failed 3 times: a"]


@pytest.mark.parametrize(
    ("kept", "sample", "said"),
    [
        (0, 2, "All 2 items have been run; nothing is left."),
        (500, 0, "All 500 items have been run; nothing is left."),
        (1, 0, "The only item has been run; nothing is left."),
        (0, 0, "There are no items."),
    ],
    ids=["by the sample", "before", "one", "none"],
)
def test_an_estimate_of_nothing_expects_nothing(kept: int, sample: int, said: str) -> None:
    """If all items have been run, there is no command to go on with."""
    lines = estimate_lines(estimate(kept=kept, sample=sample, left=0, calls=0), "map x")
    assert lines[-2] == said
    assert lines[-1].endswith("out.sqlite")
    assert len(lines) == (3 if sample else 2)


def test_an_estimate_of_a_stream_does_not_know_what_is_left() -> None:
    """And so neither cost nor time of it."""
    lines = estimate_lines(estimate(left=None, usd_left=None, seconds_left=None, is_random=False))
    assert lines[2] == "An unknown number is left."
