"""Names of columns, of which a record has each once."""

from collections.abc import Sequence


def distinct_names(fields: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return names of columns that differ, and notes on those that were given another one.

    >>> distinct_names(["id", "text", "id"])
    (['id', 'text', 'id 2'], ["its second column 'id' is called 'id 2'"])
    """
    names: dict[str, None] = {}
    notes: list[str] = []
    for number, field in enumerate(fields, 1):
        name = first = field or f"column {number}"
        again = 2
        while name in names:
            name, again = f"{first} {again}", again + 1
        names[name] = None
        if name != first:
            notes.append(f"its second column {first!r} is called {name!r}")
    return [*names], notes
