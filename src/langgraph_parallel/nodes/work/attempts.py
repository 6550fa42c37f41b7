"""Attempts: what bounds a worker of the caller's: its time, how often it is tried, and how many at a time.

Model calls below it have limits of their own, and are not concerned.
"""

import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Set
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cached_property
from typing import Any
from uuid import uuid4

from langgraph_parallel.errors import DeadlineExceeded, FanOutError, Handoff, KeptBack, NotStarted, UsageError
from langgraph_parallel.records import Call
from langgraph_parallel.runtime.bound import BranchEnded, current_bound
from langgraph_parallel.runtime.emitting import tell
from langgraph_parallel.runtime.limiter import Limiter
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.own_time import own_time
from langgraph_parallel.runtime.people import is_for_langgraph
from langgraph_parallel.runtime.recording import current_recording, record
from langgraph_parallel.runtime.retry import is_throttled, is_transient, is_used_up, retrying
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.slots import Rates

RetryOn = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
"""What is tried again: a type of exception, several, or a function of the exception."""

_HELD = frozenset({"call_timeout", "attempts", "concurrency", "requests_per_minute"})
"""Limits that hold for workers of the caller's where somebody sets them; the defaults are for requests."""
_FINAL = (NotStarted, KeptBack, Handoff, DeadlineExceeded, FanOutError, BranchEnded)
"""What no further attempt can change, or must not."""
_slots: ContextVar[frozenset[int]] = ContextVar("slots", default=frozenset())
"""The workers whose slots this code holds: one that calls itself must not wait for itself."""


class Attempts:
    """What bounds one worker, in all runs of the process.

    Args:
        limits: of the worker itself; those of the run hold as well, field by field, where they are set.
        retry_on: what is tried again; None for what may be gone the next time: 429, 5xx, broken connections,
            timeouts.

    Raises:
        UsageError: `retry_on` is neither types of exceptions nor a function.
    """

    def __init__(self, limits: Limits | None = None, retry_on: RetryOn | None = None) -> None:
        self._limits, self._retry_on = limits, _as_predicate(retry_on)

    @cached_property
    def _limiter(self) -> Limiter:
        """Whose slots the worker takes; not built for a worker whose number of calls nobody limits."""
        return Limiter()

    async def make(self, work: Callable[[], Awaitable[Any]], name: str) -> Any:
        """Do the work within the limits, again if it fails for a reason that may be gone.

        Args:
            work: does it once.
            name: of the worker, for the records of attempts that failed.

        Raises:
            TimeoutError: no result in time.
            Exception: the worker's own, of the last attempt.
        """
        run = current_run()
        limits = run.limits_for(self._limits)
        held = limits.model_fields_set & _HELD | ({"attempts"} if self._retry_on else set())
        if not held:
            return await work()
        bound = current_bound()
        waiting = nullcontext if bound is None else bound.waiting
        attempts = limits if "attempts" in held else limits.model_copy(update={"attempts": 1, "patience": 0})
        async for attempt in retrying(attempts, waiting, self._is_retried):
            number = attempt.number
            with attempt:
                if number > 1:
                    run.check()
                async with self._slot(limits, held, run, waiting):
                    with _recorded(name, number):
                        async with own_time(limits.call_timeout if "call_timeout" in held else None, bound):
                            return await work()
        raise AssertionError("the last error is raised")  # pragma: no cover

    @asynccontextmanager
    async def _slot(
        self,
        limits: Limits,
        held: Set[str],
        run: Run,
        waiting: Callable[[], AbstractContextManager[None]],
    ) -> AsyncIterator[None]:
        """Hold one of the worker's slots, and learn from a 429 of what the worker calls."""
        if not held & {"concurrency", "requests_per_minute"} or id(self) in _slots.get():
            yield
            return
        rates = Rates(
            limits.concurrency if "concurrency" in held else 2**31,
            limits.requests_per_minute,
            longest_pause=limits.retry_after_ceiling,
        )
        waits: list[str] = []

        def on_wait(on: str) -> None:
            waits.append(on)
            tell("waiting", on=on)

        with waiting():
            slot = await self._limiter.acquire(rates, run=run.line, priority=run.priority, on_wait=on_wait)
        if waits:
            tell("working")
        token = _slots.set(_slots.get() | {id(self)})
        answered = False
        try:
            yield
            answered = True
        except Exception as error:
            self._limiter.learn(slot, error)
            raise
        finally:
            _slots.reset(token)
            self._limiter.release(slot, answered=answered)

    def _is_retried(self, error: BaseException) -> bool:
        if not isinstance(error, Exception) or _is_final(error) or is_used_up(error):
            return False
        return is_transient(error) if self._retry_on is None else self._retry_on(error)


def _is_final(error: Exception) -> bool:
    """Return whether no further attempt follows: a worker that asks a person is not asked again, either."""
    return isinstance(error, _FINAL) or is_for_langgraph(error)


@contextmanager
def _recorded(name: str, number: int) -> Iterator[None]:
    """Record an attempt that fails, unless model calls show it."""
    started, before = time.time(), len(current_recording() or ())
    try:
        yield
    except Exception as error:
        if not _is_final(error) and len(current_recording() or ()) == before:
            record(
                Call(
                    id=str(uuid4()),
                    kind="worker",
                    target=name,
                    started=started,
                    ended=time.time(),
                    attempt=number,
                    ok=False,
                    throttled=is_throttled(error),
                )
            )
        raise


_by_worker: dict[int, Attempts] = {}


def are_limited() -> bool:
    """Return whether any limit is set that holds for workers that have none of their own."""
    return not _HELD.isdisjoint(current_run().limits.model_fields_set)


def attempts_of(worker: object) -> Attempts:
    """Return what bounds a worker that has no limits of its own: always the same for the same object."""
    found = _by_worker.get(id(worker))
    if found is None:
        weakref.finalize(worker, _by_worker.pop, id(worker), None).atexit = False
        found = _by_worker.setdefault(id(worker), Attempts())
    return found


def _as_predicate(retry_on: Any) -> Callable[[Exception], bool] | None:
    kinds = retry_on if isinstance(retry_on, tuple) else (retry_on,)
    if retry_on is None:
        return None
    if kinds and all(isinstance(kind, type) and issubclass(kind, Exception) for kind in kinds):
        return lambda error: isinstance(error, kinds)
    if not callable(retry_on) or isinstance(retry_on, type):
        raise UsageError(
            f"retry_on is {retry_on!r}; expected a type of exception, a tuple of types, or a function that "
            "gets the exception and returns whether to try again"
        )
    return lambda error: bool(retry_on(error))
