"""Errors of OpenAI's SDK, for requests that it has not made."""

from typing import Any

from langgraph_parallel.runtime.response import mask_error


def api_error(response: Any) -> Exception:
    """Return the SDK's error for a status, without secrets that the server repeats."""
    import openai

    mask_error(response)

    classes: dict[int, type[openai.APIStatusError]] = {
        400: openai.BadRequestError,
        401: openai.AuthenticationError,
        403: openai.PermissionDeniedError,
        404: openai.NotFoundError,
        409: openai.ConflictError,
        422: openai.UnprocessableEntityError,
        429: openai.RateLimitError,
    }
    status: int = response.status_code
    default = openai.InternalServerError if status >= 500 else openai.APIStatusError
    try:
        body = response.json()
    except ValueError:
        body = response.text
    detail = body.get("error", body) if isinstance(body, dict) else body
    reason = detail.get("message") if isinstance(detail, dict) else detail
    message = f"Error code: {status} - {reason or detail}"
    return classes.get(status, default)(message, response=response, body=detail)
