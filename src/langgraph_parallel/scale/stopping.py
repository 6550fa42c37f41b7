"""Whether an exception stops more than the code of others that has raised it."""

import asyncio
import signal
import threading


def stops_more(error: BaseException) -> bool:
    """Return whether an exception came from outside of the code that it was raised in.

    Code of others may raise anything: `sys.exit` in a row is a failure of that row.

    Args:
        error: that was caught in the task which runs the code.
    """
    if isinstance(error, asyncio.CancelledError):
        return is_being_cancelled()
    return isinstance(error, KeyboardInterrupt) and _may_be_interrupted()


def is_being_cancelled() -> bool:
    """Return whether the cancellation comes from outside of this task."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _may_be_interrupted() -> bool:
    """Return whether Ctrl-C raises KeyboardInterrupt in whatever runs here."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
