"""Waves: how many voters to ask at the same time. Pure."""

from typing import Literal

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.votes.standing import Standing
from langgraph_parallel.reducers.votes.stops import Stop

Wave = int | Literal["lossless", "all"]
"""Size of a wave: `all` voters, a fixed number, or `lossless`: the fewest ballots after which the stop could
fire, so that no more calls are made than by asking one voter at a time."""


def as_wave(wave: object) -> Wave:
    """Validate the size of a wave.

    Raises:
        UsageError: `wave` is not "lossless", "all", or an integer of at least 1.
    """
    if wave == "lossless" or wave == "all":
        return wave
    if isinstance(wave, int) and not isinstance(wave, bool) and wave >= 1:
        return wave
    raise UsageError(f"wave is {wave!r}; expected 'lossless', 'all', or an integer of at least 1")


def next_wave(wave: Wave, stop: Stop, standing: Standing) -> int:
    """Return how many of the remaining voters to ask now; 0 if the vote may stop or none remain."""
    if not standing.to_come or stop.fires(standing):
        return 0
    if wave == "all":
        return standing.to_come
    size = stop.fewest(standing) if wave == "lossless" else wave
    return max(1, min(size, standing.to_come))
