"""A guarded answer while it runs: held back until the checks have passed, cancelled when one trips."""

import asyncio
import weakref
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer

from langgraph_parallel.errors import KeptBack
from langgraph_parallel.nodes.catalogue.checks import read_check
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.arguments import require_text
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Composed, Worker, asks_in
from langgraph_parallel.records import Branch, CheckOutcome, EndedBy, Estimate, Section
from langgraph_parallel.runtime.bound import current_bound
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.fan_out import IsOver
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.structured import stream_listener

ANSWER, LATE = "answer", "answer, behind the checks"
Policy = Literal["closed", "open"]
"""What a check means that could not be run: the answer is kept back, or let through."""


class Gate:
    """Holds an answer back until every check has passed, or one has not.

    Args:
        checks: those that have to pass.
    """

    def __init__(self, checks: Collection[str]) -> None:
        self._left = set(checks)
        self._settled = asyncio.Event()
        self._tripped, self._final = "", False
        self._held: list[str] = []
        self._told = False
        self._write: Any = None
        self._settle()

    def passes(self, check: str) -> None:
        """A check has passed; after the last one what was held back is told."""
        self._left.discard(check)
        self._settle()

    def trips(self, why: str, *, final: bool = False) -> None:
        """A check has not passed: nothing is told any more."""
        self._tripped = self._tripped or why
        self._final = self._final or final
        self._held = []
        self._settled.set()

    def tell(self, text: str | None) -> None:
        """Tell a part of the answer, or keep it until the gate is open; None begins the answer anew."""
        if self._tripped:
            return
        if text is None:
            self._held = []
            if self._told and self._write is not None:
                self._write({"event": "restart"})
            self._told = False
        elif not self._settled.is_set():
            self._held.append(text)
        elif self._write is not None and text:
            self._told = True
            self._write({"event": "token", "text": text})

    def listen(self, write: Any) -> None:
        """Where parts of the answer are told."""
        self._write = write

    async def opened(self) -> None:
        """Wait until every check has passed.

        Raises:
            KeptBack: one has not.
        """
        await self._settled.wait()
        if self._tripped:
            raise KeptBack(self._tripped, final=self._final)

    def _settle(self) -> None:
        if not self._left and not self._tripped:
            self._settled.set()
            held, self._held = self._held, []
            for text in held:
                self.tell(text)


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
        """Every check, and then the answer: where few run at once, it must not be in their way."""
        message = require_text(given, "message", "the guarded graph")
        names = (*map(_named, self._checks), ANSWER)
        return [Section(id=one, title=one, content=message, worker=one) for one in names]

    def watch(self, run: Run, sections: Sequence[Section]) -> IsOver:
        """A check that trips ends the answer; one that passes may open the gate."""
        wanted = set(map(_named, self._checks))
        gate = self._gates[run] = Gate(wanted)
        if missing := sorted(wanted - {section.id for section in sections}):
            gate.trips(f"{missing[0]} is beyond the limit of sections")

        def after(branch: Branch) -> str | tuple[EndedBy, str]:
            if branch.id not in wanted:
                return ""
            outcome = read_check(branch.id, branch, "")
            if self._passes(outcome):
                gate.passes(branch.id)
                return ""
            gate.trips(f"{branch.id} has not passed", final=outcome.status == "flagged")
            if outcome.status == "flagged":
                return f"not needed any more: {branch.id} has tripped"
            return (
                "completion",
                f"kept back: {branch.id} could not be decided",
            )  # yet: by a person, in a redrive

        return after

    def gate(self, run: Run) -> Gate | None:
        """The gate of a run; None where the run goes on with what another one has planned."""
        return self._gates.get(run)

    def further(self, gathered: Gathered) -> Sequence[Section]:
        """The answer once more, where it was kept back from checks that have passed by now."""
        if gathered.last_round > 0 or ANSWER in gathered.values or ANSWER not in gathered.branches:
            return []
        kept_back = gathered.branches[ANSWER].ended_by == "completion"
        if not kept_back or any(not self._passes(outcome) for outcome in self._outcomes(gathered)):
            return []
        message = str(gathered.given["message"])
        return [Section(id=LATE, title=ANSWER, content=message, worker=LATE)]

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """The answer, if every check has passed; else why not."""
        outcomes = self._outcomes(gathered)
        tripped = [outcome for outcome in outcomes if not self._passes(outcome)]
        answer = gathered.values.get(ANSWER, gathered.values.get(LATE))
        released = answer is not None and not tripped
        reason = _reason(tripped[0]) if tripped else "" if released else "there is no answer"
        return {
            "answer": answer if released else None,
            "released": released,
            "reason": reason,
            "checks": outcomes,
        }

    def _outcomes(self, gathered: Gathered) -> list[CheckOutcome]:
        message = str(gathered.given.get("message", ""))
        return [read_check(one, gathered.branches.get(_named(one)), message) for one in self._checks]

    def _passes(self, outcome: CheckOutcome) -> bool:
        return outcome.status == "clean" or (self._policy == "open" and outcome.status == "not_run")


class HeldAnswer(Composed):
    """The worker that answers: its result is held back, and its stream as well.

    Where the run goes on with what another one has planned, nobody knows here which checks have passed: then
    it asks nothing, and the answer comes in a round of its own, behind the checks.

    Args:
        worker: any.
        guard: knows the gates.
        stream: whether the answer is told part by part, once it may be.
        late: the checks have passed already.
    """

    def __init__(self, worker: Worker, guard: Guard, *, stream: bool, late: bool = False) -> None:
        self._worker, self._guard, self._stream, self._late = worker, guard, stream, late

    @property
    def asks(self) -> Sequence[Ask]:
        """What answers."""
        return asks_in(self._worker)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> Any:
        """Answer, and wait until the answer may be seen.

        Raises:
            KeptBack: it may not.
        """
        gate = Gate([]) if self._late else self._guard.gate(current_run())
        if gate is None:
            bound = current_bound()
            if bound is not None:
                bound.end("completion", "kept back until the checks have passed")
                await asyncio.Event().wait()
            raise KeptBack("the checks have not passed yet")
        if self._stream:
            gate.listen(get_stream_writer())
        told = self._stream and isinstance(self._worker, Ask)  # of other workers only the whole is known
        token = stream_listener.set(gate.tell if told else None)
        try:
            answer = await self._worker.ainvoke(_given(self._worker, input), _unheard(config))
        except Exception:  # whose text may be of the answer
            await gate.opened()
            raise
        finally:
            stream_listener.reset(token)
        if self._stream and not told:
            gate.tell(answer if isinstance(answer, str) else str(getattr(answer, "text", answer)))
        await gate.opened()
        return answer

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """What the answer takes."""
        return (
            self._worker.estimate(_given(self._worker, input), run, context)
            if isinstance(self._worker, Ask)
            else Estimate(notes=["what a worker of one's own calls for the answer is not in it"])
        )


def _unheard(config: RunnableConfig | None) -> RunnableConfig:
    """A config in which nobody streams: LangGraph's and LangChain's own streams would tell the answer.

    Tracers stay.
    """
    callbacks = (config or {}).get("callbacks")
    if callbacks is None or isinstance(callbacks, list):
        kept: Any = [one for one in callbacks or [] if not _streams(one)]
    else:
        kept = callbacks.copy()
        kept.handlers = [one for one in kept.handlers if not _streams(one)]
        kept.inheritable_handlers = [one for one in kept.inheritable_handlers if not _streams(one)]
    return {**(config or {}), "callbacks": kept}


def _streams(handler: object) -> bool:
    return hasattr(handler, "tap_output_aiter")


def _given(worker: Worker, section: Section) -> object:
    if isinstance(worker, ParallelGraph) and worker.governing.takes is not None:
        return worker.governing.takes(section.title, section.content)
    return {"message": section.content} if isinstance(worker, Ask) else section.content


def _named(check: str) -> str:
    return f"check/{check}"


def _reason(outcome: CheckOutcome) -> str:
    """Why the answer is kept back, as it may be shown."""
    if outcome.status == "flagged":
        return " ".join(outcome.reasons) or f"{outcome.check} has flagged it"
    return f"{outcome.check} could not be decided"
