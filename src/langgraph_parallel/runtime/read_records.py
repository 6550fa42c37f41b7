"""Records in checkpoints: that a graph reads its own back, and what is said where LangGraph does not.

LangGraph reads only types that a checkpointer was told of: those in the annotations of a graph's state, and
those of `allowed_msgpack_modules`. Unless LANGGRAPH_STRICT_MSGPACK is set, or the latter is, it reads others
as well, with a warning.
"""

import logging
from functools import cache
from typing import Any, get_args

from langgraph_parallel.records.base import Record

WAY_OUT = "or pass checkpointer=allow_records(saver), from langgraph_parallel.records"
"""The one line that is needed where annotations do not name a record."""
_PACKAGE = __name__.partition(".")[0]


class _RecordsRead(logging.Filter):
    """What LangGraph logs of our records: what was read needs no warning, what was not needs a way out."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a message is logged; a message about a record of ours is put into our words."""
        args = record.args if isinstance(record.args, tuple) else ()
        if not args or not str(args[0]).startswith(f"{_PACKAGE}."):
            return True
        if str(record.msg).startswith("Deserializing unregistered type"):
            return False
        if str(record.msg).startswith("Blocked deserialization of"):
            record.levelno, record.levelname = logging.ERROR, logging.getLevelName(logging.ERROR)
            record.msg = (
                "%s is read from checkpoints as plain data, since their checkpointer does not know it; "
                f"annotate the key of your state that holds it, {WAY_OUT}"
            )
            record.args = (args[1],)
        return True


logging.getLogger("langgraph.checkpoint.serde.jsonplus").addFilter(_RecordsRead())


def unread_records(checkpointer: Any, kind: Any) -> list[type[Record]]:
    """Return the records in a type that a checkpointer would not read back.

    Args:
        checkpointer: as a graph lends it to those inside; anything else reads all.
        kind: an annotation.
    """
    serde = getattr(checkpointer, "serde", None)
    if serde is None:
        return []
    return [
        record
        for record in _records_in(kind)
        if not isinstance(serde.loads_typed(serde.dumps_typed(record.model_construct())), record)
    ]


@cache
def _records_in(kind: Any) -> tuple[type[Record], ...]:
    if isinstance(kind, type) and issubclass(kind, Record):
        return (kind,)
    return tuple(record for part in get_args(kind) for record in _records_in(part))
