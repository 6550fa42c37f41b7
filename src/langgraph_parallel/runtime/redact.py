"""Errors as text for records and reports, without the secrets that libraries put into them."""

import os
import re

_KEY = re.compile(
    r"\b(?:sk|pk|rk|gh[opsu]|github_pat|xox[abp]|lsv2|hf)[-_][\w*.-]{6,}|\bAIza[\w-]{20,}|\bAKIA\w{12,}|\bBearer\s+\S+",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_GIVEN = re.compile(
    r"""(\b\w*(?:passw|passphrase|secret|token|api_?key|credential)\w*['"]?\]?\s*(?::\s*\w+\s*)?[:=]+\s*)(['"]).*?\2""",
    re.IGNORECASE,
)
_LONGEST = 300


def redact(text: str) -> str:
    """Mask API keys: what looks like one, and every value of an environment variable that is one.

    >>> redact("Incorrect API key provided: sk-abc123456789.")
    'Incorrect API key provided: ***'
    """
    secrets = {value for name, value in os.environ.items() if len(value) >= 8 and _VARIABLE.search(name)}
    for value in sorted(secrets, key=len, reverse=True):  # the longest first: one may begin another
        text = text.replace(value, "***")
    return _KEY.sub("***", text)


def mask_secrets(code: str) -> str:
    r"""Mask what a line of code gives to a name that speaks of a secret, and what looks like a key.

    >>> mask_secrets('def connect(host="db", password="hunter2"):')
    'def connect(host="db", password=\'***\'):'
    """
    return redact(_GIVEN.sub(r"\1'***'", code))


def root_cause(error: BaseException) -> BaseException:
    """The error that an error comes from, by its chain of causes."""
    seen = {id(error)}
    while (cause := error.__cause__ or error.__context__) is not None and id(cause) not in seen:
        seen.add(id(cause))
        error = cause
    return error


def describe(error: BaseException) -> str:
    """`Type: message` on one line, masked and cut to 300 characters."""
    root = root_cause(error)
    words = f"{error} ({root})" if root is not error and isinstance(root, OSError) else str(error)
    message = redact(" ".join(words.split()))
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
