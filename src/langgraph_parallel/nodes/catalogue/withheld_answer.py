"""The worker whose answer is withheld until every check has passed."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphInterrupt

from langgraph_parallel.answers.message import read_message
from langgraph_parallel.errors import DeadlineExceeded, KeptBack, NotStarted
from langgraph_parallel.nodes.catalogue.answer_checks import AnswerChecks, PartChecks, without_text
from langgraph_parallel.nodes.catalogue.gate import Gate
from langgraph_parallel.nodes.catalogue.withheld import withheld_config, within
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.json_data import as_json
from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.nodes.work.workers import Composed, Worker, asks_in, invoke
from langgraph_parallel.records import Estimate, Section
from langgraph_parallel.runtime.bound import Bound, current_bound
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.emitting import current_emitter
from langgraph_parallel.runtime.explain import is_explained
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.people import is_for_langgraph
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.structured import stream_listener

ANSWERING = "answer"
"""Name of the answer's worker in the records of attempts that failed."""


class WithheldAnswer(Composed):
    """The worker that answers, whose result and stream are withheld until the checks have passed.

    A run that resumes the plan of another one has no gate: it is not known which checks have passed. The
    worker then asks nothing, and the answer follows in a round after the checks.

    Args:
        worker: any.
        find_gate: returns the gate of a run; None if it has none.
        stream: whether the answer is streamed once the gate is open.
        checks: of the answer; None if it is not checked.
    """

    def __init__(
        self,
        worker: Worker,
        find_gate: Callable[[Run], Gate | None],
        *,
        stream: bool,
        checks: AnswerChecks | None = None,
    ) -> None:
        self._worker, self._find_gate, self._stream, self._checks = worker, find_gate, stream, checks

    @property
    def asks(self) -> Sequence[Ask]:
        """The `Ask`s of the worker, and of the checks of its answer."""
        return [*asks_in(self._worker), *(self._checks.asks if self._checks else ())]

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Answer, and wait until the answer may be released.

        Raises:
            KeptBack: it may not.
        """
        gate = self._find_gate(current_run())
        if gate is None:
            await _end_without_gate()
        gate.answered_in(bound := current_bound())
        if self._stream and (emitter := current_emitter()) is not None:
            gate.stream_to(emitter.emit)
        inner, held = withheld_config(config, gate)
        try:
            with within(inner):
                answer = await self._checked(gate, input, inner)
        except (GraphInterrupt, NotStarted, DeadlineExceeded) as ended:
            # A person is asked, and a redrive follows, only if the message has passed. The answer itself has
            # not been checked: what it has shown so far stays held.
            await _wait(gate, bound)
            if held is not None and isinstance(ended, GraphInterrupt):
                await held.flush()  # a graph in the answer goes on from there
            raise
        except KeptBack:
            gate.take_back()
            raise
        except Exception as error:
            if gate.is_open or is_for_langgraph(error) or is_explained(error):
                raise  # what a person or the endpoint said, which is not the answer
            raise without_text(error, "the answer") from None
        await _wait(gate, bound)
        gate.answer_passed()
        if held is not None:
            await held.flush()
        return answer

    async def _checked(self, gate: Gate, input: Any, config: RunnableConfig) -> Any:
        """Return the answer, with the outcomes of its checks if it has any."""
        by_token = self._stream and isinstance(self._worker, Ask)  # others return a whole answer
        checks = self._checks
        if checks is None:
            with _listening(gate.stream if by_token else None):
                answer = await invoke(self._worker, _input_of(self._worker, input), config, ANSWERING)
            if self._stream and not by_token:
                gate.stream(answer if isinstance(answer, str) else str(getattr(answer, "text", answer)))
            return answer
        parts = PartChecks(gate.stream, lambda text: checks.judge(text, config))
        with _listening(parts.feed if by_token else None):
            given = _input_of(self._worker, input)
            answering = asyncio.ensure_future(invoke(self._worker, given, config, ANSWERING))
        checking = asyncio.ensure_future(parts.run())
        try:
            await asyncio.wait([answering, checking], return_when=asyncio.FIRST_COMPLETED)
            if checking.done():
                checking.result()
            answer = await answering
        finally:
            answering.cancel()
            checking.cancel()
            await asyncio.gather(answering, checking, return_exceptions=True)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, BaseMessage):
            answer = read_message(answer).whole_text()
        text = as_text(as_json(answer))
        outcomes = await checks.judge(text, config)
        if self._stream:
            parts.finish(text)
        return {"answer": answer, "outcomes": outcomes}

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Return the upper bounds of the answer."""
        checks = Estimate(notes=["Checks of the answer are not included."]) if self._checks else Estimate()
        if isinstance(self._worker, Ask):
            return self._worker.estimate(_input_of(self._worker, input), run, context) + checks
        return Estimate(notes=["Calls made by a worker that answers are not included."]) + checks


async def _wait(gate: Gate, bound: Bound | None) -> None:
    """Wait until the checks of the message have passed."""
    if bound is not None:
        bound.hold()  # the checks end in time themselves; the answer is ready, and must not end with them
    await gate.wait()


@contextmanager
def _listening(listen: Callable[[str | None], None] | None) -> Iterator[None]:
    token = stream_listener.set(listen)
    try:
        yield
    finally:
        stream_listener.reset(token)


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


def _input_of(worker: Worker, section: Section) -> object:
    """Return what the worker gets: a graph its own input, an `Ask` its variable, any other the message."""
    if isinstance(worker, ParallelGraph) and worker.governing.from_text is not None:
        return worker.governing.from_text(section.title, section.content)
    return {"message": section.content} if isinstance(worker, Ask) else section.content
