"""POST requests on the aiohttp session below a client of ours.

An httpx client builds a request, a response, two streams and their headers anew for each call, which costs
more than sending it. The session underneath has the connections and the cookies, so a request on it is the
same request. Whatever is not simply a chat completion becomes a response of httpx and passes the client's
hooks, as if the client had sent the request itself.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any

from langgraph_parallel.runtime.response import is_completion
from langgraph_parallel.runtime.transport import is_own_client, pause_if_exhausted

_log = logging.getLogger("httpx2")
"""The client's: who reads it finds every request in it."""


class ShortPost:
    """One address to which bodies are posted.

    Args:
        http: an httpx client of ours.
        transport: of the client, for the address.
        map_errors: a context that turns errors of aiohttp into those of httpx.
        url: the address.
        headers: of each request.
        timeout: in the form of httpx's extensions: `connect`, `read`, `pool`.
    """

    def __init__(
        self,
        http: Any,
        transport: Any,
        map_errors: Any,
        url: Any,
        headers: Mapping[str, str],
        timeout: Mapping[str, float | None],
    ) -> None:
        from aiohttp import ClientTimeout

        self._http, self._transport, self._map_errors, self._plain_url = http, transport, map_errors, url
        self._url, self._headers = str(url), dict(headers.items())
        self._timeout = ClientTimeout(
            sock_connect=timeout.get("connect"), sock_read=timeout.get("read"), connect=timeout.get("pool")
        )
        self.is_redirected = False
        """Whether the address has redirected: then every request is left to the client."""

    @classmethod
    def of(
        cls, http: Any, url: Any, headers: Mapping[str, str], timeout: Mapping[str, float | None]
    ) -> "ShortPost | None":
        """Prepare an address; None unless the client is ours, and sends to it without a proxy."""
        if not is_own_client(http):
            return None
        transport = http._transport_for_url(url)
        module = sys.modules[type(transport).__module__]
        map_errors = getattr(module, "map_aiohttp_exceptions", None)
        if map_errors is None or getattr(transport, "proxy", None) is not None:
            return None
        return cls(http, transport, map_errors, url, headers, timeout)

    async def send(self, content: bytes, *, whole: bool = False) -> Any:
        """Make one request.

        Args:
            content: the body.
            whole: whether a completion is wanted as a response of httpx, too.

        Returns:
            The body of a chat completion, as bytes; a response of httpx if it is anything else; None if the
            address redirects, which the client has to follow.

        Raises:
            TransportError: of httpx.
        """
        try:
            # As `async with session.request(...)`, whose context would wait with the request.
            async with await self._session().request(
                "POST",
                self._url,
                headers=self._headers,
                data=content,
                allow_redirects=False,
                auto_decompress=False,
                timeout=self._timeout,
            ) as response:
                body = await response.read()
        except Exception as error:
            with self._map_errors():
                raise error
        if _log.isEnabledFor(logging.INFO):
            status = response.status, response.reason
            _log.info('HTTP Request: %s %s "%s %d %s"', "POST", self._plain_url, "HTTP/1.1", *status)
        pause_if_exhausted(response.headers)
        if not whole and response.status == 200 and is_completion(response.headers, body):
            return body
        if 300 <= response.status < 400:
            self.is_redirected = True
            return None
        return await self._whole(response, body, content)

    def _session(self) -> Any:
        """Return the session of the transport, which opens it when it sends for the first time."""
        from aiohttp import ClientSession

        if not isinstance(self._transport.client, ClientSession):
            self._transport.client = self._transport.get_client()
        return self._transport.client

    async def _whole(self, given: Any, body: bytes, content: bytes) -> Any:
        """Return a response of httpx that has passed the client's hooks."""
        import httpx2

        response = httpx2.Response(
            given.status,
            headers=given.raw_headers,
            content=body,
            request=httpx2.Request("POST", self._plain_url, content=content),
        )
        for hook in self._http.event_hooks["response"]:
            await hook(response)
        return response
