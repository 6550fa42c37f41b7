"""The time of a record as its views show it, and what went on at each moment."""

from collections.abc import Iterable, Sequence

from langgraph_parallel.records.run_record import RecordedCall, RunRecord


class Clock:
    """Seconds of a run, without those between its invocations.

    A run that is resumed the next day would else be two specks in an empty picture.

    Args:
        record: of the run.
    """

    def __init__(self, record: RunRecord) -> None:
        self._gaps: list[tuple[float, float]] = []
        until = 0.0
        for each in record.invocations:
            if each.started > until:
                self._gaps.append((until, each.started))
            until = max(until, each.ended)
        last = max((until, *(branch.ended for branch in record.branches)))
        self.end = self.shown(last)
        """The last moment, in seconds."""
        self.seams = [self.shown(end) for begin, end in self._gaps if begin > 0]
        """The moments at which the run was resumed."""

    def shown(self, moment: float) -> float:
        """Return a moment in seconds of the run, >= 0."""
        cut = sum(min(max(moment, begin), end) - begin for begin, end in self._gaps)
        return max(0.0, moment - cut)


def in_flight(spans: Iterable[tuple[float, float]], end: float, bins: int) -> list[float]:
    """Return how many spans there were on average in each of some equal parts of a time.

    >>> in_flight([(0, 2), (1, 2)], 4, 4)
    [1.0, 2.0, 0.0, 0.0]

    Args:
        spans: with their begin and end, in seconds.
        end: of the time, which begins at 0.
        bins: number of parts.
    """
    sums, width = [0.0] * bins, end / bins
    if width <= 0:
        return sums
    for begin, finish in spans:
        first, last = (min(bins - 1, max(0, int(moment / width))) for moment in (begin, finish))
        for number in range(first, last + 1):
            left, right = number * width, (number + 1) * width
            sums[number] += max(0.0, min(finish, right) - max(begin, left)) / width
    return sums


def peak(spans: Iterable[tuple[float, float]]) -> int:
    """Return how many spans there were at most at the same time.

    >>> peak([(0, 2), (1, 3), (2, 4)])
    2
    """
    changes = sorted(
        (moment, step) for begin, end in spans if end > begin for moment, step in ((begin, 1), (end, -1))
    )
    most = now = 0
    for _, step in changes:
        now += step
        most = max(most, now)
    return most


def counted(moments: Iterable[float], end: float, bins: int) -> list[int]:
    """Return how many moments there are in each of some equal parts of a time.

    >>> counted([0, 0.5, 3.9, 4], 4, 4)
    [2, 0, 0, 2]

    Args:
        moments: in seconds.
        end: of the time, which begins at 0.
        bins: number of parts.
    """
    sums = [0] * bins
    for moment in moments if end > 0 else ():
        sums[min(bins - 1, max(0, int(moment / end * bins)))] += 1
    return sums


def spans_of(calls: Sequence[RecordedCall], clock: Clock) -> list[tuple[float, float]]:
    """Return when calls began and ended, in seconds of the run."""
    return [(clock.shown(call.started), clock.shown(call.ended)) for call in calls]
