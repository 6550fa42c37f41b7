"""What a stop would have made of a vote whose ballots are all known. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from langgraph_parallel.records import Ballot, Tally, Trial, Verdict
from langgraph_parallel.reducers.counting import canonical
from langgraph_parallel.reducers.rules import Rule, counting_of
from langgraph_parallel.reducers.standing import Awaited, Standing
from langgraph_parallel.reducers.stops import Stop
from langgraph_parallel.reducers.waves import Wave, next_wave


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
    awaited = tuple(Awaited(ballot.voter, ballot.order) for ballot in ballots)
    standing = Standing(counting_of(rule), awaited)
    calls = rounds = 0
    while size := next_wave(wave, stop, standing):
        for ballot in ballots[calls : calls + size]:
            standing = standing.hear(ballot)
        calls, rounds = calls + size, rounds + 1
    return Replay(rule(Tally.of(ballots[:calls])), calls, rounds)


def trials_of(
    ballots: Sequence[Ballot], rule: Rule, stops: Iterable[Stop], wave: Wave = "lossless"
) -> list[Trial]:
    """Try stops on the ballots of everybody."""
    full = canonical(rule(Tally.of(ballots)).choice)
    trials = []
    for stop in stops:
        held = replay(ballots, rule, stop, wave)
        trials.append(
            Trial(
                stop=str(stop),
                votes=1,
                voters=len(ballots),
                calls=held.calls,
                rounds=held.rounds,
                same=canonical(held.verdict.choice) == full,
            )
        )
    return trials
