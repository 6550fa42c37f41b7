"""A vote while it runs: which ballots are in, who is asked next, and whether more are needed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.fan_out.gathered import in_order
from langgraph_parallel.nodes.vote.ballots import BallotParser
from langgraph_parallel.nodes.vote.electorate import Electorate
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.work.workers import Worker
from langgraph_parallel.records import Branch, Tally, Trial
from langgraph_parallel.reducers.completion import Progress, State
from langgraph_parallel.reducers.votes.replay import run_trials
from langgraph_parallel.reducers.votes.rules import Rule, as_counting, weighted
from langgraph_parallel.reducers.votes.standing import Awaited, Standing
from langgraph_parallel.reducers.votes.stops import Stop, all_votes, as_stop, usual_stops
from langgraph_parallel.reducers.votes.waves import Wave, as_wave, next_wave
from langgraph_parallel.runtime.context import VotingContext
from langgraph_parallel.runtime.run import Run, current_run

Undecided = Literal["return", "escalate"] | Rule | Judge | Worker
"""What is done with a vote that ends undecided: nothing, a person is asked, or something else decides."""


@dataclass(frozen=True)
class VoteSettings:
    """How a vote was built."""

    electorate: Electorate
    rule: Rule | Judge
    label: Callable[[Any], str]
    """From a question to what its voters are called in traces: `vote[label#2]`."""
    reading: BallotParser = field(default_factory=BallotParser)
    stop: Stop = field(default_factory=all_votes)
    wave: Wave = "lossless"
    race: bool = True
    """Whether those of a wave that are not needed any more are cancelled."""
    on_undecided: Undecided = "return"
    shadow: Sequence[Stop] | None = None
    """Stops to try on the ballots of everybody; None to stop for real."""

    @property
    def choices(self) -> Sequence[JsonValue] | None:
        """The valid answers."""
        return self.reading.choices


def as_shadow_stops(
    shadow: "bool | Sequence[str | Stop]", stop: Stop, rule: Rule | Judge
) -> Sequence[Stop] | None:
    """The stops to try in shadow mode; None where the vote is not in it.

    Raises:
        UsageError: a judge decides, whose choice cannot be told from a part of the ballots.
        UnknownStop: one of them is none.
    """
    if shadow is False:
        return None
    if isinstance(rule, Judge):
        raise UsageError("shadow replays the rule on a part of the ballots, which a judge would be paid for")
    tried = (stop, *usual_stops(rule)) if shadow is True else tuple(map(as_stop, shadow))
    for one in tried:
        one.check(rule)
    return list({str(one): one for one in tried if not isinstance(one, all_votes)}.values())


@dataclass(frozen=True)
class Poll:
    """One run of a vote."""

    settings: VoteSettings
    voters: Sequence[str]
    """All of them, in the electorate's order."""
    stop: Stop
    wave: Wave

    @classmethod
    def of(cls, settings: VoteSettings, voters: Sequence[str], context: VotingContext) -> "Poll":
        """As the vote was built, or as the runtime context says.

        Raises:
            UsageError: what the context says is no stop, or no wave.
        """
        if settings.shadow is not None:
            return cls(settings, voters, all_votes(), "all")
        stop = as_stop(context.stop) if context.stop else settings.stop
        stop.check(settings.rule)
        return cls(settings, voters, stop, as_wave(context.wave) if context.wave else settings.wave)

    def in_asking_order(self) -> list[str]:
        """Voters as they are asked: those whose ballots are worth most first.

        Raises:
            UsageError: the rule has weights, and none of them is a voter's.
        """
        rule = self.settings.rule
        if not isinstance(rule, weighted) or not rule.weights:
            return list(self.voters)
        if not rule.weights.keys() & set(self.voters):
            some, known = ", ".join(list(rule.weights)[:5]), ", ".join(self.voters[:5])
            raise UsageError(f"the weights are those of {some}; none of the voters is: {known}")
        others = 1.0 if rule.others is None else rule.others
        return sorted(self.voters, key=lambda voter: -Fraction(rule.weights.get(voter, others)))

    def tally(self, branches: Mapping[str, Branch]) -> Tally:
        """The ballots that are in."""
        return self.settings.reading.tally(in_order(branches))

    def standing(self, branches: Mapping[str, Branch], left: Sequence[str]) -> Standing:
        """Where the vote stands, with these voters still to be heard."""
        order = {voter: place for place, voter in enumerate(self.voters)}
        heard = {voter: branch for voter, branch in branches.items() if voter not in left}
        return Standing.of(
            self.tally(heard),  # without the ballots of before of those who are asked again
            [Awaited(voter, order[voter]) for voter in left],
            as_counting(self.settings.rule),
            ties_matter=self._ties_matter,
        )

    def over(self, branches: Mapping[str, Branch], left: Sequence[str]) -> str:
        """Why nobody else needs to be heard; an empty text while they do."""
        return "" if isinstance(self.stop, all_votes) else self._over(self.standing(branches, left), branches)

    def _over(self, standing: Standing, branches: Mapping[str, Branch]) -> str:
        if not self.stop.fires(standing):
            return ""
        wanted = self._is_wanted(branches, current_run()) or self._is_for_the_fallback(branches)
        return "" if wanted else f"not needed any more: {self.stop}"

    def divided(
        self, branches: Mapping[str, Branch], left: Sequence[str], before: Sequence[str] = ()
    ) -> tuple[list[str], list[str]]:
        """Who is asked now, and who later, if at all.

        Args:
            branches: those of voters that were heard.
            left: voters that were not asked yet, in the order of asking.
            before: the wave before this one.
        """
        run = current_run()
        ended = {branches[voter].ended_by for voter in before if voter in branches}
        if run.starts_no_more() or ended & {"budget", "drain", "deadline"}:
            return list(left), []  # nobody answers any more: each says so in its record
        if run.had_enough():
            return [], list(left)
        size = next_wave(self.wave, self.stop, self.standing(branches, left))
        if not size and left and self._is_for_the_fallback(branches):
            size = len(left)
        elif not size and left and self._is_wanted(branches, run):
            size = 1
        return list(left[:size]), list(left[size:])

    def race(self, branches: Mapping[str, Branch], wave: Sequence[str], left: Sequence[str]) -> None:
        """Have the rest of a wave cancelled as soon as it is not needed."""
        if not self.settings.race or isinstance(self.stop, all_votes):
            return
        heard = {voter: branch for voter, branch in branches.items() if voter not in wave}
        standing = self.standing(heard, [*wave, *left])

        def is_over(branch: Branch) -> str:
            nonlocal standing
            heard[branch.id] = branch
            standing = standing.hear(self.settings.reading.ballot(branch))
            return self._over(standing, heard)

        current_run().race(is_over)

    def trials(self, branches: Mapping[str, Branch]) -> list[Trial]:
        """What each stop would have made of the ballots of everybody."""
        if not self.settings.shadow or isinstance(self.settings.rule, Judge):
            return []
        ballots = self.tally(branches).ballots
        asked = [ballots[voter] for voter in self.in_asking_order() if voter in ballots]
        rule, shadow, wave = self.settings.rule, self.settings.shadow, self.settings.wave
        return run_trials(asked, rule, shadow, wave, ties_matter=self._ties_matter)

    @property
    def _ties_matter(self) -> bool:
        return self.settings.on_undecided != "return"

    def _is_for_the_fallback(self, branches: Mapping[str, Branch]) -> bool:
        """Whether the vote would end undecided here, and what decides then counts ballots as well."""
        rule, fallback = self.settings.rule, self.settings.on_undecided
        if isinstance(fallback, str | Worker) or isinstance(rule, Judge):
            return False
        try:
            return not rule(self.tally(branches)).decided
        except Exception:  # the caller's rule; the close reports it, and the fallback decides
            return True

    def _is_wanted(self, branches: Mapping[str, Branch], run: Run) -> bool:
        """Whether the completion policy of the run wants more voters than the stop."""
        if run.completion is None:
            return False
        ok = {voter for voter, branch in branches.items() if branch.ok}
        progress = Progress(len(self.voters), ok, branches.keys() - ok)
        return run.completion.judge(progress) is State.OPEN
