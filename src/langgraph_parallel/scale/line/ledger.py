"""What workers may have spent at most, which the sink knows before they may.

A driver that is killed can tell nobody what was granted. So no grant leaves before the sink has an amount
that covers it, and whatever goes on with that sink counts this amount as spent. It is brought up to date with
each write of results, and is ahead by about what is taken between two of them: so few grants have to wait for
a write, and little is lost with the driver.

Where the purse is kept elsewhere, as in the scheduler of an engine, the driver has a copy of it, and tells
what the sink has (`FarLedger`).
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.granted_budget import NOTHING, Units, amount_of, each, units_of
from langgraph_parallel.scale.line.limits import SYNC, LimitsKeeper
from langgraph_parallel.scale.line.purse import Purse


class Ledger:
    """Between the purse of a command and its sink; belongs to the event loop of the driver."""

    def __init__(self) -> None:
        self.on_need: Callable[[], None] = lambda: None
        """Called when a grant waits for a write."""
        self.on_stored: Callable[[Units], None] | None = None
        """Told what the sink has as spent at least, where grants are made elsewhere; else None."""
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

    def keep(self, purse: Purse, on_stored: Callable[[Units], None] | None = None) -> None:
        """Keep the account of a purse, from which nothing was granted so far.

        Args:
            purse: that grants, or a copy of it.
            on_stored: told after each write what the sink has as spent at least; for a copy.
        """
        self._purse, self._stored, self.on_stored = purse, purse.spent, on_stored
        self._taken, self._ahead = self._stored, NOTHING

    def look(self) -> None:
        """Have what a copy has heard written, unless the sink knows it."""
        if not self.is_covered:
            self.on_need()

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
        if self.on_stored is not None:
            at_most = each(max, self._stored, at_most)  # up to that, grants may be made meanwhile
        self._stored = each(min, self._stored, at_most)
        try:
            yield amount_of([max(0, most - own) for most, own in zip(at_most, units_of(spent), strict=True)])
            self._stored = at_most
            if self.on_stored is not None:
                self.on_stored(at_most)
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


class FarLedger:
    """What the sink has of a purse, as its driver tells it from elsewhere.

    Args:
        on_need: called when a grant waits for what the driver has to hear.
    """

    def __init__(self, on_need: Callable[[], None]) -> None:
        self._on_need = on_need
        self._purse: Purse | None = None
        self._stored = NOTHING
        self._is_alone = False
        self.is_needed = False
        """Whether a grant waits, of which the driver may not have heard."""
        self._changed = asyncio.Event()

    def keep(self, purse: Purse) -> None:
        """Keep the account of a purse, of which the sink has what earlier commands have told."""
        self._purse, self._stored = purse, purse.spent

    async def cover(self) -> None:
        """Return once the sink has all that is spent and held now, or nobody writes to it any more."""
        assert self._purse is not None
        while not self._is_alone and not self._purse.is_within(self._stored):
            self.is_needed = True
            self._on_need()
            await self._changed.wait()

    def tell(self, stored: Units) -> None:
        """Take in what the sink has as spent at least."""
        self._stored = stored
        self._wake()

    def leave(self) -> None:
        """Let grants go on without the driver, which is gone: the purse itself tells the next one."""
        self._is_alone = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class _Covers(Protocol):
    """Knows what a sink has of a purse."""

    def keep(self, purse: Purse) -> None:
        """Keep the account of a purse."""

    async def cover(self) -> None:
        """Return once the sink has all that is spent and held now."""


class CoveredLimits:
    """The limits of a run whose grants a sink knows of before they leave.

    Args:
        keeper: that grants.
        ledger: of what it grants.
    """

    def __init__(self, keeper: LimitsKeeper, ledger: _Covers) -> None:
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
