"""Claims of engines as a few texts: a large tree has a hundred thousand, which pass through many records.

Records share a text, but copy a mapping, and count each choice of a ballot by itself. What engines say of a
rule they say of thousands of places, so that a text has the claims of one rule, and their common fields once.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from langgraph_parallel.records import Claim, Lines

_SAME, _EACH = "same", "each"
_FIELDS_OF_CLAIM = set(Claim.model_fields)


def pack(claims: Iterable[Claim]) -> list[str]:
    """Return the claims of each rule as JSON text, in the order of their first claims.

    >>> lines = Lines(first=3, last=3)
    >>> claim = Claim(voter="a", source="ruff", aspect="style", path="a.py", lines=lines, severity="low",
    ...               message="unused")
    >>> list(unpack(pack([claim])[0])) == [claim]
    True
    """
    by_rule: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for claim in claims:
        by_rule.setdefault((claim.source, claim.code), []).append(claim.model_dump(exclude_defaults=True))
    return [_pack(of_rule) for of_rule in by_rule.values()]


def _pack(claims: list[dict[str, Any]]) -> str:
    first, *others = claims
    same = {key: value for key, value in first.items() if all(one.get(key) == value for one in others)}
    each = [{key: value for key, value in one.items() if key not in same} for one in claims]
    # ASCII: one wide character would widen all of the text.
    return json.dumps({_SAME: same, _EACH: each}, separators=(",", ":"))


def unpack(text: str) -> Iterator[Claim]:
    """Iterate over the claims in a text of `pack`."""
    packed = json.loads(text)
    for fields in packed[_EACH]:
        # Paths and messages repeat themselves: they, and the sets of field names, are held once.
        held_once = {
            key: sys.intern(value) if isinstance(value, str) else value
            for key, value in (packed[_SAME] | fields).items()
        }
        claim = Claim.model_validate(held_once)
        lines = _share_lines(claim.lines.first, claim.lines.last)
        yield Claim.model_construct(_FIELDS_OF_CLAIM, **{**dict(claim), "lines": lines})


@lru_cache(maxsize=100_000)
def _share_lines(first: int, last: int) -> Lines:
    """Return one record for all claims on lines of these numbers, in whatever file."""
    return Lines(first=first, last=last)
