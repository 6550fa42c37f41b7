"""Where the records of rows' runs go."""

import hashlib
from pathlib import Path
from urllib.parse import quote

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.runtime.record_setting import into

_MOST_OF_A_NAME = 120
"""Characters of a file's name."""


def recorded(config: RunnableConfig, folder: str, name: str) -> RunnableConfig:
    """Return the config of a run whose record goes into a folder.

    Args:
        config: of the run.
        folder: an absolute path; empty for no record.
        name: of the run.
    """
    return into(Path(folder, record_name(name)), config) if folder else config


def record_name(key: str) -> str:
    """Return the name of the file for the record of a row's run.

    >>> record_name("a/b"), len(record_name("long " * 100))
    ('a%2Fb.json', 142)
    """
    name = quote(key, safe=" @+=,()[]")
    if len(name) > _MOST_OF_A_NAME or name.startswith("."):
        name = f"{name[:_MOST_OF_A_NAME]}-{hashlib.sha256(key.encode()).hexdigest()[:16]}".lstrip(".")
    return f"{name}.json"
