"""A map as its sink holds it: what its rows were made with, and what all commands on it have spent."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph_parallel.catalogue.spelling import PYTHON, Spelling
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.scale.engine import Job
from langgraph_parallel.scale.line.ledger import Ledger
from langgraph_parallel.scale.manifest import check_same
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import NOTHING_SPENT, Result, Spent
from langgraph_parallel.scale.sinks.base import Counts, Manifest, Sink
from langgraph_parallel.scale.sinks.naming import Admission


class StoredMap:
    """An open sink, and its manifest.

    Args:
        sink: that is open.
        manifest: of the rows in it.
        counts: rows in it before this command.
        spelling: how the caller writes arguments.
    """

    def __init__(self, sink: Sink, manifest: Manifest, counts: Counts, spelling: Spelling = PYTHON) -> None:
        self.sink, self.counts = sink, counts
        # Reservations that were open when an earlier command ended are spent, as far as is known.
        left = manifest.reserved
        self._before = manifest.spent + Spent(left.calls, left.tokens, usd=left.usd)
        self._manifest = replace(manifest, spent=self._before, reserved=Amount())
        self._stored = manifest
        self.ledger = Ledger()
        """Of the budget of this command."""
        self.admit = Admission(sink.rules, manifest.columns, spelling).admit

    @classmethod
    async def open(
        cls,
        sink: Sink,
        program: Program,
        parts: Mapping[str, Any],
        *,
        mixed: bool,
        spelling: Spelling = PYTHON,
    ) -> "StoredMap":
        """Open a sink.

        Args:
            sink: that is not open yet.
            program: that is to make rows.
            parts: what its fingerprint is made of.
            mixed: whether rows of another program may be in the same sink.
            spelling: how the caller writes arguments.

        Raises:
            UsageError: it cannot be opened, or has rows of another program.
        """
        found = await sink.open()
        try:
            check_same(found, parts, mixed, spelling)
            sink.rules.check([*program.outputs], spelling=spelling)
            id = found.id if found else uuid.uuid4().hex
            spent = found.spent if found else NOTHING_SPENT
            manifest = Manifest(
                id=id,
                fingerprint=program.fingerprint,
                parts=parts,
                columns=tuple(found.columns if found else program.outputs),
                spent=spent,
                reserved=found.reserved if found else Amount(),
            )
            stored = cls(sink, manifest, await sink.counts(), spelling)
            await stored.claim()
            return stored
        except BaseException:
            await sink.close()
            raise

    def job(self, program: Program) -> Job:
        """Return what workers are told of this command."""
        before = self._before
        return Job(
            id=self._manifest.id,
            program=program,
            spent=before.usd or 0.0,
            spent_calls=before.calls,
            spent_tokens=before.input_tokens + before.output_tokens,
            ledger=self.ledger,
        )

    async def claim(self) -> None:
        """Store the manifest before anything is paid for, so that a later command finds what this one did."""
        await self.sink.write((), self._manifest)
        self._stored = self._manifest

    async def write(
        self, results: Sequence[Result], spent: Spent, reserved: Callable[[], Amount] = Amount
    ) -> None:
        """Store results, and what this command has spent and reserved so far.

        Args:
            results: of rows.
            spent: by this command.
            reserved: returns what is reserved, where the ledger does not know.
        """
        spent_by_all = self._before + spent
        if not self.ledger.is_kept:
            await self._write(results, spent_by_all, reserved())
            return
        tokens = spent_by_all.input_tokens + spent_by_all.output_tokens
        with self.ledger.writing(Amount(spent_by_all.calls, tokens, spent_by_all.usd or 0.0)) as at_most:
            await self._write(results, spent_by_all, at_most)

    async def settle(self, spent: Spent) -> None:
        """Store what is spent once workers have given back what they held; none will have grants any more."""
        if self.ledger.is_kept and not self.ledger.has_failed:
            await self.write((), spent)

    async def _write(self, results: Sequence[Result], spent_by_all: Spent, reserved: Amount) -> None:
        if not results and (spent_by_all, reserved) == (self._stored.spent, self._stored.reserved):
            return
        manifest = replace(self._manifest, spent=spent_by_all, reserved=reserved)
        await self.sink.write(results, manifest)
        self._stored = manifest

    @property
    def usd(self) -> float | None:
        """US dollars of all commands, as they were last stored, reservations included; None if unknown."""
        usd = self._stored.spent.usd
        return None if usd is None else usd + self._stored.reserved.usd
