"""A labeling in the batch lane, in processes that kill themselves at a given moment.

    python -m tests.support.batch_run

Reads a line of JSON for each process that it is to fork: `address` (an SQLite file for checkpoints),
`thread`, `die` (before or after which of its steps: requests to the Batch API, transactions of the ledger,
writes of the checkpointer; None for never) and `output`, a file for the result. Answers with the id of the
process.
"""

import asyncio
import inspect
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from langgraph_parallel import Limits, create_labeling
from langgraph_parallel.runtime.batch import lane  # noqa: F401 - what every process needs
from langgraph_parallel.runtime.batch.client import Client
from langgraph_parallel.runtime.batch.ledger import Ledger
from langgraph_parallel.runtime.batch.settings import bounds
from tests.support.killed_run import import_all

ITEMS, VOTERS = 6, 2
_STEPS: dict[type, tuple[str, ...]] = {
    Client: ("upload", "create", "get", "content"),
    Ledger: ("plan", "creating", "submitted", "read", "release"),
    AsyncSqliteSaver: ("aput_writes",),
}


class Steps:
    """Counts steps, and ends the process at one of them."""

    def __init__(self, die: int | None) -> None:
        self.count, self._die = 0, die

    def pass_one(self) -> None:
        """Count a moment."""
        self.count += 1
        if self.count == self._die:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Count the moments before and after a step."""
        if inspect.iscoroutinefunction(step):

            async def stepping(*args: Any, **kwargs: Any) -> Any:
                self.pass_one()
                result = await step(*args, **kwargs)
                self.pass_one()
                return result

            return stepping

        def step_by_step(*args: Any, **kwargs: Any) -> Any:
            self.pass_one()
            result = step(*args, **kwargs)
            self.pass_one()
            return result

        return step_by_step


async def run(wanted: dict[str, Any]) -> dict[str, Any]:
    """Run, or resume."""
    steps = Steps(wanted["die"])
    for owner, names in _STEPS.items():
        for name in names:
            setattr(owner, name, steps.around(getattr(owner, name)))
    bounds.quiet, bounds.first_poll, bounds.longest_poll = 0.03, 0.02, 0.05
    bounds.first_pause, bounds.longest_pause, bounds.late_creation = 0.02, 0.05, 0.1
    config: Any = {"configurable": {"thread_id": wanted["thread"]}}
    async with AsyncSqliteSaver.from_conn_string(wanted["address"]) as checkpointer:
        graph = create_labeling(
            labels=["a", "b"],
            voters=VOTERS,
            stop="all_votes",
            model="openai:test-model",
            limits=Limits(lane="batch", max_sections=4),
            checkpointer=checkpointer,
        )
        state = await graph.aget_state(config)
        if "labels" in state.values and not state.next:  # it died after its end
            return described(state.values, steps)
        begun = state.next
        items = {str(number): f"text {number} of {wanted['thread']}" for number in range(ITEMS)}
        out = await graph.ainvoke(None if begun else {"items": items}, config)
    return described(out, steps)


def described(out: Any, steps: Steps) -> dict[str, Any]:
    """What a test compares of a result."""
    errors = {name: branch.error for name, branch in out["branches"].items() if branch.error}
    return {"labels": out["labels"], "steps": steps.count, "failures": errors}


def main() -> None:
    """Fork a process for every line."""
    import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        wanted = json.loads(line)
        if pid := os.fork():
            print(pid, flush=True)
            continue
        try:
            result = asyncio.run(run(wanted))
        except BaseException:
            result = {"error": traceback.format_exc()}
        Path(wanted["output"]).write_text(json.dumps(result, default=str))
        os._exit(0)


if __name__ == "__main__":
    main()
