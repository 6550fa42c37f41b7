"""Hits of rules that tests break by their nature: they use assert, and their names are their documentation.

Those of an engine that people run as a gate of its own are kept, since ours must not pass what theirs would
stop, but as one for each file: a project has tens of thousands of asserts in its tests.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from langgraph_parallel.offline.engines import Hit
from langgraph_parallel.offline.families import UPHELD
from langgraph_parallel.offline.file_kinds import is_test_file
from langgraph_parallel.records import Lines, Part

_USE = "S101"
_BROKEN_IN_TESTS = (_USE, "D1")
"""Prefixes of the rules: use of assert, and missing docstrings."""


def is_use_in_tests(rule: str, path: str) -> bool:
    """Return whether a rule is the one about assert, and the file that of a test."""
    return rule == _USE and is_test_file(path)


def fold_in_tests(
    hits: Iterable[Hit], engine: str, parts: Mapping[str, Part], rule_of: Callable[[Hit], str]
) -> Iterator[Hit]:
    """Iterate over hits: of a test file with one for all asserts, and without those of missing docstrings.

    It is at the first assert of the lines under review, and says how many there are. Those that the code
    accepts in a way that the engine obeys have one of their own.

    Args:
        hits: those of the engine.
        engine: its name; without those of `UPHELD`, no hit is left of such rules in tests.
        parts: the files by path.
        rule_of: function from a hit to its canonical rule.
    """
    folded: dict[tuple[str, bool], list[Hit]] = {}
    for hit in hits:
        rule = rule_of(hit)
        if not (rule.startswith(_BROKEN_IN_TESTS) and is_test_file(hit.path)):
            yield hit
        elif rule == _USE and engine in UPHELD:
            folded.setdefault((hit.path, hit.accepted), []).append(hit)
    for (path, _), uses in folded.items():
        yield _fold(uses, parts[path])


def _fold(uses: list[Hit], part: Part) -> Hit:
    reviewed = [hit for hit in uses if part.under_review(Lines(first=hit.first, last=hit.last))]
    uses = sorted(reviewed or uses, key=lambda hit: hit.first)
    more = f", the first of {len(uses):,} in this file" if len(uses) > 1 else ""
    return uses[0]._replace(message=f"Use of assert{more}")
