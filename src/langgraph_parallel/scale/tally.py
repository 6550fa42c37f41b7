"""Counts of a run over many items, as its progress and its report show them."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence

from langgraph_parallel.records.call import Usage
from langgraph_parallel.scale.pace import Pace
from langgraph_parallel.scale.rows import NOTHING_SPENT, Result, Spent

_CAUSES = 50
"""Causes of failures that are told apart."""
_OTHER = "other causes"
_VARYING = re.compile(r"\d+|'[^']*'|\"[^\"]*\"")
"""What differs between failures of one cause: numbers, and what is quoted."""
_LONGEST = 200
"""Characters of a cause."""


class Tally:
    """What has become of the items so far."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.ok = self.failed = 0
        self.kept_ok = self.kept_failed = 0
        self.run_again = 0
        self._calls = self._input = self._output = self._throttled = 0
        self._usd: float | None = 0.0
        self._causes: dict[str, int] = {}
        self._said: dict[str, str] = {}
        """For each cause, the first error."""
        self.pace = Pace(self.started)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def ended(self) -> int:
        """Items that this command has run."""
        return self.ok + self.failed

    @property
    def kept(self) -> int:
        """Items that had a row, and were not run."""
        return self.kept_ok + self.kept_failed

    @property
    def spent(self) -> Spent:
        """What the calls of all items took, failed ones included."""
        return Spent(self._calls, self._input, self._output, self._usd, self._throttled)

    @property
    def usage(self) -> Usage:
        """Tokens of all calls."""
        return Usage(input_tokens=self._input, output_tokens=self._output)

    @property
    def throttled_share(self) -> float:
        """Share of the calls that were answered 429."""
        return self._throttled / self._calls if self._calls else 0.0

    @property
    def failures(self) -> Mapping[str, int]:
        """Number of failed items by cause, the most frequent first."""
        by_number = sorted(self._causes, key=lambda cause: -self._causes[cause])
        return {self._said[cause]: self._causes[cause] for cause in by_number}

    def add(self, results: Sequence[Result]) -> None:
        """Count results of items, each once."""
        self.pace.add(len(results), time.monotonic())
        for result in results:
            if result.status == "ok":
                self.ok += 1
            else:
                self.failed += 1
                self._add_cause(result.error)

    def add_spent(self, results: Iterable[Result]) -> None:
        """Add what results took, those included of items that are run again."""
        for result in results:
            if (spent := result.spent) is NOTHING_SPENT:
                continue
            self._calls += spent.calls
            self._input += spent.input_tokens
            self._output += spent.output_tokens
            self._throttled += spent.throttled
            self._usd = None if self._usd is None or spent.usd is None else self._usd + spent.usd

    def _add_cause(self, error: str) -> None:
        cause = cause_of(error)
        if cause not in self._causes and len(self._causes) >= _CAUSES:
            cause, error = _OTHER, _OTHER
        self._said.setdefault(cause, error[:_LONGEST])
        self._causes[cause] = self._causes.get(cause, 0) + 1


def cause_of(error: str) -> str:
    """Return what errors of one cause have in common.

    >>> cause_of("'a.md' has 12 pages") == cause_of("'b.md' has 3 pages")
    True
    """
    return _VARYING.sub("#", error[:_LONGEST])
