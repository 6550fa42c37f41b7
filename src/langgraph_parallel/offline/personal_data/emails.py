"""E-mail addresses: a name at a host below a real top-level domain, which is no login, package or file."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from langgraph_parallel.offline.personal_data.surroundings import before

_LOCAL = re.compile(r"[\w.+'&=-]{1,64}$")
_LOCAL_LENGTH = 64
_HOST = re.compile(
    r"(?:[^\W_](?:[\w-]{0,62}[^\W_])?\.){1,8}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,63})(?![\w@])", re.I
)
_HOST_LENGTH = 255
_ESCAPED_LINE_END = re.compile(r"\\[nrt]")
_DENSITY = re.compile(r"\d(?:\.\d)?x\.", re.I)
"""The `2x.` of an image for screens of twice the density: `logo@2x.png`."""
_VERSION = re.compile(r"v?\d+\.\d+[\w-]*\.|v\d[\w-]*\.", re.I)
"""The `1.2.` of a package: `pkg@1.2.3.dev`, `action@v4.sh`."""
_ENDINGS = frozenset({"cc", "java", "md", "mm", "mov", "pl", "ps", "py", "rs", "sh", "so", "zip"})
"""Top-level domains that are endings of files too: in a path they are files."""
_LOGIN = re.compile(r"(?<![\w-])(?:ssh|scp|sftp|rsync|mosh|ssh-copy-id)\s(?:[^\n]{0,40}\s)?$")
_USER_INFO = re.compile(r"://[^\s/@?#]{0,64}$")
"""What precedes the host of an address with a login: `https://user:secret@host`."""
_MESSAGE_ID = re.compile(r"(?:message-id|in-reply-to|references|content-id|cid)\W{0,6}[\w.+$-]*$", re.I)
_REMOTE_PATH = re.compile(r":(?:~|\.{0,2}/|[\w.-]+/|[\w-]+\.\w)")
"""The path after the host of a remote copy or a git remote: `git@host:octo/tools.git`."""


def find_emails(text: str) -> Iterator[tuple[int, int]]:
    """Iterate over the places of e-mail addresses."""
    at, behind = text.find("@"), 0
    while at >= 0:
        span = _address_at(text, at, behind)
        if span:
            yield span
            behind = span[1]
        at = text.find("@", at + 1)


def _address_at(text: str, at: int, behind: int) -> tuple[int, int] | None:
    """Return the place of the address around an `@`, after the address before; None if there is none."""
    host = _HOST.match(text, at + 1, min(len(text), at + 1 + _HOST_LENGTH))
    if host is None:
        return None
    left = text[max(behind, at - _LOCAL_LENGTH - 2) : at]
    local = _LOCAL.search(left)
    if local is None:
        return None
    start = at - len(_trim_local(left, local))
    end = at + 1 + _end_of_host(host[0])
    if start == at or end == at + 1 or _is_other(text, start, at, end):
        return None
    return start, end


def _trim_local(left: str, local: "re.Match[str]") -> str:
    """Return the name before the `@`, without an escaped line end, quotes and the name of a parameter."""
    name = local[0]
    if _ESCAPED_LINE_END.fullmatch(left[local.start() - 1 : local.start() + 1]):
        name = name[1:]
    name = re.split(r"[=&]", name)[-1].lstrip(".'-+")
    return "" if name.endswith(".") else name.lstrip("'")


def _end_of_host(host: str) -> int:
    """Return the length of the host, without a word of the next sentence; 0 if it has no real end."""
    while "." in host:
        rest, _, last = host.rpartition(".")
        if _as_ascii(last) in _top_level_domains():
            return len(host)
        if not last.istitle() or "." not in rest:
            return 0
        host = rest
    return 0


def _is_other(text: str, start: int, at: int, end: int) -> bool:
    """Return whether it is a login, a message, a file or a package."""
    host = text[at + 1 : end]
    if _DENSITY.match(host) or _VERSION.match(host):
        return True
    line = before(text, start, 72)
    is_path = line.endswith(("/", "\\")) and not _ESCAPED_LINE_END.search(line[-2:])
    if is_path and host.rpartition(".")[2].lower() in _ENDINGS:
        return True
    return bool(
        _REMOTE_PATH.match(text, end)
        or _USER_INFO.search(line)
        or _LOGIN.search(line)
        or _MESSAGE_ID.search(line)
    )


def _as_ascii(label: str) -> str:
    label = label.lower()
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"


@cache
def _top_level_domains() -> frozenset[str]:
    lines = (files(__package__) / "top_level_domains.txt").read_text("ascii").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
