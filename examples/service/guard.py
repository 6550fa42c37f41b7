"""What holds for all requests: they are small, and browsers are told what answers may do."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
MOST_BYTES = 1_000_000
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses large requests, and adds headers to answers; made for ASGI, so that streams pass unheld.

    Args:
        app: that is guarded.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Any, send: Send) -> None:
        """Answer a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given, refused = Headers(scope=scope), None
        if "transfer-encoding" in given:
            refused = JSONResponse({"detail": "pass the body with its length"}, 411)
        elif int(given.get("content-length", 0)) > MOST_BYTES:
            refused = JSONResponse({"detail": f"at most {MOST_BYTES:,} bytes"}, 413)
        await (refused or self._app)(scope, receive, send_with_headers)
