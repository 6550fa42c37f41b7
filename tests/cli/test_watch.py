"""`--watch`: what a run does, shown in the terminal while it goes on."""

import asyncio
import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from langgraph_parallel.cli.watching.display import WatchDisplay, is_watched, watching
from langgraph_parallel.reducers.recorded.watched import WatchState
from langgraph_parallel.runtime.hearers import hearing
from tests.support.fans import GIVEN, WORDS, YES, flat, nested
from tests.support.server import Gate, ModelServer, Reply


def shown(display: WatchDisplay, height: int = 20, width: int = 100) -> list[str]:
    """Return the lines of the picture."""
    console = Console(file=io.StringIO(), width=width, height=height)
    console.print(display.picture())
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


class Ends:
    """Hears until a number of branches have ended."""

    def __init__(self, number: int) -> None:
        self._left, self.came = number, asyncio.Event()

    def add(self, event: Mapping[str, Any]) -> None:
        """Hear an event."""
        self._left -= event["event"] == "ended"
        if not self._left:
            self.came.set()

    def close(self, status: str) -> None:
        """Hear the end."""


def quiet(height: int = 20) -> WatchDisplay:
    """A display whose pictures nobody sees."""
    return WatchDisplay(Console(file=io.StringIO(), force_terminal=True, width=100, height=height))


async def test_branches_votes_and_cost_are_shown(server: ModelServer, model: str) -> None:
    """A section has one row with its vote; what has ended, what failed and what it cost are counted."""
    gate = Gate()
    server.always(Reply(json=YES))
    server.on("voter 3", Reply(json=YES, gate=gate))
    server.on(lambda r: WORDS.format(1) in r.prompt and "voter 2" in r.prompt, Reply(status=500))
    display, ends = quiet(), Ends(4)
    with hearing(display), hearing(ends):
        graph = nested(2, 3, model, limits={"attempts": 1, "price_input": 1, "price_output": 1})
        running = asyncio.ensure_future(graph.ainvoke(GIVEN))
        await ends.came.wait()
        lines = shown(display)
        gate.open()
        await running
    assert lines[0].startswith("sectioning · 67% done · ")
    assert lines[0].endswith("· 4 calls · $0.0000")
    assert lines[1] == "2 in flight · failed 1 · ok 3"
    rows = sorted(line.split("  ")[:2] for line in lines[2:4])
    assert [row[0] for row in rows] == ["sectioning[0]", "sectioning[1]"]
    assert lines[4] == "failed: vote[v#2] in sectioning[1]: server"


async def test_the_picture_fits_the_terminal(server: ModelServer, model: str) -> None:
    """Of many branches those that work are shown, and those that wait are counted."""
    gate = Gate()
    server.always(Reply(json=YES, gate=gate))
    display = quiet(height=10)
    with hearing(display):
        running = asyncio.ensure_future(flat(50, model, limits={"concurrency": 3}).ainvoke(GIVEN))
        await asyncio.to_thread(server.wait, lambda s: s.in_flight == 3)
        lines = shown(display, height=10)
        gate.open()
        await running
    assert len(lines) <= 9
    assert "3 in flight" in lines[1]


def test_names_of_branches_cannot_write_to_the_terminal() -> None:
    """Control characters in a title are shown as text, and no markup of rich's is obeyed."""
    display = quiet()
    event = {"at": 1.0, "branch": ["x"], "event": "started", "kind": "section"}
    display.add({**event, "name": "\x1b[31mred [bold]loud[/bold]"})
    text = "\n".join(shown(display))
    display.stop()
    assert "\x1b" not in text
    assert "[bold]loud[/bold]" in text


def test_a_second_run_is_shown_anew() -> None:
    """Nothing of the first one is left in its picture."""
    display = quiet()
    display.add({"at": 1.0, "branch": ["x"], "event": "started", "kind": "section", "name": "first"})
    display.close("ok")
    display.add({"at": 2.0, "branch": ["y"], "event": "started", "kind": "section", "name": "second"})
    text = "\n".join(shown(display))
    display.stop()
    assert "first" not in text
    assert "second" in text


def test_a_branch_works_again_once_its_wait_is_over() -> None:
    """What it waits for is shown as long as it waits."""
    state = WatchState()
    base: dict[str, Any] = {"at": 1.0, "branch": ["x"]}
    state.add({**base, "event": "started", "kind": "section", "name": "x"})
    state.add({**base, "event": "waiting", "on": "slot", "call": "1"})
    assert (state.rows(9)[0].does(), state.waiting()) == ("waits: slot", {"slot": 1})
    state.add({**base, "event": "calling", "call": "1"})
    assert (state.rows(9)[0].does(), state.waiting().total()) == ("works", 0)


def test_without_a_terminal_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines of progress come as without the option."""
    with watching():
        assert not is_watched()
    assert capsys.readouterr().err == ""
