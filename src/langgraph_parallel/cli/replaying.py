"""Recorded votes: reading them, and replaying stops over them."""

import contextlib
import gzip
import json
import random
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue, ValidationError

from langgraph_parallel.catalogue.spelling import naming
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Trial
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.normalise import NORMALISERS, Normaliser, as_normaliser, read_by
from langgraph_parallel.reducers.votes.replay import add_trials, run_trials
from langgraph_parallel.reducers.votes.rules import Rule, as_counting, as_rule
from langgraph_parallel.reducers.votes.stops import Stop, all_votes, as_stop, default_stops
from langgraph_parallel.reducers.votes.waves import Wave, as_wave
from langgraph_parallel.report.wording import count


@dataclass(frozen=True)
class RecordedVote:
    """The ballots of all voters on one question.

    Attributes:
        gold: the true answer; None if unknown.
    """

    ballots: Sequence[Ballot]
    gold: JsonValue = None


def read_votes(path: Path) -> Iterator[RecordedVote]:
    """Read votes, one JSON object per line.

    Raises:
        UsageError: the file cannot be read, or a line is not a vote; the message has its number.
    """
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _parse_vote(line, f"{path}, line {number}")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise UsageError(f"{path} cannot be read: {reason}") from None


@dataclass(frozen=True)
class Replaying:
    """Stops to try on recorded votes, and how.

    Attributes:
        voters: ballots drawn from each vote; None for all.
        orders: random orders of asking per vote; 0 for the recorded order.
        normalise: applied to answers and to the true answer.
        abstain: answers that count as abstentions, by canonical key.
    """

    rule: Rule
    stops: Sequence[Stop]
    wave: Wave
    voters: int | None
    orders: int
    seed: int
    normalise: Normaliser | None
    abstain: frozenset[str]

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
            normalise=_parse_normalisers(normalise),
            abstain=frozenset(map(canonical, abstain)),
        )

    def trials(self, votes: Iterable[RecordedVote]) -> list[Trial]:
        """Try every stop on every vote in every order, and add up by stop.

        Raises:
            UsageError: there are no votes, a vote has too few ballots, or no ballot suits the rule.
        """
        prepared = [self._prepare(number, vote) for number, vote in enumerate(votes, 1)]
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

    def _prepare(self, number: int, vote: RecordedVote) -> RecordedVote:
        gold = vote.gold
        if gold is not None and self.normalise is not None:
            gold = _normalise_or_none(self.normalise, gold)
            if gold is None:
                raise UsageError(
                    f"vote {number}: its gold {vote.gold!r} cannot be normalised; correct it, or "
                    "leave out --normalise"
                )
        return RecordedVote([self._prepare_ballot(ballot) for ballot in vote.ballots], gold)

    def _prepare_ballot(self, ballot: Ballot) -> Ballot:
        if not ballot.cast:
            return ballot
        choice = ballot.choice
        if canonical(choice) not in self.abstain and self.normalise is not None:
            choice = _normalise_or_none(self.normalise, choice)
        if choice is None or canonical(choice) in self.abstain:
            return ballot.model_copy(update={"status": "abstained", "choice": None, "said": ballot.choice})
        return ballot.model_copy(update={"choice": choice})

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


def _parse_normalisers(names: Sequence[str] | None) -> Normaliser | None:
    for name in names or ():
        if name not in NORMALISERS:
            raise UsageError(f"--normalise: {name!r} is not valid; choose from {', '.join(NORMALISERS)}")
    return as_normaliser(names or None)


def _normalise_or_none(normalise: Normaliser, value: JsonValue) -> JsonValue:
    """Normalise a value; None if it cannot be read, as in a vote."""
    with contextlib.suppress(Exception):
        return read_by(normalise, value)
    return None


def _parse_vote(line: str, place: str) -> RecordedVote:
    try:
        fields: Any = json.loads(line)
        if not isinstance(fields, dict):
            raise ValueError("a vote is an object")
        return RecordedVote(_parse_ballots(fields), fields.get("gold"))
    except (ValueError, RecursionError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise UsageError(f"{place}: {reason}") from None


def _parse_ballots(fields: dict[str, Any]) -> list[Ballot]:
    if isinstance(fields.get("ballots"), list):
        return [Ballot.model_validate(ballot) for ballot in fields["ballots"]]
    choices = fields.get("votes", fields.get("samples"))
    if isinstance(choices, list):
        choices = {f"#{number}": choice for number, choice in enumerate(choices, 1)}
    if not isinstance(choices, dict):
        raise ValueError('a vote needs "ballots", "votes" or "samples"')
    return [
        Ballot(voter=voter, order=place, status="abstained" if choice is None else "cast", choice=choice)
        for place, (voter, choice) in enumerate(choices.items())
    ]
