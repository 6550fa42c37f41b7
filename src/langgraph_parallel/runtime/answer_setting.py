"""Which cache of answers a graph, a worker or the environment names."""

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from langgraph.cache.base import BaseCache

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.answer_store import AnswerStore, CacheStore
from langgraph_parallel.runtime.limits import PREFIX
from langgraph_parallel.runtime.settings import switch_of

if TYPE_CHECKING:
    from langgraph_parallel.runtime.answer_cache import AnswerCache

CacheLike: TypeAlias = bool | str | os.PathLike[str] | AnswerStore | BaseCache[str]
"""True for a cache in the default place, False for none, a file, an `AnswerCache`, an `AnswerStore` of the
caller's, or a cache of LangGraph's."""
CACHE = f"{PREFIX}CACHE"


class NoCache:
    """Keeps no answers, whatever the graphs around or the environment say."""


NO_CACHE = NoCache()
Chosen: TypeAlias = AnswerStore | NoCache | None
"""What was chosen; None for what the graphs around or the environment say."""


def as_cache(given: CacheLike | None) -> Chosen:
    """Return the cache that an argument names.

    Raises:
        UsageError: it names none.
    """
    if given is None or isinstance(given, AnswerStore):
        return given
    if given is False:
        return NO_CACHE
    if given is True:
        return _default()
    if isinstance(given, str) and given and not _is_path(given):
        raise UsageError(f"cache is {given!r}; write True, False, or a file as a path: './{given}'")
    if isinstance(given, str | os.PathLike) and str(given):
        return _opened(str(Path(given).expanduser().absolute()))
    if isinstance(given, BaseCache):
        return CacheStore(given)
    raise UsageError(f"cache is {given!r}; expected True, False, a file, an AnswerCache or an AnswerStore")


def cache_of_environment() -> AnswerStore | None:
    """Return the cache that the environment names; None for none.

    Raises:
        UsageError: it names something else.
    """
    named = os.environ.get(CACHE, "").strip()
    switched = switch_of(named)
    if named and switched is None and not _is_path(named):
        raise UsageError(f"{CACHE}={named!r}: write on, off, or a file as a path: ./{named}")
    chosen = as_cache(named if switched is None else switched) if named else None
    return chosen if isinstance(chosen, AnswerStore) else None


def store_of(chosen: Chosen, outer: AnswerStore | None) -> AnswerStore | None:
    """Return the store of a graph; None if it keeps no answers.

    Args:
        chosen: what the graph was built with.
        outer: the store of the graphs around it, or of the environment.
    """
    return outer if chosen is None else cast("AnswerStore | None", None if chosen is NO_CACHE else chosen)


def _is_path(text: str) -> bool:
    """Return whether a text is meant as a path: a word alone is rather a switch, maybe misspelt."""
    return Path(text).suffix != "" or any(separator in text for separator in (os.sep, os.altsep or os.sep))


def _default() -> "AnswerCache":
    # SQLite is imported by those who keep answers.
    from langgraph_parallel.runtime.answer_cache import default_path

    return _opened(str(default_path()), is_default=True)


@lru_cache(maxsize=64)
def _opened(path: str, *, is_default: bool = False) -> "AnswerCache":
    """Return the cache of a file, which all graphs of the process share."""
    from langgraph_parallel.runtime.answer_cache import AnswerCache

    return AnswerCache(None if is_default else path)
