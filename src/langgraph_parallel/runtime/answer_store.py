"""What keeps answers: a store with two methods, and those of LangGraph as such stores."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping

from langgraph.cache.base import BaseCache

_NAMESPACE = ("langgraph-parallel", "answers")


class AnswerStore(ABC):
    """Keeps answers for a cache of answers: subclass it to keep them in a place of your own.

    Keys are digests, of 64 hexadecimal digits; answers are JSON texts. A store that raises is not asked again
    in that run, which goes on without it and says so in its report.
    """

    @abstractmethod
    def get(self, key: str) -> str | None:
        """Return an answer; None if it is not kept."""

    @abstractmethod
    def put(self, answers: Mapping[str, str]) -> None:
        """Keep answers, by key; one that is kept already may be replaced."""

    async def aget(self, key: str) -> str | None:
        """Return an answer, as `get`, which runs in a thread by default."""
        return await asyncio.to_thread(self.get, key)

    async def aput(self, answers: Mapping[str, str]) -> None:
        """Keep answers, as `put`, which runs in a thread by default."""
        await asyncio.to_thread(self.put, answers)

    def dropped(self, since: float) -> int:
        """Return how many answers, put or read since a moment, there was no room for; 0 if that is not known.

        Args:
            since: seconds since the epoch.
        """
        return 0


class CacheStore(AnswerStore):
    """Keeps answers in a cache of LangGraph's: in memory, SQLite, Redis.

    Args:
        cache: the cache.
    """

    def __init__(self, cache: "BaseCache[str]") -> None:
        self._cache = cache

    def get(self, key: str) -> str | None:
        """Return an answer; None if it is not kept."""
        return _text(self._cache.get([(_NAMESPACE, key)]).get((_NAMESPACE, key)))

    def put(self, answers: Mapping[str, str]) -> None:
        """Keep answers, by key."""
        self._cache.set({(_NAMESPACE, key): (answer, None) for key, answer in answers.items()})

    async def aget(self, key: str) -> str | None:
        """Return an answer; None if it is not kept."""
        return _text((await self._cache.aget([(_NAMESPACE, key)])).get((_NAMESPACE, key)))

    async def aput(self, answers: Mapping[str, str]) -> None:
        """Keep answers, by key."""
        await self._cache.aset({(_NAMESPACE, key): (answer, None) for key, answer in answers.items()})


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
