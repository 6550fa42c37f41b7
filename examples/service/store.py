"""Runs and what tenants have spent, in SQLite or PostgreSQL."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    MetaData,
    RowMapping,
    String,
    Table,
    event,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import create_async_engine

from examples.service.settings import Tenant

_tables = MetaData()
runs = Table(
    "service_runs",
    _tables,
    Column("id", String, primary_key=True),
    Column("tenant", String, index=True, nullable=False),
    Column("status", String, index=True, nullable=False),  # waiting, running, asking, done, failed, cancelled
    Column("created", Float, nullable=False),
    Column("given", JSON, nullable=False),
    Column("day", String, nullable=False),
    Column("held_usd", Float, nullable=False),  # of the day's budget, until the run has ended
    Column("usd", Float, nullable=False, default=0.0),
    Column("owner", String, index=True),  # the process that runs it
    Column("lease_until", Float, nullable=False, default=0.0),
    Column("is_unwanted", Boolean, nullable=False, default=False),  # somebody has cancelled it
    Column("asked", JSON),
    Column("answer", JSON),
    Column("result", JSON),
    Column("problem", String),
)
accounts = Table(
    "service_accounts",
    _tables,
    Column("tenant", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("spent_usd", Float, nullable=False, default=0.0),
    Column("held_usd", Float, nullable=False, default=0.0),
)
LEAST_USD = 0.001
"""With less left of a day's budget, no run begins."""


class OverBudget(Exception):
    """The budget of a tenant's day is spent, or held by runs that have not ended."""


class Store:
    """The tables of the service.

    Args:
        address: of the database, as SQLAlchemy's async engines take it.
    """

    def __init__(self, address: str) -> None:
        self._engine = create_async_engine(address)
        self._is_sqlite = address.startswith("sqlite")
        if self._is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _wait_for_others)

    async def open(self) -> None:
        """Make the tables that are missing."""
        async with self._engine.begin() as database:
            await database.run_sync(_tables.create_all)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    async def check(self) -> None:
        """Raise what is wrong with the database, if anything is."""
        async with self._engine.connect() as database:
            await database.execute(select(1))

    async def create(self, tenant: Tenant, given: Mapping[str, Any]) -> str:
        """Add a run that waits, and hold what it may cost.

        Raises:
            OverBudget: too little is left of the day.
        """
        day = datetime.now(UTC).date().isoformat()
        mine = (accounts.c.tenant == tenant.name, accounts.c.day == day)
        dialect = sqlite if self._is_sqlite else postgresql
        async with self._engine.begin() as database:
            await database.execute(
                dialect.insert(accounts).values(tenant=tenant.name, day=day).on_conflict_do_nothing()
            )
            # The row stays locked from here on, so that two runs are never granted the same dollars.
            await database.execute(update(accounts).where(*mine).values(held_usd=accounts.c.held_usd))
            account = (await database.execute(select(accounts).where(*mine))).mappings().one()
            left = tenant.budget_usd - account["spent_usd"] - account["held_usd"]
            held = min(tenant.run_usd, left)
            if held < LEAST_USD:
                raise OverBudget(
                    f"the budget of {tenant.name}, ${tenant.budget_usd:g} a day, is used up until 00:00 UTC"
                )
            await database.execute(update(accounts).where(*mine).values(held_usd=accounts.c.held_usd + held))
            run = {
                "id": token_urlsafe(12),
                "tenant": tenant.name,
                "status": "waiting",
                "created": time.time(),
            }
            await database.execute(insert(runs).values(**run, given=dict(given), day=day, held_usd=held))
        return str(run["id"])

    async def get(self, tenant: str, id: str) -> RowMapping | None:
        """Return a run of a tenant; None if they have none of this id."""
        async with self._engine.connect() as database:
            found = await database.execute(select(runs).where(runs.c.tenant == tenant, runs.c.id == id))
            return found.mappings().one_or_none()

    async def latest(self, tenant: str, most: int = 50) -> Sequence[RowMapping]:
        """Return the runs of a tenant, the latest first."""
        columns = (runs.c.id, runs.c.status, runs.c.created, runs.c.usd)
        asked = select(*columns).where(runs.c.tenant == tenant).order_by(runs.c.created.desc()).limit(most)
        async with self._engine.connect() as database:
            return (await database.execute(asked)).mappings().all()

    async def waiting(self) -> dict[str, int]:
        """Return how many runs wait for a process, by tenant."""
        asked = select(runs.c.tenant, func.count()).where(runs.c.status == "waiting").group_by(runs.c.tenant)
        async with self._engine.connect() as database:
            return {row[0]: row[1] for row in await database.execute(asked)}

    async def take(self, owner: str, until: float, tenant: str, most: int) -> Sequence[RowMapping]:
        """Take over runs of a tenant that wait, and those whose process is gone."""
        unfinished = runs.c.status.in_(("waiting", "running"))
        free = (unfinished, or_(runs.c.owner.is_(None), runs.c.lease_until < time.time()))
        first = select(runs.c.id).where(runs.c.tenant == tenant, *free).order_by(runs.c.created).limit(most)
        taken = update(runs).where(runs.c.id.in_(first.scalar_subquery()), *free)
        values = {"owner": owner, "lease_until": until, "status": "running"}
        async with self._engine.begin() as database:
            return (await database.execute(taken.values(**values).returning(runs))).mappings().all()

    async def renew(self, owner: str, until: float) -> dict[str, bool]:
        """Keep the runs of a process, and return them, each with whether somebody has cancelled it."""
        kept = update(runs).where(runs.c.owner == owner).values(lease_until=until)
        async with self._engine.begin() as database:
            found = await database.execute(kept.returning(runs.c.id, runs.c.is_unwanted))
            return {id: bool(unwanted) for id, unwanted in found}

    async def change(self, id: str, by: str | None, **values: Any) -> bool:
        """Change a run if it is still owned so; return whether it was."""
        async with self._engine.begin() as database:
            found = await database.execute(
                update(runs).where(runs.c.id == id, runs.c.owner == by).values(**values)
            )
            return found.rowcount > 0

    async def end(self, id: str, by: str | None, **values: Any) -> bool:
        """Change a run that has ended, and book what it has cost."""
        async with self._engine.begin() as database:
            mine = (
                runs.c.id == id,
                runs.c.owner == by,
                runs.c.status.in_(("waiting", "running", "asking")),
            )
            ended = update(runs).where(*mine).values(owner=None, asked=None, **values)
            row = (await database.execute(ended.returning(runs))).mappings().one_or_none()
            if row is not None:
                booked = {
                    "held_usd": accounts.c.held_usd - row["held_usd"],
                    "spent_usd": accounts.c.spent_usd + row["usd"],
                }
                of_day = (accounts.c.tenant == row["tenant"], accounts.c.day == row["day"])
                await database.execute(update(accounts).where(*of_day).values(**booked))
            return row is not None

    async def answer(self, tenant: str, id: str, answer: Mapping[str, Any]) -> bool:
        """Let a run that asks go on with an answer; return whether it still asked."""
        asking = (runs.c.tenant == tenant, runs.c.id == id, runs.c.status == "asking")
        async with self._engine.begin() as database:
            given = update(runs).where(*asking).values(status="waiting", answer=dict(answer))
            return (await database.execute(given)).rowcount > 0

    async def cancel(self, tenant: str, id: str) -> None:
        """Note that nobody wants a run any more; its process ends it."""
        mine = (runs.c.tenant == tenant, runs.c.id == id)
        async with self._engine.begin() as database:
            await database.execute(update(runs).where(*mine).values(is_unwanted=True))


def _wait_for_others(connection: Any, _: Any) -> None:
    """Let SQLite wait while another connection writes, and readers go on meanwhile."""
    for setting in ("journal_mode = WAL", "busy_timeout = 30000"):
        connection.execute(f"PRAGMA {setting}")
