"""The command line in processes that die, each before another checkpoint of the outermost graph is stored.

    python -m tests.support.dying_cli 1,2,3 review app.py ...

Prints, as JSON, the signal that ended each process, or None if it ended by itself. Forking saves each of them
the time to import everything.
"""

import json
import os
import signal
import sys
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from langgraph_parallel.cli.app import run


def die_before(number: int) -> None:
    """Kill the process when a certain checkpoint is to be stored."""
    put, left = AsyncSqliteSaver.aput, iter(range(1, number))

    async def put_or_die(saver: Any, config: Any, *arguments: Any) -> Any:
        if not config["configurable"].get("checkpoint_ns") and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return await put(saver, config, *arguments)

    AsyncSqliteSaver.aput = put_or_die  # type: ignore[method-assign, assignment]


def main() -> None:
    """Fork a process for each number."""
    import langchain_openai  # noqa: F401 - what every process needs

    signals = []
    for number in map(int, sys.argv[1].split(",")):
        if not (pid := os.fork()):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            die_before(number)
            os._exit(run(sys.argv[2:]))
        status = os.waitpid(pid, 0)[1]
        signals.append(os.WTERMSIG(status) if os.WIFSIGNALED(status) else None)
    print(json.dumps(signals))


if __name__ == "__main__":
    main()
