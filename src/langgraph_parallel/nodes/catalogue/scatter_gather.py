"""Scatter-gather: one request to several sources, each with its own time limit."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from langchain_core.runnables import RunnableConfig
from typing_extensions import TypeAliasType

from langgraph_parallel.arguments import above_zero, check_fields, check_named, checked
from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.flow.synthesizer import Synthesizer
from langgraph_parallel.nodes.work.inputs import as_json_data
from langgraph_parallel.nodes.work.json_data import as_json
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.nodes.work.workers import WorkerLike, as_worker
from langgraph_parallel.records import Section, Status
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.loops import close_with_loop, loop_local_async
from langgraph_parallel.runtime.run import current_run
from langgraph_parallel.runtime.settings import as_settings

MAX_BYTES = 10_000_000
"""Maximum bytes of an HTTP answer."""


_LATE: frozenset[Status] = frozenset({"timed_out", "cancelled", "skipped"})
"""Statuses of a source that did not answer in time, or was not waited for."""


@dataclass(frozen=True)
class Source:
    """A worker with its own time limit.

    Args:
        worker: gets the request.
        timeout: seconds until it is late, above 0; None for no limit.

    Raises:
        UsageError: `timeout` is not a number above 0.
    """

    worker: WorkerLike
    timeout: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.timeout is not None:
            above_zero(self.timeout, "timeout")


SourceLike = TypeAliasType("SourceLike", Source | Mapping[str, Any] | WorkerLike)
"""A source, or what becomes one: a mapping of its fields, or a worker."""


def as_source(given: SourceLike, timeout: float | None = None) -> Source:
    """Return a source; build one from a worker, or from a mapping of its fields.

    Args:
        given: the source.
        timeout: seconds for a source without its own time limit; None for no limit.
    """
    source = as_settings(given, Source, "source") if isinstance(given, Source | Mapping) else Source(given)
    return source if source.timeout else Source(source.worker, timeout)


class ScatterGatherSteps:
    """The plan and the close of a scatter-gather.

    Args:
        sources: by name.
        synthesizer: joins the answers; None for no joined result.
        timeout: seconds for each source without its own time limit; None for no limit.

    Raises:
        UsageError: there is no source, or one is not valid.
    """

    def __init__(
        self, sources: Mapping[str, SourceLike], synthesizer: Synthesizer | None, timeout: float | None
    ) -> None:
        check_named(sources, "sources")
        if not sources:
            raise UsageError("sources is empty; pass {'name': worker}")
        self._sources = {name: as_source(source, timeout) for name, source in sources.items()}
        self._synthesizer = synthesizer
        self.workers = {
            name: as_worker(source.worker, "voting/question", offers=None)
            for name, source in self._sources.items()
        }

    def branch_timeout(self, section: Section) -> float | None:
        """Return the time limit of a section's source in seconds; None for no limit."""
        return self._sources[section.worker].timeout

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return a section for each source.

        Raises:
            InputError: the request is missing, or is not JSON data.
        """
        if given.get("request") is None:
            raise InputError("the input has no request; pass {'request': ...}")
        correlation_id = given.get("correlation_id") or str(uuid.uuid4())
        request = as_json(as_json_data(given["request"], "request"))
        data = {"request": request, "question": as_text(request), "correlation_id": correlation_id}
        return [
            Section(id=name, title=name, content=as_text(request), worker=name, data=data)
            for name in self._sources
        ]

    async def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Return the answers by source, their joined result, and the names of the late sources."""
        statuses = {key: branch.status for key, branch in gathered.branches.items()}
        join = self._synthesizer if gathered.results else None  # what it makes of nothing looks like a result
        return {
            "results": gathered.by_id,
            "result": None if join is None else await gathered.attempt("synthesize", join),
            "late": [name for name in self._sources if statuses.get(name) in _LATE],
            "missing": gathered.missing,
            "correlation_id": gathered.sections[0].data["correlation_id"],
        }


# An alias is not checked against the annotation: its errors would show values, and a value may be a key.
_Headers = TypeAliasType("_Headers", Mapping[str, str])


class Http:
    """An HTTP endpoint as a source: it gets the request as JSON, and its answer is the result.

    The answer is parsed as JSON, else kept as text. Any status other than 2xx is an error, redirects
    included.

    Args:
        url: of the endpoint. It is set by the application, never by a request.
        method: `POST` sends the request as the body, `GET` as the query.
        headers: sent with each request. A key in them appears in no log, trace or record of this package.
        name: key under which a request that is not a mapping is sent: `q` sends `{"q": request}`.

    Raises:
        UsageError: the URL or the method is not valid.
    """

    @checked
    def __init__(
        self,
        url: str,
        *,
        method: Literal["POST", "GET"] = "POST",
        headers: _Headers | None = None,
        name: str = "q",
    ) -> None:
        if not _is_http(url):
            host = urlsplit(url).netloc.rpartition("@")[2] or "has no host"
            raise UsageError(f"url is not an HTTP URL ({host}); expected https://host/path")
        _check_headers(headers or {})
        self._url, self._method, self._headers, self._name = url, method, dict(headers or {}), name
        self._host = urlsplit(url).netloc.rpartition("@")[2]  # for errors, without a password

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Send one request.

        Raises:
            ConnectionError: the endpoint cannot be reached, answers with an error, or with more than 10 MB.
            TimeoutError: the answer takes too long.
        """
        import aiohttp

        current_run().check()
        session: aiohttp.ClientSession = await loop_local_async(("http source", ""), _open_session)
        request = input if isinstance(input, Mapping) else {self._name: input}
        correlation_id = ((config or {}).get("metadata") or {}).get("correlation_id")
        headers = self._headers | ({"X-Correlation-ID": str(correlation_id)} if correlation_id else {})
        try:
            async with session.request(
                self._method, self._url, headers=headers, allow_redirects=False, **self._payload(request)
            ) as response:
                body = await self._read_body(response)
                if response.status >= 300:
                    raise ConnectionError(f"{self._host} answered {response.status}")
        except aiohttp.ClientError as error:
            raise ConnectionError(f"{self._host}: {type(error).__name__}") from None
        return _parse(body)

    def _payload(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that send a request: as the body, or as the query."""
        if self._method == "POST":
            return {"json": request}
        texts = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in request.items()
        }
        return {"params": texts}

    async def _read_body(self, response: Any) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(65_536):
            body += chunk
            if len(body) > MAX_BYTES:
                raise ConnectionError(f"{self._host} answered more than {MAX_BYTES:,} bytes")
        return bytes(body)


def _check_headers(headers: Mapping[str, str]) -> None:
    if not isinstance(headers, Mapping):
        raise UsageError(f"headers is {type(headers).__name__}; expected a mapping of strings")
    for key, value in headers.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise UsageError(f"headers[{key!r}] is {type(value).__name__}; expected a string")


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _parse(body: bytes) -> Any:
    """Return the JSON data of an answer, else its text."""
    text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


async def _open_session() -> Any:
    """Open an HTTP session for all sources; it is closed with the event loop."""
    import aiohttp

    session = aiohttp.ClientSession()
    close_with_loop(session.close)
    return session
