"""A Dask cluster: reached by address, or started on this machine; and whether it can run our chunks."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.line.dask_line import PACKAGE

if TYPE_CHECKING:
    from distributed import Client, LocalCluster, Security

CONNECT_SECONDS = 8.0
"""How long a scheduler may take to answer."""
_CLOSE_SECONDS = 5.0
_INSTALL = "pip install 'langgraph-parallel[dask]'"


class Cluster:
    """The scheduler and the workers that chunks are sent to.

    Args:
        where: number of workers to start on this machine, address of a scheduler, or a client of one; None
            for as many workers as this machine has processors. A client of the caller is asked only where
            its scheduler is: it may live on another event loop.
    """

    def __init__(self, where: "int | str | Client | None") -> None:
        if where is None:
            where = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._workers = where if isinstance(where, int) else 0
        self._address = where if isinstance(where, str) else ""
        self._given = None if isinstance(where, int | str) else where
        self._started: LocalCluster | None = None
        self._client: Client | None = None

    @property
    def name(self) -> str:
        """As a person reads it."""
        if self._workers:
            return f"Dask, {self._workers} worker{'s' * (self._workers > 1)} on this machine"
        return f"Dask at {self._address or _address_of(self._given)}"

    @property
    def client(self) -> "Client":
        """The connection; it lives on the event loop that opened it."""
        assert self._client is not None, "the cluster is not open"
        return self._client

    def dashboard(self, port: int) -> str:
        """Return the address of the dashboard, as Dask's configuration has it: `distributed.dashboard.link`.

        Args:
            port: where the scheduler serves it; 0 if it does not, and the address is empty.
        """
        from distributed.utils import format_dashboard_link

        host = _address_of(self.client).rpartition("://")[2].rpartition(":")[0]
        with contextlib.suppress(KeyError):  # a variable of the environment that is not set
            return str(format_dashboard_link(host, port)) if port else ""
        return ""

    async def open(self) -> None:
        """Start or reach the cluster, and check that its members have this version of the package.

        Raises:
            UsageError: `distributed` is not installed, the scheduler does not answer within 8 seconds, or a
                member lacks the package or has another version of it.
        """
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise UsageError(f"the engine 'dask' needs the package distributed: {_INSTALL}") from None
        try:
            self._client = await (self._start() if self._workers else self._connect())
            asked: Any = self._client.get_versions(packages=[PACKAGE])
            _check_versions(await asked)
        except BaseException:
            await self.close()
            raise

    async def _start(self) -> "Client":
        from distributed import Client, LocalCluster

        try:
            self._started = await LocalCluster(
                n_workers=self._workers,
                threads_per_worker=1,
                processes=True,
                asynchronous=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # without bokeh too: else it may find its port taken
                worker_dashboard_address=None,
                silence_logs=logging.ERROR,
                preload="langgraph_parallel.scale.engines.dask_worker",
            )
        except RuntimeError as error:
            raise UsageError(
                f"the workers of Dask could not be started ({error}); a program that starts them must be "
                'importable: put its calls below `if __name__ == "__main__":`'
            ) from error
        client = Client(self._started, asynchronous=True, set_as_default=False)
        await client
        return client

    async def _connect(self) -> "Client":
        from distributed import Client

        address = self._address or _address_of(self._given)
        security: Security | None = getattr(self._given, "security", None)
        client = Client(address, asynchronous=True, security=security, set_as_default=False)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):  # Dask itself waits for ever for a first word
                await client
                return client
        except (OSError, TimeoutError, ValueError, TypeError) as error:
            await _close(client, at_once=True)
            raise UsageError(
                f"no Dask scheduler answers at {address} ({_reason(error)}); check the address, and that "
                "`dask scheduler` runs there" + _about_tls(address)
            ) from error

    async def close(self, *, at_once: bool = False) -> None:
        """Close the connection, and end what was started.

        Args:
            at_once: whether the scheduler is gone, so that there is nobody to take leave of.
        """
        client, self._client = self._client, None
        started, self._started = self._started, None
        if client is not None:
            await _close(client, at_once=at_once)
        if started is not None:
            await started.__aexit__(None, None, None)


async def _close(client: "Client", *, at_once: bool) -> None:
    """Close a connection, whatever has become of the scheduler."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            with _quiet() if at_once else contextlib.nullcontext():
                await client.__aexit__(OSError if at_once else None, None, None)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep a client from telling, as an error with its stack, that it tries to connect again no longer."""
    log = logging.getLogger("distributed.client")

    def is_told(record: logging.LogRecord) -> bool:
        return False

    log.addFilter(is_told)
    try:
        yield
    finally:
        log.removeFilter(is_told)


def _address_of(client: "Client | None") -> str:
    scheduler = getattr(client, "scheduler", None)
    if scheduler is None:
        raise UsageError("the Dask client is closed; give one that is connected, or the scheduler's address")
    return str(scheduler.address)


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"not within {CONNECT_SECONDS:g} seconds"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _about_tls(address: str) -> str:
    if not address.startswith("tls://"):
        return ""
    return "; certificates are read of Dask's configuration: distributed.comm.tls"


def _check_versions(versions: Mapping[str, Any]) -> None:
    """Raise an error if the scheduler or a worker cannot run this version's chunks."""
    ours = _version(versions["client"])
    members = {"the scheduler": versions["scheduler"]}
    members |= {f"worker {name}": told for name, told in versions["workers"].items()}
    problems = []
    for member, told in members.items():
        theirs = _version(told)
        if theirs != ours:
            problems.append(f"{member} has " + (f"version {theirs}" if theirs else "none"))
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UsageError(
            f"langgraph-parallel {ours} has to be installed on the scheduler and on all workers of Dask: "
            f"{', '.join(problems[:3])}{more}; {_INSTALL.replace('[dask]', f'[dask]=={ours}')}"
        )


def _version(told: Mapping[str, Any]) -> str | None:
    version: str | None = told["packages"].get(PACKAGE)
    return version
