"""The cache of answers that `--cache` and `--cache-file` name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typer import BadParameter

_VARIABLE = "LANGGRAPH_PARALLEL_CACHE"


@contextmanager
def keep_answers(cache: bool | None, file: Path | None) -> Iterator[None]:
    """Keep answers in a cache, while the block runs.

    Every graph reads the environment, those of the user's too, so it is put there.

    Args:
        cache: whether answers are kept; None to change nothing.
        file: where they are kept; None for the default place.

    Raises:
        BadParameter: there is a file, but no answers are to be kept.
    """
    if file is not None and cache is False:
        raise BadParameter("--no-cache and --cache-file exclude each other")
    if cache is None and file is None:
        yield
        return
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(file.absolute()) if file is not None else str(cache).lower()
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
