"""Outcomes: what a batch that has ended says of its requests."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from langgraph_parallel.errors import EndpointError
from langgraph_parallel.runtime.batch.client import NoBatchApi
from langgraph_parallel.runtime.batch.files import Line, LineError, NoRoom, merge_lines
from langgraph_parallel.runtime.batch.item import read_custom_id
from langgraph_parallel.runtime.batch.settings import COMPLETIONS
from langgraph_parallel.runtime.failure import classify

_FULL = re.compile(r"token_limit|enqueued", re.IGNORECASE)


class Refusal(NamedTuple):
    """Why a request has no answer."""

    error: Exception
    is_own: bool = False
    """Whether the endpoint says it of this request, and not of its whole batch."""


@dataclass(frozen=True)
class Outcome:
    """What the files of a batch say."""

    status: str
    """Of the batch."""
    lines: Mapping[str, Line]
    bodies: Mapping[str, Any]
    """Of the answers, by `custom_id`."""
    answers: Sequence[tuple[str, int, bytes]]
    """The same for the ledger: key, number and JSON."""

    def refusal(self, custom_id: str) -> Refusal:
        """Return why a request has no answer."""
        line = self.lines.get(custom_id)
        if line is not None and line.status is not None and line.status >= 400:
            return Refusal(_error_of(line.status, line.body), is_own=True)
        return Refusal(self._unanswered(line))

    def _unanswered(self, line: Line | None) -> Exception:
        if line is not None and line.status is not None:
            return LineError("the line of the answer holds no chat completion", again=True)
        code = str(line.body.get("code")) if line and isinstance(line.body, Mapping) else ""
        if code == "batch_expired" or (not code and self.status == "expired"):
            return LineError("the batch expired before this request was worked on", again=True)
        if code == "batch_cancelled" or (not code and self.status == "cancelled"):
            return LineError(
                "the batch was cancelled at the endpoint, before this request was worked on; redrive, or "
                "resume the run, to submit it again",
                again=False,
            )
        if line is not None and isinstance(line.body, Mapping):
            return EndpointError(str(line.body.get("message") or code), body={"error": dict(line.body)})
        return LineError("the batch has no line for this request", again=True)


def read_outcome(texts: Sequence[bytes], status: str) -> Outcome:
    """Return what the files of a batch say.

    Args:
        texts: contents of its output file and its error file, as far as there are any.
        status: of the batch.
    """
    lines = merge_lines(*texts)
    bodies = {id: line.body for id, line in lines.items() if line.is_answer}
    answers = [
        (*named, json.dumps(body).encode()) for id, body in bodies.items() if (named := read_custom_id(id))
    ]
    return Outcome(status, lines, bodies, answers)


def is_full(remote: Mapping[str, Any]) -> bool:
    """Return whether an endpoint has refused a batch because too much waits there already."""
    return any(_FULL.search(f"{error.get('code')} {error.get('message')}") for error in _errors(remote))


def says_full(error: Exception) -> bool:
    """Return whether an endpoint has refused to create a batch because too much waits there already."""
    failure = classify(error)
    return bool(_FULL.search(f"{failure.code} {failure.message}"))


def refusals(remote: Mapping[str, Any], order: Sequence[str]) -> Callable[[str], Refusal]:
    """Return what says why an endpoint has refused the file of a batch, for each request in it.

    Args:
        remote: the batch.
        order: the `custom_id` of each line.
    """
    errors = _errors(remote) or [{"message": "the endpoint refused the file of the batch, and says not why"}]
    named: dict[str, Mapping[str, Any]] = {}
    for error in errors:
        line = error.get("line")
        if isinstance(line, int) and 1 <= line <= len(order):
            named[order[line - 1]] = error

    def refusal(custom_id: str) -> Refusal:
        if is_full(remote):
            return Refusal(NoRoom("the endpoint has no room for the batch", again=True))
        if named and custom_id not in named:
            return Refusal(LineError("the file was refused for another request in it", again=True))
        error = named.get(custom_id, errors[0])
        body = {"error": {**error, "message": error.get("message") or error.get("code")}}
        return Refusal(_error_of(400, body), is_own=custom_id in named)

    return refusal


def anew(error: Exception) -> Exception:
    """Return an error like another one, for one of several calls: each notes its own course in its error."""
    from langgraph_parallel.runtime.sdk_errors import api_error

    if isinstance(error, NoBatchApi):
        return NoBatchApi(str(error))
    response = getattr(error, "response", None)
    return error if response is None else api_error(response)


def _errors(remote: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    errors = remote.get("errors")
    listed = errors.get("data") if isinstance(errors, Mapping) else errors
    return [error for error in listed or [] if isinstance(error, Mapping)]


def _error_of(status: int, body: Any) -> Exception:
    """Return the SDK's error for the answer to one request."""
    import httpx2

    from langgraph_parallel.runtime.sdk_errors import api_error

    request = httpx2.Request("POST", f"batch:{COMPLETIONS}")
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return api_error(httpx2.Response(status, content=content, request=request))
