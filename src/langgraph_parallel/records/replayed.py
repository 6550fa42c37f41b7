"""What a recorded run would have been under other settings."""

from langgraph_parallel.counted import count
from langgraph_parallel.records.base import JsonData, Record
from langgraph_parallel.records.verdict import VerdictStatus


class RunTotals(Record):
    """What a run took. None stands for what is not known."""

    calls: int
    """Requests to models that were sent, those that failed or were cut off included."""
    input_tokens: int | None
    """Tokens of their prompts."""
    output_tokens: int | None
    """Tokens of their answers."""
    usd: float | None
    """Cost in US dollars."""
    wall_seconds: float | None
    """Seconds from start to end; of several invocations, their sum."""


class ChangedVerdict(Record):
    """A vote that would have had another outcome."""

    path: list[str]
    """Ids of the branches around it; empty for the outermost graph."""
    graph: str
    """Name of the vote."""
    before: JsonData = None
    """The recorded choice; without contents a label, unless it is one of the vote's own choices."""
    before_status: VerdictStatus | None = None
    """None if it had not ended."""
    after: JsonData = None
    """The choice under the new settings."""
    after_status: VerdictStatus | None = None
    """None if it would not have ended."""


class NotKnown(Record):
    """Something that the record cannot tell."""

    path: list[str]
    """Ids of the branches around it; empty for the run."""
    graph: str
    """Name of the graph."""
    why: str
    """What is not known, and why."""


class NearDeadline(Record):
    """What a deadline decides by a hair: calls that end or begin shortly before or after it.

    In the next run they may be on its other side, since no two runs are equal to the millisecond.
    """

    seconds: float
    """What is so near: 2% of the deadline, and at least 20 ms."""
    calls: int
    """Number of calls that are answered, cut off or never sent according to which side they are on."""
    least: RunTotals
    """The least of each total, with the deadline so much earlier, as it is, and so much later."""
    most: RunTotals
    """The most of each total."""


class Replayed(Record):
    """A recorded run, and what it would have been under other settings."""

    settings: dict[str, JsonData]
    """What was changed."""
    before: RunTotals
    """As recorded."""
    after: RunTotals
    """As replayed. If an outcome depends on ballots that were never heard, `calls` is the fewest, and the
    others are None."""
    calls_at_most: int
    """The most calls, without retries; equal to `after.calls` where that is exact."""
    votes: int = 0
    """Number of votes that had ended."""
    changed: list[ChangedVerdict] = []
    """Votes of which it is known that their outcome would have been another one."""
    unknown: list[NotKnown] = []
    """What cannot be known from the record; where there is something, what is said of it may be otherwise."""
    late: list[list[str]] = []
    """Paths of the branches that the deadline would have ended."""
    wall_between: tuple[float, float] | None = None
    """The fewest and the most seconds, according to how long second requests take; None without any."""
    near_deadline: NearDeadline | None = None
    """What is otherwise if the calls that end near a deadline end on its other side; None if none do."""
    assumed: list[str] = []
    """What was assumed."""

    def __str__(self) -> str:
        """Return a few lines: before and after, verdicts, and what is not known."""
        changed = ", ".join(f"{name}={value}" for name, value in self.settings.items()) or "nothing changed"
        rows = [("", "before", "after"), *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        table = [
            f"{name:<{widths[0]}}  {before:>{widths[1]}}  {after:>{widths[2]}}".rstrip()
            for name, before, after in rows
        ]
        return "\n".join([f"replayed with {changed}", *table, *self._told()])

    def _rows(self) -> list[tuple[str, str, str]]:
        before, after = self.before, self.after
        calls = str(after.calls)
        if self.calls_at_most > after.calls:
            calls = f"{calls} to {self.calls_at_most}"
        return [
            ("calls", str(before.calls), calls),
            ("tokens in", _number(before.input_tokens), _number(after.input_tokens)),
            ("tokens out", _number(before.output_tokens), _number(after.output_tokens)),
            ("US dollars", _number(before.usd, ".6f"), _number(after.usd, ".6f")),
            ("seconds", _number(before.wall_seconds, ".2f"), _number(after.wall_seconds, ".2f")),
        ]

    def _told(self) -> list[str]:
        lines = []
        if self.votes:
            lines.append(f"verdicts changed: {len(self.changed)} of {self.votes}")
        for vote in self.changed:
            before, after = _outcome(vote.before, vote.before_status), _outcome(vote.after, vote.after_status)
            lines.append(f"  {_place(vote.path, vote.graph)}: {before} -> {after}")
        if self.late:
            lines.append(f"ended by the deadline: {len(self.late)}, the first {_place(self.late[0], '')}")
        if self.wall_between is not None:
            least, most = self.wall_between
            lines.append(f"seconds by how long second requests take: {least:.2f} to {most:.2f}")
        if self.near_deadline is not None:
            lines.append(_near(self.near_deadline))
        lines += [f"not known: {_place(each.path, each.graph)}: {each.why}" for each in self.unknown]
        return [*lines, *(f"assumed: {text}" for text in self.assumed)]


def _near(near: NearDeadline) -> str:
    calls = f"{count(near.calls, 'call')} {'ends or begins' if near.calls == 1 else 'end or begin'}"
    parts = [_range(str(near.least.calls), str(near.most.calls), "calls")]
    for name, unit, form in (("output_tokens", "tokens out", "d"), ("usd", "US dollars", ".6f")):
        least, most = _number(getattr(near.least, name), form), _number(getattr(near.most, name), form)
        parts.append(_range(least, most, unit))
    return f"near the deadline: {calls} within {1000 * near.seconds:.0f} ms of it: {', '.join(parts)}"


def _range(least: str, most: str, unit: str) -> str:
    return f"{least} {unit}" if least == most else f"{least} to {most} {unit}"


def _number(value: float | None, form: str = "d") -> str:
    return "not known" if value is None else format(value, form)


def _outcome(choice: JsonData, status: VerdictStatus | None) -> str:
    return f"{choice!r} ({(status or 'not ended').replace('_', ' ')})"


def _place(path: list[str], graph: str) -> str:
    return " / ".join([*path, *filter(None, [graph])])
