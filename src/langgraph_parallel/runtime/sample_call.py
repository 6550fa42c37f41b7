"""A request for several samples as a call: one slot and one prompt, and a record for each answer."""

import time
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any
from uuid import uuid4

from langgraph_parallel.errors import AnswerError
from langgraph_parallel.records import Usage
from langgraph_parallel.records.events import WaitsOn
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.call_record import record_end, tell_start
from langgraph_parallel.runtime.failure import LASTING, LATER, Failure
from langgraph_parallel.runtime.open_call import OpenCall
from langgraph_parallel.runtime.samples import Seat


class NotSampled(AnswerError):  # of this kind, because it is not retried
    """A request for several samples failed, and may not fail for one.

    Attributes:
        failure: what it means.
        said: the error.
        version: of the dialect in which it was made.
    """

    def __init__(self, failure: Failure, said: Exception, version: int) -> None:
        super().__init__(str(said))
        self.failure, self.said, self.version = failure, said, version


class SampleCall(OpenCall):
    """A request for several samples, each of which is the call of a voter."""

    __slots__ = ("_answers", "_cut", "_launched", "ballots")
    ballots: dict[Seat, OpenCall]
    """The calls of the voters that wait for it."""
    _answers: list[Usage] | None
    """The tokens of the answers that voters get; None while there are none."""
    _cut: int
    """Voters that have left while it was in flight."""
    _launched: list[Bound]
    """What counts it as in flight."""

    @classmethod
    def of(cls, call: OpenCall, seats: Sequence[Seat]) -> "SampleCall":
        """Return the request of some voters.

        Args:
            call: of the first one.
            seats: of the voters.
        """
        # It has no branch of its own: those of the voters are told, each of its own call.
        about: dict[str, Any] = {field.name: getattr(call, field.name) for field in fields(call)}
        shared = cls(**about | {"bound": None, "recorded": None, "emitter": None, "samples": len(seats)})
        shared._answers, shared._cut, shared._launched = None, 0, []
        shared.ballots = {
            seat: replace(
                call,
                id=uuid4() if number else call.id,
                recorded=seat.recorded,
                bound=seat.bound,
                emitter=seat.emitter,
            )
            for number, seat in enumerate(seats)
        }
        return shared

    @staticmethod
    def fits(call: OpenCall, samples: int) -> bool:
        """Return whether the budget has room for a call that asks for so many samples.

        Raises:
            NotStarted: no call may start.
        """
        call.samples = samples
        call._prepare()
        return call.run.budget.has_room(call.amount)

    def answered(self, answers: Sequence[Usage]) -> None:
        """Note the tokens of the answers, in the order of the voters; those behind them get none."""
        self._answers = list(answers)
        self.samples = max(1, len(answers) + self._cut)

    def cut(self, seat: Seat) -> None:
        """Note that a voter does not wait any more; if it was the last, the request is cut off."""
        place = list(self.ballots).index(seat) if seat in self.ballots else -1
        ballot = self.ballots.pop(seat, None)
        if ballot is None or not self.started:
            return
        self._cut += 1
        if self._answers and place < len(self._answers) > 1:  # who stays pays for its answer, too
            unread = self._answers.pop(place)
            self._answers[0] += unread
        usage = Usage() if self.ballots else Usage(input_tokens=self.prompt_tokens)
        record_end(ballot, usage, self.priced.usd(usage), ok=False, throttled=False)

    def learn(self, error: BaseException, *, alone: bool = True) -> None:
        """Let the run and the limiter learn from an error."""
        if isinstance(error, NotSampled):  # one request has failed: the voters ask again, one by one
            self.answered([])
            if error.failure.kind in LASTING | LATER:  # it may be so for this request alone
                OpenCall.learn(self, error, alone=alone)
                self.cause = error.failure.kind
                return
            error = error.said
        OpenCall.learn(self, error, alone=alone)

    def _begin(self) -> None:
        self.started, self.samples = time.time(), max(1, len(self.ballots))
        for seat, ballot in self.ballots.items():
            ballot.started, ballot.samples = self.started, self.samples
            self._launched.append(seat.bound)
            seat.bound.launched()
            tell_start(ballot)

    def _end(self) -> None:
        OpenCall._end(self)
        while self._launched:
            self._launched.pop().landed()

    def waits(self, on: WaitsOn) -> None:
        """Tell that all of its voters wait, if anybody listens."""
        for ballot in self.ballots.values():
            OpenCall.waits(ballot, on)

    def _record(self, usage: Usage, usd: float | None, *, ok: bool, throttled: bool) -> None:
        if not self.ballots:
            return
        counted = len(self.ballots) if self._answers is None else max(1, len(self._answers))
        parts = [*(self._answers or [usage]), *[Usage()] * len(self.ballots)]
        for place, (ballot, part) in enumerate(zip(self.ballots.values(), parts, strict=False)):
            ballot.started, ballot.cause, ballot.lane = self.started, self.cause, self.lane
            if ok and place:
                ballot.unbilled_tokens = usage.input_tokens
            price = self.priced.usd(part, self.lane, ballot.unbilled_tokens)
            told_only = place >= counted
            record_end(ballot, part, price, ok=ok and not told_only, throttled=throttled, told_only=told_only)
