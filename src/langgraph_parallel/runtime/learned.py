"""What was learned of one endpoint and model, and when the next request may leave by that.

- the ceiling of requests in flight adapts (`runtime.ceiling`): it falls when the endpoint refuses or is
  overloaded while it is reached, and grows by one for every round of answers
- the pace of requests per second is learned from answers of 429 (`runtime.pace`)
- rates that the user sets are kept (`runtime.buckets`)
- a pause holds for all calls (`runtime.pauses`): the endpoint asks for one with Retry-After, or its rate
  limit headers say that nothing is left; after a refusal one request goes first, and the others follow it
- a line at the endpoint is told from requests that hang (`runtime.server_queue`)
"""

from langgraph_parallel.runtime.buckets import RateBuckets
from langgraph_parallel.runtime.ceiling import Ceiling
from langgraph_parallel.runtime.pace import Launch, Pace
from langgraph_parallel.runtime.pauses import Pause
from langgraph_parallel.runtime.server_queue import ServerQueue
from langgraph_parallel.runtime.slots import Rates, Slot
from langgraph_parallel.runtime.tokens import AnswerLength


class Learned:
    """What was learned of one endpoint and model. Times are those of `time.monotonic`.

    Not thread-safe: the limiter locks.

    Args:
        patience: that of the pace.
    """

    def __init__(self, patience: float = 1.0) -> None:
        self.ceiling = Ceiling()
        self.queue = ServerQueue()
        self.pace = Pace(patience)
        self.pause = Pause()
        self.buckets = RateBuckets()
        self.answer_length = AnswerLength()

    def pause_left(self, now: float) -> float:
        """Return the seconds that a pause lasts; 0 or less for none. Learn from one that is over."""
        left = self.pause.wait(now)
        if left <= 0:
            self._learn_pace_after_pause(now)
        return left

    def wait_of_all(self, now: float) -> float:
        """Return the seconds until a call may leave, whatever its rates; 0 or less if one may."""
        left = self.pause_left(now)
        return left if left > 0 else self.pace.free_at() - now

    def wait(self, rates: Rates, tokens: int, now: float, requests: int = 1) -> float:
        """Return 0 if a request may leave, which then counts against its rates; else the seconds to wait."""
        if (wait := self.pace.free_at() - now) > 0:
            return wait
        # The buckets come last, since what is taken from them stays taken.
        return self.buckets.take(rates.requests_per_minute, rates.tokens_per_minute, tokens, now, requests)

    def launch(self, now: float, *, ahead: int, waited: bool) -> Launch:
        """Count a request that leaves.

        Args:
            now: the time.
            ahead: requests in flight.
            waited: whether it waited in line, and has no rate that is set.
        """
        launch = self.pace.launch(now, waited=waited)
        launch.ahead = ahead
        self.pause.launched(launch, now)
        return launch

    def answered(self, slot: Slot, in_flight: int, tokens: int | None, now: float) -> None:
        """Learn from an answer.

        Args:
            slot: of the request, still held.
            in_flight: requests in flight, this one included.
            tokens: of the answer; None if unknown.
            now: the time.
        """
        if tokens is not None:
            self.answer_length.note(tokens)
        self.ceiling.grow(in_flight)
        self.queue.answered(slot.launch, now)

    def returned(self, slot: Slot, tokens: int | None, now: float) -> None:
        """Note that a request has ended, and correct the tokens that it took."""
        self.pause.returned(slot.launch)
        if tokens is not None and tokens != slot.tokens:
            self.buckets.correct_tokens(tokens - slot.tokens, now)

    def refused(self, slot: Slot, in_flight: int, retry_after: float | None, now: float) -> None:
        """Learn from a 429.

        With a Retry-After all calls pause, and the pace is learned afterwards. Without one the ceiling is
        lowered if it was reached; if it was not, the pace was too much.

        Args:
            slot: of the refused request, still held.
            in_flight: requests in flight, this one included.
            retry_after: seconds that the endpoint asks to wait; None if it does not say.
            now: the time.
        """
        slot.launch.refused = True  # the pace counts it at its next lesson
        # One request in flight, the least of all ceilings, is never one too many.
        is_at_ceiling = in_flight >= min(self.ceiling.value, slot.concurrency) > 1
        if is_at_ceiling:
            self.ceiling.lower(in_flight, slot.launch.when, now)
        if retry_after is not None or not is_at_ceiling:
            self.pause_all(retry_after or 0.0, now, slot, is_refusal=True)
            # After it, since it may still learn from what the last pause was asked for. No more than the
            # pause lasts: the pace would shut the endpoint instead.
            self.pause.ask(min(retry_after or 0.0, slot.longest_pause))

    def pause_all(
        self, seconds: float, now: float, slot: Slot | None = None, *, is_refusal: bool = False
    ) -> None:
        """Begin or extend a pause of all calls.

        Args:
            seconds: from now, or from the begin of the pause in progress.
            now: the time.
            slot: of the request whose answer asks for it; None if only headers do.
            is_refusal: whether that answer was a 429: one to a request that left before the pause extends it.
        """
        launched_at = slot.launch.when if slot is not None and is_refusal else now
        if self.pause.is_new(launched_at, now):
            # The last pause may have ended while no request was waiting to notice: learn from it first,
            # before what it asked for is mixed with what this one does.
            self._learn_pace_after_pause(now)
            self.pause.begin(now)
        if slot is None:
            self.pause.extend(seconds)
        else:
            self.pause.extend(seconds, now - slot.launch.when, slot.longest_pause)

    def _learn_pace_after_pause(self, now: float) -> None:
        """Learn the pace at the end of a pause that a 429 caused.

        Not when the 429 arrives: each answer to the same burst tells more about how many were let through.
        """
        seconds_asked = self.pause.take_seconds_asked(now)
        if seconds_asked is not None:
            self.pace.learn_from_refusals(now, seconds_asked)
