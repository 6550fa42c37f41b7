"""Mappings on the command line: `KEY=COLUMN`, `KEY:=JSON` and `COLUMN=PATH`."""

import json
import re
from collections.abc import Sequence

from langgraph_parallel.errors import UsageError

_INPUT = re.compile(r"([^\W\d]\w*)(:?=)(.*)", re.DOTALL)


def parse_inputs(options: Sequence[str]) -> dict[str, str]:
    """Parse `--input`.

    Returns:
        For each key, what `Columns.compile` takes.

    Raises:
        UsageError: an option cannot be read, or a key comes twice.
    """
    found: dict[str, str] = {}
    for option in options:
        match = _INPUT.fullmatch(option)
        if match is None or not match[3]:
            raise UsageError(f"--input {option}: write KEY=COLUMN, KEY='text with {{COLUMN}}' or KEY:=JSON")
        key, sign, value = match.groups()
        if key in found:
            raise UsageError(f"--input has {key!r} twice; give each key once")
        found[key] = _constant(key, value) if sign == ":=" else value
    return found


def parse_outputs(options: Sequence[str]) -> dict[str, str]:
    """Parse `--output`; a name alone is a column of a key of that name.

    Returns:
        For each column, the path in the output.

    Raises:
        UsageError: an option cannot be read, or a column comes twice.
    """
    found: dict[str, str] = {}
    for option in options:
        column, equals, path = option.partition("=")
        if not equals and "." not in column:
            path = column
        if not (column and path):
            raise UsageError(
                f"--output {option}: expected COLUMN=PATH, such as label=verdict.choice, or a key alone"
            )
        if column in found:
            raise UsageError(f"--output has the column {column!r} twice; give each once")
        found[column] = path
    return found


def _constant(key: str, text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(
            f"--input {key}:={text} is not JSON; a text needs its quotes: --input '{key}:=\"...\"'"
        ) from None
    return f"={text}"
