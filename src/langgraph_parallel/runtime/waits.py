"""How long an endpoint asks to wait: seconds, durations, points in time, in headers and in bodies.

Servers write what they like: `7`, `1.5`, `6m0s`, `120ms`, a date of HTTP, an ISO date, seconds or
milliseconds since the epoch. What cannot be meant is as good as nothing said.
"""

import email.utils
import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([\d.]+)\s*(ms|[smhd])", re.IGNORECASE)
_IN_WORDS = re.compile(
    r"(?:retry|try again)[^.\d]{0,30}?(?P<number>\d+(?:\.\d+)?)\s*"
    r"(?P<unit>ms|milliseconds?|s|sec|seconds?|m|min|minutes?)\b"
    r"|retryDelay\W{1,6}(?P<delay>\d+(?:\.\d+)?)s",
    re.IGNORECASE,
)
"""`Please try again in 1.2s`; Google's `"retryDelay": "34s"`."""
_EPOCH = 1e9
"""A number above this is a point in time: 30 years as a duration, September 2001 as seconds of the epoch."""
_LONGEST = 31 * 86400.0
"""Seconds. A pause of more than a month cannot be meant."""


_RATE_HEADERS = [
    (f"{prefix}-remaining{kind}", f"{prefix}-reset{kind}")
    for prefix in ("x-ratelimit", "ratelimit")
    for kind in ("-requests", "-tokens", "")
]


def retry_after(error: BaseException, now: float | None = None) -> float | None:
    """Return the seconds that the endpoint asks to wait, or None if it does not say.

    Reads `retry-after-ms` (OpenAI), `retry-after` (RFC 9110, 10.2.3), and the words of the message.

    Args:
        error: may carry a response with headers.
        now: seconds since the epoch; None for the current time.
    """
    headers = _headers(error) or _headers(error.__cause__)
    now = time.time() if now is None else now
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None and milliseconds / 1000 <= _LONGEST:
        return max(0.0, milliseconds / 1000)
    if (value := headers.get("retry-after")) is not None:
        return seconds_until(value, now)
    if (said := _IN_WORDS.search(str(error))) is None:
        return None
    if said["delay"]:
        return float(said["delay"])
    unit = said["unit"].lower()
    return float(said["number"]) * (
        0.001 if unit.startswith(("ms", "mil")) else 60.0 if unit[0] == "m" else 1.0
    )


def _headers(error: BaseException | None) -> Mapping[str, str]:
    return getattr(getattr(error, "response", None), "headers", None) or {}


def reset_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds until an exhausted endpoint has something left again; None if it is not exhausted.

    Reads `x-ratelimit-remaining-requests` and `-tokens` with their `-reset-` (OpenAI: `6m0s`, `120ms`), and
    the same without a kind (many gateways: seconds, or a point in time). If both kinds are used up, the later
    reset counts.
    """
    now = time.time() if now is None else now
    resets = [
        seconds_until(headers.get(reset, ""), now)
        for remaining, reset in _RATE_HEADERS
        if (left := headers.get(remaining)) is not None and _number(left) == 0
    ]
    return max((seconds for seconds in resets if seconds is not None), default=None)


def seconds_until(text: str, now: float) -> float | None:
    """Return the seconds from now until what a text says; None if it says nothing that can be meant.

    >>> seconds_until("6m0s", 0), seconds_until("1700000060", 1.7e9), seconds_until("1e308", 0)
    (360.0, 60.0, None)
    """
    seconds = _duration(text.strip(), now)
    if seconds is None:
        seconds = _until_date(text.strip(), now)
    return None if seconds is None or seconds > _LONGEST else max(0.0, seconds)


def _duration(text: str, now: float) -> float | None:
    """Read a number of seconds, a number since the epoch, or `1h2m3.5s`."""
    if (number := _number(text)) is not None:
        for unit in (1.0, 1e3, 1e6, 1e9):  # seconds, milliseconds, microseconds, nanoseconds
            if _EPOCH <= number / unit < 10 * _EPOCH:
                return number / unit - now
        return number
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        return None
    numbers = [(_number(number), unit.lower()) for number, unit in parts]
    return sum(number * _UNITS[unit] for number, unit in numbers if number is not None)


def _until_date(text: str, now: float) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        try:
            moment = datetime.fromisoformat(text) if "-" in text else None  # type: ignore[assignment]
        except ValueError:
            return None
    if moment is None:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # asctime dates are GMT (5.6.7)
    try:
        return moment.timestamp() - now
    except (ValueError, OverflowError):
        return None


def _number(value: str | None) -> float | None:
    """Return a finite number; None for anything else."""
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
