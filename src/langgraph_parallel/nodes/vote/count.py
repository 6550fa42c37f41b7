"""Count: a vote while it runs - the ballots so far, who is asked next, and whether more are needed.

The count is kept for the run, and each ballot is read and added once. It follows from the state alone: a run
that is resumed counts again.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.nodes.fan_out.gathered import in_order
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.vote.poll import Poll
from langgraph_parallel.nodes.vote.told import tell_ballot
from langgraph_parallel.records import Ballot, Branch, Tally, Trial
from langgraph_parallel.reducers.completion import Progress, State
from langgraph_parallel.reducers.votes.replay import run_trials
from langgraph_parallel.reducers.votes.rules import as_counting, decides
from langgraph_parallel.reducers.votes.standing import PendingVoter, Standing
from langgraph_parallel.reducers.votes.waves import next_wave
from langgraph_parallel.runtime.early_end import Watch
from langgraph_parallel.runtime.run import current_run

AT_ONCE = 1_000
"""Voters in one superstep, at most: LangGraph's own cost of a branch grows with their number. A larger wave
is asked in consecutive supersteps."""


AT_HAND = 16
"""Voters, at most, that are sent with a lossless wave and wait for their turn: each costs LangGraph a task,
also if it is not asked."""


class Count:
    """The ballots of a poll, and what follows from them.

    Args:
        poll: the run of the vote.
        branches: records of the voters that were heard.
        left: voters that were not asked yet, or are asked again, in the order of asking.
    """

    def __init__(self, poll: Poll, branches: Mapping[str, Branch], left: Sequence[str]) -> None:
        self.poll = poll
        self._read: dict[str, tuple[Branch, Ballot]] = {}
        """The ballot of each record. A voter that is asked again has none until it is heard."""
        self._ok: set[str] = set()
        self._not_ok: set[str] = set()
        self.whole = 0
        """Number of voters that a redrive can skip."""
        for branch in in_order(branches):
            self._add(branch)
        again = {voter for voter in left if voter in branches}
        self._earlier = {voter for voter in again if branches[voter].ok}
        """Voters that are asked again although they gave an answer: a graph of which a part failed."""
        self._standing = Standing.of(
            Tally.of(ballot for voter, (_, ballot) in self._read.items() if voter not in again),
            [PendingVoter(voter, poll.places[voter]) for voter in left],
            as_counting(poll.settings.rule),
            ties_matter=poll.ties_matter,
        )

    @classmethod
    def of(
        cls, poll: Poll, branches: Mapping[str, Branch], left: Sequence[str], asked: Sequence[str] = ()
    ) -> "Count":
        """Return the count of the current run, with the ballots of the voters that were just asked."""
        kept = current_run().kept
        count: Count | None = kept.get(cls)
        if count is None or not count._catches_up(branches, left, asked):
            count = kept[cls] = cls(poll, branches, left)
        return count

    def _catches_up(self, branches: Mapping[str, Branch], left: Sequence[str], asked: Sequence[str]) -> bool:
        """Add ballots that were not heard in a race; return whether the count is that of these records."""
        for voter in asked:
            if (branch := branches.get(voter)) is None:
                return False
            known = self._read.get(voter)
            if known is None:
                self.hear(branch)
            elif known[0] is not branch:
                return False
        return len(self._read) == len(branches) and self._standing.to_come == len(left)

    def ask(self, wave: Sequence[str], reserve: Sequence[str] = ()) -> None:
        """Note who is asked now, and watch them.

        The rest is cancelled once the vote may stop. A voter of the reserve has its turn as soon as it is
        certain to be asked, whatever those will say that were asked and have not answered: of five voters
        three are asked, and the fourth when the first two disagree.

        Args:
            wave: the voters that are asked now.
            reserve: those that wait for their turn, in the order of asking.
        """
        for voter in wave:
            self._forget(voter)
        fan_out = current_run().fan_out
        fan_out.hold_back(reserve)
        if not self.may_race and not reserve and current_run().level is None:
            return
        expected, asked, heard = {*wave, *reserve}, set(wave), set[str]()

        def is_over(branch: Branch) -> str:
            if branch.id not in expected or branch.id in heard:
                return ""
            heard.add(branch.id)
            asked.add(branch.id)  # before the run was resumed, perhaps
            self.hear(branch)
            if why := self.why_over():
                return why if self.may_race else ""
            size = next_wave(self.poll.wave, self.poll.stop, self._standing) if reserve else 0
            for voter in reserve:
                if len(asked) - len(heard) >= size:
                    break
                if voter not in asked:
                    asked.add(voter)
                    fan_out.call(voter)
            return ""

        fan_out.race(Watch(is_over), cuts_off=self.poll.cuts_off)

    def reserve(self, wave: Sequence[str], later: Sequence[str]) -> list[str]:
        """Return the voters that are sent with a wave, and wait for their turn.

        Only lossless waves have some: in a wave of another size, a voter that starts early may be asked in
        vain. In a wave of one or two, the first ballot alone cannot tell that a further one is needed.

        Args:
            wave: the voters that are asked now.
            later: those that may be asked later.
        """
        if self.poll.wave != "lossless" or len(wave) <= 2 or not self.poll.may_stop:
            return []
        return list(takewhile(lambda voter: voter not in self._read, later[:AT_HAND]))

    @property
    def may_race(self) -> bool:
        """Whether voters that are not needed any more are cancelled."""
        return self.poll.may_race

    def hear(self, branch: Branch) -> None:
        """Add the record of a voter."""
        self._forget(branch.id)
        self._add(branch)
        self._standing.hear(self._ballot(branch))
        if (level := current_run().level) is not None:
            earlier = [ballot for voter, (_, ballot) in self._read.items() if voter != branch.id]
            tell_ballot(level, self.poll, self._read[branch.id][1], earlier, **self._progress())

    def _progress(self) -> dict[str, Any]:
        """Return the fields of the event that a ballot has been counted."""
        standing, stopped = self._standing, self.why_over()
        leaders, leader = standing.leaders, standing.leaders.leader
        return {
            "cast": len(standing.heard),
            "heard": len(self._read),
            "of": len(self.poll.voters),
            "leader": None if leader is None else self._choice(leader),
            "tied": leader is not None and leaders.lead == leaders.behind,
            "votes": 0 if leader is None else standing.votes[leader],
            "support": 0.0 if leader is None else float(standing.amounts[leader]),
            "stop": str(self.poll.stop) if stopped else "",
        }

    def _choice(self, key: str) -> JsonValue:
        """Return a choice as its earliest voter gave it, where that chose one; else its key."""
        order = self._standing.first[key][0]
        found = next(heard for heard in self._standing.heard if heard.ballot.order == order)
        return found.ballot.choice if len(found.supported) == 1 else key

    def _add(self, branch: Branch) -> None:
        self._read[branch.id] = branch, self.poll.settings.parser.ballot(branch)
        (self._ok if branch.ok else self._not_ok).add(branch.id)
        self.whole += branch.whole

    def _forget(self, voter: str) -> None:
        """Leave out the earlier record of a voter that is asked again."""
        if (known := self._read.pop(voter, None)) is not None:
            self.whole -= known[0].whole
            self._ok.discard(voter)
            self._not_ok.discard(voter)
            self._earlier.discard(voter)

    def _ballot(self, branch: Branch) -> Ballot:
        known = self._read.get(branch.id)
        return known[1] if known and known[0] is branch else self.poll.settings.parser.ballot(branch)

    def tally(self, branches: Mapping[str, Branch]) -> Tally:
        """Return the ballots of these records."""
        return Tally.of(map(self._ballot, in_order(branches)))

    def why_over(self) -> str:
        """Return why no further voter is needed; empty while one is."""
        if not self.poll.may_stop or not self.poll.stop.fires(self._standing):
            return ""
        needed = self._completion_needs_more() or self._fallback_hears_all()
        return "" if needed else f"not needed any more: {self.poll.stop}"

    def first_or_next(
        self, left: Sequence[str], before: Sequence[str] = ()
    ) -> tuple[Sequence[str], Sequence[str]]:
        """Divide the voters that are left into the next wave, and those that may be asked later.

        Args:
            left: voters that were not asked yet, in the order of asking.
            before: the previous wave.
        """
        if self._starts_no_more(before):
            return left, []  # which each voter's record will say
        if current_run().fan_out.had_enough():
            return [], left
        size = next_wave(self.poll.wave, self.poll.stop, self._standing)
        if not size and left and self._fallback_hears_all():
            size = len(left)
        elif not size and left and self._completion_needs_more():
            size = 1
        return left[:size], left[size:]

    def rest_of_wave(
        self, rest: Sequence[str], left: Sequence[str], before: Sequence[str]
    ) -> tuple[Sequence[str], Sequence[str]]:
        """Divide the voters that are left into the rest of a wave, and those that may be asked later.

        Args:
            rest: the voters of the wave that were not asked yet.
            left: those that may be asked later.
            before: the voters of the wave that were just asked.
        """
        if self._starts_no_more(before):
            return [*rest, *left], []
        if current_run().fan_out.had_enough() or (self.may_race and self.why_over()):
            return [], [*rest, *left]
        return rest, left

    def _starts_no_more(self, before: Sequence[str]) -> bool:
        """Return whether no call starts any more."""
        ended = {self._read[voter][0].ended_by for voter in before if voter in self._read}
        return current_run().starts_no_more() or bool(ended & {"budget", "drain", "deadline"})

    def trials(self, ballots: Tally) -> list[Trial]:
        """Return the result of each shadow stop on all ballots."""
        settings = self.poll.settings
        if not settings.shadow or isinstance(settings.rule, Judge):
            return []
        asked = [ballots.ballots[v] for v in self.poll.in_asking_order() if v in ballots.ballots]
        return run_trials(
            asked,
            settings.rule,
            settings.shadow,
            settings.wave or "lossless",
            ties_matter=self.poll.ties_matter,
        )

    def _fallback_hears_all(self) -> bool:
        """Return whether the vote would end undecided here and its fallback counts all ballots."""
        if not self.poll.recounts:
            return False
        rule: Any = self.poll.settings.rule
        decided = None if self._earlier else decides(rule, self._standing)
        if decided is not None:
            return not decided
        try:
            return not rule(Tally.of(ballot for _, ballot in self._read.values())).decided
        except Exception:  # of the caller's rule: the close reports it, and the fallback decides
            return True

    def _completion_needs_more(self) -> bool:
        """Return whether the run's completion policy needs more voters than the stop."""
        policy = current_run().completion
        if policy is None:
            return False
        return policy.judge(Progress(len(self.poll.voters), self._ok, self._not_ok)) is State.OPEN
