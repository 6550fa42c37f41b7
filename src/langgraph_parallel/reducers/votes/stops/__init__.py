"""Stops: decide when a vote needs no further ballot. Pure functions of the tally and the remaining voters.

| stop | ends the vote when |
|---|---|
| `all_votes()` | all voters have been heard |
| `decided()` | no further ballot can change the choice: the same answer as asking all voters |
| `confident(p)` | the leader will win with probability p, of a known number of voters |
| `adaptive(p)` | the leader is the most frequent choice with probability p, of any number of voters |
| `ahead_by(k)` | the leader is k ballots ahead |
| `window(w)` | w ballots in a row are equal |
| `no_new_findings(n)` | n ballots in a row name nothing new |

Stops compose: `decided() | ahead_by(3)`, `confident(0.9) & ahead_by(2)`. All but `all_votes` and `decided`
may change the answer; `langgraph-parallel replay` measures how often, on your own ballots.
"""

from collections.abc import Mapping

from langgraph_parallel.arguments import check_called
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


def default_stops(rule: object) -> tuple[Stop, ...]:
    """Return the stops to try by default: those that fit the rule."""
    if ballot_form(rule) == "list":
        return decided(), no_new_findings(1), no_new_findings(2)
    stops = decided(), confident(), adaptive(), ahead_by(2), ahead_by(3), window(3)
    return tuple(stop for stop in stops if not isinstance(stop, CountingStop) or goes_by(rule) in stop.fits)


def as_stop(stop: str | Stop) -> Stop:
    """Return a stop, or read one from Python text: `decided`, `confident(0.95) | ahead_by(3)`.

    Raises:
        UnknownStop: `stop` is neither a stop nor the text of one.
        UsageError: an argument in the text is out of range.
    """
    if isinstance(stop, Stop):
        return stop
    if isinstance(stop, str):
        try:
            return read_policy(stop, STOPS)
        except Unreadable:
            pass
    check_called(stop)
    raise UnknownStop.for_name(stop, STOPS)


__all__ = [
    "STOPS",
    "Stop",
    "adaptive",
    "ahead_by",
    "all_votes",
    "as_stop",
    "confident",
    "decided",
    "default_stops",
    "no_new_findings",
    "window",
]
