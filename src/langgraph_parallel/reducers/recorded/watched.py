"""What a run does at a moment, folded from its events."""

import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Path = tuple[str, ...]
WORKS = "works"
"""In place of what a branch waits for, while it waits for nothing."""
_REMEMBERED = 50
"""Branches that have ended and are still named, the last ones."""


@dataclass
class WatchedBranch:
    """A branch that has begun, or waits for others.

    Attributes:
        name: as in traces.
        begun: when it began, in seconds since the epoch.
        since: when it began to do what it does now, or has ended.
        waits_on: what it, or a call in it, waits for; `works` for nothing.
        tally: how the vote in it stands, in words; empty if there is none.
        status: how it has ended; empty until then.
    """

    name: str
    begun: float
    since: float
    is_voter: bool = False
    waits_on: str = WORKS
    tally: str = ""
    status: str = ""

    def does(self) -> str:
        """Return what it does, in words."""
        return self.tally or (WORKS if self.waits_on == WORKS else f"waits: {self.waits_on}")


@dataclass
class WatchState:
    """What a run does now, and has done so far. Safe to use from any thread."""

    graph: str = ""
    started: float = 0.0
    planned: int = 0
    """Branches of the outermost graph that are planned so far."""
    ended: Counter[str] = field(default_factory=Counter)
    """Leaf branches that have ended, by status."""
    going: dict[Path, WatchedBranch] = field(default_factory=dict)
    """Branches that have not ended, in the order in which they began."""
    over: deque[WatchedBranch] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    """What was a row of its own and has ended, the last ones, in the order in which they did."""
    in_flight: set[str] = field(default_factory=set)
    """Calls."""
    calls: int = 0
    refused: int = 0
    """Calls that were answered 429."""
    usd: float | None = 0.0
    saved: int = 0
    """Voters that were not asked."""
    failures: list[str] = field(default_factory=list)
    """Names of the leaves that failed, each with its cause, in the order in which they did."""
    share: float = 0.0
    """Share of the run that is done, 0 to 1."""
    _holding: set[Path] = field(default_factory=set)
    """Branches with others inside of them than voters."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, event: Mapping[str, Any]) -> None:
        """Add an event."""
        handle = getattr(self, f"_on_{event.get('event')}", None)
        if handle is not None:
            with self._lock:
                handle(event, tuple(event["branch"]))

    def rows(self, most: int) -> list[WatchedBranch]:
        """Return what goes on: those that work first, then those that have waited longest.

        Voters are one row with the branch around them, and so are branches with those inside of them.

        Args:
            most: number of rows.
        """
        with self._lock:
            rows = list(self._rows())
        return sorted(rows, key=lambda branch: (branch.waits_on != WORKS, branch.since))[:most]

    def _rows(self) -> Iterator[WatchedBranch]:
        inner: dict[Path, list[WatchedBranch]] = {}
        for path, branch in self.going.items():
            inner.setdefault(path[:-1], []).append(branch)
        for path, branch in self.going.items():
            below = inner.get(path, [])
            if branch.is_voter and path[:-1] in self.going:
                continue
            if all(each.is_voter for each in below):
                waits = [each.waits_on for each in below]
                yield branch if not waits or WORKS in waits else replace(branch, waits_on=waits[0])

    def latest(self, most: int) -> list[WatchedBranch]:
        """Return the rows that have ended last, in the order in which they did.

        Args:
            most: number of rows.
        """
        with self._lock:
            return [*self.over][max(0, len(self.over) - most) :]

    def waiting(self) -> Counter[str]:
        """Return how many branches wait, by what they wait for."""
        with self._lock:
            waits = (branch.waits_on for branch in self.going.values())
            return Counter(on for on in waits if on != WORKS)

    def _on_run_started(self, event: Mapping[str, Any], path: Path) -> None:
        if not path:
            self.graph, self.started = event["graph"], event["at"]

    def _on_planned(self, event: Mapping[str, Any], path: Path) -> None:
        if not path:
            planned = len(event.get("sections", ())) + len(event.get("voters", ()))
            self.planned = planned + (self.planned if event.get("more") else 0)

    def _on_started(self, event: Mapping[str, Any], path: Path) -> None:
        is_voter = event["kind"] == "voter"
        self.going[path] = WatchedBranch(event["name"], event["at"], event["at"], is_voter)
        if not is_voter:
            self._holding.add(path[:-1])

    def _on_waiting(self, event: Mapping[str, Any], path: Path) -> None:
        if path and path not in self.going:
            self.going[path] = WatchedBranch(path[-1], event["at"], event["at"])
        if path in self.going:
            branch = self.going[path]
            branch.waits_on, branch.since = event["on"], event["at"]

    def _on_working(self, event: Mapping[str, Any], path: Path) -> None:
        self._work(path, event["at"])

    def _on_calling(self, event: Mapping[str, Any], path: Path) -> None:
        self.in_flight.add(event["call"])
        self._work(path, event["at"])

    def _on_called(self, event: Mapping[str, Any], path: Path) -> None:
        self.in_flight.discard(event["call"])
        self.refused += bool(event.get("throttled") and event.get("counted", True))
        if (cost := event.get("cost")) is not None:
            self.calls, self.usd = cost["calls"], cost["usd"]

    def _work(self, path: Path, at: float) -> None:
        if (branch := self.going.get(path)) is not None and branch.waits_on != WORKS:
            branch.waits_on, branch.since = WORKS, at

    def _on_vote(self, event: Mapping[str, Any], path: Path) -> None:
        if (branch := self.going.get(path)) is not None:
            branch.tally = tally_words(event)

    def _on_ended(self, event: Mapping[str, Any], path: Path) -> None:
        branch, inside = self.going.pop(path, None), path[:-1] in self.going
        if branch is not None and path not in self._holding and not (branch.is_voter and inside):
            self.over.append(replace(branch, status=event["status"], since=event["at"]))
        self.saved += event.get("saved", 0)
        if event.get("leaves"):
            return
        self.ended[event["status"]] += 1
        if event["status"] in ("failed", "timed_out"):
            around = self.going.get(path[:-1])
            name = event["name"] if around is None else f"{event['name']} in {around.name}"
            self.failures.append(f"{name}: {event.get('cause') or event['status']}")

    def _on_progress(self, event: Mapping[str, Any], path: Path) -> None:
        self.share = event["run_share"]


def tally_words(event: Mapping[str, Any]) -> str:
    """Return how a vote stands, by its last event.

    >>> tally_words({"heard": 3, "of": 5, "leader": "yes", "votes": 2, "tied": False, "stop": ""})
    '3 of 5 heard, yes leads with 2'
    """
    words = f"{event['heard']} of {event['of']} heard"
    if event["stop"]:
        return f"{words}, over by {event['stop']}"
    if event["leader"] is None:
        return words
    lead = "a tie" if event["tied"] else f"{event['leader']} leads"
    return f"{words}, {lead} with {event['votes']}"
