"""Errors as text for records and reports, without the secrets that libraries put into them."""

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

_KEY = re.compile(
    r"\b(?:sk|pk|rk|gh[opsu]|github_pat|xox[abp]|lsv2|hf|gsk|xai|r8|nvapi|pplx|tgp|dop|glpat)[-_][\w*.-]{6,}"
    r"|\bAIza[\w-]{20,}|\bAKIA\w{12,}|\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?",
    re.IGNORECASE,
)
"""Text that looks like a key, or a JSON web token (RFC 7519)."""
_SCHEME = re.compile(
    r"\bBearer\s+\S+|\b(?:Basic|Digest|Token|ApiKey)\s+(?=[^\s]*(?-i:[A-Z0-9=]))[\w+/=.~-]{8,}", re.IGNORECASE
)
"""Credentials of HTTP (RFC 9110, 11.4)."""
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/?#@]*(?::[^\s/?#]*)?@", re.IGNORECASE)
"""The user and the password in an address (RFC 3986, 3.2.1)."""
_NAMED = re.compile(
    r"(?P<name>[\"'`]?\b(?:[\w-]*(?:api[-_ ]?key|passw(?:or)?d|passphrase|secret|credentials?)[\w-]*"
    r"|(?:access|auth|refresh|session|id|api|bearer)[-_ ]?token|x-[\w-]*(?:key|token|auth)[\w-]*"
    r"|subscription-key|pwd|sig|signature|(?:proxy-)?authorization)\b[\"'`]?\s*(?:[=:]|=>)\s*)"
    r"(?:(?P<quote>[\"'`])[^\n]{1,200}?(?P=quote)|(?!\*\*\*)[^\s\"'`,;&<>{}\[\]()]{3,})",
    re.IGNORECASE,
)
"""A value with a name for a secret: `password=...`, `x-api-key: ...`, `"api_key": "..."`."""
_SECRET_VARIABLE = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_ASSIGNED_SECRET = re.compile(
    r"""(\b\w*(?:passw|passphrase|secret|token|api_?key|credential)\w*['"]?\]?\s*(?::\s*\w+\s*)?[:=]+\s*)(['"]).*?\2""",
    re.IGNORECASE,
)
_SHORTEST_SECRET = 8
"""Characters: masking shorter values, such as `test`, would make errors unreadable."""
_MOST_NOTED = 1000
"""Keys of models that are known, for processes with many accounts."""
_LONGEST = 300
_MOST_READ = 10_000
"""Characters of an error that are looked at: some hold whole documents."""
EXPLAINED = "_langgraph_parallel_text"
"""Attribute of an error: what it means, as `runtime.explain` has noted."""


_noted: dict[str, None] = {}
"""Keys of models, those that were used last at the end."""


def note_secrets(values: Iterable[object]) -> None:
    """Mask values from now on, wherever they come up: the keys with which a model is called.

    Args:
        values: those that are no texts, or too short to be told from words, are left out.
    """
    for value in values:
        if isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
            _noted.pop(value, None)
            _noted[value] = None
    while len(_noted) > _MOST_NOTED:
        _noted.pop(next(iter(_noted)), None)


def known_secrets() -> list[str]:
    """Return the keys of models, and the values of variables named like a key, the longest first."""
    secrets = {
        value
        for name, value in os.environ.items()
        if len(value) >= _SHORTEST_SECRET and _SECRET_VARIABLE.search(name)
    }
    return sorted(secrets.union(list(_noted)), key=len, reverse=True)  # a secret may begin another one


def redact(text: str, secrets: Sequence[str] | None = None) -> str:
    """Mask API keys: text that looks like one, those of models, and of variables named like one.

    Args:
        text: any text.
        secrets: what `known_secrets` returned, for many texts at once; by default they are looked up.

    >>> redact("Incorrect API key provided: sk-abc123456789.")
    'Incorrect API key provided: ***'
    """
    for value in known_secrets() if secrets is None else secrets:
        text = text.replace(value, "***")
    text = _SCHEME.sub("***", _IN_URL.sub(r"\1***@", text))
    text = _NAMED.sub(lambda named: f"{named['name']}{named['quote'] or ''}***{named['quote'] or ''}", text)
    return _KEY.sub("***", text)


def redact_data(data: Any, secrets: Sequence[str]) -> Any:
    """Return JSON with all of its texts masked.

    Args:
        data: JSON, as Python has it.
        secrets: as in `redact`.
    """
    if isinstance(data, str):
        return redact(data, secrets)
    if isinstance(data, list):
        return [redact_data(value, secrets) for value in data]
    if isinstance(data, dict):
        return {name: redact_data(value, secrets) for name, value in data.items()}
    return data


def mask_secrets(code: str, secrets: Sequence[str] | None = None) -> str:
    r"""Mask string literals that code assigns to a name for a secret, and text that looks like a key.

    Args:
        code: a line of code.
        secrets: as in `redact`.

    >>> mask_secrets('def connect(host="db", password="hunter2"):')
    'def connect(host="db", password=\'***\'):'
    """
    return redact(_ASSIGNED_SECRET.sub(r"\1'***'", code), secrets)


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
    words = _said(error)
    if root is not error and isinstance(root, OSError):
        words = f"{words} ({_said(root)})".lstrip()
    words = words[:_MOST_READ]
    message = redact(" ".join(words.split()))  # masked before it is cut, or a part of a key could remain
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _said(error: BaseException) -> str:
    """Return the text of an error; empty if its own code fails to make one."""
    try:
        return str(error)
    except Exception:
        return ""


def in_words(error: BaseException) -> str:
    """Return what an error says, masked and on one line, without the name of its class."""
    text = describe(error)
    return text.removeprefix(f"{type(error).__name__}: ")
