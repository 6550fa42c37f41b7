"""Checks of an answer, before anybody sees it: of the whole, and of the parts of one that is streamed."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphInterrupt

from langgraph_parallel.errors import KeptBack, ParallelError
from langgraph_parallel.nodes.catalogue.check_outcomes import read_check
from langgraph_parallel.nodes.catalogue.checks import check_worker_name
from langgraph_parallel.nodes.fan_out.outcome import Outcome
from langgraph_parallel.nodes.fan_out.task import Task
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Worker, Workers, invoke
from langgraph_parallel.records import CheckOutcome, Section
from langgraph_parallel.reducers.text.sentences import sentences
from langgraph_parallel.runtime.explain import is_explained, kind_of, mark
from langgraph_parallel.runtime.governor import governed_config
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.people import is_for_langgraph
from langgraph_parallel.runtime.recording import recording

_ENDS = ".!?\u2026\n\u3002\uff01\uff1f"
"""Characters that may end a sentence."""


class AnswerChecks:
    """The checks of an answer. They run at the same time, in the branch of the answer: no state holds it.

    Args:
        workers: of the checks, by `check_worker_name`.
        inputs: builds the input of workers by their names.
        names: of the checks.
        passes: whether an outcome lets the answer pass.
    """

    def __init__(
        self,
        workers: Mapping[str, Worker],
        inputs: Mapping[str, Callable[[Section], object]],
        names: Sequence[str],
        passes: Callable[[CheckOutcome], bool],
    ) -> None:
        self.names, self._passes = list(names), passes
        self._workers = Workers(workers, foreign_input=lambda section: section.content, inputs=inputs)

    @property
    def asks(self) -> list[Ask]:
        """Every `Ask` in the checks."""
        return self._workers.asks

    async def judge(self, text: str, config: RunnableConfig) -> list[CheckOutcome]:
        """Return the outcome of each check on a text, in the order of the checks.

        Args:
            text: the answer, or its beginning.
            config: of the answer's branch, below which nothing is seen.

        Raises:
            KeptBack: one has not passed. The error has the outcomes without what they say of the answer,
                which nobody may see.
        """
        outcomes = await asyncio.gather(*(self._judge(name, text, config) for name in self.names))
        failing = [outcome for outcome in outcomes if not self._passes(outcome)]
        if not failing:
            return list(outcomes)
        tripped = [outcome for outcome in failing if outcome.status == "flagged"]
        kept = [outcome.model_copy(update={"reasons": [], "spans": []}) for outcome in outcomes]
        raise KeptBack(
            f"{(tripped or failing)[0].check} has not passed it",
            final=bool(tripped),
            outcomes=[outcome.model_dump(mode="json") for outcome in kept],
        )

    async def _judge(self, name: str, text: str, config: RunnableConfig) -> CheckOutcome:
        key = check_worker_name(name)
        worker, given = self._workers.select(Section(id=key, title=key, content=text, worker=key))
        outcome, started = Outcome(), time.time()
        with recording(config) as calls:
            try:
                outcome.returned(await invoke(worker, given, _named(config, key, worker), key), worker)
            except GraphInterrupt:
                # A person would decide about a text that is gone by then: no checkpoint may hold it.
                why = "a check of the answer cannot ask a person; let a worker decide what it cannot"
                return CheckOutcome(check=name, status="undecided", error=why)
            except Exception as error:
                if is_for_langgraph(error):
                    raise
                outcome.failed(error if is_explained(error) else without_text(error, name), begun=bool(calls))
        task = Task(id=key, name=key, order=0, work=None)
        return read_check(name, outcome.record(task, started, calls, worker), text)


class PartChecks:
    """Checks an answer sentence by sentence while it arrives, and streams what has passed.

    One round of checks runs at a time, on all complete sentences so far. Where checks take longer than
    sentences, a round covers several.

    Args:
        stream: takes a part of the answer that has passed; None restarts the answer.
        judge: checks the beginning of the answer.
    """

    def __init__(self, stream: Callable[[str | None], None], judge: Callable[[str], Any]) -> None:
        self._stream, self._judge = stream, judge
        self._text, self._released, self._due = "", 0, 0
        self._more = asyncio.Event()

    def feed(self, part: str | None) -> None:
        """Take a part of the answer; None restarts it."""
        if part is None:
            self._text, self._released, self._due = "", 0, 0
            self._stream(None)
            return
        self._text += part
        if any(end in part for end in _ENDS):
            found = sentences(self._text)
            # The last one may go on.
            if len(found) > 1 and found[-1].start > self._due:
                self._due = found[-1].start
                self._more.set()

    async def run(self) -> None:
        """Check and stream, until it is cancelled.

        Raises:
            KeptBack: a part has not passed.
        """
        while True:
            await self._more.wait()
            self._more.clear()
            text = self._text[: self._due]
            await self._judge(text)
            if self._text.startswith(text):  # else it has been restarted meanwhile
                self._release(len(text))

    def finish(self, text: str) -> None:
        """Stream the rest of an answer that has passed as a whole."""
        self._text = text
        self._release(len(text))

    def _release(self, end: int) -> None:
        if end > self._released:
            self._stream(self._text[self._released : end])
            self._released = end


def without_text(error: Exception, what: str) -> ParallelError:
    """Return an error without its text, which may quote the answer.

    Args:
        error: that the answer or a check of it raised.
        what: failed.
    """
    hidden = ParallelError(
        f"{what} failed: {type(error).__name__} (its text is withheld, since not all checks have passed)"
    )
    mark(hidden, str(hidden), kind_of(error))
    return hidden


def _named(config: RunnableConfig, name: str, worker: Worker) -> RunnableConfig:
    named: RunnableConfig = {**config, "run_name": name}
    return named if isinstance(worker, ParallelGraph | Ask) else governed_config(named)
