"""Withhold an answer and its stream until every check has passed."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.errors import GraphInterrupt

from langgraph_parallel.errors import DeadlineExceeded, KeptBack, NotStarted, ParallelError
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Composed, Worker, asks_in
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.runtime.bound import Bound, current_bound
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.explain import is_explained, kind_of, mark
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.structured import stream_listener

Write = Callable[[dict[str, str]], None]
"""Sends one event to the caller's stream."""


class Gate:
    """Withholds an answer until every check has passed, and discards it once one has not.

    Args:
        checks: names of the checks that must pass.
    """

    def __init__(self, checks: Collection[str]) -> None:
        self._pending = set(checks)
        self._settled = asyncio.Event()
        """Set once the gate is open, or stays closed for good."""
        self._reason, self._final = "", False
        self._withheld: list[str] = []
        self._has_streamed = False
        self._write: Write | None = None
        self._answer: Bound | None = None
        self._open_if_passed()

    def passed(self, check: str) -> None:
        """Note that a check has passed; after the last one, the withheld text is streamed."""
        self._pending.discard(check)
        self._open_if_passed()

    def close(self, reason: str, *, final: bool = False) -> None:
        """Keep the gate closed for good, and discard the withheld text.

        Args:
            reason: why; the first reason counts.
            final: whether a check has tripped, so that a redrive cannot release the answer.
        """
        self._reason = self._reason or reason
        self._final = self._final or final
        self._withheld = []
        self._settled.set()

    def withhold_until_later(self, reason: str) -> None:
        """Keep the gate closed in this run, and end the answer; another one may follow.

        Args:
            reason: why.
        """
        self.close(reason)
        if self._answer is not None:
            self._answer.end("completion", f"withheld: {reason}")

    def answered_in(self, bound: Bound | None) -> None:
        """Set the bound of the branch that answers."""
        self._answer = bound
        if bound is not None and self._reason:
            bound.end("completion", f"withheld: {self._reason}")

    def stream(self, text: str | None) -> None:
        """Stream a part of the answer, or withhold it until the gate opens; None restarts the answer."""
        if self._reason:
            return
        if text is None:
            self._withheld = []
            if self._has_streamed and self._write is not None:
                self._write({"event": "restart"})
            self._has_streamed = False
        elif not self._settled.is_set():
            self._withheld.append(text)
        elif self._write is not None and text:
            self._has_streamed = True
            self._write({"event": "token", "text": text})

    def stream_to(self, write: Write) -> None:
        """Set where the answer is streamed to; without this, it is not streamed."""
        self._write = write

    @property
    def is_open(self) -> bool:
        """Whether every check has passed."""
        return self._settled.is_set() and not self._reason

    async def wait(self) -> None:
        """Wait until every check has passed.

        Raises:
            KeptBack: a check has not passed.
        """
        await self._settled.wait()
        if self._reason:
            raise KeptBack(self._reason, final=self._final)

    def _open_if_passed(self) -> None:
        if self._pending or self._reason:
            return
        self._settled.set()
        withheld, self._withheld = self._withheld, []
        for text in withheld:
            self.stream(text)


class WithheldAnswer(Composed):
    """The worker that answers, whose result and stream are withheld until the checks have passed.

    A run that resumes the plan of another one has no gate: it is not known which checks have passed. The
    worker then asks nothing, and the answer follows in a round after the checks.

    Args:
        worker: any.
        find_gate: returns the gate of a run; None if it has none.
        stream: whether the answer is streamed once the gate is open.
    """

    def __init__(self, worker: Worker, find_gate: Callable[[Run], Gate | None], *, stream: bool) -> None:
        self._worker, self._find_gate, self._stream = worker, find_gate, stream

    @property
    def asks(self) -> Sequence[Ask]:
        """The `Ask`s of the worker."""
        return asks_in(self._worker)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Answer, and wait until the answer may be released.

        Raises:
            KeptBack: it may not.
        """
        gate = self._find_gate(current_run())
        if gate is None:
            await _end_without_gate()
        gate.answered_in(bound := current_bound())
        if self._stream:
            gate.stream_to(get_stream_writer())
        by_token = self._stream and isinstance(self._worker, Ask)  # others return a whole answer
        token = stream_listener.set(gate.stream if by_token else None)
        try:
            answer = await self._worker.ainvoke(
                _input_of(self._worker, input), _without_stream_handlers(config)
            )
        except (GraphInterrupt, NotStarted, DeadlineExceeded):
            if bound is not None:
                bound.hold()
            await gate.wait()  # a person is asked, and a redrive follows, only if the answer may be released
            raise
        except Exception as error:
            if gate.is_open or is_explained(error):  # by what the endpoint said, which is no answer
                raise
            raise _without_text(error) from None
        finally:
            stream_listener.reset(token)
        if self._stream and not by_token:
            gate.stream(answer if isinstance(answer, str) else str(getattr(answer, "text", answer)))
        if bound is not None:
            bound.hold()  # the checks end in time themselves; the answer is ready, and must not end with them
        await gate.wait()
        return answer

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Return the upper bounds of the answer."""
        if isinstance(self._worker, Ask):
            return self._worker.estimate(_input_of(self._worker, input), run, context)
        return Estimate(notes=["calls made by a worker that answers are not included"])


def _without_text(error: Exception) -> ParallelError:
    """Return the error of an answer without its text, which may quote the answer."""
    hidden = ParallelError(
        f"the answer failed: {type(error).__name__} (its text is withheld, since not all checks have passed)"
    )
    mark(hidden, str(hidden), kind_of(error))
    return hidden


async def _end_without_gate() -> NoReturn:
    """End the branch as one that a redrive runs again.

    Raises:
        KeptBack: outside of any branch.
    """
    bound = current_bound()
    if bound is not None:
        bound.end("completion", "withheld until the checks have passed")
        await asyncio.Event().wait()  # for the bound, which cancels this
    raise KeptBack("the checks have not passed yet")


def _without_stream_handlers(config: RunnableConfig | None) -> RunnableConfig:
    """Return a config without the streams of LangGraph and LangChain, which would show the answer.

    Tracers are kept.
    """
    callbacks: Any = (config or {}).get("callbacks")
    if callbacks is None or isinstance(callbacks, list):
        kept: Any = _drop_streams(callbacks or [])
    else:
        kept = callbacks.copy()
        kept.handlers = _drop_streams(kept.handlers)
        kept.inheritable_handlers = _drop_streams(kept.inheritable_handlers)
    return {**(config or {}), "callbacks": kept}


def _drop_streams(handlers: Sequence[object]) -> list[object]:
    return [handler for handler in handlers if not hasattr(handler, "tap_output_aiter")]


def _input_of(worker: Worker, section: Section) -> object:
    """Return what the worker gets: a graph its own input, an `Ask` its variable, any other the message."""
    if isinstance(worker, ParallelGraph) and worker.governing.from_text is not None:
        return worker.governing.from_text(section.title, section.content)
    return {"message": section.content} if isinstance(worker, Ask) else section.content
