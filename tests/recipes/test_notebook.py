"""Cells of a notebook, in a kernel: awaited and sync runs, and the button that stops a cell."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from tests.support.documents import ROOT
from tests.support.served import waited
from tests.support.server import ModelServer, Reply

FIRST = """
from langgraph_parallel import create_voting
vote = create_voting(choices=["yes", "no"], voters=3, stop="all_votes")
given = {"question": "Is it?"}
"""
YES = Reply(json={"rationale": "", "choice": "yes", "confidence": None})


class Kernel:
    """A kernel in which cells are run one after the other."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient, models: ModelServer) -> None:
        self._manager, self._client, self.models = manager, client, models

    def run(self, code: str) -> dict[str, Any]:
        """Run a cell to its end."""
        return self.reply_to(self.begin(code))

    def begin(self, code: str) -> str:
        """Begin to run a cell; return its id."""
        return str(self._client.execute(code, store_history=False))

    def stop(self) -> None:
        """Press the button."""
        self._manager.interrupt_kernel()

    def reply_to(self, id: str) -> dict[str, Any]:
        """Return how a cell has ended."""
        while (reply := self._client.get_shell_msg(timeout=60))["parent_header"]["msg_id"] != id:
            pass
        return dict(reply["content"])


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    """Run a kernel for the tests of this module."""
    with ModelServer() as models:
        settings = {"OPENAI_BASE_URL": models.url, "OPENAI_API_KEY": "sk-test-not-a-real-key"}
        manager, client = start_new_kernel(cwd=str(ROOT), env=os.environ | settings)
        try:
            running = Kernel(manager, client, models)
            assert running.run(FIRST)["status"] == "ok"
            yield running
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


CELLS = {"awaited": "out = await vote.ainvoke(given)", "sync": "out = vote.invoke(given)"}


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_runs_a_graph(kernel: Kernel, cell: str) -> None:
    """Both ways, one cell after the other."""
    kernel.models.always(YES)
    for _ in range(2):
        checked = f"{CELLS[cell]}\nassert out['verdict'].cast == 3"
        assert kernel.run(checked)["status"] == "ok"


def test_a_cell_that_is_stopped_closes_its_connections(kernel: Kernel) -> None:
    """Nothing is paid for that nobody waits for, and the next cell runs."""
    kernel.models.always(Reply(hang=True))
    stopped = kernel.begin(CELLS["sync"])
    kernel.models.wait(lambda s: s.hanging == 3)
    kernel.stop()
    assert kernel.reply_to(stopped)["ename"] == "KeyboardInterrupt"
    kernel.models.wait(lambda s: s.in_flight == 0)
    kernel.models.always(YES)
    # What is sent in the first moment after an error, the kernel aborts: it may have been waiting.
    waited(lambda: kernel.run(f"{CELLS['sync']}\nassert out['verdict'].cast == 3")["status"] == "ok", 30)
