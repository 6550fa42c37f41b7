"""Requests of a replay: they wait for a slot, take their recorded time, and are hedged or cut off."""

from dataclasses import dataclass
from functools import partial

from langgraph_parallel.records.run_record import RecordedCall
from langgraph_parallel.replays.clock import Timer
from langgraph_parallel.replays.course import Around, Course, Done, Sent
from langgraph_parallel.replays.endpoint import Place
from langgraph_parallel.replays.outline import Request

_SLACK, _LEAST_SLACK = 0.02, 0.01
"""By what share, and by how many seconds at least, what was cut off is waited for longer than it was: the
client does not cut off at once, either."""
_UNKNOWN = "how long a call would have taken that was cut off is not known"
NEVER_ENDED = "nothing cuts off a call here that was cut off, and how long it would have taken is not known"


@dataclass(eq=False)
class Flight:
    """A request in flight."""

    call: RecordedCall
    is_known: bool
    ok: bool
    is_drawn: bool = False
    timer: Timer | None = None


class RunningRequest:
    """A request while it waits or is in flight.

    Args:
        course: of the replay.
        request: its outline.
        around: the block that it is in.
        done: called at its end.
    """

    def __init__(self, course: Course, request: Request, around: Around, done: Done) -> None:
        self._course, self._request, self._around, self._done = course, request, around, done
        self._flights: list[Flight] = []
        self._place: Place | None = None
        self._has_ended = False
        self._hedge_timer: Timer | None = None

    @property
    def _call(self) -> RecordedCall:
        return self._request.call

    def start(self) -> None:
        """Join the line for a slot; what needs none begins."""
        if self._around.is_over:
            self._end("timed_out")
        elif not self._request.holds_slot:
            self._launch()
        else:
            call = self._call
            tokens = call.usage.input_tokens + call.usage.output_tokens
            self._place = Place(self._course.bounds(call.graph), tokens, self._launch)
            self._course.endpoint(call.target).enter(self._place, first=call.attempt > 1)

    def cut(self) -> None:
        """Leave the line, or break off what is in flight: its prompt counts."""
        if self._has_ended:
            return
        if self._place is not None and not self._flights:
            self._course.endpoint(self._call.target).leave_line(self._place)
        self._has_ended = True
        for flight in list(self._flights):
            self._land(flight, self._prompt(flight))
            self._course.answered[flight.call.id] = False
        self._close(answered=False)

    def expire(self) -> None:
        """Break off, and tell of it."""
        if not self._has_ended:
            self.cut()
            self._done("timed_out")

    def _end(self, status: str) -> None:
        self._has_ended = True
        self._close(answered=status == "ok")
        self._done(status)

    def _close(self, *, answered: bool) -> None:
        if self._hedge_timer is not None:
            self._hedge_timer.cancel()
        self._course.waiting.pop(self, None)
        if self._request.holds_slot:
            self._course.endpoint(self._call.target).late.finished(self, answered=answered)

    def _launch(self) -> None:
        if self._has_ended:  # cut off on the way
            self._course.endpoint(self._call.target).release()
            return
        request = self._request
        self._fly(Flight(request.call, request.is_known, request.call.ok), request.seconds)
        if request.holds_slot:
            self._watch()

    def _watch(self) -> None:
        """Watch for the time of a hedge: as recorded, or as it is set."""
        course, call = self._course, self._call
        hedge = course.changes.hedge
        course.endpoint(call.target).late.watch(self, self._hedge if hedge == "p95" else None)
        if hedge is None and self._request.second is not None:
            self._hedge_timer = course.clock.after(self._request.second.started - call.started, self._repeat)
        elif isinstance(hedge, int | float):
            self._hedge_timer = course.clock.after(hedge, self._hedge)

    def _hedge(self) -> None:
        """Send a second request, if there is a slot and a share for it."""
        late = self._course.endpoint(self._call.target).late
        share = float(self._course.limits(self._call.graph).get("hedge_share", 0.1))
        if not self._has_ended and late.may_hedge(share):
            self._second()

    def _repeat(self) -> None:
        """Send the second request that was recorded."""
        if not self._has_ended:
            self._second()

    def _second(self) -> None:
        call, second = self._call, self._request.second
        place = Place(self._course.bounds(call.graph), 0, lambda: None)
        if not self._course.endpoint(call.target).try_enter(place):
            return
        if second is not None:
            self._fly(Flight(second, second.ok or second.cause is not None, second.ok), second.seconds)
        else:
            self._fly(Flight(call, True, True, is_drawn=True), self._course.draw_seconds(call))

    def _fly(self, flight: Flight, seconds: float) -> None:
        self._flights.append(flight)
        held = self._request.held
        if held is None or len(self._flights) > 1:
            self._leave(flight, seconds)
        else:
            leave = partial(self._leave, flight, max(0.0, seconds - held))
            flight.timer = self._course.client.after_all(leave)

    def _leave(self, flight: Flight, seconds: float) -> None:
        clock = self._course.clock
        if flight.is_known:
            flight.timer = clock.after(seconds, partial(self._answered, flight))
        elif not self._request.ends_with_run:
            waited = seconds + max(_SLACK * seconds, _LEAST_SLACK)
            flight.timer = clock.after(waited, partial(self._know_no_more, flight))

    def _answered(self, flight: Flight) -> None:
        others = [other for other in self._flights if other is not flight]
        used = self._used(flight.call)
        self._land(flight, used)
        self._course.answered[flight.call.id] = True
        if not flight.ok and others:
            return
        self._has_ended = True
        for other in others:  # the provider charges about as much for them
            self._land(other, used if flight.ok else self._prompt(other))
        self._end("ok")

    def _know_no_more(self, flight: Flight) -> None:
        if all(not other.is_known for other in self._flights):
            self._course.waiting[self] = self.lose
            self._around.lose(self, _UNKNOWN)

    def lose(self, why: str) -> None:
        """End a request of which nothing more is known."""
        if not self._has_ended:
            second = self._request.second
            self._course.time_is_open = True
            self._course.cost_is_open |= second is None or not second.ok
            self.cut()
            self._course.note(*self._where(), why)
            self._done("ok")

    def _where(self) -> tuple[tuple[str, ...], str]:
        call, record = self._call, self._course.record
        path = () if call.branch is None else tuple(record.branches[call.branch].path)
        return path, record.graphs[call.graph].name

    def _land(self, flight: Flight, used: Sent) -> None:
        self._flights.remove(flight)
        if flight.timer is not None:
            flight.timer.cancel()
        if self._call.kind == "model" and not self._call.kept:
            self._course.sent.append(used)
        if self._request.holds_slot:
            self._course.endpoint(self._call.target).release()

    def _used(self, call: RecordedCall) -> Sent:
        """Return what a request takes that is answered, or fails by itself."""
        if not call.ok and self._call.ok:
            call = self._call
        return Sent(call.usage.input_tokens, call.usage.output_tokens, usd_of(call))

    def _prompt(self, flight: Flight) -> Sent:
        """Return what a request takes that is cut off."""
        call, second = flight.call, self._request.second
        if second is not None and second.ok and not call.ok and self._course.changes.hedge == "off":
            return self._used(second)
        if call.prompt_tokens:
            return Sent(call.prompt_tokens, 0, call.prompt_usd)
        if not self._request.is_known and not self._request.is_made_up:
            return self._used(call)
        return Sent(None, None, None) if call.kind == "model" and not call.kept else Sent(0, 0, 0.0)


def usd_of(call: RecordedCall) -> float | None:
    """Return what a call cost; None if the price of one that used tokens is unknown."""
    used = call.usage.input_tokens or call.usage.output_tokens
    return call.usd if used else call.usd or 0.0
