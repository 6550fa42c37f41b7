"""The one retry layer: what is retried, how often, and after how long."""

import asyncio
import email.utils
import math
import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC

from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception

from langgraph_parallel.runtime.client_errors import is_connection_error, is_timeout_error
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.redact import root_cause

TRANSIENT_STATUS = frozenset({408, 409, 425, 429})
"""HTTP statuses below 500 that are retried: timeouts, conflicts, throttling. From 500 on, all are
transient except 501 (not implemented)."""
_LONGEST_BACKOFF = 30.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def retrying(
    limits: Limits, waiting: Callable[[], AbstractContextManager[None]] = nullcontext
) -> AsyncRetrying:
    """Return the loop that runs one call, and repeats it within `limits`.

    Only these are retried: 429, overload, 5xx, broken connections, truncated bodies and timeouts. A 429 says
    "later", so it is not a failed attempt: the call stays in line for up to `limits.patience`. A Retry-After
    is obeyed; the limiter makes all other calls pause as well, and lets them leave one by one. Without one
    the pause doubles from `limits.backoff` up to 30 s, with jitter between half of it and all of it. An
    endpoint that asks for more than `limits.retry_after_ceiling` is not asked again.

    Args:
        limits: bounds of the call.
        waiting: context to enter while the call rests between two attempts.
    """
    attempts = _Attempts(limits)

    async def rest(seconds: float) -> None:
        with waiting():
            await asyncio.sleep(seconds)

    return AsyncRetrying(
        stop=attempts.are_over,
        retry=retry_if_exception(lambda error: _is_retried(error, limits)),
        wait=attempts.pause,
        sleep=rest,
        reraise=True,
    )


def retrying_blocking(limits: Limits, *, once: bool = False) -> Retrying:
    """Return the same loop for sync code; it rests in its thread.

    Args:
        limits: bounds of the call.
        once: repeat nothing.
    """
    attempts = _Attempts(limits)
    return Retrying(
        stop=attempts.are_over,
        retry=retry_if_exception(lambda error: not once and _is_retried(error, limits)),
        wait=attempts.pause,
        reraise=True,
    )


class _Attempts:
    """Counts the attempts of one call: answers of 429 apart from failures."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._failures = self._refusals = 0
        self._first_refused_at: float | None = None

    def are_over(self, state: RetryCallState) -> bool:
        """Return whether this was the last attempt; tenacity asks exactly once after each."""
        error = state.outcome.exception() if state.outcome else None
        if error is None or not is_throttled(error):
            self._failures += 1
            return self._failures >= self._limits.attempts
        self._refusals += 1
        now = time.monotonic()
        if self._first_refused_at is None:
            self._first_refused_at = now
        return now - self._first_refused_at >= self._limits.patience

    def pause(self, state: RetryCallState) -> float:
        """Return the seconds until the next attempt."""
        error = state.outcome.exception() if state.outcome else None
        seconds_asked = retry_after(error) if error else None
        is_refused = error is not None and is_throttled(error)
        if is_refused and seconds_asked is not None:
            return seconds_asked  # without jitter: the limiter lets the calls leave one by one
        count = max(1, self._refusals if is_refused else self._failures)
        backoff = min(_LONGEST_BACKOFF, self._limits.backoff * 2 ** (count - 1))
        return max(seconds_asked or 0.0, random.uniform(backoff / 2, backoff))  # noqa: S311 - jitter, not a secret


def is_throttled(error: BaseException) -> bool:
    """Return whether the endpoint answered 429, and may be asked again later."""
    return _status(error) == 429 and is_transient(error)


def is_overloaded(error: BaseException) -> bool:
    """Return whether the endpoint is overloaded, regardless of this client: 503, and Anthropic's 529."""
    return _status(error) in {503, 529}


def is_timeout(error: BaseException) -> bool:
    """Return whether an answer did not come in time, by our limit or by a client's own."""
    if isinstance(error, TimeoutError):
        return True
    # Some clients report a refused connection as a timeout; the operating system's error below tells.
    root = root_cause(error)
    is_refused = isinstance(root, OSError) and not isinstance(root, TimeoutError)
    return not is_refused and is_timeout_error(error)


def is_transient(error: BaseException) -> bool:
    """Return whether the same request may succeed if it is repeated."""
    if getattr(error, "code", None) == "insufficient_quota":  # a 429 of OpenAI that no waiting cures
        return False
    status = _status(error)
    if status is not None and status >= 400:
        return status in TRANSIENT_STATUS or (status >= 500 and status != 501)
    return is_connection_error(error)


def retry_after(error: BaseException, now: float | None = None) -> float | None:
    """Return the seconds that the endpoint asks to wait, or None if it does not say.

    Reads `retry-after` (RFC 9110, 10.2.3: seconds or a date) and OpenAI's `retry-after-ms`.

    Args:
        error: may carry a response with headers.
        now: seconds since the epoch; None for the current time.
    """
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", None) or {}
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    if (seconds := _seconds(value)) is not None:
        return seconds
    try:
        moment = email.utils.parsedate_to_datetime(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # asctime dates are GMT (5.6.7)
        return max(0.0, moment.timestamp() - (time.time() if now is None else now))
    except (ValueError, OverflowError):
        return None


def reset_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until an exhausted endpoint has something left again; None if it is not exhausted.

    Reads `x-ratelimit-remaining-requests` and `-tokens` with their `-reset-` (OpenAI: `6m0s`, `120ms`), and
    the same without a kind (many gateways: seconds). If both kinds are used up, the later reset counts.
    """
    resets = [
        _duration(headers.get(f"x-ratelimit-reset{kind}", ""))
        for kind in ("-requests", "-tokens", "")
        if headers.get(f"x-ratelimit-remaining{kind}", "").strip() in {"0", "0.0"}
    ]
    return max((seconds for seconds in resets if seconds is not None), default=None)


def _duration(text: str) -> float | None:
    """Return the seconds of `1h2m3.5s`, `120ms` or a plain number; None for anything else."""
    if (seconds := _seconds(text)) is not None:
        return seconds
    parts = re.findall(r"([\d.]+)(ms|[smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    numbers = [(_seconds(number), unit) for number, unit in parts]
    return sum(number * _UNITS[unit] for number, unit in numbers if number is not None)


def _is_retried(error: BaseException, limits: Limits) -> bool:
    return is_transient(error) and (retry_after(error) or 0.0) <= limits.retry_after_ceiling


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None) or getattr(
        getattr(error, "response", None), "status_code", None
    )
    return status if isinstance(status, int) else None


def _seconds(value: str | None) -> float | None:
    """Return a finite number as seconds, at least 0; None for anything else."""
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
