"""The ledger of batches as text and as JSON, and the cancellation of batches."""

import asyncio
import json
import time
from collections.abc import Sequence

from langgraph_parallel.errors import ParallelError, UsageError
from langgraph_parallel.report.wording import count, visible
from langgraph_parallel.runtime.batch.cancelling import cancel_remote
from langgraph_parallel.runtime.batch.entries import Listed
from langgraph_parallel.runtime.batch.ledger import list_batches, note_status

_FIELDS = (
    "id",
    "remote",
    "state",
    "status",
    "calls",
    "model",
    "endpoint",
    "created",
    "submitted",
    "file",
    "scope",
    "lane",
)
"""Fields of a batch in JSON."""


def batches_text(batches: Sequence[Listed]) -> str:
    """Render one line per batch."""
    if not batches:
        return "no batches are kept\n"
    lines = [
        f"{batch.remote or '(not created)'}  {_moment(batch.created)}  "
        f"{_state(batch):<12}{count(batch.calls, 'call')} to {batch.model} at {batch.endpoint}"
        for batch in batches
    ]
    hint = "to collect answers: start the same command again, or langgraph-parallel review --resume RUN\n"
    return "\n".join(map(visible, lines)) + f"\n\n{hint}"


def batches_json(batches: Sequence[Listed]) -> str:
    """Render a list of objects, one per batch."""
    return (
        json.dumps([{name: getattr(batch, name) for name in _FIELDS} for batch in batches], indent=2) + "\n"
    )


def cancel_batches(id: str) -> str:
    """Cancel a batch by its id at the endpoint, or all that are open there; return what to say.

    Raises:
        UsageError: no open batch has the id.
    """
    known = [batch for batch in list_batches() if batch.state == "submitted" and id in ("all", batch.remote)]
    if not known:
        raise UsageError(f"there is no open batch {id!r}; `langgraph-parallel batches` lists them")
    said = []
    for batch in known:
        try:
            status = asyncio.run(cancel_remote(batch))
            note_status(batch, status)
            said.append(f"{batch.remote}: {status}")
        except ParallelError as error:
            said.append(f"{batch.remote}: {error}")
    return "\n".join(map(visible, said)) + "\n"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _state(batch: Listed) -> str:
    return batch.status if batch.state in ("submitted", "read") and batch.status else batch.state
