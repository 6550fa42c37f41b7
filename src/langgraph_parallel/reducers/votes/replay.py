"""What a stop would have made of a vote whose ballots are all known. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from langgraph_parallel.records import Ballot, Tally, Trial, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.rules import Rule, as_counting
from langgraph_parallel.reducers.votes.standing import Awaited, Standing
from langgraph_parallel.reducers.votes.stops import Stop
from langgraph_parallel.reducers.votes.waves import Wave, next_wave


@dataclass(frozen=True)
class Replay:
    """A vote as it would have gone."""

    verdict: Verdict
    calls: int
    rounds: int


def replay(ballots: Sequence[Ballot], rule: Rule, stop: Stop, wave: Wave = "lossless") -> Replay:
    """Hold a vote over ballots that are known.

    Args:
        ballots: one of each voter, in the order of asking.
        rule: what decides.
        stop: when.
        wave: how many are asked together; none of them is cancelled.
    """
    calls, rounds = _asked(ballots, rule, stop, wave)
    return Replay(rule(Tally.of(ballots[:calls])), calls, rounds)


def _asked(
    ballots: Sequence[Ballot], rule: Rule, stop: Stop, wave: Wave, ties_matter: bool = False
) -> tuple[int, int]:
    """How many are asked, in how many waves."""
    awaited = tuple(Awaited(ballot.voter, ballot.order) for ballot in ballots)
    standing = Standing(as_counting(rule), awaited, ties_matter=ties_matter)
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
    """Try stops on the ballots of everybody.

    Args:
        ballots: as in `replay`.
        rule: as there.
        stops: one trial for each.
        wave: as there.
        truth: the canonical key of the true choice, where it is known.
        ties_matter: whether an undecided vote is another outcome than the choice that is taken out of it.
    """

    def outcome(verdict: Verdict) -> tuple[str, bool]:
        return canonical(verdict.choice), ties_matter and verdict.decided

    full = outcome(rule(Tally.of(ballots)))
    trials = []
    for stop in stops:
        calls, rounds = _asked(ballots, rule, stop, wave, ties_matter)
        everybody = calls == len(ballots)
        found = full if everybody else outcome(rule(Tally.of(ballots[:calls])))
        trials.append(
            Trial(
                stop=str(stop),
                votes=1,
                voters=len(ballots),
                calls=calls,
                rounds=rounds,
                same=found == full,
                right=None if truth is None else found[0] == truth,
            )
        )
    return trials


def add_trials(trials: Iterable[Trial]) -> list[Trial]:
    """Add up the trials of each stop, in the order in which they first come."""
    totals: dict[str, Trial] = {}
    for trial in trials:
        totals[trial.stop] = totals[trial.stop] + trial if trial.stop in totals else trial
    return list(totals.values())
