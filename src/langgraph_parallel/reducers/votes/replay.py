"""Replay: what a stop would have saved on votes whose ballots are all known. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from langgraph_parallel.records import Ballot, Tally, Trial, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.rules import Rule, RuleLike, as_counting, as_rule
from langgraph_parallel.reducers.votes.standing import PendingVoter, Standing
from langgraph_parallel.reducers.votes.stops import Stop, as_stop
from langgraph_parallel.reducers.votes.waves import Wave, as_wave, next_wave


@dataclass(frozen=True)
class Replay:
    """The outcome and the cost of a replayed vote."""

    verdict: Verdict
    calls: int
    rounds: int


def replay(ballots: Sequence[Ballot], rule: RuleLike, stop: str | Stop, wave: Wave = "lossless") -> Replay:
    """Replay a vote over known ballots.

    Args:
        ballots: one of each voter, in the order of asking.
        rule: decides the vote.
        stop: ends the vote.
        wave: number of voters asked at the same time; all of a wave are heard.

    Raises:
        UsageError: the rule, the stop or the wave is not valid.
    """
    decide = as_rule(rule)
    calls, rounds = _count_calls_and_rounds(ballots, decide, as_stop(stop), as_wave(wave))
    return Replay(decide(Tally.of(ballots[:calls])), calls, rounds)


def _count_calls_and_rounds(
    ballots: Sequence[Ballot], rule: Rule, stop: Stop, wave: Wave, ties_matter: bool = False
) -> tuple[int, int]:
    pending = tuple(PendingVoter(ballot.voter, ballot.order) for ballot in ballots)
    standing = Standing(as_counting(rule), pending, ties_matter=ties_matter)
    calls = rounds = 0
    while size := next_wave(wave, stop, standing):
        for ballot in ballots[calls : calls + size]:
            standing = standing.hear(ballot)
        calls, rounds = calls + size, rounds + 1
    return calls, rounds


def run_trials(
    ballots: Sequence[Ballot],
    rule: Rule,
    stops: Iterable[Stop],
    wave: Wave = "lossless",
    truth: str | None = None,
    *,
    ties_matter: bool = False,
) -> list[Trial]:
    """Try stops on the ballots of all voters, and return one trial for each stop.

    Args:
        ballots: one of each voter, in the order of asking.
        rule: decides the vote.
        stops: the stops to try.
        wave: number of voters asked at the same time.
        truth: canonical key of the true choice; None if unknown.
        ties_matter: whether a tie is a different outcome from its tie-broken choice.
    """

    def outcome(verdict: Verdict) -> tuple[str, bool]:
        return canonical(verdict.choice), ties_matter and verdict.decided

    full_outcome = outcome(rule(Tally.of(ballots)))
    trials = []
    for stop in stops:
        calls, rounds = _count_calls_and_rounds(ballots, rule, stop, wave, ties_matter)
        all_asked = calls == len(ballots)
        stopped_outcome = full_outcome if all_asked else outcome(rule(Tally.of(ballots[:calls])))
        trials.append(
            Trial(
                stop=str(stop),
                votes=1,
                voters=len(ballots),
                calls=calls,
                rounds=rounds,
                same=stopped_outcome == full_outcome,
                right=None if truth is None else stopped_outcome[0] == truth,
            )
        )
    return trials


def add_trials(trials: Iterable[Trial]) -> list[Trial]:
    """Add up the trials of each stop, in the order of first appearance."""
    totals: dict[str, Trial] = {}
    for trial in trials:
        totals[trial.stop] = totals[trial.stop] + trial if trial.stop in totals else trial
    return list(totals.values())
