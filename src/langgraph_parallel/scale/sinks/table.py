"""The table of results: names of its columns, and rows of it."""

from collections.abc import Callable, Iterable, Sequence, Set
from datetime import UTC, datetime
from typing import Any

from langgraph_parallel.scale.rows import Result, Spent

FIRST = ("key", "status")
"""Before the columns of the output."""
LAST = (
    "error",
    "attempts",
    "calls",
    "input_tokens",
    "output_tokens",
    "usd",
    "seconds",
    "worker",
    "written",
    "made_with",
)
"""After them: why a row failed, how many times it was run, what its last attempt took, when it was stored,
and the beginning of the fingerprint of what made it."""
OURS = frozenset((*FIRST, *LAST))
FAILURE = ("key", *LAST)
"""Columns of the view of rows that failed."""
_FINGERPRINT = 12
"""Characters of it in each row."""


def made_with(fingerprint: str) -> str:
    """Return what a row says of the program that made it."""
    return fingerprint[:_FINGERPRINT]


def new_columns(results: Iterable[Result], known: Set[str]) -> list[str]:
    """Return the names of output columns that are not known yet, in the order in which they come."""
    names: dict[str, None] = {}
    for result in results:
        if not result.output.keys() <= known:
            names.update((name, None) for name in result.output if name not in known)
    return list(names)


def quoted(name: str) -> str:
    """Return a name in the quotes of SQL."""
    return '"' + name.replace('"', '""') + '"'


def once_each(results: Sequence[Result]) -> Sequence[Result]:
    """Return one result for each key: the first that is ok, else the last; attempts are added."""
    if len({result.key for result in results}) == len(results):
        return results
    kept: dict[str, Result] = {}
    for result in results:
        before = kept.get(result.key)
        kept[result.key] = result if before is None else _joined(before, result)
    return list(kept.values())


def _joined(before: Result, after: Result) -> Result:
    if before.status == "ok":
        return before
    return Result(
        after.key,
        after.status,
        after.output,
        after.error,
        after.spent,
        after.seconds,
        after.worker,
        before.attempts + after.attempts,
    )


def now() -> datetime:
    """Return the time, for rows that are stored now."""
    return datetime.now(UTC)


def now_text() -> str:
    """Return the time in the form of ISO 8601, for those that have no type for it."""
    return now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def last_values(result: Result, text: Callable[[str], str], written: Any, program: str) -> tuple[Any, ...]:
    """Return the values of `LAST`.

    Args:
        result: of the row.
        text: makes a text what the sink can store.
        written: the time.
        program: what made it.
    """
    spent = result.spent
    return (
        text(result.error),
        result.attempts,
        spent.calls,
        spent.input_tokens,
        spent.output_tokens,
        spent.usd,
        result.seconds,
        text(result.worker),
        written,
        program,
    )


def failure(key: str, values: Sequence[Any]) -> Result:
    """Return a row that failed, of its key and the values of `LAST`."""
    error, attempts, calls, input_tokens, output_tokens, usd, seconds, worker = values[:8]
    spent = Spent(calls, input_tokens, output_tokens, usd)
    return Result(key, "failed", {}, error, spent, seconds, worker, attempts)
