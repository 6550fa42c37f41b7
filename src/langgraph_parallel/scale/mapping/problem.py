"""Why one row cannot be run or written."""

from collections.abc import Iterable

from langgraph_parallel.report.wording import visible

_LONGEST = 60
"""Characters of a name that an error shows."""


class RowProblem(Exception):
    """A row lacks what a mapping names; the message is the error of the row, in one line."""


def list_names(names: Iterable[object], most: int = 20) -> str:
    """Return names for an error: `a, b and 3 more`; `nothing` for none."""
    known = [visible(str(name))[:_LONGEST] for name in names]
    more = f" and {len(known) - most:,} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more or "nothing"
