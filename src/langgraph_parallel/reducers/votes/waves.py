"""Waves: how many voters to ask at the same time. Pure."""

from collections.abc import Iterator, Sequence
from typing import Literal, overload

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


class Later(Sequence[str]):
    """The voters that may be asked after a wave: the end of a list, which is not copied for every wave.

    Args:
        voters: in the order of asking; they do not change.
        start: the place of the first one.
    """

    __slots__ = ("_start", "_voters")

    _start: int
    _voters: Sequence[str]

    def __init__(self, voters: Sequence[str], start: int = 0) -> None:
        if isinstance(voters, Later):
            start += voters._start
            voters = voters._voters
        self._voters, self._start = voters, min(start, len(voters))

    def __len__(self) -> int:
        return len(self._voters) - self._start

    def __iter__(self) -> Iterator[str]:
        return map(self._voters.__getitem__, range(self._start, len(self._voters)))

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...

    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        chosen = range(self._start, len(self._voters))[place]
        if isinstance(chosen, int):
            return self._voters[chosen]
        if chosen.step == 1 and chosen.stop == len(self._voters):
            return Later(self._voters, chosen.start)
        return [self._voters[number] for number in chosen]
