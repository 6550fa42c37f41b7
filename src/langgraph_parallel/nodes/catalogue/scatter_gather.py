"""Sources of a scatter-gather: workers with a time limit of their own, and HTTP endpoints."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.runtime.loops import close_with_loop, loop_local_async
from langgraph_parallel.runtime.run import current_run

LARGEST = 10_000_000
"""Bytes of an answer that are read at most."""


@dataclass(frozen=True)
class Source:
    """A worker with a time limit of its own.

    Args:
        worker: any.
        timeout: seconds for its answer; then it is late.

    Raises:
        UsageError: the time limit is not positive.
    """

    worker: WorkerLike
    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None and self.timeout <= 0:
            raise UsageError(f"timeout is {self.timeout}; pass seconds, more than 0")


SourceLike = Source | WorkerLike


def as_source(given: SourceLike) -> Source:
    """Take a source, or make one of a worker."""
    return given if isinstance(given, Source) else Source(given)


class Http:
    """A source behind HTTP: the request goes there as JSON, and what comes back is the result.

    Args:
        url: of the endpoint; it comes from you, never from a request.
        method: `POST` sends the request as the body, `GET` as the query.
        headers: sent with each request; a key in them appears in no log, trace or record of ours.
        name: under which a mapping is asked for what is no mapping: `q` makes `{"q": request}` of a text.

    The answer is JSON, else text; any status but success is an error, a redirect too.

    Raises:
        UsageError: the address is none of HTTP, or the method is another.
    """

    def __init__(
        self, url: str, *, method: str = "POST", headers: Mapping[str, str] | None = None, name: str = "q"
    ) -> None:
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("http", "https") and bool(parts.netloc)
        except ValueError:
            known = False
        if not known:
            raise UsageError(f"{url!r} is no address of HTTP; write https://host/path")
        if method not in ("GET", "POST"):
            raise UsageError(f"method is {method!r}; choose GET or POST")
        self._url, self._method, self._headers, self._name = url, method, dict(headers or {}), name
        self._host = urlsplit(url).netloc.rpartition("@")[2]  # as errors show it: without a password in it

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Send one request.

        Raises:
            ConnectionError: the endpoint cannot be reached, or answers with an error.
            TimeoutError: it takes too long.
        """
        import aiohttp

        current_run().check()
        session: aiohttp.ClientSession = await loop_local_async(("http source", ""), _session)
        given = input if isinstance(input, Mapping) else {self._name: input}
        correlation = ((config or {}).get("metadata") or {}).get("correlation_id")
        headers = self._headers | ({"X-Correlation-ID": str(correlation)} if correlation else {})
        sent: Any = (
            {"json": given}
            if self._method == "POST"
            else {"params": {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}}
        )
        try:
            async with session.request(
                self._method, self._url, headers=headers, allow_redirects=False, **sent
            ) as answer:
                body = b""
                async for part in answer.content.iter_chunked(65_536):
                    body += part
                    if len(body) > LARGEST:
                        raise ConnectionError(f"{self._host} answered more than {LARGEST:,} bytes")
                if answer.status >= 300:
                    raise ConnectionError(f"{self._host} answered {answer.status}")
        except aiohttp.ClientError as error:
            raise ConnectionError(f"{self._host}: {type(error).__name__}") from None
        text = body.decode(errors="replace")
        try:
            return json.loads(text)
        except ValueError:
            return text


async def _session() -> Any:
    import aiohttp

    session = aiohttp.ClientSession()
    close_with_loop(session.close)
    return session
