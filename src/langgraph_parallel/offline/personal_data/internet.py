"""IP addresses of hosts, told from those of documentation and networks, and from version numbers."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from langgraph_parallel.offline.personal_data.surroundings import (
    FIRST_DIGIT,
    after,
    any_word,
    before,
    starts_word,
)

_V4 = re.compile(rf"{FIRST_DIGIT}(?<!\w\.[0-9])[0-9]{{0,2}}+(?:\.[0-9]{{1,3}}+){{3}}(?!\w|\.\w)")
_V6 = re.compile(r":[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]*+")
"""What follows the first group of an address, from its colon on."""
_FIRST_GROUP = re.compile(r"[0-9A-Fa-f]{0,4}$")
_NETWORK = re.compile(r"/(\d{1,3})(?!\d)")

_NOBODY_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
"""Unspecified, loopback, documentation (RFC 5737), and no hosts: multicast, reserved and network masks."""
_DOCUMENTATION_6 = (IPv6Network("2001:db8::/32"), IPv6Network("3fff::/20"))
_ASSIGNED_6 = (
    IPv6Network("2000::/3"),
    IPv6Network("fc00::/7"),
    IPv6Network("fe80::/10"),
    IPv6Network("64:ff9b::/96"),
)
"""Global, local and translated addresses: a short form of another kind is rather a name in a program."""

_MAX_LENGTH_6 = 45
_MAX_VERSION_PART = 31
"""Parts of version numbers are rarely larger; an address has four such parts once in 4,000."""
_DEVELOPMENT = range(90, 100)
_MAX_CHANGED_PART = 99
"""After a word such as "upgrade" the part of a version is rarely larger."""
_VERSION_WORD = re.compile(
    any_word(
        r"""
        versions? ver v releases? rel firmware build kernel revision rev oid sections? sect? chapter clause
        paragraph para rule figure fig table appendix annex article fixed\sin changes\sin since abschnitt
        kapitel fassung chapitre versi[oó]n secci[oó]n cap[ií]tulo versione sezione версия раздел
        """
    )
    + r"(?![^\W_])[^\d\n]{0,12}$|§\s?$|[<>=~^!]=\s?[\"']?$|[~^]$",
    re.I,
)
_CHANGE_WORD = re.compile(
    any_word(
        "updat upgrad downgrad bump releas requir patch install packag import revert backport rebas restor"
    ),
    re.I,
)
_VERSION_BEFORE = re.compile(r"[A-Za-z]/$|[A-Za-z][\w+.]*-$|^\s*#+ \[?$")
_VERSION_AFTER = re.compile(
    r"-[A-Za-z\d]|[+~]\w|\s?\(\d{4}-\d\d|\s?[-\u2013:]\s?\d{4}-\d\d-\d\d\s*$|\)? (?:unstable|stable|released)"
)
_ADDRESS_WORD = re.compile(
    any_word(
        r"""
        ips? ipv4 addrs? address(?:es)? adresse direcci[oó]n indirizzo hosts? client server peer remote
        source src dst from for at ping inet gateway dns nameserver router subnet login user
        """
    )
    + r"(?![^\W_])[^\d\n]{0,12}$|(?<=//)$|@$",
    re.I,
)
_WORDS_LENGTH = 40


def find_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Iterate over the places of addresses of both versions, in all forms."""
    for match in _V4.finditer(text):
        if _is_host_4(match[0]) and not _is_network(text, *match.span()) and not _is_version(text, match):
            yield match.span()
    for match in _V6.finditer(text):
        start, end = _span_6(text, match)
        if end and _is_host_6(text[start:end]) and not _is_network(text, start, end):
            yield start, end


def _is_host_4(written: str) -> bool:
    try:
        address = IPv4Address(written)
    except ValueError:
        return False
    return not any(address in network for network in _NOBODY_4)


def _span_6(text: str, match: "re.Match[str]") -> tuple[int, int]:
    """Return the place of what may be an address, from the colons in it; its end is 0 if it is none."""
    first = _FIRST_GROUP.search(text[max(0, match.start() - 4) : match.start()])
    start = match.start() - len(first[0] if first else "")
    rest = match[0].rstrip(".")
    if rest.endswith(":") and not rest.endswith("::"):
        rest = rest[:-1]
    end = match.start() + len(rest)
    colons = rest.count(":")
    is_long_enough = "::" in rest or colons == 7 or (colons == 6 and "." in rest)
    if (
        not is_long_enough
        or len(rest) > _MAX_LENGTH_6
        or text[start - 1 : start] in (":", ".")
        or not starts_word(text, start)
    ):
        return start, 0
    return start, 0 if text[end : end + 1].isalnum() or text[end : end + 1] == "_" else end


def _is_host_6(written: str) -> bool:
    """Return whether a text is an address of a host.

    Manuals write short addresses of the networks for documentation, such as `2001:db8::1`. One with an
    interface identifier stands for a certain host, so it counts like any other.
    """
    groups = [group for group in written.split(":") if group]
    if written.endswith("::") or all(len(group) == 2 for group in groups):
        return False
    try:
        address = ip_address(written)
    except ValueError:
        return False
    assert isinstance(address, IPv6Address)
    if address.ipv4_mapped is not None:
        return _is_host_4(str(address.ipv4_mapped))
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        return False
    if any(address in network for network in _DOCUMENTATION_6):
        return int(address) & 0xFFFF_FFFF_FFFF_0000 != 0
    if "::" in written:
        return any(address in network for network in _ASSIGNED_6) and len(groups[0]) >= 2
    return max(map(len, groups)) >= 3


def _is_network(text: str, start: int, end: int) -> bool:
    """Return whether a prefix length follows, and the address is the first one of its network."""
    length = _NETWORK.match(text, end)
    if length is None:
        return False
    try:
        ip_network(text[start:end] + length[0])
    except ValueError:
        return False
    return int(length[1]) < 31


def _is_version(text: str, match: "re.Match[str]") -> bool:
    line, rest = before(text, match.start(), _WORDS_LENGTH), after(text, match.end(), _WORDS_LENGTH)
    if line.endswith("-") and re.search(r"(?:\.[0-9]{1,3}){3}-$", line):
        return False
    if _VERSION_WORD.search(line) or (_VERSION_AFTER.match(rest) and not _is_range(rest)):
        return True
    has_port = re.match(r":\d", rest)
    if _VERSION_BEFORE.search(line) and not has_port:
        return True
    parts = [int(part) for part in match[0].split(".")]
    if has_port or parts[0] == 10:
        return False
    called_address, changed = _ADDRESS_WORD.search(line), _CHANGE_WORD.search(line)
    # The development towards a release is often numbered 99: 1.5.99.2.
    small = [part for place, part in enumerate(parts) if place not in (1, 2) or part not in _DEVELOPMENT]
    if max(small) <= _MAX_VERSION_PART:
        return bool(changed) or not called_address
    is_changed_version = parts[0] <= _MAX_VERSION_PART and max(parts) <= _MAX_CHANGED_PART
    return bool(changed) and not called_address and is_changed_version


def _is_range(rest: str) -> bool:
    return re.match(r"-(?:[0-9]{1,3}\.){3}", rest) is not None
