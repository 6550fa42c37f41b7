"""How many voters are asked together: the size of the next wave. Pure."""

from typing import Literal

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.votes.standing import Standing
from langgraph_parallel.reducers.votes.stops import Stop

Wave = int | Literal["lossless", "all"]
"""`lossless`: the fewest ballots after which the stop could fire, so that no more calls are made than one at
a time would make; `all`: everybody at once; a number: so many."""


def as_wave(wave: object) -> Wave:
    """Take a wave.

    Raises:
        UsageError: it is none.
    """
    if wave == "lossless" or wave == "all":
        return wave
    if isinstance(wave, int) and not isinstance(wave, bool) and wave >= 1:
        return wave
    raise UsageError(f"wave is {wave!r}; pass 'lossless', 'all', or a whole number from 1")


def next_wave(wave: Wave, stop: Stop, standing: Standing) -> int:
    """How many of those who are left to ask now; 0 once the vote may stop, or nobody is left."""
    if not standing.left or stop.fires(standing):
        return 0
    size = standing.left if wave == "all" else stop.fewest(standing) if wave == "lossless" else wave
    return max(1, min(size, standing.left))
