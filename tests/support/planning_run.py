"""An agent that writes a plan, which a person approves, and has it run, in processes that die by themselves.

    python -m tests.support.planning_run

Reads a line of JSON for each process that it is to fork: `address`, an SQLite file; `thread`; `die`, nothing
or when to die; and `output`, a file for the result. Answers with the process's id. A further process on the
same thread resumes what the one before has left.
"""

import asyncio
import json
import os
import re
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command
from pydantic import SecretStr

from langgraph_parallel import Ask, Limits, parallel_tool
from tests.support.dying_run import MODEL, Dying
from tests.support.killed_run import import_all

SIBLINGS = 2
"""Calls in flight at the same time."""
PLAN: dict[str, Any] = {
    "context": "It is about {bicycles}.",
    "sections": [
        {"id": "a", "instructions": "Who rides?", "worker": "writer"},
        {"id": "b", "instructions": "Who sells?", "worker": "writer"},
        {"id": "c", "instructions": "Who mends?", "worker": "agent"},
        {"id": "d", "instructions": "And so?", "needs": ["a", "b"], "worker": "writer"},
        {
            "id": "v",
            "instructions": "Is it so?",
            "worker": "writer",
            "voters": 3,
            "stop": "all_votes",
            "choices": ["yes", "no"],
        },
        {"id": "w", "instructions": "Is it well?", "needs": ["d"], "worker": "asker", "voters": 2},
    ],
    "join": {"how": "summarise", "instructions": "In one line."},
}
_CHANGING = re.compile(r'run "[^"]+"|[0-9.]+ s\.')
"""What of an answer differs in each run: its id and its time."""


@tool
def look(text: str) -> str:
    """Look something up."""
    return f"found {text}"


def same_in_each_run(text: str) -> str:
    """Return an answer without the id and the time of its run."""
    return _CHANGING.sub("", text)


def build(checkpointer: Any) -> Any:
    """Return the agent."""
    own = ChatOpenAI(
        model="own", api_key=SecretStr("test"), base_url=os.environ["OPENAI_BASE_URL"], max_retries=0
    )
    worker = ChatOpenAI(
        model="worker", api_key=SecretStr("test"), base_url=os.environ["OPENAI_BASE_URL"], max_retries=0
    )
    plans = parallel_tool(
        {"writer": MODEL, "agent": create_agent(worker, [look]), "asker": Ask("{content}", model=MODEL)},
        join_model=MODEL,
        approve={"sections": 3},
        limits=Limits(concurrency=SIBLINGS, attempts=1),
    )
    return create_agent(own, [plans], checkpointer=checkpointer)


class DyingAnywhere(Dying):
    """Also dies before the n-th writes are handed to the checkpointer: `["begun", n]`."""

    async def aput_writes(self, *arguments: Any, **options: Any) -> Any:
        """Store writes, or die instead."""
        if self._die == ["begun", self._begun + 1]:
            self._last_words.write_text(str(self._begun - self.writes + 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().aput_writes(*arguments, **options)


async def run(wanted: dict[str, Any]) -> dict[str, Any]:
    """Run or resume the agent; return what must be the same each time."""
    config: Any = {"configurable": {"thread_id": wanted["thread"]}}
    async with AsyncSqliteSaver.from_conn_string(wanted["address"]) as saver:
        await saver.setup()
        counts = DyingAnywhere(saver, wanted["die"], Path(f"{wanted['output']}.unstored"))
        agent = build(saver)
        state = await agent.aget_state(config)
        given: Any = None if state.values else {"messages": [{"role": "user", "content": "go"}]}
        while True:
            out = await agent.ainvoke(given, config, durability="sync")
            if "__interrupt__" not in out:
                break
            given = Command(resume={"decisions": [{"type": "approve"}]})
    messages = [same_in_each_run(str(message.content)) for message in out["messages"]]
    return {"messages": messages, "writes": counts.writes, "checkpoints": counts.checkpoints}


def main() -> None:
    """Fork a process for every line."""
    import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: they just go
    for line in sys.stdin:
        wanted = json.loads(line)
        if pid := os.fork():
            print(pid, flush=True)
            continue
        try:
            result = asyncio.run(run(wanted))
        except BaseException:
            result = {"error": traceback.format_exc()}
        Path(wanted["output"]).write_text(json.dumps(result))
        os._exit(0)


if __name__ == "__main__":
    main()
