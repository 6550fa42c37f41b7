"""Errors as text for records and reports, without the secrets that libraries put into them."""

import os
import re

_KEY = re.compile(r"\b(?:sk|pk|rk|ghp|gho|xox[abp]|lsv2|hf)[-_][\w*.-]{6,}|\bBearer\s+\S+", re.IGNORECASE)
_LONGEST = 300


def redact(text: str) -> str:
    """Mask API keys: what looks like one, and every value of an environment variable that is one.

    >>> redact("Incorrect API key provided: sk-abc123456789.")
    'Incorrect API key provided: ***'
    """
    for name, value in os.environ.items():
        if len(value) >= 8 and name.upper().endswith(("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")):
            text = text.replace(value, "***")
    return _KEY.sub("***", text)


def describe(error: BaseException) -> str:
    """`Type: message` on one line, masked and cut to 300 characters."""
    message = redact(" ".join(str(error).split()))
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
