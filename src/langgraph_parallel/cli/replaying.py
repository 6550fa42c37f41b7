"""Replaying stops over recorded votes."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from langgraph_parallel.catalogue.spelling import naming
from langgraph_parallel.cli.recorded_votes import AnswerFormat, RecordedVote
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Trial
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.replay import add_trials, run_trials
from langgraph_parallel.reducers.votes.rules import Rule, as_counting, as_rule
from langgraph_parallel.reducers.votes.stops import Stop, all_votes, as_stop, default_stops
from langgraph_parallel.reducers.votes.waves import Wave, as_wave
from langgraph_parallel.report.wording import count


@dataclass(frozen=True)
class Replaying:
    """Stops to try on recorded votes, and how.

    Attributes:
        voters: ballots drawn from each vote; None for all.
        orders: random orders of asking per vote; 0 for the recorded order.
        answers: how answers are read.
    """

    rule: Rule
    stops: Sequence[Stop]
    wave: Wave
    voters: int | None
    orders: int
    seed: int
    answers: AnswerFormat

    @classmethod
    def of(
        cls,
        rule: str | Rule,
        stops: Sequence[str | Stop] | None = None,
        wave: str | int = "lossless",
        *,
        voters: int | None = None,
        orders: int = 10,
        seed: int = 0,
        normalise: Sequence[str] | None = None,
        abstain: Iterable[JsonValue] = (),
    ) -> "Replaying":
        """Build from options of the command line.

        Raises:
            UsageError: the rule, a stop, the wave or a normaliser is not valid.
        """
        with naming("--rule"):
            decision = as_rule(rule)
        with naming("--stop"):
            tried = [as_stop(stop) for stop in stops] if stops else list(default_stops(decision))
            for stop in tried:
                stop.check(decision)
        return cls(
            rule=decision,
            stops=[all_votes(), *tried],
            wave=_parse_wave(wave),
            voters=voters,
            orders=orders,
            seed=seed,
            answers=AnswerFormat.of(normalise, abstain),
        )

    def trials(self, votes: Iterable[RecordedVote]) -> list[Trial]:
        """Try every stop on every vote in every order, and add up by stop.

        Raises:
            UsageError: there are no votes, a vote has too few ballots, or no ballot suits the rule.
        """
        prepared = [self.answers.read(number, vote) for number, vote in enumerate(votes, 1)]
        if not prepared:
            raise UsageError("the file is empty; expected one vote per line")
        counting = as_counting(self.rule)
        if all(counting.supports(ballot) is None for vote in prepared for ballot in vote.ballots):
            raise UsageError(
                f"no ballot counts under {self.rule.name}: none has an answer of the kind that it needs; "
                "choose another --rule, or --normalise the answers"
            )
        return add_trials(
            trial for number, vote in enumerate(prepared, 1) for trial in self._try_vote(number, vote)
        )

    def _try_vote(self, number: int, vote: RecordedVote) -> Iterator[Trial]:
        ballots = vote.ballots
        size = self.voters or len(ballots)
        if size > len(ballots):
            raise UsageError(
                f"vote {number} has {count(len(ballots), 'ballot')}; --voters asks for {size}; lower it"
            )
        truth = None if vote.gold is None else canonical(vote.gold)
        # Seeded per vote, so that a vote is replayed in the same orders whatever else the file holds.
        chance = random.Random(f"{self.seed} {number}")  # noqa: S311
        for _ in range(self.orders or 1):
            drawn = chance.sample(ballots, size) if self.orders else ballots[:size]
            asked = [ballot.model_copy(update={"order": place}) for place, ballot in enumerate(drawn)]
            yield from run_trials(asked, self.rule, self.stops, self.wave, truth)


def _parse_wave(wave: str | int) -> Wave:
    try:
        return as_wave(int(wave) if isinstance(wave, str) and wave.isascii() and wave.isdigit() else wave)
    except ValueError:  # also from int(), for a number with thousands of digits
        raise UsageError(f"--wave is {wave}; expected lossless, all, or an integer of at least 1") from None
