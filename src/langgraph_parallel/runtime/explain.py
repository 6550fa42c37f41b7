"""Failures in words: what an endpoint refused, why, and the way out. The same cause has the same words."""

import socket
import ssl
from collections.abc import Sequence

from langgraph_parallel.errors import ParallelError
from langgraph_parallel.runtime.failure import LASTING, TRANSIENT, Failure, classify
from langgraph_parallel.runtime.kinds import Kind
from langgraph_parallel.runtime.redact import EXPLAINED, redact, root_cause

_KIND = "_langgraph_parallel_kind"
_LONGEST = 200
"""Characters of what an endpoint said."""
_WAY_OUT: dict[Kind, str] = {
    "key": "check {key}",
    "permission": "the key may not use this model or endpoint; check its rights",
    "quota": "the quota or the credit of the account is used up; check its plan",
    "model": "there is no such model; check its name",
    "context": "the prompt of about {tokens} tokens is longer than the context of the model; lower "
    "section_tokens (--max-tokens), or raise the context of the server",
    "filter": "the provider's content filter refused the prompt",
}


def explain(error: BaseException, *, endpoint: str, model: str, key: str = "", tokens: int = 0) -> None:
    """Note with an error what it means, for records and reports.

    Args:
        error: that a request raised.
        endpoint: address of the endpoint, or what identifies it else.
        model: name of the model.
        key: name of the environment variable that holds the key; empty if unknown.
        tokens: of the prompt, estimated.
    """
    failure = classify(error)
    way_out = _WAY_OUT.get(failure.kind, "").format(key=key or "the API key", tokens=tokens)
    mark(error, _explained(failure, error, endpoint.rstrip("/"), model, way_out), failure.kind)


def mark(error: BaseException, text: str, kind: Kind) -> None:
    """Note the words and the kind of an error with it."""
    for name, value in ((EXPLAINED, text), (_KIND, kind)):
        try:
            setattr(error, name, value)
        except AttributeError:  # a class of others without room for it
            return


def is_explained(error: BaseException) -> bool:
    """Return whether records show what an endpoint has refused in place of the error's own text."""
    return bool(getattr(error, EXPLAINED, "")) and classify(error).kind in LASTING | TRANSIENT


def kind_of(error: BaseException) -> Kind:
    """Return what an error means."""
    kind: Kind | None = getattr(error, _KIND, None)
    return kind or classify(error).kind


def is_bug(error: Exception) -> bool:
    """Return whether an error is one of the caller's code, not of a model, an endpoint or this package."""
    return kind_of(error) == "other" and not isinstance(error, ParallelError)


def _explained(failure: Failure, error: BaseException, url: str, model: str, way_out: str) -> str:
    """Return the words for a failure; empty if those of the error itself are as good."""
    said = _said(failure)
    if failure.status is None and failure.kind in ("connection", "address"):
        root = root_cause(error)
        advice = _unreachable(root) if failure.kind == "connection" else _ADDRESS
        reason = " ".join(str(root).split()) or type(root).__name__
        return redact(f"cannot reach {url}: {advice} ({reason})")
    if failure.kind in ("other", "timeout") or failure.status is None:
        return ""
    way_out = _ADDRESS if failure.kind == "address" else way_out
    if not way_out:
        return redact(f"{failure.status} from {url}: {said or 'no reason given'}")
    reason = f"model {model}: {said}" if said else f"model {model}"
    return redact(f"{failure.status} from {url}: {way_out} ({reason})")


def _unreachable(root: BaseException) -> str:
    """Say why a server cannot be reached, by the error of the operating system or of TLS."""
    return next((advice for kind, advice in _BY_ROOT if isinstance(root, kind)), "is the server running?")


_BY_ROOT: Sequence[tuple[type[BaseException], str]] = (
    (socket.gaierror, "its name is not known; check the address and the network"),
    (ssl.SSLCertVerificationError, "its certificate is not trusted; SSL_CERT_FILE can name those that are"),
    (ssl.SSLError, "it does not speak TLS; check whether its address begins with http: or https:"),
)
_ADDRESS = "nothing answers at this address; a base URL usually ends in /v1"


def _said(failure: Failure) -> str:
    """Return what an endpoint said on one line; a web page is only named."""
    words = " ".join(failure.message.split())
    if words.startswith("<"):
        return "it answered with a web page"
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
