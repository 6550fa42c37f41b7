"""Where the records of runs go: set for a graph, for one run, or in the environment."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.runtime.limits import PREFIX
from langgraph_parallel.runtime.settings import switched

RECORD = f"{PREFIX}RECORD"
"""The variable that names a file or folder for the records of all runs."""
CONTENTS = f"{RECORD}_CONTENTS"
"""The variable that says whether these hold answers, values and messages of errors: true or false."""
_KEY = "__langgraph_parallel_record"
"""Key in the config; LangGraph keeps keys with two underscores out of traces and checkpoints."""


@dataclass(frozen=True)
class Recording:
    """Where the record of a run goes, and what it holds.

    Attributes:
        to: a file; a folder, which exists or ends with `/`, for a file of its own for each run; or a
            function that gets the `RunRecord` at the end of the run.
        contents: whether answers, values and messages of errors are in it. Prompts never are.
    """

    to: str | Path | Callable[[RunRecord], object]
    contents: bool = False

    def __post_init__(self) -> None:
        if not callable(self.to) and (not isinstance(self.to, str | Path) or not str(self.to).strip()):
            raise UsageError(f"record is {self.to!r}; expected a file, a folder/, a function, or a Recording")


RecordLike = str | Path | Callable[[RunRecord], object] | Recording
"""What `record=` takes."""


def as_recording(record: RecordLike | None) -> Recording | None:
    """Return where records go; None for nowhere.

    Raises:
        UsageError: it is neither a file, nor a folder, nor a function.
    """
    return record if record is None or isinstance(record, Recording) else Recording(record)


def into(record: RecordLike, config: RunnableConfig | None = None) -> RunnableConfig:
    """Return a config whose runs are recorded, in place of what their graphs say.

        await graph.ainvoke(given, recording.into("run.json"))

    Args:
        record: where the record goes.
        config: of the run. It is not changed.

    Raises:
        UsageError: `record` is neither a file, nor a folder, nor a function.
    """
    config = config or {}
    inner: dict[str, Any] = {**(config.get("configurable") or {}), _KEY: as_recording(record)}
    return {**config, "configurable": inner}


def find_recording(config: RunnableConfig | None, built: Recording | None) -> Recording | None:
    """Return where the record of a run goes: as its config says, else its graph, else the environment."""
    given: Recording | None = ((config or {}).get("configurable") or {}).get(_KEY)
    named = os.environ.get(RECORD, "").strip()
    return given or built or (Recording(named, contents=keeps_contents()) if named else None)


def keeps_contents() -> bool:
    """Return whether the records that the environment asks for hold contents; not by default.

    Raises:
        UsageError: the environment has another value than true or false.
    """
    return switched(None, CONTENTS)
