"""A server whose answers are a list: the first request for three samples gets the first three of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.support.server import ModelServer, Reply, Request

LONG = {"question": "Is it safe? " + "The sky is blue, and water is wet. " * 120}
"""A question of more than 1,024 tokens."""


def ballot(choice: str | None, number: int) -> Reply:
    """A voter's answer, which no other voter gives in these words."""
    said = f"As far as I can see, reason number {number} decides this question for me."
    return Reply(json={"rationale": said, "choice": choice, "confidence": None})


class Pool(ModelServer):
    """Answers from a list, in the order of the requests, whoever asks.

    Args:
        choices: what the voters choose.
    """

    def __init__(self, choices: Sequence[str | None]) -> None:
        super().__init__()
        self._left = [ballot(choice, number) for number, choice in enumerate(choices, 1)]
        self._special: list[tuple[Any, Reply]] = []

    def refuse(self, reply: Reply) -> None:
        """Answer so to requests for several samples."""
        self.on(lambda request: request.body.get("n", 1) > 1, reply)

    @property
    def sizes(self) -> list[int]:
        """Number of samples that each request asked for, in order."""
        return [request.body.get("n", 1) for request in self.requests]

    @property
    def billed(self) -> int:
        """Characters of all prompts, each counted once."""
        return sum(len(json.dumps(request.body["messages"])) for request in self.requests)

    def _reply_to(self, request: Request) -> Reply:
        reply = super()._reply_to(request)
        if reply != Reply() and (reply.status != 200 or reply.body or reply.samples or reply.malformed):
            return reply
        with self._changed:
            asked = request.body.get("n", 1)
            mine, self._left = self._left[:asked], self._left[asked:]
        return replace(reply, samples=mine)
