"""A recorded run that the command line replays."""

import gzip
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.replayed import Replayed
from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.reducers.recorded import read_record
from langgraph_parallel.reducers.recorded.read import GZIP
from langgraph_parallel.replays.changes import Changes
from langgraph_parallel.replays.replaying import replay_under

_FIRST_KEY = re.compile(r'\s*\{\s*"(\w+)"\s*:')
_HEAD = 1000
"""Bytes of a file in which its first key is."""


def is_run_record(path: Path) -> bool:
    """Return whether a file holds the record of a run, and not votes, one per line: by its first key."""
    try:
        if not path.is_file():  # a pipe is read once
            return False
        with path.open("rb") as file:
            is_compressed = file.peek(len(GZIP)).startswith(GZIP)
            head = (gzip.GzipFile(fileobj=file) if is_compressed else file).read(_HEAD)
    except (OSError, EOFError, zlib.error):  # it is told by whoever reads it
        return False
    first = _FIRST_KEY.match(head.decode("utf-8-sig", errors="replace"))
    return first is not None and first[1] in RunRecord.model_fields


def replay_run(file: Path, pairs: Sequence[str], of_votes: Sequence[str]) -> Replayed:
    """Replay a recorded run under `name=value` pairs.

    Args:
        file: the record.
        pairs: of --set.
        of_votes: options that were given, and are for files of votes.

    Raises:
        UsageError: the file is no record, a pair is not valid, or an option is not for records.
    """
    if of_votes:
        raise UsageError(
            f"{of_votes[0]} is for recorded votes, and {file} is replayed as the record of a run; pass what "
            "would be otherwise as --set, such as --set stop=decided --set voters=5"
        )
    return replay_under(read_record(file), Changes.parse(pairs))
