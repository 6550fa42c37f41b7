"""Stops: when no further ballot is needed. Pure functions of the tally and of who is still to be heard.

| stop | ends the vote when |
|---|---|
| `all_votes()` | everybody has been heard |
| `decided()` | nobody who is left can change the choice: the same answer as asking everyone |
| `confident(p)` | the leader will win with probability p, of a known number of voters |
| `adaptive(p)` | the leader is the most frequent choice with probability p, however many voters there are |
| `ahead_by(k)` | the leader is k ballots ahead |
| `window(w)` | w ballots in a row are the same |
| `no_new_findings(n)` | n ballots in a row have named nothing new |

They compose: `decided() | ahead_by(3)`, `confident(0.9) & ahead_by(2)`. All but `decided` may end a vote that
would have come out differently; `langgraph-parallel replay` says how often, on ballots of yours.
"""

from collections.abc import Mapping

from langgraph_parallel.errors import UnknownStop
from langgraph_parallel.reducers.policy_text import Unreadable, read_policy
from langgraph_parallel.reducers.votes.rules import ballot_form, goes_by
from langgraph_parallel.reducers.votes.stops.base import CountingStop, Stop, all_votes
from langgraph_parallel.reducers.votes.stops.chance import adaptive, confident
from langgraph_parallel.reducers.votes.stops.exact import ahead_by, decided, no_new_findings, window

STOPS: Mapping[str, type[Stop]] = {
    stop.__name__: stop
    for stop in (all_votes, decided, confident, adaptive, ahead_by, window, no_new_findings)
}
"""Stops by name."""


def usual_stops(rule: object) -> tuple[Stop, ...]:
    """The stops that are tried where nobody says which: those that fit the rule."""
    if ballot_form(rule) == "list":
        return decided(), no_new_findings(1), no_new_findings(2)
    tried = decided(), confident(), adaptive(), ahead_by(2), ahead_by(3), window(3)
    return tuple(stop for stop in tried if not isinstance(stop, CountingStop) or goes_by(rule) in stop.fits)


def as_stop(stop: str | Stop) -> Stop:
    """Take a stop, or read one as it is written in Python: `decided`, `confident(0.95) | ahead_by(3)`.

    Raises:
        UnknownStop: it is neither.
        UsageError: a number in it is out of range.
    """
    if isinstance(stop, Stop):
        return stop
    if isinstance(stop, str):
        try:
            return read_policy(stop, STOPS)
        except Unreadable:
            pass
    raise UnknownStop.of(stop, STOPS)


__all__ = [
    "STOPS",
    "Stop",
    "adaptive",
    "ahead_by",
    "all_votes",
    "as_stop",
    "confident",
    "decided",
    "no_new_findings",
    "usual_stops",
    "window",
]
