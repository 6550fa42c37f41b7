"""Whole runs in skipped time: where the event loop would wait, the clock is put forward instead.

So a run of seconds takes milliseconds, and its times do not depend on the machine. What a run does between
two waits takes microseconds. Models answer by `TimedModel`, in the process.
"""

import asyncio
import math
import random
import re
import selectors
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar
from unittest.mock import patch

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from pydantic import PrivateAttr

from langgraph_parallel.testing import FakeModel

ResultT = TypeVar("ResultT")
_CASE, _VOTER = re.compile(r"\bcase (\w+)"), re.compile(r"You are voter (\d+) ")

_TICK = 1e-6
"""Seconds between two looks at the clock, so that no two things happen at the same time."""


class _Skipping(selectors.SelectSelector):
    """Puts the clock forward when the event loop would wait, and no thread works for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = time.monotonic()
        self.in_threads = 0

    def tick(self) -> float:
        """Return the time, which is another one whenever it is asked for."""
        self.now += _TICK
        return self.now

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return what has happened; if nothing has, let the time pass."""
        if timeout is None or self.in_threads:
            return super().select(timeout)
        if not (happened := super().select(0)) and timeout > 0:
            self.now += timeout
        return happened


class _Loop(asyncio.SelectorEventLoop):
    """Counts what runs in threads."""

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        """Run a function in a thread."""
        self._selector.in_threads += 1  # type: ignore[attr-defined]
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._back)
        return future

    def _back(self, future: object) -> None:
        self._selector.in_threads -= 1  # type: ignore[attr-defined]


def in_skipped_time(main: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run a coroutine in skipped time, and return its result."""
    selector = _Skipping()
    epoch = time.time() - selector.now
    with (
        patch("time.monotonic", selector.tick),
        patch("time.time", lambda: epoch + selector.tick()),
        asyncio.Runner(loop_factory=partial(_Loop, selector)) as runner,
    ):
        return runner.run(main)


class TimedModel(FakeModel):
    """A model whose answers take a time.

    Args:
        seconds_of: from a prompt, and how often it was asked, to the seconds of the answer.
        answer_of: from a prompt to the answer; None for that of `FakeModel`.
    """

    _seconds_of: Callable[[str, int], float] = PrivateAttr()
    _answer_of: Callable[[str], Any] = PrivateAttr()
    _asked: Counter[str] = PrivateAttr(default_factory=Counter)

    def __init__(
        self, seconds_of: Callable[[str, int], float], answer_of: Callable[[str], Any] = lambda prompt: None
    ) -> None:
        super().__init__()
        self._seconds_of, self._answer_of = seconds_of, answer_of

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        prompt = "\n\n".join(message.text for message in messages)
        self._asked[prompt] += 1
        await asyncio.sleep(self._seconds_of(prompt, self._asked[prompt]))
        if (answer := self._answer_of(prompt)) is not None:
            self.on(lambda text: text == prompt, answer)
        return self._generate(messages, stop, None, **kwargs)


def seeded_model(
    seed: int, seconds: float = 0.12, spread: float = 0.3, stragglers: float = 0.04, draw: int = 0
) -> TimedModel:
    """Return a model whose times and votes follow from the `case` and the `voter` that its prompt names.

    Args:
        seed: of all that is drawn.
        seconds: median of the times.
        spread: standard deviation of their logarithm.
        stragglers: share of answers that take four times as long.
        draw: of the times of requests that repeat an earlier one.
    """

    def key_of(prompt: str) -> str:
        case, voter = _CASE.search(prompt), _VOTER.search(prompt)
        return f"{seed} {case and case[1]} {voter and voter[1]}"

    def seconds_of(prompt: str, number: int) -> float:
        chance = random.Random(f"{key_of(prompt)} {number} {draw if number > 1 else 0}")
        drawn = seconds * math.exp(chance.gauss(0, spread))
        return drawn * (4 if chance.random() < stragglers else 1)

    def answer_of(prompt: str) -> Any:
        if _VOTER.search(prompt) is None:
            return None
        agreement = random.Random(key_of(prompt).rpartition(" ")[0]).choice((0.9, 0.75, 0.6, 0.45))
        is_yes = random.Random(key_of(prompt)).random() < agreement
        return {"rationale": "", "choice": "yes" if is_yes else "no", "confidence": None}

    return TimedModel(seconds_of, answer_of)
