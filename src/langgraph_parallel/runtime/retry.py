"""The one retry layer: what is tried again, how often, and after how long."""

import email.utils
import math
import random
import time
from collections.abc import Mapping
from datetime import UTC

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.redact import root_of

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


def retrying(limits: Limits) -> AsyncRetrying:
    """Make the loop that runs one call, and runs it again as `limits` allow.

    429 and overload, 5xx, broken connections, cut bodies and time-outs are tried again; nothing else is.
    `Retry-After` is obeyed, plus a little jitter so that waiters do not come back together; a server that
    asks for more than `limits.retry_after_ceiling` is not asked again. Without it the pause doubles from
    `limits.backoff` to 30 s, drawn between half of it and all of it.
    """
    return AsyncRetrying(
        stop=stop_after_attempt(limits.attempts),
        retry=retry_if_exception(lambda error: _worth_it(error, limits)),
        wait=lambda state: _pause(state, limits),
        reraise=True,
    )


def is_throttled(error: BaseException) -> bool:
    """Whether the endpoint answered 429, or said in another way that it is asked too much."""
    return _status(error) in {429, 529}


def is_timeout(error: BaseException) -> bool:
    """Whether an answer did not come in time, by our limit or by a client's own."""
    if isinstance(error, TimeoutError):
        return True
    root = root_of(error)
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


def _worth_it(error: BaseException, limits: Limits) -> bool:
    return is_transient(error) and (retry_after(error) or 0.0) <= limits.retry_after_ceiling


def _pause(state: RetryCallState, limits: Limits) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = retry_after(error) if error else None
    if asked is not None:
        return asked + random.uniform(0, 0.1 + 0.1 * asked)  # noqa: S311 - jitter, not a secret
    pause = min(_LONGEST_PAUSE, limits.backoff * 2 ** (state.attempt_number - 1))
    return random.uniform(pause / 2, pause)  # noqa: S311 - jitter, not a secret


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
