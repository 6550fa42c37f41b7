"""Processes that are forked for a moment: they have all that is imported, and may be killed."""

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable


class Forked:
    """A child process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def kill(self) -> None:
        """Kill it as `kill -9` does, and wait for its end."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def has_ended(self) -> bool:
        """Whether it has ended; it can still be waited for."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self) -> int:
        """Return its exit code: negative for the signal that has ended it."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


def in_fork(work: Callable[[], object]) -> Forked:
    """Do something in a child process; it ends with 1 if that raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: they own nothing here
        pid = os.fork()
    if pid:
        return Forked(pid)
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)
