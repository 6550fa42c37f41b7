"""Records of runs that never ran: small, nested, failed and huge ones, the same each time."""

from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from langgraph_parallel.records import Usage
from langgraph_parallel.records.recorded_vote import RecordedBallot, RecordedVote
from langgraph_parallel.records.run_record import (
    Invocation,
    RecordedBranch,
    RecordedCall,
    RecordedGraph,
    RecordedSection,
    RecordedWait,
    RunRecord,
)

MODELS = ("gpt-5-mini", "claude-sonnet-5", "gemini-3-flash")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028<!--\u202e"
_CAUSES = ("throttled", "timeout", "invalid", "server")


class Maker:
    """Makes the rows of a record; times are drawn by a seed.

    Args:
        seed: of the random numbers.
        contents: whether answers and messages are in the record.
    """

    def __init__(self, seed: int = 0, *, contents: bool = True) -> None:
        self.random = Random(seed)
        self.contents = contents
        self.graphs: list[RecordedGraph] = []
        self.branches: list[RecordedBranch] = []
        self.calls: list[RecordedCall] = []
        self.waits: list[RecordedWait] = []

    def graph(self, name: str, kind: str, started: float, ended: float, **fields: Any) -> int:
        """Add a graph, and return its position."""
        id, fields = f"run-{len(self.graphs)}", {"invocation": 0, "status": "ok", **fields}
        self.graphs.append(RecordedGraph(id=id, name=name, kind=kind, started=started, ended=ended, **fields))
        return len(self.graphs) - 1

    def branch(
        self, graph: int, path: list[str], name: str, started: float, ended: float, **fields: Any
    ) -> int:
        """Add a branch, and return its position."""
        order = sum(branch.graph == graph for branch in self.branches[-60:])
        fields = {"status": "ok", "order": order, **fields}
        if not self.contents:
            fields = {key: value for key, value in fields.items() if key not in ("error", "value")}
        self.branches.append(
            RecordedBranch(graph=graph, path=path, name=name, started=started, ended=ended, **fields)
        )
        return len(self.branches) - 1

    def call(self, graph: int, branch: int | None, started: float, ended: float, **fields: Any) -> None:
        """Add a call to a model."""
        read, written = self.random.randint(400, 3000), self.random.randint(20, 400)
        fields = {
            "kind": "model",
            "target": self.random.choice(MODELS),
            "usage": Usage(input_tokens=read, output_tokens=written),
            "usd": round(read * 2.5e-7 + written * 2e-6, 9),
            **fields,
        }
        id = f"call-{len(self.calls)}"
        self.calls.append(
            RecordedCall(id=id, graph=graph, branch=branch, started=started, ended=ended, **fields)
        )

    def wait(self, graph: int, branch: int | None, on: Any, started: float, ended: float) -> None:
        """Add a wait."""
        self.waits.append(RecordedWait(on=on, graph=graph, branch=branch, started=started, ended=ended))

    def leaves(self, branch: int) -> dict[str, int]:
        """Count the branches after a branch, which are those below it, by status."""
        return dict(sorted(Counter(str(inner.status) for inner in self.branches[branch + 1 :]).items()))

    def record(self, ended: float, **fields: Any) -> RunRecord:
        """Return the record."""
        status = self.graphs[0].status
        fields = {
            "invocations": [Invocation(run="run-0", started=0.0, ended=ended, status=status)],
            "thread": "thread-1",
            **fields,
        }
        return RunRecord(
            started=1_760_000_000.25,
            contents=self.contents,
            versions={"langgraph_parallel": "0.1.0", "langgraph": "1.2.24", "python": "3.11.7"},
            graphs=self.graphs,
            branches=self.branches,
            calls=sorted(self.calls, key=lambda call: call.started),
            waits=self.waits,
            **fields,
        )


def add_vote(
    make: Maker, outer: int | None, around: int | None, path: list[str], name: str, started: float, size: int
) -> float:
    """Add a vote of some voters, in a branch or as the run itself, and return when it ended."""
    random = make.random
    graph = make.graph(name, "voting", started, started, parent=outer, branch=around)
    ballots, yes, no, stopped_at = [], 0, 0, None
    ends = sorted((started + 0.02 + random.expovariate(1.2) + 0.3, voter) for voter in range(size))
    for number, (end, voter) in enumerate(ends):
        begin = started + 0.01 + random.random() * 0.02
        fields: dict[str, Any] = {"kind": "voter", "order": voter}
        if stopped_at is not None:
            end = stopped_at + 0.001
            fields |= {"status": "cancelled", "ended_by": "stop"}
        place = make.branch(
            graph, [*path, f"#{voter + 1}"], f"vote[{name}#{voter + 1}]", begin, end, **fields
        )
        _add_calls(make, graph, place, begin, end, ok=stopped_at is None)
        if stopped_at is None:
            choice = "yes" if random.random() < 0.75 else "no"
            yes, no = yes + (choice == "yes"), no + (choice == "no")
            ballots.append(
                RecordedBallot(voter=f"#{voter + 1}", order=voter, at=end, status="cast", choice=choice)
            )
            if max(yes, no) > size / 2 and number + 1 < size:
                stopped_at = end + 0.0005
    ended = (stopped_at or ends[-1][0]) + 0.004
    vote = RecordedVote(
        rule="majority(quorum=1, ties='earliest')",
        stop="decided()",
        voters=[f"#{voter + 1}" for voter in range(size)],
        choices=["yes", "no"],
        ballots=ballots,
        stopped="decided()" if stopped_at else "",
        stopped_at=stopped_at,
        status="decided" if yes != no else "tied",
        choice="yes" if yes > no else "no" if no > yes else None,
        k=max(yes, no),
        n=yes + no,
    )
    make.graphs[graph] = make.graphs[graph].model_copy(update={"ended": ended, "vote": vote})
    return ended


def _add_calls(make: Maker, graph: int, branch: int, begin: float, end: float, *, ok: bool) -> None:
    """Add what a leaf did: it waits, may be refused, waits again, and asks."""
    random, now = make.random, begin
    if random.random() < 0.6:
        until = now + (end - now) * random.uniform(0.05, 0.3)
        make.wait(graph, branch, random.choice(("slot", "rate")), now, until)
        now = until
    attempt = 1
    if random.random() < 0.1:
        until = now + (end - now) * 0.1
        make.call(
            graph, branch, now, until, ok=False, throttled=True, cause="throttled", usage=Usage(), usd=0.0
        )
        now, attempt = until + (end - until) * 0.2, 2
        make.wait(graph, branch, "retry", until, now)
    make.call(graph, branch, now, end, ok=ok, attempt=attempt)


def small() -> RunRecord:
    """Return a vote of seven, stopped early."""
    make = Maker(4)
    ended = add_vote(make, None, None, [], "release", 0.0, 7)
    return make.record(ended, saved=0)


def nested() -> RunRecord:
    """Return a review: sections that need each other, a vote in each, a planner and a writer around them."""
    make = Maker(2)
    ids = [
        f"{aspect}-{file}" for file in ("app.py", "server.py") for aspect in ("security", "style", "tests")
    ]
    sections = [RecordedSection(id=id, name=f"review[{id}]") for id in ids]
    sections[4] = sections[4].model_copy(update={"needs": [ids[0], ids[1]]})
    outer = make.graph("review", "review", 0.0, 0.0, sections=sections, reason="all 6 branches finished")
    make.call(outer, None, 0.01, 0.7, target="gpt-5-mini")
    ends: dict[str, float] = {}
    for number, id in enumerate(ids):
        begin = max((ends[need] for need in sections[number].needs), default=0.72)
        place = make.branch(outer, [id], f"review[{id}]", begin, begin, order=number)
        if sections[number].needs:
            make.wait(outer, place, "needs", 0.72, begin)
        ended = add_vote(make, outer, place, [id], id, begin + 0.01, 3) + 0.005
        make.branches[place] = make.branches[place].model_copy(
            update={"ended": ended, "leaves": make.leaves(place), "value": {"findings": [], "id": id}}
        )
        ends[id] = ended
    last = max(ends.values())
    make.call(outer, None, last + 0.01, last + 0.8, target="claude-sonnet-5")
    make.graphs[outer] = make.graphs[outer].model_copy(update={"ended": last + 0.82})
    return make.record(last + 0.82, remarks=["server.py: local-model takes no JSON schema"])


def failed() -> RunRecord:
    """Return a run with every kind of failure, and hostile texts in all that comes from outside."""
    make = Maker(3)
    outer = make.graph(HOSTILE, "sectioning", 0.0, 6.0, status="partial", reason="the deadline has passed")
    kinds: list[dict[str, Any]] = [
        {"status": "failed", "cause": cause, "error": f"{cause}: 503 from api.example.org {HOSTILE}"}
        for cause in _CAUSES
    ]
    kinds += [
        {"status": "timed_out", "error": "no answer in 60 s", "ended_by": "deadline"},
        {"status": "cancelled", "ended_by": "budget", "error": "the budget of $1 is spent"},
        {"status": "skipped", "error": "needs s1, which failed"},
        {"status": None},
        {"value": {"answer": HOSTILE}},
    ]
    for number, fields in enumerate(kinds * 2):
        begin, end = 0.1 * number, 0.1 * number + make.random.uniform(0.5, 3)
        place = make.branch(outer, [f"s{number}"], f"part {number} {HOSTILE[:40]}", begin, end, **fields)
        cause = fields.get("cause")
        make.call(outer, place, begin + 0.1, end, ok=fields.get("status", "ok") == "ok", cause=cause)
    return make.record(6.0, thread=HOSTILE, remarks=[HOSTILE])


def huge(branches: int = 5000, *, contents: bool = False) -> RunRecord:
    """Return a run of votes of three in as many branches as are wanted, in waves of 250 sections."""
    make = Maker(1, contents=contents)
    outer = make.graph("labeling", "labeling", 0.0, 0.0, reason="all branches finished")
    ended, number = 0.0, 0
    for number in range(branches // 4):
        begin = (number // 250) * 6 + make.random.random() * 2
        fields: dict[str, Any] = {"order": number}
        if number % 40 == 7:
            cause = make.random.choice(_CAUSES)
            fields |= {"status": "failed", "cause": cause, "error": f"{cause}: the endpoint said no"}
        name = f"label[review {number + 1} of the year]"
        place = make.branch(outer, [f"item-{number}"], name, begin, begin, value="praise " * 20, **fields)
        end = add_vote(make, outer, place, [f"item-{number}"], f"item-{number}", begin + 0.01, 3) + 0.01
        update = {"ended": end, "leaves": make.leaves(place)}
        make.branches[place] = make.branches[place].model_copy(update=update)
        ended = max(ended, end)
    make.graphs[outer] = make.graphs[outer].model_copy(update={"ended": ended + 0.1})
    return make.record(ended + 0.1)


def resumed() -> RunRecord:
    """Return a run that was killed, and resumed an hour later."""
    make = Maker(5)
    for number, start in enumerate((0.0, 3600.0)):
        outer = make.graph(
            "brief", "briefing", start, start + 2, invocation=number, status=("running", "ok")[number]
        )
        for order in range(number * 2, number * 2 + 3):
            place = make.branch(outer, [f"s{order}"], f"read[{order}]", start + 0.1, start + 1.5, order=order)
            make.call(outer, place, start + 0.2, start + 1.4)
    invocations = [
        Invocation(run="run-0", started=0.0, ended=2.0),
        Invocation(run="run-1", started=3600.0, ended=3602.0, resumed=True, status="ok"),
    ]
    return make.record(3602.0, invocations=invocations)


def random_run(seed: int) -> RunRecord:
    """Return a run of any shape: up to three levels, needs, losers, waits that overlap, empty spans."""
    make = Maker(seed)
    ended = _random_graph(make, None, None, [], 0.0, make.random.choice((0.0, 1.0, 5.0)))
    return make.record(ended)


def _random_graph(
    make: Maker, parent: int | None, around: int | None, path: list[str], start: float, end: float
) -> float:
    random = make.random
    ids = [f"s{number}" for number in range(random.randint(0, 5))]
    sections = [
        RecordedSection(id=id, name=id, needs=random.sample(ids[:number], random.randint(0, min(2, number))))
        for number, id in enumerate(ids)
    ]
    graph = make.graph(
        f"g{len(make.graphs)}", "sectioning", start, end, parent=parent, branch=around, sections=sections
    )
    for _ in range(random.randint(0, 2)):
        make.call(graph, None, *_random_span(random, start, end))
    for id in ids:
        begin, finish = _random_span(random, start, end)
        fate: dict[str, Any] = random.choice(
            ({}, {}, {"status": "cancelled", "ended_by": "stop"}, {"status": "skipped"}, {"status": None})
        )
        place = make.branch(graph, [*path, id], "/".join([*path, id]), begin, finish, **fate)
        for on in random.sample(("needs", "slot", "rate", "retry"), random.randint(0, 3)):
            make.wait(graph, place, on, *_random_span(random, start, end))
        if len(path) < 2 and random.random() < 0.4:
            _random_graph(make, graph, place, [*path, id], *_random_span(random, begin, finish))
        elif random.random() < 0.8:
            make.call(graph, place, *_random_span(random, begin, finish))
    return end


def _random_span(random: Random, start: float, end: float) -> tuple[float, float]:
    """Return a part of a span; parts often have the same edges, and some are empty."""
    edges = [start + (end - start) * part / 8 for part in range(9)]
    begin, finish = sorted((random.choice(edges), random.choice(edges)))
    return begin, finish


KINDS: Mapping[str, Callable[[], RunRecord]] = {
    "small": small,
    "nested": nested,
    "failed": failed,
    "resumed": resumed,
    "huge": lambda: huge(400),
    "empty": lambda: RunRecord(started=0.0),
}
"""Each kind of run by its name; the huge one has fewer branches here."""
