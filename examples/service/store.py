"""Runs and what tenants have spent, in SQLite or PostgreSQL."""

import time
from collections.abc import Iterable, Mapping, Sequence
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
    case,
    event,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from examples.service.settings import Tenant

UNFINISHED = ("waiting", "running", "asking")
OVER = ("done", "failed", "cancelled")

_tables = MetaData()
runs = Table(
    "service_runs",
    _tables,
    Column("id", String, primary_key=True),
    Column("tenant", String, index=True, nullable=False),
    Column("status", String, index=True, nullable=False),  # one of UNFINISHED or OVER
    Column("created", Float, nullable=False),
    Column("given", JSON, nullable=False),
    Column("day", String, nullable=False),
    Column("held_usd", Float, nullable=False),  # of the day's budget, until the run is over
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


class OverBudget(Exception):
    """What is left of a tenant's day is less than a run may cost."""


class Store:
    """The tables of the service.

    Args:
        address: of the database, as SQLAlchemy's async engines take it.
    """

    def __init__(self, address: str) -> None:
        self._engine = create_async_engine(address)
        self._is_sqlite = address.startswith("sqlite")
        if self._is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _let_others_wait)

    async def open(self) -> None:
        """Make the tables that are missing."""
        async with self._engine.begin() as database:
            for table in _tables.sorted_tables:
                await database.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    await database.execute(CreateIndex(index, if_not_exists=True))

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
        id, day = token_urlsafe(12), datetime.now(UTC).date().isoformat()
        of_day = (accounts.c.tenant == tenant.name, accounts.c.day == day)
        total = accounts.c.spent_usd + accounts.c.held_usd + tenant.run_usd
        # Asked and held in one statement, so that two runs are never granted the same dollars.
        hold = update(accounts).where(*of_day, total <= tenant.budget_usd)
        hold = hold.values(held_usd=accounts.c.held_usd + tenant.run_usd)
        made = (sqlite if self._is_sqlite else postgresql).insert(accounts)
        async with self._engine.begin() as database:
            if not (await database.execute(hold)).rowcount:  # over budget, or the first run of the day
                await database.execute(made.values(tenant=tenant.name, day=day).on_conflict_do_nothing())
                if not (await database.execute(hold)).rowcount:
                    account = (await database.execute(select(accounts).where(*of_day))).mappings().one()
                    raise OverBudget(
                        f"{tenant.name} is over its budget of ${tenant.budget_usd:g} a day: "
                        f"${account['spent_usd']:.4f} is spent, ${account['held_usd']:.4f} is held for runs "
                        f"that are not over, and a run may cost ${tenant.run_usd:g}; wait for other runs, or "
                        "until 00:00 UTC"
                    )
            run = {"id": id, "tenant": tenant.name, "given": dict(given), "day": day}
            first = {"status": "waiting", "created": time.time(), "held_usd": tenant.run_usd}
            await database.execute(insert(runs).values(**run, **first))
        return id

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
        asked = select(runs.c.tenant, func.count()).where(*_free()).group_by(runs.c.tenant)
        async with self._engine.connect() as database:
            return {row[0]: row[1] for row in await database.execute(asked)}

    async def take(self, owner: str, until: float, tenant: str, most: int) -> Sequence[RowMapping]:
        """Take over runs of a tenant that wait, and those whose process is gone."""
        first = select(runs.c.id).where(runs.c.tenant == tenant, *_free())
        oldest = first.order_by(runs.c.created).limit(most).scalar_subquery()
        # Asked again outside: of two processes that found the same run, the second one finds it taken.
        taken = update(runs).where(runs.c.id.in_(oldest), *_free())
        values = {"owner": owner, "lease_until": until, "status": "running"}
        async with self._engine.begin() as database:
            return (await database.execute(taken.values(**values).returning(runs))).mappings().all()

    async def renew(self, owner: str, until: float, usd: Mapping[str, float]) -> dict[str, bool]:
        """Keep runs of a process, note what each has cost; return those kept, and whether one is unwanted."""
        mine = update(runs).where(runs.c.owner == owner, runs.c.id.in_(usd))
        noted = case(dict(usd), value=runs.c.id)
        renewed = mine.values(lease_until=until, usd=noted).returning(runs.c.id, runs.c.is_unwanted)
        async with self._engine.begin() as database:
            return {id: bool(unwanted) for id, unwanted in await database.execute(renewed)}

    async def leave(self, id: str, by: str | None, **values: Any) -> RowMapping | None:
        """Let go of a run, changed, if it is still owned so; if it is over, book what it has cost."""
        mine = update(runs).where(runs.c.id == id, runs.c.owner.is_not_distinct_from(by))
        left = mine.where(runs.c.status.in_(UNFINISHED)).values(owner=None, **values).returning(runs)
        async with self._engine.begin() as database:
            row = (await database.execute(left)).mappings().one_or_none()
            if row is not None and row["status"] in OVER:
                of_day = (accounts.c.tenant == row["tenant"], accounts.c.day == row["day"])
                booked = {
                    "held_usd": accounts.c.held_usd - row["held_usd"],
                    "spent_usd": accounts.c.spent_usd + row["usd"],
                }
                await database.execute(update(accounts).where(*of_day).values(**booked))
            return row

    async def answer(self, id: str, answer: Mapping[str, Any]) -> bool:
        """Let a run that asks go on with an answer; return whether it still asked."""
        asking = update(runs).where(runs.c.id == id, runs.c.status == "asking")
        async with self._engine.begin() as database:
            return (await database.execute(asking.values(status="waiting", answer=dict(answer)))).rowcount > 0

    async def cancel(self, id: str) -> None:
        """Note that nobody wants a run any more, for the process that runs it."""
        async with self._engine.begin() as database:
            await database.execute(update(runs).where(runs.c.id == id).values(is_unwanted=True))


def _free() -> Iterable[Any]:
    """Return the conditions of runs that a process may take."""
    unfinished = runs.c.status.in_(("waiting", "running"))
    return unfinished, or_(runs.c.owner.is_(None), runs.c.lease_until < time.time())


def _let_others_wait(connection: Any, _: Any) -> None:
    """Let SQLite wait while another connection writes, and readers go on meanwhile."""
    for setting in ("journal_mode = WAL", "busy_timeout = 30000", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {setting}")
