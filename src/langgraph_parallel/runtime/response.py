"""Responses of HTTP that say more than their status: errors in a 200, web pages, answers without choices."""

import json
import re
from collections.abc import Mapping
from typing import Any

from langgraph_parallel.errors import EndpointError
from langgraph_parallel.runtime.event_lines import is_stream
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.kinds import Kind
from langgraph_parallel.runtime.redact import known_secrets, redact, redact_data

NO_COMPLETION = "the endpoint's answer is not a chat completion; expected choices[0].message"
_MAY_BE_ERROR = re.compile(rb'"error"\s*:\s*(?!null)|"finish_reason"\s*:\s*"error"')
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*(?:\[\s*\]|null)')
_MOST_OF_AN_ERROR = 100_000
"""Bytes of an error that are kept if its body is no JSON: the rest would be whole documents."""
_EVENTS = (b"data:", b"event:", b":", b"\xef\xbb\xbfdata:")
"""How a stream of events begins, which some servers send as plain text."""
_STATUS_OF: dict[Kind, int] = {
    "throttled": 429,
    "overloaded": 503,
    "key": 401,
    "quota": 402,
    "permission": 403,
    "model": 404,
    "address": 404,
    "context": 400,
    "filter": 400,
    "option": 400,
    "request": 400,
}


def is_readable(response: Any) -> bool:
    """Return whether a response is whole in one body that claims success."""
    kind = str(response.headers.get("content-type", "")).lower()
    is_whole = kind.startswith("text/plain") or not kind or not is_stream(kind)
    return response.status_code < 300 and is_whole


def is_completion(headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether a body of status 200 is a chat completion as it stands, with nothing to correct.

    Args:
        headers: of the response, whose names are found in any case.
        body: as it came.
    """
    return (
        "json" in headers.get("content-type", "")
        and "content-encoding" not in headers
        and b'"choices"' in body
        and not _NO_CHOICES.search(body)
        and not _MAY_BE_ERROR.search(body)
    )


def correct_status(response: Any) -> None:
    """Give a response the status that its body means: then clients treat it as if the server had sent that.

    Args:
        response: of httpx, with its body read.

    Raises:
        EndpointError: the body is neither an answer nor an error.
    """
    body: bytes = response.content
    if body.startswith(_EVENTS):
        return
    if body.lstrip()[:1] == b"<":
        response.status_code = 404
        return
    if _MAY_BE_ERROR.search(body):
        response.status_code = _status_of_error(response) or response.status_code
    elif str(response.request.url.path).endswith("/chat/completions") and (
        _NO_CHOICES.search(body) or b'"choices"' not in body
    ):
        raise EndpointError(NO_COMPLETION)


def mask_error(response: Any) -> None:
    """Mask the secrets in the body of an error: some servers repeat the key that they refuse.

    Whoever reads the response finds them masked: errors, records, and what LangChain tells tracers.

    Args:
        response: of httpx, with its body read.
    """
    secrets = known_secrets()
    text = response.content[:_MOST_OF_AN_ERROR].decode(errors="replace")
    if redact(text, secrets) == text and len(response.content) <= _MOST_OF_AN_ERROR:
        return
    try:
        masked = json.dumps(redact_data(response.json(), secrets))
    except ValueError:
        masked = redact(text, secrets)
    response._content = masked.encode()
    vars(response).pop("_text", None)


def _status_of_error(response: Any) -> int | None:
    """Return the status that an error in a body means; None if the body holds no error."""
    try:
        body = response.json()
    except ValueError:
        return None
    error = _find_error(body)
    if error is None:
        return None
    failure = classify(EndpointError("", body={"error": error}))
    return failure.status or _STATUS_OF.get(failure.kind, 500)


def _find_error(body: Any) -> Any:
    """Return the error of a body, or of its first choice."""
    if not isinstance(body, dict):
        return None
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    if body.get("error") or first.get("error"):
        return body.get("error") or first.get("error")
    return "the server failed while it answered" if first.get("finish_reason") == "error" else None
