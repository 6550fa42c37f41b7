"""What workers may have spent at most, which the sink knows before they may.

A driver that is killed can tell nobody what was granted. So no grant leaves before the sink has an amount
that covers it, and whatever goes on with that sink counts this amount as spent. It is brought up to date with
each write of results, and is ahead by about what is taken between two of them: so few grants have to wait for
a write, and little is lost with the driver.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.granted_budget import NOTHING, Units, amount_of, each, units_of
from langgraph_parallel.scale.line.limits import SYNC, LimitsKeeper
from langgraph_parallel.scale.line.purse import Purse


class Ledger:
    """Between the purse of a command and its sink; belongs to the event loop of the driver."""

    def __init__(self) -> None:
        self.on_need: Callable[[], None] = lambda: None
        """Called when a grant waits for a write."""
        self._purse: Purse | None = None
        self._stored = NOTHING
        """What the sink has as spent at least, whether what is being written arrives or not."""
        self._taken = self._ahead = NOTHING
        """What was taken at the last write, and what it was ahead."""
        self._changed = asyncio.Event()
        self.has_failed = False
        """Whether the sink could not store what it was told."""

    @property
    def is_kept(self) -> bool:
        """Whether there is a purse to tell of; else budgets are kept elsewhere, or there are none."""
        return self._purse is not None and self._purse.is_used

    def keep(self, purse: Purse) -> None:
        """Keep the account of a purse, from which nothing was granted so far."""
        self._purse, self._stored = purse, purse.total_spent()
        self._taken, self._ahead = self._stored, NOTHING

    @property
    def is_covered(self) -> bool:
        """Whether the sink knows of all that is spent and held."""
        return self._purse is None or self._purse.is_within(self._stored)

    async def cover(self) -> None:
        """Return once the sink knows of all that is spent and held now.

        Raises:
            OSError: the sink has failed, and nothing may be spent any more.
        """
        while not self.is_covered:
            if self.has_failed:
                raise OSError("the sink has failed, which knows what is spent")
            self.on_need()
            await self._changed.wait()

    @contextlib.contextmanager
    def writing(self, spent: Amount) -> Iterator[Amount]:
        """Give what is to be written as reserved; the context is left once it is stored.

        Args:
            spent: what is written as spent, by all commands.
        """
        assert self._purse is not None
        at_most = self._at_most(self._purse)
        self._stored = each(min, self._stored, at_most)
        try:
            yield amount_of([max(0, most - own) for most, own in zip(at_most, units_of(spent), strict=True)])
            self._stored = at_most
        except BaseException:
            self.has_failed = True
            raise
        finally:
            self._changed.set()
            self._changed = asyncio.Event()

    def _at_most(self, purse: Purse) -> Units:
        """Return what may be taken before the next write: all that is taken, and what is likely to be."""
        before, self._taken = self._taken, purse.taken()
        grown = each(int.__sub__, self._taken, before)
        # Writes that come soon after another one, as for a grant that waits, are no measure of the next.
        self._ahead = each(max, grown, [3 * one // 4 for one in self._ahead])
        return purse.at_most(self._ahead)


class CoveredLimits:
    """The limits of a run whose grants a sink knows of before they leave.

    Args:
        keeper: that grants.
        ledger: of what it grants.
    """

    def __init__(self, keeper: LimitsKeeper, ledger: Ledger) -> None:
        self._keeper, self._ledger = keeper, ledger
        ledger.keep(keeper.purse)

    async def answer(self, worker: str, op: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a worker, as `LimitsKeeper.answer`, once the ledger covers what is granted.

        Raises:
            OSError: the sink has failed.
        """
        if op != SYNC or data.get("purse") is None:
            return self._keeper.answer(worker, op, data)
        granted = self._keeper.answer(worker, op, {**data, "endpoints": {}})
        if granted.get("gone"):
            return granted
        await self._ledger.cover()
        # Times to leave count from the answer, so they are granted last.
        return granted | self._keeper.answer(worker, op, {**data, "purse": None})

    def worker_gone(self, worker: str) -> None:
        """Free what a worker holds, and count its part of the budget as spent."""
        self._keeper.worker_gone(worker)
