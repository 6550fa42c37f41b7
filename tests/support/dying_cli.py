"""The command line in a process that dies before a certain checkpoint of the outermost graph is stored.

python -m tests.support.dying_cli N review app.py ...
"""

import os
import signal
import sys
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from langgraph_parallel.cli.app import run

_put = AsyncSqliteSaver.aput
_left = int(sys.argv[1])


async def put_or_die(saver: Any, config: Any, *arguments: Any) -> Any:
    """Store a checkpoint, or kill the process."""
    global _left
    if not config["configurable"].get("checkpoint_ns"):
        _left -= 1
        if not _left:
            os.kill(os.getpid(), signal.SIGKILL)
    return await _put(saver, config, *arguments)


if __name__ == "__main__":
    AsyncSqliteSaver.aput = put_or_die  # type: ignore[method-assign, assignment]
    sys.exit(run(sys.argv[2:]))
