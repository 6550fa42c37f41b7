"""Retries: which errors are retried, and the pauses that servers ask for."""

import json
import subprocess
import sys
import time
from types import ModuleType

import aiohttp
import httpx
import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_parallel import Ask, Limits
from langgraph_parallel.errors import DeadlineExceeded, InvalidAnswer, RefusedAnswer
from langgraph_parallel.runtime.retry import is_throttled, is_timeout, is_transient
from langgraph_parallel.runtime.waits import reset_after, retry_after
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply

few = settings(max_examples=60, deadline=None)


class Answered(Exception):
    """An error of a client that got an answer, with a status and headers."""

    def __init__(self, status: int | None = None, code: str | None = None, **headers: str) -> None:
        super().__init__("no luck")
        self.code = code
        self.response = httpx.Response(
            status or 200, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )
        if status is not None:
            self.status_code = status


REQUEST = httpx2.Request("POST", "http://x")
TRANSIENT = [
    *(Answered(status) for status in (408, 409, 425, 429, 500, 502, 503, 504, 529)),
    TimeoutError(),
    ConnectionResetError(),
    openai.APIConnectionError(request=REQUEST),
    openai.APITimeoutError(request=REQUEST),
    openai.APIResponseValidationError(httpx2.Response(200, request=REQUEST), None),
    json.JSONDecodeError("x", "", 0),
    aiohttp.ServerDisconnectedError(),
    aiohttp.ClientPayloadError(),
    httpx2.ConnectError("x"),
    httpx.ConnectError("x"),
    httpx.ReadError("x"),
    httpx.ReadTimeout("x"),
    httpx.RemoteProtocolError("x"),
    httpx.ConnectTimeout("x"),
    httpx.WriteTimeout("x"),
    httpx.PoolTimeout("x"),
    httpx.WriteError("x"),
]
LASTING = [
    *(Answered(status) for status in (400, 401, 403, 404, 413, 422)),
    Answered(429, "insufficient_quota"),
    ValueError("x"),
    KeyError("x"),
    InvalidAnswer("x"),
    RefusedAnswer("x"),
]


def name_of(error: Exception) -> str:
    """Return the name of a case."""
    library = type(error).__module__.partition(".")[0]
    status, code = getattr(error, "status_code", ""), getattr(error, "code", None) or ""
    return f"{library}.{type(error).__name__}{status}{code}"


@pytest.mark.parametrize("error", TRANSIENT, ids=name_of)
def test_errors_that_a_retry_may_not_get_are_transient(error: Exception) -> None:
    """Throttling, overload, broken connections, cut bodies and timeouts of any phase."""
    assert is_transient(error)


@pytest.mark.parametrize("error", LASTING, ids=name_of)
def test_errors_that_a_retry_gets_again_are_not_transient(error: Exception) -> None:
    """Wrong requests, missing rights, used-up quota and errors in the user's code."""
    assert not is_transient(error)


def test_a_status_in_the_response_is_enough() -> None:
    """Some clients set no status on the error itself."""
    error = httpx.HTTPStatusError("x", request=httpx.Request("GET", "http://x"), response=httpx.Response(503))
    assert is_transient(error)


@pytest.mark.parametrize(("status", "throttled"), [(429, True), (529, False), (503, False), (400, False)])
def test_too_many_requests_are_throttling(status: int, throttled: bool) -> None:
    """Other failures are not. An overload says nothing about how much this client asks."""
    assert is_throttled(Answered(status)) is throttled


NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after_ms": "250", "retry_after": "1"}, 0.25),
        ({"retry_after_ms": "soon", "retry_after": "1"}, 1.0),
        ({"retry_after": "Sun, 06 Nov 1994 08:50:07 GMT"}, 30.0),
        ({"retry_after": "Sun, 06 Nov 1994 08:49:00 GMT"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "6m0s"}, 360.0),
        ({"retry_after": "120ms"}, 0.12),
        ({"retry_after": "1h 2m 3s"}, 3723.0),
        ({"retry_after": "1994-11-06T08:50:07Z"}, 30.0),
        ({"retry_after": "1994-11-06T09:50:07+01:00"}, 30.0),
        ({"retry_after": "1e308"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after_ms": "1e308"}, None),
        ({"retry_after": ""}, None),
        ({"retry_after": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({}, None),
    ],
    ids=readable,
)
def test_the_pause_that_a_server_asks_for_is_read(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, a date or milliseconds; a date in the past is a pause of 0, and nonsense is not a pause."""
    assert retry_after(Answered(429, **headers), now=NOW) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "1795915002",
        "1795915002.0",
        "1795915002000",
        "1795915002000000",
        "2026-11-29T01:16:42Z",
        "2026-11-29T02:16:42+01:00",
        "30",
        "30s",
    ],
)
def test_a_point_in_time_is_a_pause_until_then(text: str) -> None:
    """Seconds, milliseconds or microseconds of the epoch, ISO dates; in Retry-After and in a reset."""
    now = 1795914972.0
    assert retry_after(Answered(429, retry_after=text), now=now) == 30.0
    assert reset_after({"x-ratelimit-remaining": "0", "x-ratelimit-reset": text}, now=now) == 30.0


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached. Please try again in 1.2s.", 1.2),
        ("Please retry after 20 seconds", 20.0),
        ("try again in 2m", 120.0),
        ("retry in 350ms", 0.35),
        ("{'retryDelay': '34s'}", 34.0),
        ("try again later", None),
    ],
)
def test_a_pause_in_the_words_of_an_error_is_read(message: str, seconds: float | None) -> None:
    """Where no header says it."""
    assert retry_after(Exception(message)) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_an_old_date_without_a_zone_is_read_as_gmt(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9110 (5.6.7): the asctime format is accepted, and means GMT in every time zone."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert retry_after(Answered(429, retry_after="Sun Nov  6 08:50:07 1994"), now=NOW) == 30.0
    finally:
        monkeypatch.undo()
        time.tzset()


@few
@given(
    value=st.text(st.characters(codec="ascii", exclude_categories=["Cc"])), unit=st.sampled_from(["", "_ms"])
)
def test_the_pause_is_at_least_zero_for_any_header(value: str, unit: str) -> None:
    """A server cannot break the retry by what it writes."""
    pause = retry_after(Answered(429, **{f"retry_after{unit}": value}), now=NOW)
    assert pause is None or pause >= 0


@pytest.mark.parametrize("value", ["nan", "-5"])
@pytest.mark.parametrize("header", ["retry_after", "retry_after_ms"])
def test_numbers_that_are_not_a_pause_are_ignored(header: str, value: str) -> None:
    """Negative numbers and NaN are not a pause, in seconds and in milliseconds."""
    assert not retry_after(Answered(429, **{header: value}), now=NOW)


def test_an_error_without_an_answer_asks_for_nothing() -> None:
    """It has no headers."""
    assert retry_after(ConnectionResetError()) is None


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        DeadlineExceeded("x"),
        openai.APITimeoutError(request=REQUEST),
        httpx.ReadTimeout("x"),
        httpx2.PoolTimeout("x"),
        aiohttp.ServerTimeoutError(),
        subprocess.TimeoutExpired("x", 1),
    ],
    ids=name_of,
)
def test_a_timeout_is_recognized_in_every_library(error: Exception) -> None:
    """Our own, the builtin, and those of clients."""
    assert is_timeout(error)


@pytest.mark.parametrize(
    "error", [ValueError("timeout"), openai.APIConnectionError(request=REQUEST)], ids=name_of
)
def test_other_errors_are_not_timeouts(error: Exception) -> None:
    """The message does not matter."""
    assert not is_timeout(error)


def test_a_refused_connection_is_not_a_timeout() -> None:
    """Some clients report it as one."""
    error = openai.APITimeoutError(request=REQUEST)
    error.__cause__ = ConnectionRefusedError()
    assert not is_timeout(error)


def test_errors_of_a_library_are_known_once_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The class counts, not its name; nothing is imported to look for it."""

    class APIConnectionError(Exception):
        """The name that several SDKs use."""

    class APITimeoutError(APIConnectionError):
        """A connection error, as in the SDKs."""

    assert not is_transient(APIConnectionError())
    assert not is_timeout(APITimeoutError())
    assert "together" not in sys.modules
    sdk = ModuleType("together")
    vars(sdk).update(APIConnectionError=APIConnectionError, APITimeoutError=APITimeoutError)
    monkeypatch.setitem(sys.modules, "together", sdk)
    assert is_transient(APIConnectionError())
    assert is_transient(APITimeoutError())
    assert is_timeout(APITimeoutError())
    assert not is_timeout(APIConnectionError())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1.5s"}, 1.5),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}, 12.0),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "20ms",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "2s",
            },
            2.0,
        ),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1s"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"}, None),
        ({}, None),
    ],
)
def test_rate_limit_headers_are_read_as_endpoints_write_them(
    headers: dict[str, str], seconds: float | None
) -> None:
    """OpenAI writes durations, others plain seconds; if two kinds are used up, the later reset counts."""
    assert reset_after(headers) == seconds


@pytest.mark.parametrize(
    ("status", "says", "calls"),
    [
        (500, "false", 1),
        (429, "false", 1),
        (400, "true", 3),
        (401, "true", 3),
        (500, "True", 3),
        (400, "x", 1),
    ],
)
async def test_an_endpoint_that_says_whether_to_retry_is_obeyed(
    model: str, server: ModelServer, status: int, says: str, calls: int
) -> None:
    """`x-should-retry` decides against the status; what is neither "true" nor "false" says nothing."""
    server.always(Reply(status=status, headers={"x-should-retry": says}))
    limits = Limits(attempts=3, backoff=0.001)
    with pytest.raises(openai.APIStatusError):
        await Ask("{text}", model=model, limits=limits).ainvoke("hello")
    assert len(server.requests) == calls
