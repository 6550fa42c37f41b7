"""Bodies of errors, in the words of each provider."""

from typing import Any, Final, Literal, NamedTuple

Provider = Literal["azure", "responses", "anthropic", "gemini"]
Failure = Literal[
    "bad_request",
    "unauthorized",
    "bad_key",
    "not_found",
    "throttled",
    "no_quota",
    "failed",
    "unavailable",
    "overloaded",
    "too_long",
    "prompt_blocked",
]
"""What goes wrong with a request. `bad_key` is how the provider answers a wrong key, `overloaded` how it says
that it has no capacity left, `no_quota` a 429 that no waiting cures, `prompt_blocked` a prompt that its
content filter stops."""


class ErrorBody(NamedTuple):
    """An answer that is an error."""

    status: int
    code: str | None
    """What the body calls it: OpenAI's `code`, Anthropic's `type`, Google's `status`."""
    message: str


_AZURE: Final[dict[Failure, ErrorBody]] = {
    "bad_request": ErrorBody(400, None, "Invalid type for 'temperature': expected a decimal."),
    "unauthorized": ErrorBody(
        401,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid "
        "key for an active subscription and use a correct regional API endpoint for your resource.",
    ),
    "not_found": ErrorBody(
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment within the last "
        "5 minutes, please wait a moment and try again.",
    ),
    "throttled": ErrorBody(
        429,
        "429",
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have "
        "exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 1 second.",
    ),
    "no_quota": ErrorBody(429, "insufficient_quota", "You exceeded your current quota."),
    "failed": ErrorBody(500, "InternalServerError", "Backend returned unexpected response."),
    "unavailable": ErrorBody(503, "ServiceUnavailable", "The service is temporarily unavailable."),
    "overloaded": ErrorBody(
        503, "NoCapacity", "The system is currently experiencing high demand and cannot process your request."
    ),
    "too_long": ErrorBody(
        400,
        "context_length_exceeded",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 "
        "tokens. Please reduce the length of the messages.",
    ),
    "prompt_blocked": ErrorBody(
        400,
        "content_filter",
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry. To learn more about our content filtering policies please "
        "read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
    ),
}
_RESPONSES: Final[dict[Failure, ErrorBody]] = {
    "bad_request": ErrorBody(400, "invalid_type", "Invalid type for 'temperature': expected a decimal."),
    "unauthorized": ErrorBody(401, "invalid_api_key", "Incorrect API key provided: sk-wrong."),
    "not_found": ErrorBody(404, "model_not_found", "The model `x` does not exist or you do not have access."),
    "throttled": ErrorBody(
        429,
        "rate_limit_exceeded",
        "Rate limit reached for gpt-5-mini in organization org-x on requests per min (RPM): Limit 3, Used 3, "
        "Requested 1. Please try again in 1s.",
    ),
    "no_quota": ErrorBody(
        429,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "failed": ErrorBody(
        500, None, "The server had an error while processing your request. Sorry about that!"
    ),
    "unavailable": ErrorBody(503, None, "The server is temporarily unable to service your request."),
    "overloaded": ErrorBody(503, "server_is_overloaded", "Our servers are currently overloaded."),
    "too_long": ErrorBody(
        400,
        "context_length_exceeded",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
    ),
    "prompt_blocked": ErrorBody(
        400,
        "invalid_prompt",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again "
        "with a different prompt.",
    ),
}
_ANTHROPIC: Final[dict[Failure, ErrorBody]] = {
    "bad_request": ErrorBody(400, "invalid_request_error", "max_tokens: Field required"),
    "unauthorized": ErrorBody(401, "authentication_error", "invalid x-api-key"),
    "not_found": ErrorBody(404, "not_found_error", "model: claude-x"),
    "throttled": ErrorBody(
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 50 requests per minute.",
    ),
    "no_quota": ErrorBody(
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade "
        "or purchase credits.",
    ),
    "failed": ErrorBody(500, "api_error", "Internal server error"),
    "unavailable": ErrorBody(503, "api_error", "Service unavailable"),
    "overloaded": ErrorBody(529, "overloaded_error", "Overloaded"),
    "too_long": ErrorBody(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
    "prompt_blocked": ErrorBody(400, "invalid_request_error", "Output blocked by content filtering policy"),
}
_GEMINI: Final[dict[Failure, ErrorBody]] = {
    "bad_request": ErrorBody(400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    "unauthorized": ErrorBody(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
        "other valid authentication credential.",
    ),
    "bad_key": ErrorBody(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "not_found": ErrorBody(
        404,
        "NOT_FOUND",
        "models/x is not found for API version v1beta, or is not supported for generateContent. Call "
        "ListModels to see the list of available models and their supported methods.",
    ),
    "throttled": ErrorBody(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details. * Quota exceeded for "
        "metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 10",
    ),
    "no_quota": ErrorBody(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "failed": ErrorBody(500, "INTERNAL", "An internal error has occurred. Please retry."),
    "unavailable": ErrorBody(503, "UNAVAILABLE", "The service is currently unavailable."),
    "overloaded": ErrorBody(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "too_long": ErrorBody(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    ),
}
_ERRORS: Final[dict[Provider, dict[Failure, ErrorBody]]] = {
    "azure": _AZURE,
    "responses": _RESPONSES,
    "anthropic": _ANTHROPIC,
    "gemini": _GEMINI,
}
_FILTERED = {"filtered": True, "severity": "high"}
_PASSED = {"filtered": False, "severity": "safe"}
_RPC = "type.googleapis.com/google.rpc."


def is_failure(provider: Provider, failure: Failure) -> bool:
    """Return whether a provider answers this with an error; Gemini reports a blocked prompt in an answer."""
    return failure in _ERRORS[provider] or failure == "bad_key"


def error_of(provider: Provider, failure: Failure) -> ErrorBody:
    """Return the status, the code and the words of a failure."""
    errors = _ERRORS[provider]
    return errors["unauthorized"] if failure == "bad_key" and failure not in errors else errors[failure]


def error_body(provider: Provider, failure: Failure, retry_after: float | None = None) -> dict[str, Any]:
    """Return the JSON body of a failure.

    Args:
        provider: whose words.
        failure: what goes wrong.
        retry_after: seconds until the next request; Gemini says them in the body, not in a header.
    """
    error = error_of(provider, failure)
    if provider == "anthropic":
        said = {"type": error.code, "message": error.message}
        return {"type": "error", "error": said, "request_id": "req_1"}
    if provider == "gemini":
        body: dict[str, Any] = {"code": error.status, "message": error.message, "status": error.code}
        if failure == "bad_key":
            body["details"] = [{"@type": f"{_RPC}ErrorInfo", "reason": "API_KEY_INVALID"}]
        if retry_after is not None:
            per_minute = {
                "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
                "quotaValue": "10",
            }
            body["details"] = [
                {"@type": f"{_RPC}QuotaFailure", "violations": [per_minute]},
                {"@type": f"{_RPC}RetryInfo", "retryDelay": f"{retry_after:g}s"},
            ]
        return {"error": body}
    body = {"message": error.message, "type": _openai_type(error), "param": None, "code": error.code}
    if provider == "azure" and failure == "prompt_blocked":
        found = {"hate": _PASSED, "violence": _FILTERED, "jailbreak": {"filtered": False, "detected": False}}
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": found}
        body |= {"type": None, "param": "prompt", "status": 400, "innererror": inner}
    elif provider == "azure" and failure != "too_long":
        body = {"code": error.code, "message": error.message}  # of its gateway, not of the model
    return {"error": body}


def _openai_type(error: ErrorBody) -> str | None:
    if error.code == "insufficient_quota":
        return error.code
    if error.status == 429:
        return "requests"
    return "server_error" if error.status >= 500 else "invalid_request_error"
