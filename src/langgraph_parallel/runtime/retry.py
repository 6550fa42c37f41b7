"""The one retry layer: what is retried, how often, and after how long."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import tenacity

from langgraph_parallel.errors import DeadlineExceeded
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.emitting import tell
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.waits import retry_after

_LONGEST_BACKOFF = 30.0
_USED_UP = "_langgraph_parallel_used_up"


class AskAgain(Exception):
    """The request was refused for what it need not have; without that, it is worth asking at once.

    Attributes:
        usage: tokens that it took.
    """

    def __init__(self, message: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage or Usage()


class Retrying:
    """The attempts of one call, to be entered one after another; the last error is raised.

    Example:
        >>> async def ask(limits, send):
        ...     async for attempt in retrying(limits):
        ...         with attempt:
        ...             return await send(attempt.number)
    """

    __slots__ = (
        "_attempts",
        "_is_retried",
        "_limits",
        "_rest",
        "_waiting",
        "number",
    )

    def __init__(
        self,
        limits: Limits,
        waiting: Callable[[], AbstractContextManager[None]],
        is_retried: Callable[[BaseException], bool],
    ) -> None:
        self._limits, self._waiting, self._is_retried = limits, waiting, is_retried
        self._attempts: Attempts | None = None
        self._rest: float | None = None
        """Seconds before the next attempt; None if there is none."""
        self.number = 0
        """1 for the first attempt."""

    def __aiter__(self) -> "Retrying":
        return self

    async def __anext__(self) -> "Retrying":
        if self.number:
            if self._rest is None:
                raise StopAsyncIteration
            with self._waiting():
                if self._rest:
                    tell("waiting", on="retry", seconds=self._rest)
                await asyncio.sleep(self._rest)
            if self._rest:
                tell("working")
        self.number, self._rest = self.number + 1, None
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Keep an error to oneself if there is another attempt."""
        if error is None or not is_retried(error, self._limits, self._is_retried):
            return False
        if self._attempts is None:  # nearly all calls need one attempt
            self._attempts = Attempts(self._limits)
        self._rest = self._attempts.rest_after(error)
        return self._rest is not None


def retrying(
    limits: Limits,
    waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    is_retried: Callable[[BaseException], bool] | None = None,
) -> Retrying:
    """Return the loop that runs one call, and repeats it within `limits`.

    Only these are retried: 429, overload, 5xx, broken connections, truncated bodies and timeouts. 429, 503
    and 529 say "later", so they are not failed attempts: the call stays in line for up to `limits.patience`.
    An endpoint that sends `x-should-retry` is obeyed instead: "false" ends the call, "true" repeats it.
    A Retry-After is obeyed; the limiter makes all other calls pause as well, and lets one go first. Without
    one the pause doubles from `limits.backoff` up to 30 s, with jitter between half of it and all of it. A
    call to which an endpoint says more than `limits.retry_after_ceiling` fails; after that time, another
    call may find out whether it was meant.

    Args:
        limits: bounds of the call.
        waiting: context to enter while the call rests between two attempts.
        is_retried: says what is retried instead.
    """
    return Retrying(limits, waiting, is_retried or is_transient)


def retrying_blocking(limits: Limits, *, once: bool = False) -> tenacity.Retrying:
    """Return the same loop for sync code; it rests in its thread.

    Args:
        limits: bounds of the call.
        once: repeat nothing.
    """
    attempts = Attempts(limits)
    return tenacity.Retrying(
        stop=lambda state: attempts.are_over(_error_of(state)),
        retry=tenacity.retry_if_exception(lambda error: not once and is_retried(error, limits)),
        wait=lambda state: attempts.pause(_error_of(state)),
        reraise=True,
    )


class Attempts:
    """Counts the attempts of one call: answers that say "later" apart from failures.

    Args:
        limits: of the call.
        has_fallback: another model is asked if the call fails, so that overload is a failed attempt.
    """

    def __init__(self, limits: Limits, *, has_fallback: bool = False) -> None:
        self._limits = limits
        self._says_later = _says_throttled if has_fallback else _says_later
        self._failures = self._refusals = 0
        self._first_refused_at: float | None = None

    def rest_after(self, error: BaseException) -> float | None:
        """Return the seconds between an attempt that failed and the next one; None if it was the last."""
        return None if self.are_over(error) else self.pause(error)

    def are_over(self, error: BaseException | None) -> bool:
        """Return whether the attempt that failed was the last one; to be asked exactly once after each."""
        if isinstance(error, AskAgain):
            return False
        if error is None or not self._says_later(error):
            self._failures += 1
            return self._failures >= self._limits.attempts
        self._refusals += 1
        now = time.monotonic()
        if self._first_refused_at is None:
            self._first_refused_at = now
        return now - self._first_refused_at >= self._limits.patience

    def pause(self, error: BaseException | None) -> float:
        """Return the seconds until the next attempt."""
        if isinstance(error, AskAgain):
            return 0.0
        seconds_asked = retry_after(error) if error else None
        is_refused = error is not None and self._says_later(error)
        if is_refused and seconds_asked is not None:
            return seconds_asked  # without jitter: the limiter lets one call go first, then paces them
        count = max(1, self._refusals if is_refused else self._failures)
        backoff = min(_LONGEST_BACKOFF, self._limits.backoff * 2 ** (count - 1))
        return max(seconds_asked or 0.0, random.uniform(backoff / 2, backoff))  # noqa: S311 - jitter, not a secret


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def is_throttled(error: BaseException) -> bool:
    """Return whether the endpoint answered 429, and may be asked again later."""
    return classify(error).kind == "throttled"


def is_overloaded(error: BaseException) -> bool:
    """Return whether the endpoint is overloaded, regardless of this client: 503, and Anthropic's 529."""
    return classify(error).kind == "overloaded"


def is_timeout(error: BaseException) -> bool:
    """Return whether an answer did not come in time, by our limit or by a client's own."""
    return classify(error).kind == "timeout"


def is_transient(error: BaseException) -> bool:
    """Return whether the same request may succeed if it is repeated."""
    return classify(error).is_transient


def _says_later(error: BaseException) -> bool:
    return classify(error).says_later


def _says_throttled(error: BaseException) -> bool:
    """Return whether a call stays in line after an error although it has a fallback: after 429 alone."""
    failure = classify(error)
    return failure.kind == "throttled" and failure.says_later


def is_retried(
    error: BaseException, limits: Limits, retried: Callable[[BaseException], bool] = is_transient
) -> bool:
    """Return whether a request is repeated, if there is another attempt.

    Args:
        error: that it raised.
        limits: of the call.
        retried: says what is retried.
    """
    if isinstance(error, AskAgain):
        return True
    if isinstance(error, DeadlineExceeded):  # it is a timeout, and there is no more time
        return False
    return retried(error) and (retry_after(error) or 0.0) <= limits.retry_after_ceiling


def mark_used_up(error: BaseException) -> None:
    """Note with an error that a call has used up its attempts: code around it must not multiply them."""
    with contextlib.suppress(AttributeError):  # a class of others without room for it
        setattr(error, _USED_UP, True)


def is_used_up(error: BaseException) -> bool:
    """Return whether a call has used up its attempts with an error."""
    return bool(getattr(error, _USED_UP, False))
