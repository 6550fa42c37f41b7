"""Runs and what tenants have spent, in SQLite or PostgreSQL."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial, wraps
from secrets import token_urlsafe
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
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
    Column("taken", Integer, nullable=False, default=0),  # how often a process took it over
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


THREADS = 8
"""In which a process asks PostgreSQL."""
T, P = TypeVar("T"), ParamSpec("P")


def _in_thread(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], Awaitable[T]]:
    """Let a method run in a thread of its store: one trip for all of its statements."""

    @wraps(method)
    async def there(self: Any, *args: P.args, **options: P.kwargs) -> T:
        do = partial(method, self, *args, **options)
        return await asyncio.get_running_loop().run_in_executor(self._threads, do)

    return there


class OverBudget(Exception):
    """What is left of a tenant's day is less than a run may cost."""


class Store:
    """The tables of the service.

    Args:
        address: of the database, as SQLAlchemy takes it.
    """

    def __init__(self, address: str) -> None:
        self._is_sqlite = address.startswith("sqlite")
        self._engine = create_engine(address)
        # In SQLite one writes at a time, and of those that wait any may be the next: here they take turns.
        self._threads = ThreadPoolExecutor(1 if self._is_sqlite else THREADS, "store")
        if self._is_sqlite:
            event.listen(self._engine, "connect", _let_others_wait)

    @_in_thread
    def open(self) -> None:
        """Make the tables that are missing."""
        with self._engine.begin() as database:
            for table in _tables.sorted_tables:
                database.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    database.execute(CreateIndex(index, if_not_exists=True))

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    @_in_thread
    def check(self) -> None:
        """Raise what is wrong with the database, if anything is."""
        with self._engine.connect() as database:
            database.execute(select(1))

    @_in_thread
    def create(self, tenant: Tenant, given: Mapping[str, Any]) -> str:
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
        with self._engine.begin() as database:
            if not database.execute(hold).rowcount:  # over budget, or the first run of the day
                database.execute(made.values(tenant=tenant.name, day=day).on_conflict_do_nothing())
                if not database.execute(hold).rowcount:
                    account = database.execute(select(accounts).where(*of_day)).mappings().one()
                    raise OverBudget(
                        f"{tenant.name} is over its budget of ${tenant.budget_usd:g} a day: "
                        f"${account['spent_usd']:.4f} is spent, ${account['held_usd']:.4f} is held for runs "
                        f"that are not over, and a run may cost ${tenant.run_usd:g}; wait for other runs, or "
                        "until 00:00 UTC"
                    )
            run = {"id": id, "tenant": tenant.name, "given": dict(given), "day": day}
            first = {"status": "waiting", "created": time.time(), "held_usd": tenant.run_usd}
            database.execute(insert(runs).values(**run, **first))
        return id

    @_in_thread
    def get(self, tenant: str, id: str) -> RowMapping | None:
        """Return a run of a tenant; None if they have none of this id."""
        with self._engine.connect() as database:
            found = database.execute(select(runs).where(runs.c.tenant == tenant, runs.c.id == id))
            return found.mappings().one_or_none()

    @_in_thread
    def latest(self, tenant: str, most: int = 50) -> Sequence[RowMapping]:
        """Return the runs of a tenant, the latest first."""
        columns = (runs.c.id, runs.c.status, runs.c.created, runs.c.usd)
        asked = select(*columns).where(runs.c.tenant == tenant).order_by(runs.c.created.desc()).limit(most)
        with self._engine.connect() as database:
            return database.execute(asked).mappings().all()

    @_in_thread
    def waiting(self) -> dict[str, int]:
        """Return how many runs wait for a process, by tenant."""
        asked = select(runs.c.tenant, func.count()).where(*_free()).group_by(runs.c.tenant)
        with self._engine.connect() as database:
            return {row[0]: row[1] for row in database.execute(asked)}

    @_in_thread
    def take(self, owner: str, until: float, tenant: str, most: int) -> Sequence[RowMapping]:
        """Take over runs of a tenant that wait, and those whose process is gone."""
        first = select(runs.c.id).where(runs.c.tenant == tenant, *_free())
        oldest = first.order_by(runs.c.created).limit(most).scalar_subquery()
        # Asked again outside: of two processes that found the same run, the second one finds it taken.
        taken = update(runs).where(runs.c.id.in_(oldest), *_free())
        values = {"owner": owner, "lease_until": until, "status": "running", "taken": runs.c.taken + 1}
        with self._engine.begin() as database:
            return database.execute(taken.values(**values).returning(runs)).mappings().all()

    @_in_thread
    def renew(
        self, owner: str, until: float, ids: Iterable[str], usd: Mapping[str, float]
    ) -> dict[str, bool]:
        """Keep runs of a process; return those kept, and whether one is unwanted.

        Args:
            owner: the process.
            until: when their lease ends.
            ids: of the runs.
            usd: what runs have cost, by id, as far as that has changed.
        """
        mine = update(runs).where(runs.c.owner == owner)
        renewed = mine.where(runs.c.id.in_(list(ids))).values(lease_until=until)
        noted = mine.where(runs.c.id == bindparam("run")).values(usd=bindparam("cost"))
        with self._engine.begin() as database:
            found = database.execute(renewed.returning(runs.c.id, runs.c.is_unwanted))
            kept = {id: bool(unwanted) for id, unwanted in found}
            if usd:
                database.execute(noted, [{"run": id, "cost": cost} for id, cost in usd.items()])
            return kept

    @_in_thread
    def leave(self, id: str, by: str | None, **values: Any) -> RowMapping | None:
        """Let go of a run, changed, if it is still owned so; if it is over, book what it has cost."""
        mine = update(runs).where(runs.c.id == id, runs.c.owner.is_not_distinct_from(by))
        left = mine.where(runs.c.status.in_(UNFINISHED)).values(owner=None, **values).returning(runs)
        with self._engine.begin() as database:
            row = database.execute(left).mappings().one_or_none()
            if row is not None and row["status"] in OVER:
                of_day = (accounts.c.tenant == row["tenant"], accounts.c.day == row["day"])
                booked = {
                    "held_usd": accounts.c.held_usd - row["held_usd"],
                    "spent_usd": accounts.c.spent_usd + row["usd"],
                }
                database.execute(update(accounts).where(*of_day).values(**booked))
            return row

    @_in_thread
    def answer(self, id: str, answer: Mapping[str, Any]) -> bool:
        """Let a run that asks go on with an answer; return whether it still asked."""
        asking = update(runs).where(runs.c.id == id, runs.c.status == "asking")
        with self._engine.begin() as database:
            return database.execute(asking.values(status="waiting", answer=dict(answer))).rowcount > 0

    @_in_thread
    def cancel(self, id: str) -> None:
        """Note that nobody wants a run any more, for the process that runs it."""
        with self._engine.begin() as database:
            database.execute(update(runs).where(runs.c.id == id).values(is_unwanted=True))


def _free() -> Iterable[Any]:
    """Return the conditions of runs that a process may take."""
    unfinished = runs.c.status.in_(("waiting", "running"))
    return unfinished, or_(runs.c.owner.is_(None), runs.c.lease_until < time.time())


def _let_others_wait(connection: Any, _: Any) -> None:
    """Let SQLite wait while another connection writes, and readers go on meanwhile."""
    for setting in ("journal_mode = WAL", "busy_timeout = 30000", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {setting}")
