"""Waits for batches, on standard error."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from langgraph_parallel.report.wording import count, visible


class BatchWaits:
    """Prints a line for each batch that calls wait for."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Print a line if an event is the first that tells of a batch."""
        if event.get("event") != "waiting" or event.get("on") != "batch" or event["batch"] in self._told:
            return
        self._told.add(event["batch"])
        moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(event["since"]))
        line = f"waiting for batch {event['batch']} ({count(event['calls'], 'call')}, submitted at {moment})"
        print(visible(line), file=sys.stderr, flush=True)
