"""Streams without the byte order mark that some servers begin them with.

A reader of an event stream has to drop it. SDKs do not: to them it is part of the first field's name, which
they do not know then, and so the first part of an answer is lost without a word.
"""

from collections.abc import AsyncIterator
from functools import cache
from typing import Any

_MARK = b"\xef\xbb\xbf"


def without_mark(response: Any) -> None:
    """Drop the mark at the begin of a response of httpx, whose body has not been read.

    Args:
        response: with a stream; it is left as it is if its body is compressed.
    """
    if "content-encoding" not in response.headers:
        response.stream = _stream_class()(response.stream)


async def drop_mark(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the parts of a body without the mark, which may be cut anywhere itself."""
    begun = b""
    is_begun = True
    async for part in parts:
        if is_begun:
            begun += part
            if _MARK.startswith(begun) and begun != _MARK:
                continue  # it may be one
            part, is_begun = begun.removeprefix(_MARK), False
        if part:
            yield part
    if is_begun and begun:
        yield begun


@cache
def _stream_class() -> Any:
    import httpx2

    class _Unmarked(httpx2.AsyncByteStream):
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def __aiter__(self) -> AsyncIterator[bytes]:
            return drop_mark(aiter(self._stream))

        async def aclose(self) -> None:
            await self._stream.aclose()

    return _Unmarked
