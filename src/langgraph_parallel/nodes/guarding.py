"""A guarded answer while it runs: held back until the checks have passed, cancelled when one trips."""

import asyncio
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.types import Overwrite

from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.nodes.checks import read_check
from langgraph_parallel.nodes.flow import text_of
from langgraph_parallel.nodes.gather import Gathered
from langgraph_parallel.nodes.workers import Composed, Worker, asks_in
from langgraph_parallel.records import Branch, CheckOutcome, EndedBy, Estimate, Section
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.fan_out import IsOver
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.structured import telling

ANSWER = "answer"
Policy = Literal["closed", "open"]
"""What a check means that could not be run: the answer is kept back, or let through."""


class Gate:
    """Holds an answer back until every check has passed.

    Args:
        checks: how many there are.
    """

    def __init__(self, checks: int) -> None:
        self._left = checks
        self._passed = asyncio.Event()
        self._held: list[str] = []
        self._told = False
        self._write: Any = None

    def passes(self) -> None:
        """A check has passed; after the last one what was held back is told."""
        self._left -= 1
        if self._left <= 0:
            self._passed.set()
            held, self._held = self._held, []
            for text in held:
                self.tell(text)

    def tell(self, text: str | None) -> None:
        """Tell a part of the answer, or keep it until the gate is open; None begins the answer anew."""
        if text is None:
            self._held = []
            if self._told:
                self._write({"event": "restart"})
            self._told = False
        elif not self._passed.is_set():
            self._held.append(text)
        elif self._write is not None and text:
            self._told = True
            self._write({"event": "token", "text": text})

    def listen(self, write: Any) -> None:
        """Where parts of the answer are told."""
        self._write = write

    async def opened(self) -> None:
        """Wait until every check has passed."""
        await self._passed.wait()


class Guard:
    """What is the same in all runs of a guarded graph.

    Args:
        checks: their names.
        policy: what a check means that could not be run.
    """

    def __init__(self, checks: Sequence[str], policy: Policy) -> None:
        self._checks, self._policy = checks, policy
        self._gates: weakref.WeakKeyDictionary[Run, Gate] = weakref.WeakKeyDictionary()

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """The answer, and every check, all of the same message."""
        message = text_of(given, "message", "the guarded graph")
        return [
            Section(id=one, title=one, content=message, worker=one)
            for one in (ANSWER, *map(_named, self._checks))
        ]

    def watch(self, run: Run, sections: Sequence[Section]) -> IsOver:
        """A check that trips ends the answer; one that passes may open the gate."""
        gate = Gate(len(self._checks))
        self._gates[run] = gate

        def after(branch: Branch) -> str | tuple[EndedBy, str]:
            if branch.id == ANSWER:
                return ""
            outcome = read_check(branch.id, branch, "")
            if self._passes(outcome):
                gate.passes()
                return ""
            if outcome.status == "not_run":  # a redrive may run it, and then wants an answer
                return "completion", f"kept back: {branch.id} could not be run"
            return f"not needed any more: {branch.id} has tripped"

        return after

    def gate(self, run: Run) -> Gate | None:
        """The gate of a run; None where it was planned in another process, and goes on in this one."""
        return self._gates.get(run)

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """The answer, if every check has passed; else why not, and no trace of the answer."""
        message = str(gathered.given.get("message", ""))
        outcomes = [read_check(one, gathered.branches.get(_named(one)), message) for one in self._checks]
        tripped = [outcome for outcome in outcomes if not self._passes(outcome)]
        answer = gathered.values.get(ANSWER)
        if not tripped:
            reason = "" if answer is not None else "there is no answer"
            return {"answer": answer, "released": answer is not None, "reason": reason, "checks": outcomes}
        withheld = {
            key: branch.model_copy(update={"value": None}) if key == ANSWER else branch
            for key, branch in gathered.branches.items()
        }
        return {
            "answer": None,
            "released": False,
            "reason": _reason(tripped[0]),
            "checks": outcomes,
            "branches": Overwrite(withheld),
        }

    def _passes(self, outcome: CheckOutcome) -> bool:
        return outcome.status == "clean" or (self._policy == "open" and outcome.status == "not_run")


class HeldAnswer(Composed):
    """The worker that answers: its result is held back, and its stream as well.

    Args:
        worker: any.
        guard: knows the gates.
        stream: whether the answer is told part by part, once it may be.
    """

    def __init__(self, worker: Worker, guard: Guard, *, stream: bool) -> None:
        self._worker, self._guard, self._stream = worker, guard, stream

    @property
    def asks(self) -> Sequence[Ask]:
        """What answers."""
        return asks_in(self._worker)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Answer, and wait until the answer may be seen."""
        gate = self._guard.gate(current_run())
        if gate is None:
            return await self._worker.ainvoke(_given(self._worker, input), config)
        if self._stream:
            gate.listen(get_stream_writer())
        told = self._stream and isinstance(self._worker, Ask)  # of other workers only the whole is known
        token = telling.set(gate.tell if told else None)
        try:
            answer = await self._worker.ainvoke(_given(self._worker, input), config)
        finally:
            telling.reset(token)
        if self._stream and not told:
            gate.tell(answer if isinstance(answer, str) else str(getattr(answer, "text", answer)))
        await gate.opened()
        return answer

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """What the answer takes."""
        return (
            self._worker.estimate(_given(self._worker, input), run, context)
            if isinstance(self._worker, Ask)
            else Estimate()
        )


def _given(worker: Worker, section: Section) -> object:
    return {"message": section.content} if isinstance(worker, Ask) else section.content


def _named(check: str) -> str:
    return f"check/{check}"


def _reason(outcome: CheckOutcome) -> str:
    """Why the answer is kept back, as it may be shown."""
    if outcome.status == "flagged":
        return " ".join(outcome.reasons) or f"{outcome.check} has flagged it"
    return f"{outcome.check} could not be decided"
