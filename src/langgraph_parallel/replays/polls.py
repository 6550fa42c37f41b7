"""Votes of a replay: who is asked when, whom the stop makes superfluous, and what is decided."""

from collections.abc import Callable
from functools import partial

from langgraph_parallel.records import Ballot, BallotStatus, Tally
from langgraph_parallel.reducers.completion import Completion, Progress, State, as_completion
from langgraph_parallel.reducers.votes.rules.base import decides
from langgraph_parallel.reducers.votes.standing import PendingVoter
from langgraph_parallel.reducers.votes.stops import all_votes
from langgraph_parallel.reducers.votes.waves import next_wave
from langgraph_parallel.replays.course import Around, Course, Done, Prepare, Running
from langgraph_parallel.replays.outline import Block, Poll, Voter, Work

_AT_HAND = 16
"""Voters, at most, that wait for their turn beside a lossless wave, as in a real vote."""
_NOT_HEARD = "it depends on ballots that were never heard: of {}"

StartOf = Callable[[Course, Work, Around, Done, Prepare | None], Running]
_STATUSES: dict[str, BallotStatus] = {"timed_out": "timed_out", "skipped": "skipped"}


class RunningPoll:
    """A vote while its voters are asked.

    Args:
        course: of the replay.
        poll: its outline.
        around: the graph that it is in.
        done: called at its end.
        start_of: returns a part of the run that is about to start.
    """

    def __init__(self, course: Course, poll: Poll, around: Around, done: Done, start_of: StartOf) -> None:
        self._course, self._poll, self._around, self._done = course, poll, around, done
        self._start_of, self._reader = start_of, course.reader
        stop = course.reader.stop(poll.vote)
        assert stop is not None
        self._stop, self._wave = stop, course.reader.wave(poll.vote)
        self._may_stop = not isinstance(stop, all_votes)
        self._may_race = course.reader.may_race(poll.vote)
        self._completion: Completion | None = as_completion(poll.row.completion)
        self._left = list(poll.voters)
        pending = [PendingVoter(voter.name, voter.order) for voter in poll.voters]
        self._standing = course.reader.standing(poll.vote, pending, poll.kept)
        self._ballots: list[Ballot] = list(poll.kept)
        self._running: dict[str, Running] = {}
        self._reserve: list[Voter] = []
        self._asked: list[Voter] = []
        self._to_start: set[str] = set()
        self._to_count = 0
        self._lost: list[str] = []
        """Voters of which the record does not tell what they would have said, and when."""
        self._has_ended = False

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self._around.is_over

    def start(self) -> None:
        """Ask the first wave."""
        self._next_wave()

    def cut(self) -> None:
        """End the vote without an outcome."""
        if not self._has_ended:
            self._has_ended = True
            self._end_running()
            self._course.outcomes[self._poll.row.id] = self._poll.path, (None, None)

    def expire(self) -> None:
        """End the voters that are asked."""
        for running in list(self._running.values()):
            running.expire()

    def lose(self, inner: object, why: str) -> None:
        """Go on without a voter, of which the record does not tell."""
        name = next((name for name, running in self._running.items() if running is inner), None)
        if name is not None:
            self._running.pop(name).cut()
            self._lost.append(name)
            self._look_on()

    def _next_wave(self) -> None:
        if self._has_ended:
            return
        size = self._size()
        if not size:
            self._finish()
            return
        wave, self._left = self._left[:size], self._left[size:]
        self._reserve = self._at_hand(wave)
        self._to_start |= {voter.name for voter in wave}
        for number, voter in enumerate(wave):
            self._course.clock.after(number * self._poll.spacing, partial(self._ask, voter))

    def _size(self) -> int:
        """Return how many voters are asked now."""
        left = len(self._left)
        if self._around.is_over:
            for voter in self._left:
                self._course.late.append([*self._poll.path, voter.name])
            self._left = []
            return 0
        if self._lost:
            return 0 if self._may_stop else left
        size = next_wave(self._wave, self._stop, self._standing)
        if not size and left and self._is_recounted():
            return left
        if not size and left and self._completion_needs_more():
            return 1
        return min(size, left)

    def _at_hand(self, wave: list[Voter]) -> list[Voter]:
        if self._wave != "lossless" or len(wave) <= 2 or not self._may_stop:
            return []
        return self._left[:_AT_HAND]

    def _ask(self, voter: Voter) -> None:
        self._to_start.discard(voter.name)
        if self._has_ended:
            return
        self._asked.append(voter)
        if voter.block is None:
            self._lost.append(voter.name)
            self._look_on()
            return
        done = partial(self._voter_ended, voter)
        prepare = partial(self._course.client.prepare, self, voter.prepare)
        running = self._start_of(self._course, voter.block, self, done, prepare)
        self._running[voter.name] = running
        running.start()

    def _voter_ended(self, voter: Voter, status: str) -> None:
        self._running.pop(voter.name, None)
        if status == "ok" and voter.ballot is None:
            self._lost.append(voter.name)
            self._look_on()
            return
        self._to_count += 1
        self._course.clock.after(voter.lag, partial(self._count, voter, status))

    def _count(self, voter: Voter, status: str) -> None:
        self._to_count -= 1
        if self._has_ended:
            return
        if status == "ok" and voter.ballot is not None:
            self._hear(voter.ballot)
        else:
            self._hear(_not_cast(voter, _STATUSES.get(status, "cancelled")))
        if not self._lost and not self._around.is_over:
            self._look_at_stop()
        self._look_on()

    def _hear(self, ballot: Ballot) -> None:
        self._ballots.append(ballot)
        self._standing.hear(ballot)

    def _look_at_stop(self) -> None:
        """End the wave if the vote may stop; else ask whoever is certain to be needed."""
        if self._is_enough():
            if self._may_race:
                self._end_running()
            return
        if not self._reserve:
            return
        size = next_wave(self._wave, self._stop, self._standing)
        out = len(self._running) + self._to_count + len(self._to_start)
        while self._reserve and out < size:
            voter = self._reserve.pop(0)
            self._left.remove(voter)
            self._to_start.add(voter.name)
            out += 1
            self._course.clock.after(self._poll.call_lag, partial(self._ask, voter))

    def _end_running(self) -> None:
        """Cut off the voters that are not needed any more."""
        for name, running in list(self._running.items()):
            running.cut()
            del self._running[name]
        for voter in self._poll.voters:
            if voter.name in self._to_start:
                self._asked.append(voter)
        self._to_start.clear()
        counted = {ballot.voter for ballot in self._ballots}
        for voter in self._asked if not self._lost else ():
            if voter.name not in counted:
                self._hear(_not_cast(voter, "cancelled"))
        self._to_count = 0

    def _look_on(self) -> None:
        """Go on once all of the wave have ended."""
        if self._running or self._to_start or self._to_count or self._has_ended:
            return
        if self._lost or self._is_enough() or not self._left:
            self._next_wave()
        else:
            self._reserve = []
            self._course.clock.after(self._poll.gap, self._next_wave)

    def _is_enough(self) -> bool:
        if not self._may_stop or not self._stop.fires(self._standing):
            return False
        return not (self._completion_needs_more() or self._is_recounted())

    def _is_recounted(self) -> bool:
        """Return whether the vote would end undecided here, and its fallback counts all ballots."""
        if not self._poll.vote.recounts or (rule := self._reader.rule(self._poll.vote)) is None:
            return False
        decided = decides(rule, self._standing)
        return not (rule(Tally.of(self._ballots)).decided if decided is None else decided)

    def _completion_needs_more(self) -> bool:
        if self._completion is None:
            return False
        ok = {ballot.voter for ballot in self._ballots if ballot.status in ("cast", "abstained")}
        not_ok = {ballot.voter for ballot in self._ballots} - ok
        planned = len(self._poll.voters) + len(self._poll.kept)
        return self._completion.judge(Progress(planned, ok, not_ok)) is State.OPEN

    def _finish(self) -> None:
        self._has_ended = True
        poll, course = self._poll, self._course
        if self._lost:
            self._note_lost()
        else:
            outcome = self._reader.decide(poll.vote, self._ballots)
            if isinstance(outcome, str):
                course.note(poll.path, poll.row.name, outcome)
            course.outcomes[poll.row.id] = poll.path, None if isinstance(outcome, str) else outcome
        self._done("ok")

    def _note_lost(self) -> None:
        """Note what is not known, and how many calls may come on top."""
        poll, course = self._poll, self._course
        course.time_is_open = course.cost_is_open = True
        names = [voter.name for voter in poll.voters if voter.ballot is None]
        course.note(poll.path, poll.row.name, _NOT_HEARD.format(", ".join(names[:10])))
        usual = max((v.block.requests for v in poll.voters if v.block and v.ballot), default=1)
        for voter in self._left:
            known = voter.block is not None and voter.ballot is not None
            course.more_calls += voter.block.requests if known and voter.block else max(1, usual)
        for voter in self._asked:
            if voter.ballot is None:
                course.more_calls += max(0, max(1, usual) - _sent(voter.block))
        every = [voter.name for voter in poll.voters] + [ballot.voter for ballot in poll.kept]
        course.outcomes[poll.row.id] = poll.path, self._reader.settled(poll.vote, every)


def _sent(block: Block | None) -> int:
    return 0 if block is None else block.requests


def _not_cast(voter: Voter, status: BallotStatus) -> Ballot:
    return Ballot(voter=voter.name, order=voter.order, status=status)
