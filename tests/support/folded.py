"""A record of a run, folded from its events alone: what a process knows that never saw the run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph_parallel.records import Branch
from langgraph_parallel.records.events import RUN_EVENT

Path = tuple[str, ...]
SAME_OF_CALLS = ("kind", "target", "step", "started", "ended", "attempt", "ok", "throttled", "hedge", "usd")


@dataclass
class Folded:
    """The events of one run tree, or of several runs on one thread, in their order."""

    branches: dict[Path, dict[str, Any]] = field(default_factory=dict)
    """The last end of each branch."""
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id."""
    calls_of: dict[Path, set[str]] = field(default_factory=dict)
    """Ids of the calls in each branch, at any depth."""
    kept: set[Path] = field(default_factory=set)
    """Branches that the last run did not run again."""
    verdicts: dict[Path, dict[str, Any]] = field(default_factory=dict)
    ended: dict[Path, dict[str, Any]] = field(default_factory=dict)
    """The end of each graph, by the path of the branch around."""

    def add(self, events: Iterable[Mapping[str, Any]]) -> "Folded":
        """Fold the events of a run."""
        self.kept = set()
        for event in events:
            fold = getattr(self, f"_{event['event']}", None)
            if fold is not None:
                fold(tuple(event["branch"]), dict(event))
        return self

    def _planned(self, path: Path, event: dict[str, Any]) -> None:
        self.kept |= {(*path, id) for id in event["kept"]}

    def _started(self, path: Path, event: dict[str, Any]) -> None:
        for known in self.calls_of.keys() - {()} if event["attempt"] == 1 else ():
            if known[: len(path)] == path:  # of a record that a redrive has dropped
                self.calls_of[known] = set()

    def _ended(self, path: Path, event: dict[str, Any]) -> None:
        self.branches[path] = event

    def _called(self, path: Path, event: dict[str, Any]) -> None:
        self.calls[event["call"]] = event
        for depth in range(len(path) + 1):
            self.calls_of.setdefault(path[:depth], set()).add(event["call"])

    def _verdict(self, path: Path, event: dict[str, Any]) -> None:
        self.verdicts[path] = event

    def _run_ended(self, path: Path, event: dict[str, Any]) -> None:
        self.ended[path] = event

    def check(self, out: Mapping[str, Any]) -> None:
        """Compare with the records that the run has returned, at all levels that they show."""
        for id, branch in out["branches"].items():
            self.check_branch((id,), branch)
        report = out["run_report"]
        assert {call.id for call in report.calls} == self.calls.keys()
        for call in report.calls:
            told = self.calls[call.id]
            assert all(told[name] == getattr(call, name) for name in SAME_OF_CALLS), (told, call)
            assert (told["input_tokens"], told["output_tokens"]) == (
                call.usage.input_tokens,
                call.usage.output_tokens,
            )
        end = self.ended[()]
        assert (end["status"], end["branches"], end["usd"]) == (report.status, report.branches, report.usd)
        assert (end["failures"], end["calls"]) == (report.failures, len(report.calls))
        if (verdict := out.get("verdict")) is not None:
            told = self.verdicts[()]
            assert (told["k"], told["n"], told["cast"], told["failed"]) == (
                verdict.support.k,
                verdict.support.n,
                verdict.cast,
                verdict.failed,
            )

    def check_branch(self, path: Path, branch: Branch) -> None:
        """Compare a branch, and those that its record shows below it."""
        told = self.branches[path]
        for name in ("name", "order", "status", "error", "cause", "ended_by", "attempt", "leaves", "saved"):
            assert told[name] == getattr(branch, name), (path, name, told, branch)
        assert (told["started"], told["ended"]) == (branch.started, branch.ended)
        assert told.get("value") == branch.value
        assert {call.id for call in branch.calls} == self.calls_of.get(path, set()), path
        for id, below in (branch.below.branches if branch.below else {}).items():
            self.check_branch((*path, id), below)


def check_stream(events: list[dict[str, Any]]) -> None:
    """Check what holds for every stream: its form, and its order."""
    open_branches: set[tuple[str, Path]] = set()
    in_flight: set[str] = set()
    worked = [event["branch"] for event in events if event["event"] == "calling"]
    for event in events:
        record = RUN_EVENT.validate_python(event)
        assert record.model_dump(mode="json", exclude_unset=True) == event
        place = (event["graph_run"], tuple(event["branch"]))
        if event["event"] == "started":
            open_branches.add(place)
        elif event["event"] == "calling":
            assert not event["branch"] or any(path == place[1] for _, path in open_branches), event
            in_flight.add(event["call"])
        elif event["event"] == "called" and event["kind"] == "model":
            assert event["call"] in in_flight
        elif event["event"] == "ended":
            passed_on = event["status"] in ("skipped", "ok") and event["branch"] not in worked
            assert place in open_branches or passed_on, event
            open_branches.discard(place)
    ends = [event for event in events if event["event"] in ("run_started", "run_ended")]
    assert (ends[0], ends[-1]) == (events[0], events[-1])
    assert (ends[0]["event"], ends[-1]["event"]) == ("run_started", "run_ended")
