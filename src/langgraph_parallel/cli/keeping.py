"""The cache of answers that `--cache` and `--cache-file` name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typer import BadParameter


@contextmanager
def keep_answers(cache: bool | None, file: Path | None) -> Iterator[None]:
    """Keep answers in a cache, while the block runs.

    Every graph reads the environment, those of the user's too, so it is put there.

    Args:
        cache: whether answers are kept; None to change nothing.
        file: where they are kept; None for the default place.

    Raises:
        BadParameter: there is a file, but no answers are to be kept, or it cannot be used.
    """
    if file is not None and cache is False:
        raise BadParameter("--no-cache and --cache-file exclude each other")
    if cache is None and file is None:
        yield
        return
    from langgraph_parallel.runtime.answer_setting import CACHE

    before = os.environ.get(CACHE)
    os.environ[CACHE] = str(file.absolute()) if file is not None else str(cache).lower()
    try:
        if cache is not False:
            _check_usable(file)
        yield
    finally:
        if before is None:
            del os.environ[CACHE]
        else:
            os.environ[CACHE] = before


def _check_usable(file: Path | None) -> None:
    import sqlite3

    from langgraph_parallel.runtime.answer_setting import cache_of_environment

    try:
        if (kept := cache_of_environment()) is not None:
            kept.get("")
    except (OSError, sqlite3.Error) as error:
        option = "--cache" if file is None else f"--cache-file {file}"
        why = str(error)
        hint = "" if "; " in why else "; name a file of its own, in a folder of yours"
        raise BadParameter(f"{option} cannot be used: {why}{hint}") from None
