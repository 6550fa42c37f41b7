"""Errors as text for records and reports, without the secrets that libraries put into them."""

import os
import re

_KEY = re.compile(
    r"\b(?:sk|pk|rk|gh[opsu]|github_pat|xox[abp]|lsv2|hf)[-_][\w*.-]{6,}|\bAIza[\w-]{20,}|\bAKIA\w{12,}|\bBearer\s+\S+",
    re.IGNORECASE,
)
_SECRET_VARIABLE = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_ASSIGNED_SECRET = re.compile(
    r"""(\b\w*(?:passw|passphrase|secret|token|api_?key|credential)\w*['"]?\]?\s*(?::\s*\w+\s*)?[:=]+\s*)(['"]).*?\2""",
    re.IGNORECASE,
)
_SHORTEST_SECRET = 8
"""Characters: masking shorter values, such as `test`, would make errors unreadable."""
_LONGEST = 300
EXPLAINED = "_langgraph_parallel_text"
"""Attribute of an error: what it means, as `runtime.explain` has noted."""


def redact(text: str) -> str:
    """Mask API keys: text that looks like one, and values of environment variables named like one.

    >>> redact("Incorrect API key provided: sk-abc123456789.")
    'Incorrect API key provided: ***'
    """
    secrets = {
        value
        for name, value in os.environ.items()
        if len(value) >= _SHORTEST_SECRET and _SECRET_VARIABLE.search(name)
    }
    for value in sorted(secrets, key=len, reverse=True):  # the longest first: a secret may begin another one
        text = text.replace(value, "***")
    return _KEY.sub("***", text)


def mask_secrets(code: str) -> str:
    r"""Mask string literals that code assigns to a name for a secret, and text that looks like a key.

    >>> mask_secrets('def connect(host="db", password="hunter2"):')
    'def connect(host="db", password=\'***\'):'
    """
    return redact(_ASSIGNED_SECRET.sub(r"\1'***'", code))


def root_cause(error: BaseException) -> BaseException:
    """Return the first error in the chain of causes and contexts; the error itself if it has none."""
    seen = {id(error)}  # a chain may be circular
    while (cause := error.__cause__ or error.__context__) is not None and id(cause) not in seen:
        seen.add(id(cause))
        error = cause
    return error


def describe(error: BaseException) -> str:
    """Return what an endpoint refused and the way out, else `Type: message`: on one line, masked, cut."""
    if noted := getattr(error, EXPLAINED, ""):
        return str(noted) if len(noted) <= _LONGEST else f"{noted[: _LONGEST - 1]}…"
    root = root_cause(error)
    # An SDK's "Connection error." hides what the operating system said.
    words = f"{error} ({root})" if root is not error and isinstance(root, OSError) else str(error)
    message = redact(" ".join(words.split()))  # masked before it is cut, or a part of a key could remain
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
