"""What the tools read of the machine: only through a reader that whoever starts the server provides."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from langgraph_parallel.report.review.filters import Filters


@dataclass(frozen=True)
class Code:
    """Code to review.

    Attributes:
        inputs: of the graph: files, a diff, and what was not read.
        filters: what the settings of the project leave out of a report.
        aspects: that the project sets; None if it sets none.
    """

    inputs: Mapping[str, Any]
    filters: Filters = field(default_factory=Filters)
    aspects: Sequence[str] | None = None


@dataclass(frozen=True)
class Texts:
    """Documents that were read.

    Attributes:
        texts: by name.
        problems: what was not read, or not all of it, and why.
    """

    texts: Mapping[str, str]
    problems: Sequence[str] = ()


class Reader(Protocol):
    """Reads files for one call. Its methods block, and raise `UsageError` for what cannot be read."""

    def code(self, paths: Sequence[str], since: str) -> Code:
        """Read code, or the changes since a git revision."""
        ...

    def documents(self, paths: Sequence[str], use: str) -> Texts:
        """Read documents; `use` is the verb for error messages."""
        ...


OpenReader = Callable[[Sequence[Path], threading.Event], Reader]
"""Opens a reader of some folders, which stops between two files once the event is set."""
