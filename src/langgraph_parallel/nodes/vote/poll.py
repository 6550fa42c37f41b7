"""Poll: a vote while it runs - the ballots so far, who is asked next, and whether more are needed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from pydantic import JsonValue

from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.nodes.fan_out.gathered import in_order
from langgraph_parallel.nodes.vote.ballots import BallotParser
from langgraph_parallel.nodes.vote.electorate import Electorate
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.work.workers import Worker
from langgraph_parallel.records import Branch, Tally, Trial
from langgraph_parallel.reducers.completion import Progress, State
from langgraph_parallel.reducers.votes.replay import run_trials
from langgraph_parallel.reducers.votes.rules import Rule, as_counting, weighted
from langgraph_parallel.reducers.votes.standing import PendingVoter, Standing
from langgraph_parallel.reducers.votes.stops import Stop, all_votes, as_stop, default_stops
from langgraph_parallel.reducers.votes.waves import Wave, as_wave, next_wave
from langgraph_parallel.runtime.context import VotingContext
from langgraph_parallel.runtime.early_end import Watch
from langgraph_parallel.runtime.run import Run, current_run

Undecided = Literal["return", "escalate"] | Rule | Judge | Worker
"""Handling of undecided votes: return them, ask a person, or let a rule, a judge or a worker decide."""


@dataclass(frozen=True)
class VoteSettings:
    """How a vote was built."""

    electorate: Electorate
    rule: Rule | Judge
    label: Callable[[Any], str]
    """From a question to the label of its voters in traces: `vote[label#2]`."""
    parser: BallotParser = field(default_factory=BallotParser)
    stop: Stop = field(default_factory=all_votes)
    wave: Wave = "lossless"
    race: bool = True
    """Whether voters of a wave that are not needed any more are cancelled."""
    on_undecided: Undecided = "return"
    shadow: Sequence[Stop] | None = None
    """Stops to try on all ballots in shadow mode; None outside of it."""

    @property
    def choices(self) -> Sequence[JsonValue] | None:
        """The valid answers."""
        return self.parser.choices

    @property
    def built(self) -> dict[str, Any]:
        """What a resumed run must have in common with the one that began it."""
        return {"graph": "voting", "voters": self.electorate.names, "choices": self.choices}


def as_shadow_stops(
    shadow: "bool | Sequence[str | Stop]", stop: Stop, rule: Rule | Judge
) -> Sequence[Stop] | None:
    """Return the stops to try in shadow mode; None if the vote is not in it.

    Raises:
        UsageError: a judge decides: trying stops would cost a call of the judge for each.
        UnknownStop: a name is not a stop.
    """
    if shadow is False:
        return None
    if isinstance(rule, Judge):
        raise UsageError(
            "shadow= replays the rule on parts of the ballots, and a judge costs a call each time; use a rule"
        )
    stops = (stop, *default_stops(rule)) if shadow is True else tuple(map(as_stop, shadow))
    for candidate in stops:
        candidate.check(rule)
    return list({str(s): s for s in stops if not isinstance(s, all_votes)}.values())


def require_question(given: Any) -> None:
    """Check that an input has a question.

    Raises:
        InputError: it has none.
    """
    question = given.get("question") if isinstance(given, Mapping) else None
    if question is None or (isinstance(question, str | list | dict) and not question):
        raise InputError("the input has no question; pass {'question': ...}")


@dataclass(frozen=True)
class Poll:
    """One run of a vote."""

    settings: VoteSettings
    voters: Sequence[str]
    """All voters, in the electorate's order."""
    stop: Stop
    wave: Wave

    @classmethod
    def of(cls, settings: VoteSettings, voters: Sequence[str], context: VotingContext) -> "Poll":
        """Open a poll with the settings of the vote, or those of the runtime context.

        Raises:
            UsageError: the context's stop or wave is not valid.
        """
        if settings.shadow is not None:
            return cls(settings, voters, all_votes(), "all")
        stop = as_stop(context.stop) if context.stop else settings.stop
        stop.check(settings.rule)
        return cls(settings, voters, stop, as_wave(context.wave) if context.wave else settings.wave)

    def in_asking_order(self) -> list[str]:
        """Return the voters in the order of asking: those whose ballots weigh most first.

        Raises:
            UsageError: the rule has weights, and none of them belongs to a voter.
        """
        rule = self.settings.rule
        if not isinstance(rule, weighted) or not rule.weights:
            return list(self.voters)
        if not rule.weights.keys() & set(self.voters):
            some, known = ", ".join(list(rule.weights)[:5]), ", ".join(self.voters[:5])
            raise UsageError(
                f"no voter has a weight: weights are for {some}, but the voters are {known}; use their names"
            )
        others = 1.0 if rule.others is None else rule.others
        return sorted(self.voters, key=lambda voter: -Fraction(rule.weights.get(voter, others)))

    def tally(self, branches: Mapping[str, Branch]) -> Tally:
        """Return the ballots so far."""
        return self.settings.parser.tally(in_order(branches))

    def standing(self, branches: Mapping[str, Branch], left: Sequence[str]) -> Standing:
        """Return the standing of the vote, with these voters still to be heard."""
        order = {voter: place for place, voter in enumerate(self.voters)}
        heard = {voter: branch for voter, branch in branches.items() if voter not in left}
        return Standing.of(
            self.tally(heard),  # without earlier ballots of voters that are asked again
            [PendingVoter(voter, order[voter]) for voter in left],
            as_counting(self.settings.rule),
            ties_matter=self._ties_matter,
        )

    def why_over(self, branches: Mapping[str, Branch], left: Sequence[str]) -> str:
        """Return why no further voter is needed; empty while one is."""
        return (
            ""
            if isinstance(self.stop, all_votes)
            else self._why_over(self.standing(branches, left), branches)
        )

    def _why_over(self, standing: Standing, branches: Mapping[str, Branch]) -> str:
        if not self.stop.fires(standing):
            return ""
        needed = self._completion_needs_more(branches, current_run()) or self._fallback_hears_all(branches)
        return "" if needed else f"not needed any more: {self.stop}"

    def next_wave_of(
        self, branches: Mapping[str, Branch], left: Sequence[str], before: Sequence[str] = ()
    ) -> tuple[list[str], list[str]]:
        """Divide the remaining voters into those that are asked now, and those that may be asked later.

        Args:
            branches: records of the voters that were heard.
            left: voters that were not asked yet, in the order of asking.
            before: the previous wave.
        """
        run = current_run()
        ended = {branches[voter].ended_by for voter in before if voter in branches}
        if run.starts_no_more() or ended & {"budget", "drain", "deadline"}:
            return list(left), []  # no call starts any more, which each voter's record will say
        if run.fan_out.had_enough():
            return [], list(left)
        size = next_wave(self.wave, self.stop, self.standing(branches, left))
        if not size and left and self._fallback_hears_all(branches):
            size = len(left)
        elif not size and left and self._completion_needs_more(branches, run):
            size = 1
        return list(left[:size]), list(left[size:])

    def race(self, branches: Mapping[str, Branch], wave: Sequence[str], left: Sequence[str]) -> None:
        """Cancel the rest of a wave as soon as the vote may stop.

        The standing is kept up to date ballot by ballot, so that a wave of n voters costs n updates, not n
        recounts.
        """
        if not self.settings.race or isinstance(self.stop, all_votes):
            return
        heard = {voter: branch for voter, branch in branches.items() if voter not in wave}
        standing = self.standing(heard, [*wave, *left])

        def is_over(branch: Branch) -> str:
            nonlocal standing
            heard[branch.id] = branch
            standing = standing.hear(self.settings.parser.ballot(branch))
            return self._why_over(standing, heard)

        current_run().fan_out.race(Watch(is_over))

    def trials(self, branches: Mapping[str, Branch]) -> list[Trial]:
        """Return the result of each shadow stop on all ballots."""
        if not self.settings.shadow or isinstance(self.settings.rule, Judge):
            return []
        ballots = self.tally(branches).ballots
        asked = [ballots[voter] for voter in self.in_asking_order() if voter in ballots]
        rule, shadow, wave = self.settings.rule, self.settings.shadow, self.settings.wave
        return run_trials(asked, rule, shadow, wave, ties_matter=self._ties_matter)

    @property
    def _ties_matter(self) -> bool:
        return self.settings.on_undecided != "return"

    def _fallback_hears_all(self, branches: Mapping[str, Branch]) -> bool:
        """Return whether the vote would end undecided here and its fallback counts all ballots."""
        rule, fallback = self.settings.rule, self.settings.on_undecided
        if isinstance(fallback, str | Worker) or isinstance(rule, Judge):
            return False
        try:
            return not rule(self.tally(branches)).decided
        except Exception:  # of the caller's rule: the close reports it, and the fallback decides
            return True

    def _completion_needs_more(self, branches: Mapping[str, Branch], run: Run) -> bool:
        """Return whether the run's completion policy needs more voters than the stop."""
        if run.completion is None:
            return False
        ok = {voter for voter, branch in branches.items() if branch.ok}
        progress = Progress(len(self.voters), ok, branches.keys() - ok)
        return run.completion.judge(progress) is State.OPEN
