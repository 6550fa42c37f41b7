"""The files of a batch: a line of JSON for each request, and what lines of output and error files say."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langgraph_parallel.runtime.batch.settings import COMPLETIONS

AGAIN_CODES = frozenset({"batch_expired", "batch_cancelled"})
"""Codes of lines that the endpoint has not worked on."""


class LineError(Exception):
    """A request that its batch has not answered.

    Attributes:
        again: whether it may go into another batch.
    """

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


class NoRoom(LineError):
    """A batch was refused since too much waits at the endpoint: that is no failed attempt."""


class Spilled(Exception):
    """A request is taken out of the lane, since its run's deadline leaves no time to wait."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a file says of one request."""

    custom_id: str
    status: int | None
    """Of its answer; None if there is none."""
    body: Any
    """Of its answer; or the error that stands for it."""

    @property
    def is_answer(self) -> bool:
        """Whether it holds a completion."""
        return self.status is not None and self.status < 300 and isinstance(self.body, Mapping)


def make_line(custom_id: str, body: bytes) -> bytes:
    """Return the line of a request.

    Args:
        custom_id: by which its answer names it.
        body: JSON.
    """
    return b'{"custom_id": "%s", "method": "POST", "url": "%s", "body": %s}\n' % (
        custom_id.encode(),
        COMPLETIONS.encode(),
        body,
    )


def read_lines(text: bytes) -> Iterator[Line]:
    """Yield what the lines of an output or error file say; a line that is not one says nothing."""
    for raw in text.splitlines():
        try:
            line = json.loads(raw)
        except ValueError:
            continue
        if not isinstance(line, Mapping) or not isinstance(custom_id := line.get("custom_id"), str):
            continue
        response, error = line.get("response"), line.get("error")
        # Not every server repeats the status of an answer.
        if isinstance(response, Mapping) and isinstance(status := response.get("status_code", 200), int):
            yield Line(custom_id, status, response.get("body"))
        else:
            yield Line(custom_id, None, error)


def merge_lines(*files: bytes) -> dict[str, Line]:
    """Return one line for each request: of several, the first that is an answer, else the last."""
    merged: dict[str, Line] = {}
    for file in files:
        for line in read_lines(file):
            known = merged.get(line.custom_id)
            if known is None or not known.is_answer:
                merged[line.custom_id] = line
    return merged
