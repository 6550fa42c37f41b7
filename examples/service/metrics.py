"""Numbers of a process for Prometheus, from the events of its runs."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)

from langgraph_parallel.records.events import Event

disable_created_metrics()


class Metrics:
    """Calls, refusals, cost, branches and runs; of all processes, if `PROMETHEUS_MULTIPROC_DIR` is set."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        self._calls = Counter("service_calls", "Requests to models.", ["tenant", "model", "ok"], registry=own)
        self._refusals = Counter("service_refusals", "Answers of 429.", ["model"], registry=own)
        self._usd = Counter("service_cost_usd", "US dollars.", ["tenant"], registry=own)
        self._branches = Counter("service_branches", "Branches that have ended.", ["status"], registry=own)
        self._ended = Counter("service_runs", "Runs that have ended.", ["tenant", "status"], registry=own)
        self._waits = Counter("service_waits", "Times that a branch or a call waited.", ["on"], registry=own)
        self._running = Gauge(
            "service_running", "Runs in progress.", ["tenant"], registry=own, multiprocess_mode="livesum"
        )

        self._waiting = Gauge(
            "service_waiting", "Runs in line.", ["tenant"], registry=own, multiprocess_mode="mostrecent"
        )

    @contextmanager
    def running(self, tenant: str) -> Iterator[None]:
        """Count a run in progress."""
        with self._running.labels(tenant).track_inprogress():
            yield

    def ended(self, tenant: str, status: str) -> None:
        """Count a run that has ended."""
        self._ended.labels(tenant, status).inc()

    def count(self, tenant: str, event: Event) -> None:
        """Count an event."""
        if event.event == "called" and event.kind == "model" and event.counted:
            self._calls.labels(tenant, event.target, str(event.ok).lower()).inc()
            if event.throttled:
                self._refusals.labels(event.target).inc()
            if event.usd:
                self._usd.labels(tenant).inc(event.usd)
        elif event.event == "ended":
            self._branches.labels(event.status).inc()
        elif event.event == "waiting":
            self._waits.labels(event.on).inc()

    def text(self, waiting: Mapping[str, int]) -> bytes:
        """Return them in Prometheus' text format.

        Args:
            waiting: runs in line, by tenant; of all tenants, or what it was would stay.
        """
        for tenant, number in waiting.items():
            self._waiting.labels(tenant).set(number)
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)
        return generate_latest(together)
