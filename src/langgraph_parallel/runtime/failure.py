"""What a failed request means: who is to blame, whether waiting helps, and what to do.

Servers word the same refusal in many ways, under different statuses, and some put an error into an answer of
200. So a failure is classified by its status, by the codes in its body, and only then by its words.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langgraph_parallel.errors import (
    AnswerError,
    ContextOverflow,
    CutAnswer,
    EmptyAnswer,
    EndpointError,
    FilteredAnswer,
    InvalidAnswer,
    RefusedAnswer,
)
from langgraph_parallel.runtime.client_errors import (
    is_address_error,
    is_connection_error,
    is_timeout_error,
)
from langgraph_parallel.runtime.error_body import CODES, Said
from langgraph_parallel.runtime.kinds import Kind
from langgraph_parallel.runtime.redact import root_cause

LATER: frozenset[Kind] = frozenset({"throttled", "overloaded"})
"""The endpoint says: later."""
TRANSIENT: frozenset[Kind] = LATER | {"server", "connection", "timeout"}
"""The same request may succeed if it is repeated."""
LASTING: frozenset[Kind] = frozenset({"key", "permission", "quota", "model", "address"})
"""No request to this endpoint will succeed."""

_STATUS: Mapping[int, Kind] = {
    401: "key",
    402: "quota",
    403: "permission",
    404: "address",
    405: "address",
    408: "server",
    409: "server",
    425: "server",
    429: "throttled",
    501: "request",
    503: "overloaded",
    529: "overloaded",
}
_ANSWERS: Sequence[tuple[type[AnswerError], Kind]] = (
    (ContextOverflow, "context"),
    (FilteredAnswer, "filter"),
    (RefusedAnswer, "refused"),
    (CutAnswer, "cut"),
    (EmptyAnswer, "empty"),
    (InvalidAnswer, "invalid"),
)
_CONTEXT = re.compile(
    r"context.{0,20}(length|window|size|limit)|context_length"
    r"|(prompt|input|request|messages?)\b.{0,60}(too long|too large|too many tokens|exceed)"
    r"|exceed.{0,60}(context|max\w* .{0,20}(length|tokens))"
    r"|too many (input |prompt )?tokens|max\w*.{0,20}(input|prompt|sequence|model).{0,12}(tokens|length)"
    r"|reduce the length|tokens?\b.{0,60}must be (<=|less than|at most)",
    re.IGNORECASE | re.DOTALL,
)
_FILTER = re.compile(
    r"content.{0,20}(filter|polic|management|moderation)|responsible.?ai|flagged|usage polic"
    r"|blocked.{0,40}(safety|polic|prohibited)|safety (system|filter|setting)",
    re.IGNORECASE | re.DOTALL,
)
_KEY = re.compile(
    r"(api|access|auth)?[ _-]?(key|token|credential)s?\b.{0,30}"
    r"(invalid|incorrect|not valid|missing|required|expired|revoked|wrong|not found|no auth)"
    r"|(invalid|incorrect|missing|expired|wrong|no)\b.{0,20}(api[ _-]?key|access token|credentials?)"
    r"|api_key_invalid|unauthori[sz]ed|authentication",
    re.IGNORECASE | re.DOTALL,
)
_QUOTA = re.compile(
    r"insufficient.{0,20}(quota|credit|balance|fund)|exceeded your current quota|out of credits?"
    r"|(credit|account).{0,20}balance|billing|payment required|quota (is )?(spent|used up|exhausted)",
    re.IGNORECASE | re.DOTALL,
)
_PER_TIME = re.compile(
    r"per.?(second|minute|hour|day)|retry.{0,3}(in|after|delay)|\b[rt]p[md]\b", re.IGNORECASE
)
_MODEL = re.compile(
    r"(model|deployment|engine)\b.{0,80}(not (be )?found|n[o']t exist|unknown|no such|not available"
    r"|is not a valid|not loaded|not served)"
    r"|(unknown|invalid|no such|unrecogni[sz]ed|nonexistent)\b.{0,10}(model|deployment)",
    re.IGNORECASE | re.DOTALL,
)
_A_MODEL = re.compile(r"\bmodels?\b", re.IGNORECASE)
_BY_WORDS: Sequence[tuple[Kind, frozenset[int], "re.Pattern[str]"]] = (
    ("context", frozenset({400, 403, 404, 413, 422, 500}), _CONTEXT),
    ("filter", frozenset({400, 403, 404, 422, 500}), _FILTER),
    ("quota", frozenset({400, 402, 403, 429}), _QUOTA),
    ("key", frozenset({400, 401, 403}), _KEY),
    ("model", frozenset({400, 403, 404, 422}), _MODEL),
)
"""Kinds by the words of an error, under the statuses with which it may come; the first that fits counts."""
_LATER_WORDS: Mapping[Kind, "re.Pattern[str]"] = {
    "throttled": re.compile(r"rate.?limit|too many requests|throttl|quota.{0,20}per", re.IGNORECASE),
    "overloaded": re.compile(
        r"overload|at capacity|over capacity|temporarily|try again|unavailable|\bbusy\b", re.IGNORECASE
    ),
}
_DEEPEST_CAUSE = 4
_PATH = re.compile(r"\b(endpoint|route|path|url|method)\b", re.IGNORECASE)
_PAGE = re.compile(r"^\s*(<!doctype html|<html|<head|<body)", re.IGNORECASE)


@dataclass(frozen=True)
class Failure:
    """What a failed request means."""

    kind: Kind
    status: int | None = None
    """The status of HTTP, or the one in the body of an answer of 200; None without an answer."""
    message: str = ""
    """What the endpoint said; not masked."""
    code: str = ""
    """Its own code for the error, in lower case."""
    parameter: str = ""
    """The parameter that it names."""
    again: bool | None = None
    """Whether it asks to be asked again, by `x-should-retry`; None if it does not say."""

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed if it is repeated: as the endpoint says, else by the kind."""
        return self.kind in TRANSIENT if self.again is None else self.again

    @property
    def says_later(self) -> bool:
        """Whether the endpoint asks to wait, so that a refusal is no failed attempt."""
        return self.kind in LATER and self.again is not False

    @property
    def is_lasting(self) -> bool:
        """Whether no request to this endpoint will succeed."""
        return self.kind in LASTING and not self.again


def classify(error: BaseException) -> Failure:
    """Return what an error means."""
    if isinstance(error, AnswerError):
        named = (kind for answer, kind in _ANSWERS if isinstance(error, answer))
        return Failure(next(named, "other"), message=str(error))
    if any(kind.__name__ == "ContextOverflowError" for kind in type(error).__mro__):  # LangChain's own
        return Failure("context", _status(_answered(error)), Said.of(_answered(error)).message)
    answered = _answered(error)
    status, said = _status(answered), Said.of(answered)
    status = said.status if said.status is not None and (status is None or status < 400) else status
    status = status if status is None or status >= 400 else None
    if status is None and not said.is_error:
        if isinstance(answered, EndpointError):
            return Failure("server", message=str(answered))
        if isinstance(error, ValueError) and _FILTER.search(str(error)):  # LangChain's for Azure
            return Failure("filter", message=str(error))
        return Failure(_kind_without_answer(error), message=str(error))
    kind = _kind(status, said, answered)
    return Failure(kind, status, said.message, said.code, said.parameter, _should_retry(answered))


def _answered(error: BaseException) -> BaseException:
    """Return the error that carries what an endpoint answered: itself, or one of those that caused it."""
    cause: BaseException | None = error
    for _ in range(_DEEPEST_CAUSE):
        if cause is None:
            break
        if isinstance(cause, EndpointError) or _status(cause) is not None or Said.of(cause).is_error:
            return cause
        cause = cause.__cause__
    return error


def _kind_without_answer(error: BaseException) -> Kind:
    """Classify an error of the client itself."""
    if is_address_error(error) or is_address_error(root_cause(error)):
        return "address"
    root = root_cause(error)
    # Some clients report a connection that is refused or broken as a timeout; the error below tells.
    broken = (isinstance(root, OSError) or is_connection_error(root)) and not is_timeout_error(root)
    if isinstance(error, TimeoutError) or (is_timeout_error(error) and not broken):
        return "timeout"
    return "connection" if is_connection_error(error) else "other"


def _kind(status: int | None, said: Said, error: BaseException) -> Kind:
    """Classify what an endpoint answered."""
    known = CODES.get(said.code)
    if known and not (known == "quota" and _says_when(said, error)):
        return known
    if status is None and (later := _kind_by_words(said.message, _LATER_WORDS)):
        return later
    if _PAGE.match(said.message) and status in (None, 404, 405):
        return "address"
    for kind, statuses, words in _BY_WORDS:
        if (status is None or status in statuses) and words.search(said.message):
            is_rate = kind == "quota" and _says_when(said, error)
            is_rate = is_rate or (kind == "context" and bool(_PER_TIME.search(said.message)))
            if not is_rate and not (kind == "model" and said.parameter):
                return kind
    if status is None:
        return _kind_by_words(said.message, {"address": _PATH}) or "server"
    if status == 404 and _A_MODEL.search(said.message):
        return "model"
    return _STATUS.get(status) or ("request" if 400 <= status < 500 else "server")


def _kind_by_words(words: str, patterns: Mapping[Kind, "re.Pattern[str]"]) -> Kind | None:
    """Return the first kind whose words occur; None if none do."""
    return next((kind for kind, pattern in patterns.items() if pattern.search(words)), None)


def _says_when(said: Said, error: BaseException) -> bool:
    """Return whether an endpoint says that its quota comes back: then it is a rate."""
    return "retry-after" in _headers(error) or bool(
        _PER_TIME.search(said.message) or "retryDelay" in said.message
    )


def _should_retry(error: BaseException) -> bool | None:
    """Return what `x-should-retry` says; OpenAI, Anthropic and their gateways send it."""
    said = str(_headers(error).get("x-should-retry", "")).strip().lower()
    return {"true": True, "false": False}.get(said)


def _headers(error: BaseException) -> Mapping[str, str]:
    return getattr(getattr(error, "response", None), "headers", None) or {}


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None) or getattr(
        getattr(error, "response", None), "status_code", None
    )
    # Google's clients have it as a code. That of other errors may be anything: in aiohttp's for a body that
    # is cut off it is 400, though no server has refused anything.
    if status is None and any(kind.__module__.partition(".")[0] == "google" for kind in type(error).__mro__):
        status = getattr(error, "code", None)
    return int(status) if isinstance(status, int) and 100 <= status < 600 else None
