"""Coverage of a review: the files and lines that voters judged, and those that they did not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from langgraph_parallel.records import Coverage, Lines, Part, Skipped
from langgraph_parallel.reducers.findings.answered import Answered
from langgraph_parallel.reducers.findings.source_code import is_code

_Seen = Mapping[str, Set[Lines | None]]
"""The lines that a voter judged, by path; None is the whole file."""
_Place = tuple[str, Lines | None]


def measure_coverage(
    answered: Sequence[Answered],
    parts_by_path: Mapping[str, Sequence[Part]],
    *,
    skipped: Iterable[Skipped],
    outside_diff: int,
) -> Coverage:
    """Return the coverage of a review.

    Args:
        answered: all questions of the review.
        parts_by_path: the parts of these questions.
        skipped: files that were not planned.
        outside_diff: number of findings outside the lines under review.
    """
    seen: dict[str, set[Lines | None]] = {}
    for answer in answered:
        for scope in answer.scopes():
            seen.setdefault(scope.path, set()).add(scope.lines)
    unjudged, unread = list(_unjudged_parts(answered)), [i for answer in answered for i in answer.unread]
    uncovered = set(_uncovered(parts_by_path, seen))
    if any(answer.cast for answer in answered):  # else the review says that nothing was judged
        named = {(item.path, item.lines) for item in unjudged} | {(item.path, None) for item in unread}
        unjudged += [
            Skipped(path=path, lines=lines, reason="no voter judged it")
            for path, lines in uncovered
            if (path, lines) not in named
        ]
    return Coverage(
        files=sorted(seen),
        lines=sum(_count_lines(spans, parts_by_path[path]) for path, spans in seen.items()),
        skipped=_distinct(skipped),
        not_reviewed=_distinct(_marked(unjudged, uncovered)),
        unread=_distinct(_marked(unread, uncovered)),
        outside_diff=outside_diff,
    )


def _uncovered(parts_by_path: Mapping[str, Sequence[Part]], seen: _Seen) -> Iterator[_Place]:
    """Iterate over the code that was under review, and that no voter judged."""
    for path, parts in parts_by_path.items():
        spans = seen.get(path, set())
        if None in spans or not is_code(path):
            continue
        pieces = {part.span for part in parts if not part.whole}
        if not pieces:
            yield path, None
        for lines in pieces - spans:
            yield path, lines


def _marked(items: Iterable[Skipped], uncovered: Set[_Place]) -> Iterator[Skipped]:
    """Mark the items that no other voter judged either."""
    for item in items:
        is_uncovered = not uncovered.isdisjoint({(item.path, item.lines), (item.path, None)})
        yield item.model_copy(update={"uncovered": True}) if is_uncovered else item


def _unjudged_parts(answered: Sequence[Answered]) -> Iterator[Skipped]:
    """Iterate over the parts that no voter judged for an aspect, if the aspect was judged on other parts."""
    judged_aspects = {answer.aspect for answer in answered if answer.cast}
    for answer in answered:
        if answer.cast or answer.aspect not in judged_aspects:
            continue
        error = answer.error or next((ballot.error for ballot in answer.ballots if ballot.error), None)
        for part in answer.question.parts:
            yield Skipped(
                path=part.path,
                lines=None if part.whole else part.span,
                reason=error or "no voter answered",
                by=answer.aspect,
            )


def _count_lines(spans: Set[Lines | None], parts: Sequence[Part]) -> int:
    """Return the number of distinct lines in spans of one file; None is the whole file."""
    if None in spans:
        return max(len(part.lines) for part in parts if part.whole)
    return len({n for lines in spans if lines for n in range(lines.first, lines.last + 1)})


def _distinct(items: Iterable[Skipped]) -> list[Skipped]:
    """Return the items without duplicates, by path."""
    by_key = {item.model_dump_json(): item for item in items}
    return [by_key[key] for key in sorted(by_key, key=lambda key: (by_key[key].path, key))]
