"""What the body of an answer says about an error, in the forms of many servers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph_parallel.runtime.kinds import Kind

CODES: Mapping[str, Kind] = {
    "insufficient_quota": "quota",
    "billing_hard_limit_reached": "quota",
    "invalid_api_key": "key",
    "authentication_error": "key",
    "unauthenticated": "key",
    "model_not_found": "model",
    "deploymentnotfound": "model",
    "context_length_exceeded": "context",
    "exceed_context_size_error": "context",
    "content_filter": "filter",
    "content_policy_violation": "filter",
    "unsupported_parameter": "option",
    "unsupported_value": "option",
    "overloaded_error": "overloaded",
    "server_is_overloaded": "overloaded",
    "server_error": "server",
    "rate_limit_exceeded": "throttled",
    "rate_limit_error": "throttled",
    "resource_exhausted": "throttled",
}
"""What the codes of errors mean, in lower case."""


@dataclass(frozen=True)
class Said:
    """What the body of an answer says about an error."""

    message: str = ""
    code: str = ""
    parameter: str = ""
    status: int | None = None
    is_error: bool = False

    @classmethod
    def of(cls, error: BaseException) -> "Said":
        """Return what the body in an error says, else the words of the error itself."""
        body = getattr(error, "body", None)
        if body is None and isinstance(details := getattr(error, "details", None), Mapping):
            body = details  # Google's clients
        if body is None and isinstance(error, ValueError) and error.args:
            body = _body_in(error.args[0])
        if body is None:
            own_code = getattr(error, "code", None)
            return cls(str(error), own_code.lower() if isinstance(own_code, str) else "")
        return read_error(body) or cls(str(error))


def _body_in(said: Any) -> Any:
    """Return the body in an error of LangChain's for an answer of 200, or a stream, that holds one."""
    if isinstance(said, Mapping):
        return said if said.get("message") or said.get("error") else None
    if hasattr(said, "code") and hasattr(said, "message"):
        return {"code": said.code, "message": said.message}
    code, colon, message = str(said).partition(": ")
    return {"code": code, "message": message} if colon and code in CODES else None


def read_error(body: Any) -> Said | None:
    """Return what a body says about an error; None if it holds none.

    Args:
        body: parsed JSON, or text. Known are the forms of OpenAI, Anthropic, Google and FastAPI.
    """
    if isinstance(body, str):
        return Said(body, is_error=True) if body else None
    if not isinstance(body, Mapping):
        return None
    detail = body.get("error") or body.get("detail") or body.get("errors") or body
    if isinstance(detail, list) and detail:
        detail = detail[0]
    if not isinstance(detail, Mapping):
        return Said(str(detail), is_error=True)
    inner = detail.get("error")
    detail = inner if isinstance(inner, Mapping) else detail
    message = detail.get("message") or detail.get("msg") or detail.get("detail") or ""
    raw = (detail.get("metadata") or {}).get("raw") if isinstance(detail.get("metadata"), Mapping) else None
    codes = [detail.get(key) for key in ("code", "type", "status")]
    numbers = [int(str(code)) for code in codes if str(code).isdecimal()]
    words = [str(code).lower() for code in codes if code and not str(code).isdecimal()]
    return Said(
        message=f"{message} {raw}" if isinstance(raw, str) else str(message) or str(detail),
        code=next((word for word in words if word in CODES), words[0] if words else ""),
        parameter=str(detail.get("param") or ""),
        status=next((number for number in numbers if 400 <= number < 600), None),
        is_error=bool(message or numbers or body.get("error")),
    )
