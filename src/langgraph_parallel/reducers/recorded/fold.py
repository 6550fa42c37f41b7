"""The fold of a run's events into its record."""

import threading
from collections.abc import Mapping
from typing import Any

from langgraph_parallel.records.call import Savings, Usage
from langgraph_parallel.records.run_record import Outcome, RunRecord
from langgraph_parallel.reducers.recorded.labels import AnswerLabels
from langgraph_parallel.reducers.recorded.tables import Tables

Event = Mapping[str, Any]
_STARTED = ("kind", "name", "order", "attempt")
_ENDED = (*_STARTED, "status", "cause", "ended_by", "leaves", "saved")
_SECTION = ("id", "name", "needs", "worker", "round")
_CALLING = ("target", "step", "attempt", "hedge", "instead_of")
_PROMPT = ("prompt_tokens", "prompt_usd")
_CALLED = (*_CALLING, "kind", "ok", "throttled", "kept", "samples", "lane", "usd", "cause")
_OPENED = ("rule", "stop", "wave", "race", "ties_matter", "recounts", "voters", "asking", "choices")
_BALLOT = ("voter", "order", "status", "weight", "confidence")
_DECIDED = ("status", "decided_by", "k", "n", "not_asked", "stopped")


class RecordFold:
    """Folds events, in the order in which they are told, into a record. Safe to use from any thread.

    Args:
        earlier: the record of earlier invocations on the same thread, which goes on.
        contents: whether answers, values and messages of errors are kept.
    """

    def __init__(self, earlier: RunRecord | None = None, *, contents: bool = False) -> None:
        self._lock = threading.Lock()
        self._contents = contents and (earlier is None or earlier.contents)
        self._tables = Tables.of(earlier)
        self._thread = earlier.thread if earlier else None
        self._versions = dict(earlier.versions) if earlier else {}
        self._remarks = dict.fromkeys(earlier.remarks if earlier else ())
        self._saved = earlier.saved if earlier else 0
        self._invocations: dict[str, int] = {}
        self._handlers = {
            "planned": self._planned,
            "started": self._started,
            "waiting": self._waiting,
            "working": self._working,
            "calling": self._calling,
            "called": self._called,
            "ended": self._ended,
            "vote_opened": self._vote_opened,
            "vote": self._vote,
            "verdict": self._verdict,
            "run_ended": self._run_ended,
        }

    def add(self, event: Event) -> None:
        """Add an event, as `stream_mode="custom"` gives it; others, and those of other code, are ignored."""
        kind, graph_run = event.get("event"), event.get("graph_run")
        if graph_run is None or (kind != "run_started" and kind not in self._handlers):
            return
        with self._lock:
            tables = self._tables
            tables.now = max(tables.now, tables.time(event["at"]))
            if kind == "run_started":
                self._run_started(event)
            elif (graph := tables.graph_places.get(graph_run)) is not None:
                self._handlers[kind](event, graph, tables.branch_place(event, graph))
            if (invocation := self._invocations.get(event.get("run", ""))) is not None:
                tables.last[invocation] = tables.now

    def end(self, status: Outcome, at: float) -> None:
        """Note how the last invocation ended, unless its events have told it.

        Args:
            status: of the invocation.
            at: in seconds since the epoch.
        """
        with self._lock:
            if self._tables.invocations and self._tables.invocations[-1]["ended"] is None:
                self._tables.now = max(self._tables.now, self._tables.time(at))
                self._tables.invocations[-1].update(status=status, ended=self._tables.now)

    def read(self) -> RunRecord | None:
        """Return the record so far; None before the first event."""
        with self._lock:
            if self._tables.start is None:
                return None
            return RunRecord(
                started=self._tables.start,
                thread=self._thread,
                contents=self._contents,
                versions=self._versions,
                remarks=[*self._remarks],
                saved=self._saved,
                **self._tables.read(),
            )

    def _run_started(self, event: Event) -> None:
        tables = self._tables
        if event["run"] not in self._invocations:
            self._invocations[event["run"]] = len(tables.invocations)
            self._thread, self._versions = event.get("thread"), dict(event["versions"])
            row = {"run": event["run"], "started": tables.now, "ended": None, "resumed": event["resumed"]}
            tables.invocations.append(row)
        self._add_graph(event)

    def _add_graph(self, event: Event) -> None:
        tables, outer = self._tables, event.get("parent") or ""
        parent = tables.graph_places.get(outer)
        around = None if parent is None else tables.branch_place({**event, "graph_run": outer}, parent)
        place = tables.graph_places[event["graph_run"]] = len(tables.graphs)
        tables.graph_paths[place] = tuple(event["branch"])
        tables.graphs.append(
            {
                "id": event["graph_run"],
                "name": event["graph"],
                "kind": event["kind"],
                "invocation": self._invocations[event["run"]],
                "parent": parent,
                "branch": around,
                "node": event.get("node", ""),
                "started": tables.now,
                "ended": None,
                "completion": event.get("completion"),
                "limits": event.get("limits", {}),
            }
        )

    def _planned(self, event: Event, graph: int, _: int | None) -> None:
        row = self._tables.graphs[graph]
        sections = [_pick(section, _SECTION) for section in event.get("sections", ())]
        row["sections"] = [*(row.get("sections", []) if event.get("more") else []), *sections]
        row["kept"] = [*event.get("kept", ())]

    def _started(self, event: Event, _: int, branch: int | None) -> None:
        if branch is not None:
            self._end_branch_wait(branch)
            self._tables.branches[branch].update(_pick(event, _STARTED), started=self._tables.now)

    def _waiting(self, event: Event, graph: int, branch: int | None) -> None:
        place = (graph, branch, event.get("call"))
        self._tables.end_wait(place)
        self._tables.begin_wait(place, event["on"], event.get("seconds"))

    def _working(self, _: Event, graph: int, branch: int | None) -> None:
        self._tables.end_wait((graph, branch, None))

    def _calling(self, event: Event, graph: int, branch: int | None) -> None:
        self._tables.end_wait((graph, branch, event["call"]))
        row = {
            "id": event["call"],
            "kind": "model",
            "graph": graph,
            "branch": branch,
            **_pick(event, _CALLING),
            **_pick(event, _PROMPT),
        }
        self._tables.begin_call({**row, "started": self._tables.now, "ended": None, "ok": False})

    def _called(self, event: Event, graph: int, branch: int | None) -> None:
        tables, savings = self._tables, event.get("savings")
        tables.end_wait((graph, branch, event["call"]))
        if not event.get("counted", True):  # the request is a call of another voter
            tables.forget_call(event["call"])
            return
        tables.end_call(
            {
                "id": event["call"],
                "graph": graph,
                "branch": branch,
                **_pick(tables.calls.get(event["call"], {}), _PROMPT),
                **_pick(event, _CALLED),
                "started": tables.time(event["started"]),
                "ended": tables.time(event["ended"]),
                "usage": Usage(**_pick(event, Usage.model_fields)),
                "saved": Savings(**savings) if savings else None,
            }
        )

    def _ended(self, event: Event, _: int, branch: int | None) -> None:
        if branch is None:
            return
        self._end_branch_wait(branch)
        row, tables = self._tables.branches[branch], self._tables
        tables.forget_calls(branch)
        row.update(_pick(event, _ENDED), ended=tables.now)
        if event.get("started"):
            row["started"] = tables.time(event["started"])
        if event.get("ended"):
            row["ended"] = max(row["started"], tables.time(event["ended"]))
        if self._contents:
            row.update(error=event.get("error"), value=event.get("value"))

    def _end_branch_wait(self, branch: int) -> None:
        self._tables.end_wait((self._tables.branches[branch]["graph"], branch, None))

    def _vote_opened(self, event: Event, graph: int, _: int | None) -> None:
        self._tables.labels[graph] = AnswerLabels(event.get("choices"))
        ballots = [self._ballot(each, graph, kept=True) for each in event.get("ballots", ())]
        self._tables.graphs[graph]["vote"] = {**_pick(event, _OPENED), "ballots": ballots}

    def _vote(self, event: Event, graph: int, _: int | None) -> None:
        if (vote := self._tables.graphs[graph].get("vote")) is None:
            return
        vote["ballots"].append(self._ballot(event, graph))
        if event.get("stop") and "stopped_at" not in vote:
            vote.update(stopped=event["stop"], stopped_at=self._tables.now)

    def _ballot(self, said: Event, graph: int, *, kept: bool = False) -> dict[str, Any]:
        choice = self._choice(said.get("choice"), graph)
        return {**_pick(said, _BALLOT), "choice": choice, "at": self._tables.now, "kept": kept}

    def _verdict(self, event: Event, graph: int, _: int | None) -> None:
        vote = self._tables.graphs[graph].setdefault("vote", {"rule": event["rule"]})
        vote.update(_pick(event, _DECIDED), choice=self._choice(event.get("choice"), graph))

    def _choice(self, choice: Any, graph: int) -> Any:
        if self._contents:
            return choice
        return self._tables.labels.setdefault(graph, AnswerLabels()).label(choice)

    def _run_ended(self, event: Event, graph: int, _: int | None) -> None:
        tables, row = self._tables, self._tables.graphs[graph]
        row.update(status=event["status"], ended=tables.now, reason=event.get("reason", ""))
        if event.get("error"):
            row["error"] = event["error"] if self._contents else event["error"].partition(":")[0]
        if row["parent"] is None:
            tables.invocations[row["invocation"]].update(status=event["status"], ended=tables.now)
            self._saved = event.get("calls_saved", self._saved)
            self._remarks.update(dict.fromkeys(event.get("remarks", ())))


def _pick(event: Event, names: Any) -> dict[str, Any]:
    return {name: event[name] for name in names if name in event}
