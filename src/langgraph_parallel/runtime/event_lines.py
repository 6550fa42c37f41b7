"""Lines of an answer that arrives in parts, as they come over HTTP."""

import re
from collections.abc import AsyncIterator
from typing import Any

_LINE_END = re.compile(rb"\r\n|\n|\r")
"""The ends of lines of an event stream; text has others, such as U+2028, which end none."""


class BrokenStream(ConnectionError):
    """The connection was closed before the answer had ended."""


def is_stream(content_type: str) -> bool:
    """Return whether a body of this type may come in parts: some servers call them text, or bytes.

    >>> [is_stream(kind) for kind in ("Text/Event-Stream", "application/x-ndjson", "application/json")]
    [True, True, False]
    """
    kind = content_type.partition(";")[0].strip().lower()
    return not kind or kind.endswith(
        ("event-stream", "/plain", "octet-stream", "ndjson", "jsonl", "json-lines", "jsonlines", "json-seq")
    )


async def parts_of(response: Any) -> AsyncIterator[bytes]:
    """Yield the body of a response.

    Raises:
        BrokenStream: the connection broke.
    """
    import httpx2

    try:
        async for part in response.aiter_bytes():
            yield part
    except httpx2.TimeoutException:
        raise
    except httpx2.TransportError as error:
        raise BrokenStream(f"the connection broke while the answer came: {error}") from error


async def split_lines(parts: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Yield the lines of an event stream.

    Args:
        parts: of the body, cut anywhere.
    """
    rest, ended_by_return, is_first = b"", False, True
    async for part in parts:
        if ended_by_return and part[:1] == b"\n":
            part = part[1:]
        if not part:
            continue
        ended_by_return = part[-1:] == b"\r"
        *lines, rest = _LINE_END.split(rest + part)
        for line in lines:
            yield _decoded(line, is_first=is_first)
            is_first = False
    if rest:
        yield _decoded(rest, is_first=is_first)


def _decoded(line: bytes, *, is_first: bool) -> str:
    text = line.decode(errors="replace")
    return text.removeprefix("\ufeff") if is_first else text
