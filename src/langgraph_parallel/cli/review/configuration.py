"""Settings of a project: `[tool.langgraph-parallel]` in the nearest pyproject.toml that has this table.

Only what is reported can be set there, and no model, address or path: the file may come with the code under
review. The report names the settings that leave findings out.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from langgraph_parallel.catalogue.spelling import naming
from langgraph_parallel.cli.review.selectors import check_selectors
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.review.aspects import ASPECTS
from langgraph_parallel.records import SEVERITIES

_TABLE = "langgraph-parallel"
_SEVERITY_KEYS = ("fail-on", "min-severity")
_LIST_KEYS = ("aspects", "ignore", "select")
KEYS = (*_LIST_KEYS, *_SEVERITY_KEYS)
"""The keys of the table."""


@dataclass(frozen=True)
class Configuration:
    """The settings of a project.

    Attributes:
        values: by key.
        file: that has them; None if there is none.
    """

    values: Mapping[str, Any]
    file: Path | None = None

    def severity(self, key: str) -> str | None:
        """Return a severity; None if it is not set."""
        value: str | None = self.values.get(key)
        return value

    def names(self, key: str) -> list[str] | None:
        """Return a list of names; None if it is not set."""
        value: list[str] | None = self.values.get(key)
        return value


def read_configuration(folder: Path, top: Path | None = None) -> Configuration:
    """Read the settings for a folder: of the nearest pyproject.toml, upward from it, that has the table.

    Args:
        folder: to start from.
        top: the last folder to look in; None for the root of the file system.

    Raises:
        UsageError: a key is unknown, a value is not valid, or the file with the table is not TOML.
    """
    start = folder.absolute()
    for parent in (start, *start.parents):
        file = parent / "pyproject.toml"
        table = _read_table(file)
        if table is not None:
            with naming(f"[tool.{_TABLE}] in {file}"):
                return Configuration(_check(table), file)
        if parent == top:
            break
    return Configuration({})


def _read_table(file: Path) -> Any:
    """Return the table; None if the file has none, or there is no such file."""
    try:
        text = file.read_text(encoding="utf-8")
        return tomllib.loads(text).get("tool", {}).get(_TABLE)
    except tomllib.TOMLDecodeError as error:
        if f"tool.{_TABLE}" not in text:
            return None  # of another project perhaps, or a sample: it does not concern us
        raise UsageError(f"{file} is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError, AttributeError):
        return None
    except (ValueError, RecursionError):
        # Not a fault of syntax for Python: a number of thousands of digits, or brackets nested as deeply.
        if f"tool.{_TABLE}" not in text:
            return None
        raise UsageError(
            f"{file} cannot be read: it has a number with too many digits, or brackets nested too deeply"
        ) from None


def _check(table: Any) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise UsageError(f"it is {type(table).__name__}; expected a table")
    for key, value in table.items():
        if key not in KEYS:
            raise UsageError(f"there is no setting {key!r}; {_nearest(key)}")
        if key in _SEVERITY_KEYS and value not in SEVERITIES:
            raise UsageError(f"{key} is {value!r}; expected one of {', '.join(SEVERITIES)}")
        if key in _LIST_KEYS:
            _check_list(key, value)
    return table


def _nearest(key: str) -> str:
    close = get_close_matches(key.replace("_", "-"), KEYS, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(KEYS)}"


def _check_list(key: str, value: object) -> None:
    if (
        not isinstance(value, Sequence)
        or isinstance(value, str)
        or not all(isinstance(v, str) for v in value)
    ):
        raise UsageError(f"{key} is {value!r}; expected a list of texts")
    if key != "aspects":
        check_selectors(value, key)
        return
    for name in value:
        if name not in ASPECTS:
            known = ", ".join(ASPECTS)
            raise UsageError(
                f"aspects: {name!r} is not valid; choose from {known} (--aspects takes files, too)"
            )
