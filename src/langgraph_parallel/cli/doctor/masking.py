"""What the doctor prints, without secrets and control characters: also what a server sends back."""

import os
import re
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import JsonValue

from langgraph_parallel.cli.doctor.record import Check, Diagnosis
from langgraph_parallel.report.wording import visible
from langgraph_parallel.runtime.redact import redact

_SECRET = re.compile(
    r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|PAT)(?:$|_ID$)", re.IGNORECASE
)
_ADDRESS = re.compile(r"(?:^|_)(?:URL|URI|ENDPOINT|BASE|PROXY|DSN)$", re.IGNORECASE)
_SHORTEST = 4
"""Characters; a shorter value of a variable for a secret is not one, and masking it would garble words."""
_LONG = 16
"""Characters of a secret whose parts are masked as well: servers quote the beginning or the end of a key."""
_PART = 6
_LONGEST = 300
"""Characters of one text."""


def secret_values() -> list[str]:
    """Return what must not be printed: values of variables named like a secret, and secrets in addresses.

    The longest come first, since one may be the beginning of another.
    """
    found = set[str]()
    for name, value in os.environ.items():
        if _SECRET.search(name):
            found |= {value, value.strip()}
        elif _ADDRESS.search(name):
            found.update(_in_address(value))
    return sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True)


def clean(diagnosis: Diagnosis, secrets: Sequence[str]) -> Diagnosis:
    """Return a diagnosis whose texts and values are masked, visible and of a bounded length."""
    checks = [
        Check(
            section=check.section,
            name=check.name,
            status=check.status,
            text=clean_text(check.text, secrets),
            way_out=clean_text(check.way_out, secrets),
            value=_clean_value(check.value, secrets),
        )
        for check in diagnosis.checks
    ]
    return Diagnosis(ok=diagnosis.ok, checks=checks)


def clean_text(text: str, secrets: Sequence[str]) -> str:
    """Return one text without secrets, nor parts of long ones; visible, and of a bounded length.

    >>> clean_text("not valid: abc-123-def…", ["abc-123-def-456-ghi"])
    'not valid: ***…'
    """
    text = redact(text, secrets)  # before it is cut, or a part of a secret could remain
    for secret in secrets:
        if len(secret) >= _LONG:
            text = _without_parts(text, secret)
    text = visible(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _clean_value(value: JsonValue, secrets: Sequence[str]) -> JsonValue:
    if isinstance(value, str):
        return clean_text(value, secrets)
    if isinstance(value, list):
        return [_clean_value(item, secrets) for item in value]
    if isinstance(value, dict):
        return {clean_text(key, secrets): _clean_value(item, secrets) for key, item in value.items()}
    return value


def _without_parts(text: str, secret: str) -> str:
    """Mask every run of characters that a secret holds, too."""
    parts = {secret[i : i + _PART] for i in range(len(secret) - _PART + 1)}
    masked = bytearray(len(text))
    for start in range(len(text) - _PART + 1):
        if text[start : start + _PART] in parts:
            masked[start : start + _PART] = b"\1" * _PART
    if not any(masked):
        return text
    shown = "".join("\0" if hidden else char for char, hidden in zip(text, masked, strict=True))
    return re.sub("\0+", "***", shown)


def _in_address(url: str) -> Iterator[str]:
    """Yield the user, the password and the parameters of an address."""
    try:
        parts = urlsplit(url)
        quoted = [part for part in (parts.username, parts.password) if part]
    except ValueError:
        return
    values = [value for _, value in parse_qsl(parts.query)]
    yield from {*quoted, *map(unquote, quoted), *values}
