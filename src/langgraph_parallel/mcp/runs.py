"""The whole reports of the latest runs, as resources: results of tools show a part of them."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass

SCHEME = "langgraph-parallel://runs/"
TEMPLATE = f"{SCHEME}{{run}}"
JSON_TEMPLATE = f"{SCHEME}{{run}}/json"
_MOST_RUNS = 50
_MOST_CHARACTERS = 50_000_000


@dataclass(frozen=True)
class KeptRun:
    """The report of a run.

    Attributes:
        tool: that gave it.
        markdown: the whole report.
        json: the record, as JSON.
    """

    tool: str
    markdown: str
    json: str

    @property
    def size(self) -> int:
        """Characters."""
        return len(self.markdown) + len(self.json)


class Runs:
    """Keeps the reports of the latest runs, in this process alone; older ones are forgotten."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, KeptRun] = OrderedDict()

    def new_id(self) -> str:
        """Return an id for a run, which nobody can guess."""
        return secrets.token_hex(6)

    def keep(self, run: str, report: KeptRun) -> None:
        """Keep a report, and forget the oldest ones beyond the bounds."""
        self._kept[run] = report
        while len(self._kept) > _MOST_RUNS or (
            len(self._kept) > 1 and sum(kept.size for kept in self._kept.values()) > _MOST_CHARACTERS
        ):
            self._kept.popitem(last=False)

    def list(self) -> list[tuple[str, KeptRun]]:
        """Return the ids and reports, the latest first."""
        return list(reversed(self._kept.items()))

    def read(self, uri: str) -> tuple[str, str] | None:
        """Return the media type and the text of a resource; None if there is none."""
        run, slash, form = uri.removeprefix(SCHEME).partition("/")
        kept = self._kept.get(run) if uri.startswith(SCHEME) else None
        if kept is None or (slash and form != "json"):
            return None
        return ("application/json", kept.json) if slash else ("text/markdown", kept.markdown)
