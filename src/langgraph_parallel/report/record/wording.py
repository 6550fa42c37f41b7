"""Words of the views of a record."""

from collections.abc import Mapping

from langgraph_parallel.records.recorded_vote import RecordedVote
from langgraph_parallel.report.wording import show

WAITS: Mapping[str, str] = {
    "needs": "other branches",
    "slot": "a free slot",
    "rate": "the rate limit",
    "budget": "the budget",
    "retry": "the next attempt",
    "rest": "an endpoint at rest",
    "leader": "a shared prompt",
    "batch": "a batch",
    "person": "a person",
}
"""What a branch or a call waits for, by the word of the events."""

_LONGEST = 80
"""Characters of a choice."""


def seconds(value: float) -> str:
    """Return a duration for people.

    >>> seconds(0.0123), seconds(4.567), seconds(61), seconds(3723)
    ('12 ms', '4.57 s', '1 min 1 s', '1 h 2 min')
    """
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 59.95:
        return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def status_word(status: str | None) -> str:
    """Return a status for people; what has not ended is running."""
    return (status or "running").replace("_", " ")


def vote_result(vote: RecordedVote) -> str:
    """Return what a vote has decided, with its denominators: `yes, 4 of 6 ballots`."""
    if vote.status is None:
        return f"no verdict yet, {len(vote.ballots)} of {len(vote.voters)} heard"
    choice = "no choice" if vote.choice is None else show(vote.choice) or "nothing"
    choice = choice if len(choice) <= _LONGEST else f"{choice[: _LONGEST - 1]}…"
    word = "" if vote.status == "decided" else f", {status_word(vote.status)}"
    by = "" if vote.decided_by == "rule" else f", by a {vote.decided_by}"
    return f"{choice}, {vote.k} of {vote.n}{word}{by}"
