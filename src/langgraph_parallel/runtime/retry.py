"""The one retry layer: what is tried again, how often, and after how long."""

import asyncio
import email.utils
import math
import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.redact import root_cause

TRANSIENT_STATUS = frozenset({408, 409, 425, 429})
"""HTTP answers below 500 that a second request may not get: time-outs, conflicts, throttling. Of those
from 500 on, only 501 (not implemented) is final."""
_CONNECTION = frozenset(
    {
        "APIConnectionError",
        "APIResponseValidationError",
        "ClientConnectionError",
        "ClientPayloadError",
        "JSONDecodeError",
        "TransportError",
    }
)
"""Errors of HTTP clients for a connection that broke or a body that was cut, by the name of a class or of
one that it derives from: the clients themselves need not be installed."""
_LONGEST_PAUSE = 30.0


def retrying(
    limits: Limits, waiting: Callable[[], AbstractContextManager[None]] = nullcontext
) -> AsyncRetrying:
    """Make the loop that runs one call, and runs it again as `limits` allow.

    429 and overload, 5xx, broken connections, cut bodies and time-outs are tried again; nothing else is. An
    answer of 429 says "later", so it is no failed attempt: such a call stays in line for as long as
    `limits.patience`. A Retry-After is obeyed; the limiter has everybody else pause as well, and lets nobody
    come back at the same moment. Else the pause doubles from `limits.backoff` to 30 s, drawn between half
    of it and all of it. A server that asks for more than `limits.retry_after_ceiling` is not asked again.

    Args:
        limits: that bound it.
        waiting: entered while a call rests between two attempts.
    """
    tries = _Tries(limits)

    async def rest(seconds: float) -> None:
        with waiting():
            await asyncio.sleep(seconds)

    return AsyncRetrying(
        stop=tries.are_over,
        retry=retry_if_exception(lambda error: _worth_it(error, limits)),
        wait=tries.pause,
        sleep=rest,
        reraise=True,
    )


class _Tries:
    """Counts the attempts of one call; refusals apart from failures."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._failures = self._refusals = 0
        self._refused_at: float | None = None

    def are_over(self, state: RetryCallState) -> bool:
        """Whether this was the last attempt; asked once after each."""
        error = state.outcome.exception() if state.outcome else None
        if error is None or not is_throttled(error):
            self._failures += 1
            return self._failures >= self._limits.attempts
        self._refusals += 1
        now = time.monotonic()
        self._refused_at = now if self._refused_at is None else self._refused_at
        return now - self._refused_at >= self._limits.patience

    def pause(self, state: RetryCallState) -> float:
        """Seconds until the next attempt."""
        error = state.outcome.exception() if state.outcome else None
        asked = retry_after(error) if error else None
        refused = error is not None and is_throttled(error)
        if refused and asked is not None:
            return asked  # without jitter: the limiter lets them leave one by one
        count = max(1, self._refusals if refused else self._failures)
        pause = min(_LONGEST_PAUSE, self._limits.backoff * 2 ** (count - 1))
        return max(asked or 0.0, random.uniform(pause / 2, pause))  # noqa: S311 - jitter, not a secret


def is_throttled(error: BaseException) -> bool:
    """Whether the endpoint answered 429, and means that it may be asked again later."""
    return _status(error) == 429 and is_transient(error)


def is_overloaded(error: BaseException) -> bool:
    """Whether the endpoint has too much to do, for whomever: 503, and 529 as Anthropic has it."""
    return _status(error) in {503, 529}


def is_timeout(error: BaseException) -> bool:
    """Whether an answer did not come in time, by our limit or by a client's own."""
    if isinstance(error, TimeoutError):
        return True
    root = root_cause(error)
    refused = isinstance(root, OSError) and not isinstance(
        root, TimeoutError
    )  # some clients call that a timeout
    return not refused and any("Timeout" in kind.__name__ for kind in type(error).__mro__)


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed when it is made again."""
    if _body_code(error) == "insufficient_quota":
        return False
    status = _status(error)
    if status is not None and status >= 400:
        return status in TRANSIENT_STATUS or (status >= 500 and status != 501)
    if isinstance(error, TimeoutError | ConnectionError):
        return True
    return any(kind.__name__ in _CONNECTION for kind in type(error).__mro__)


def retry_after(error: BaseException, now: float | None = None) -> float | None:
    """Seconds that the server asks to wait (RFC 9110, 10.2.3; `retry-after-ms` of OpenAI), or None."""
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", None) or {}
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None or (seconds := _seconds(value)) is not None:
        return seconds if value is not None else None
    try:
        moment = email.utils.parsedate_to_datetime(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, moment.timestamp() - (time.time() if now is None else now))
    except (ValueError, OverflowError):
        return None


def reset_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until an endpoint that says that nothing is left has something again; else None.

    Reads `x-ratelimit-remaining-requests` and `-tokens` with their `-reset-` (OpenAI: `6m0s`, `120ms`), and
    the same without a kind (many gateways: seconds). Where both kinds are used up, the later one.
    """
    found = [
        _duration(headers.get(f"x-ratelimit-reset{kind}", ""))
        for kind in ("-requests", "-tokens", "")
        if headers.get(f"x-ratelimit-remaining{kind}", "").strip() in {"0", "0.0"}
    ]
    return max((seconds for seconds in found if seconds is not None), default=None)


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _duration(text: str) -> float | None:
    """`1h2m3.5s`, `120ms` or plain seconds; None for anything else."""
    if (seconds := _seconds(text)) is not None:
        return seconds
    parts = re.findall(r"([\d.]+)(ms|[smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    numbers = [(_seconds(number), unit) for number, unit in parts]
    return sum(number * _UNITS[unit] for number, unit in numbers if number is not None)


def _worth_it(error: BaseException, limits: Limits) -> bool:
    return is_transient(error) and (retry_after(error) or 0.0) <= limits.retry_after_ceiling


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None) or getattr(
        getattr(error, "response", None), "status_code", None
    )
    return status if isinstance(status, int) else None


def _body_code(error: BaseException) -> object:
    return getattr(error, "code", None)


def _seconds(value: str | None) -> float | None:
    """A pause as a number; None for what is none."""
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
