"""What is said of a replay: verdicts that changed, what is not known, what was assumed."""

from collections.abc import Iterator, Sequence

from langgraph_parallel.counted import count
from langgraph_parallel.records.replayed import ChangedVerdict, NotKnown
from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.replays.changes import Changes
from langgraph_parallel.replays.course import Course


def compare(record: RunRecord, course: Course) -> tuple[int, list[ChangedVerdict]]:
    """Return the number of votes that had ended, and those of which it is known that they end otherwise."""
    votes, changed = 0, []
    for graph in record.graphs:
        if graph.vote is None or graph.vote.status is None:
            continue
        if graph.vote.decided_by == "person" and all(ballot.kept for ballot in graph.vote.ballots):
            continue  # the vote is that of an earlier invocation
        votes += 1
        if graph.id not in course.reader.counted:
            continue
        path = () if graph.branch is None else tuple(record.branches[graph.branch].path)
        _, outcome = course.outcomes.get(graph.id, (path, (None, None)))
        before = graph.vote.choice, graph.vote.status
        if outcome is None or (canonical(outcome[0]), outcome[1]) == (canonical(before[0]), before[1]):
            continue
        changed.append(
            ChangedVerdict(
                path=[*path],
                graph=graph.name,
                before=before[0],
                before_status=before[1],
                after=outcome[0],
                after_status=outcome[1],
            )
        )
    return votes, changed


def unknown_of_run(record: RunRecord, changes: Changes) -> list[NotKnown]:
    """Return what the record cannot tell of the run as a whole."""
    return [NotKnown(path=[], graph=record.name, why=why) for why in _unknown(record, changes)]


def _unknown(record: RunRecord, changes: Changes) -> Iterator[str]:
    if record.status in ("running", "cancelled"):
        yield "the run had not ended; what it would still have done is left out"
    refused = sum(call.throttled for call in record.calls)
    if refused and changes != Changes():
        requests = count(refused, "request")
        yield f"its endpoint refused {requests}; the same ones are refused, and others wait alike"
    if any(call.lane == "batch" for call in record.calls) and (changes.concurrency or changes.hedge):
        yield "calls in batches take as long as recorded: neither concurrency nor hedges are theirs"
    if any(call.samples > 1 for call in record.calls) and changes.of_votes:
        yield "voters shared requests; each costs its recorded share, although the prompt is billed once"
    if budgets := sum(branch.ended_by == "budget" for branch in record.branches):
        yield f"a budget ended {count(budgets, 'branch')}; the same ones end here"


def assumptions(
    record: RunRecord, changes: Changes, course: Course, changed: Sequence[ChangedVerdict]
) -> list[str]:
    """Return what was assumed."""
    said = []
    if changes != Changes():
        said.append("a request takes as long as it took, whatever else is in flight")
    if course.drawn:
        of_seconds = count(course.drawn, "second request")
        said.append(f"the time of {of_seconds} is drawn from that of other calls")
    if any(branch.ended_by == "completion" for branch in record.branches) and changes != Changes():
        said.append("a completion policy ends the branches that it ended, after the same ones")
    if changed:
        said.append("what came after a verdict that changed is as it was")
    return said
