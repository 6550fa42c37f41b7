"""Ids of findings, which stay the same when the code moves to other lines."""

import hashlib
from collections.abc import Iterable, Sequence

from langgraph_parallel.records import Claim


def groups_by_id(groups: Iterable[list[int]], claims: Sequence[Claim]) -> dict[str, list[int]]:
    """Return groups of claim indices by finding id.

    Equal findings on equal lines of code have the same fingerprint; all but the first get a number.
    """
    by_id: dict[str, list[int]] = {}
    for group in groups:
        fingerprint, number = _fingerprint([claims[i] for i in group]), 1
        name = fingerprint
        while name in by_id:
            number += 1
            name = f"{fingerprint}-{number}"
        by_id[name] = group
    return by_id


def _fingerprint(claims: Sequence[Claim]) -> str:
    """Return a hash of the file, the quoted code and the rules or messages, without line numbers."""
    first = claims[0]
    statements = sorted({claim.rule or claim.message for claim in claims})
    text = "\0".join([first.path, "".join(first.quote.split()), *statements])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
