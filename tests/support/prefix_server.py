"""A model server with a cache of prompt prefixes as providers have it: of blocks, from the first token on."""

import json
from collections import defaultdict
from dataclasses import replace

from langgraph_parallel.testing.replies import Reply, Request
from langgraph_parallel.testing.server import ModelServer

BLOCK = 128
SHORTEST = 1024
BYTES = 4
"""Of a token."""


class PrefixServer(ModelServer):
    """Counts the tokens of prompts, and those that its cache had.

    Args:
        per_key: calls with one `prompt_cache_key` that a machine takes; what is more goes to the next one.
            Each has a cache of its own. None for one machine.
    """

    def __init__(self, per_key: int | None = None) -> None:
        super().__init__()
        self._per_key = per_key
        self._kept: defaultdict[object, set[str]] = defaultdict(set)
        self._taken: defaultdict[str, int] = defaultdict(int)
        self._machine: dict[int, object] = {}
        self.keeps = True
        """Whether the cache takes anything in."""
        self.uncounted = False
        """Whether streams say nothing of their tokens."""
        self.read: dict[int, int] = {}
        """Tokens that each request read from the cache, by its place in `requests`."""

    @property
    def billed(self) -> float:
        """What all prompts cost, in tokens: those that were read at a tenth."""
        return sum(
            self._tokens(request) - 0.9 * self.read.get(number, 0)
            for number, request in enumerate(self.requests)
            if request.status == 200
        )

    @property
    def keys(self) -> set[str]:
        """The cache keys that were sent."""
        return {str(request.body["prompt_cache_key"]) for request in self.requests if _key(request)}

    def _reply_to(self, request: Request) -> Reply:
        reply = super()._reply_to(request)
        machine: object = None
        if self._per_key is not None:
            machine = (_key(request), self._taken[_key(request)] // self._per_key)
            self._taken[_key(request)] += 1
        self._machine[id(request)] = machine
        known = 0
        for block in _blocks(request):
            if block not in self._kept[machine]:
                break
            known += BLOCK
        cached = known if known >= SHORTEST else 0
        self.read[self.requests.index(request)] = cached
        if self.uncounted and request.body.get("stream"):
            request.body.pop("stream_options", None)
        return replace(reply, usage=(self._tokens(request), 5), cached=cached)

    def _begin(self, request: Request) -> None:
        if self.keeps:
            self._kept[self._machine[id(request)]].update(_blocks(request))

    @staticmethod
    def _tokens(request: Request) -> int:
        return len(_text(request)) // BYTES


def _key(request: Request) -> str:
    return str(request.body.get("prompt_cache_key") or "")


def _text(request: Request) -> bytes:
    before = json.dumps(request.body.get("response_format")) if "response_format" in request.body else ""
    return (before + request.prompt).encode()


def _blocks(request: Request) -> list[str]:
    text = _text(request).decode(errors="replace")
    size = BLOCK * BYTES
    return [text[:end] for end in range(size, len(text) + 1, size)]
