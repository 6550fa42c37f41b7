"""Late answers: what batches answer, and bill, after the calls that asked have gone."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from langgraph_parallel.counted import count
from langgraph_parallel.records import Call
from langgraph_parallel.runtime.run import Run


class Awaited(NamedTuple):
    """A call that has gone, although its batch may still answer it."""

    batch: str
    """The endpoint's id."""
    usd: float | None
    """The most that the answer may cost; None if the price is unknown."""


@dataclass(eq=False)
class LateAnswers:
    """The late answers of one outermost run."""

    calls: dict[str, Call] = field(default_factory=dict)
    """Calls that were answered late, as they are billed, by their ids."""
    awaited: dict[str, Awaited] = field(default_factory=dict)
    """Calls that may still be, by their ids."""

    def remarks(self) -> list[str]:
        """Say what may still be billed."""
        batches: dict[str, list[float | None]] = defaultdict(list)
        for one in self.awaited.values():
            batches[one.batch].append(one.usd)
        return [_remark(batch, most) for batch, most in batches.items()]


def late_answers(run: Run) -> LateAnswers:
    """Return the late answers of the outermost run around a call."""
    kept: LateAnswers = run.root.kept.setdefault(LateAnswers, LateAnswers())
    return kept


def _remark(batch: str, most: list[float | None]) -> str:
    known = [usd for usd in most if usd is not None]
    price = f", at most ${sum(known):.6f}," if len(known) == len(most) else ""
    calls = count(len(most), "call")
    return (
        f"the batch {batch} had not ended when {calls} in it had: what it answers later is billed{price} and "
        "not in this report; it is kept for whoever asks the same again ('langgraph-parallel batches' lists "
        "it)"
    )
