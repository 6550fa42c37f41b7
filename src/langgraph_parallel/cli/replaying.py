"""Recorded votes: reading them, replaying stops over them, and the table of what that would have saved."""

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

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Trial
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.normalise import Normaliser, as_normaliser, read_by
from langgraph_parallel.reducers.votes.replay import add_trials, run_trials
from langgraph_parallel.reducers.votes.rules import Rule, as_counting, as_rule
from langgraph_parallel.reducers.votes.stops import Stop, all_votes, as_stop, usual_stops
from langgraph_parallel.reducers.votes.waves import Wave, as_wave
from langgraph_parallel.report.wording import count


@dataclass(frozen=True)
class RecordedVote:
    """One question, and everybody's ballot."""

    ballots: Sequence[Ballot]
    gold: JsonValue = None
    """The true answer; None where it is not known."""


def read_votes(path: Path) -> Iterator[RecordedVote]:
    """Read votes, one a line.

    Raises:
        UsageError: there is no such file, or a line of it holds no vote; it is named.
    """
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _vote(line, f"{path}, line {number}")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


@dataclass(frozen=True)
class Replaying:
    """What is tried on recorded votes."""

    rule: Rule
    stops: Sequence[Stop]
    wave: Wave
    voters: int | None
    orders: int
    seed: int
    normalise: Normaliser | None
    abstain: frozenset[str]
    """Answers that are none, by canonical key."""

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
        """By what was given on a command line.

        Raises:
            UsageError: a rule, a stop, a wave or a normaliser that is none.
        """
        decides = as_rule(rule)
        tried = [as_stop(stop) for stop in stops] if stops else list(usual_stops(decides))
        for stop in tried:
            stop.check(decides)
        return cls(
            rule=decides,
            stops=[all_votes(), *tried],
            wave=as_wave(int(wave) if isinstance(wave, str) and wave.isascii() and wave.isdigit() else wave),
            voters=voters,
            orders=orders,
            seed=seed,
            normalise=as_normaliser(normalise or None),
            abstain=frozenset(map(canonical, abstain)),
        )

    def trials(self, votes: Iterable[RecordedVote]) -> list[Trial]:
        """Try every stop on every vote in every order, and add up.

        Raises:
            UsageError: there is no vote, or one has too few ballots.
        """
        read = [self._as_read(number, vote) for number, vote in enumerate(votes, 1)]
        if not read:
            raise UsageError("the file holds no votes")
        counting = as_counting(self.rule)
        if all(counting.supports(ballot) is None for vote in read for ballot in vote.ballots):
            raise UsageError(
                f"no ballot counts under {self.rule.name}: they hold something else than it needs; choose "
                "another --rule, or --normalise them"
            )
        return add_trials(
            trial for number, vote in enumerate(read, 1) for trial in self._of_one(number, vote)
        )

    def _as_read(self, number: int, vote: RecordedVote) -> RecordedVote:
        gold = vote.gold
        if gold is not None and self.normalise is not None:
            gold = _quietly(self.normalise, gold)
            if gold is None:
                raise UsageError(f"vote {number}: its gold {vote.gold!r} cannot be normalised")
        return RecordedVote([self._read(ballot) for ballot in vote.ballots], gold)

    def _of_one(self, number: int, vote: RecordedVote) -> Iterator[Trial]:
        size = self.voters or len(vote.ballots)
        if size > len(vote.ballots):
            raise UsageError(f"vote {number} has {len(vote.ballots)} ballots; --voters asks for {size}")
        ballots = vote.ballots
        truth = None if vote.gold is None else canonical(vote.gold)
        chance = random.Random(f"{self.seed} {number}")  # noqa: S311
        for _ in range(self.orders or 1):
            drawn = chance.sample(ballots, size) if self.orders else ballots[:size]
            asked = [ballot.model_copy(update={"order": place}) for place, ballot in enumerate(drawn)]
            yield from run_trials(asked, self.rule, self.stops, self.wave, truth)

    def _read(self, ballot: Ballot) -> Ballot:
        if not ballot.cast:
            return ballot
        choice = ballot.choice
        if canonical(choice) not in self.abstain and self.normalise is not None:
            choice = _quietly(self.normalise, choice)
        if choice is None or canonical(choice) in self.abstain:
            return ballot.model_copy(update={"status": "abstained", "choice": None, "said": ballot.choice})
        return ballot.model_copy(update={"choice": choice})


def _quietly(normalise: Normaliser, value: JsonValue) -> JsonValue:
    """None of what cannot be read, as in a vote."""
    with contextlib.suppress(Exception):
        return read_by(normalise, value)
    return None


def as_text(trials: Sequence[Trial], orders: int = 0) -> str:
    """A table: each stop, how often it is right and the same, its calls, and its rounds."""
    known = all(trial.right is not None for trial in trials)
    rows = [["stop", *(["right"] if known else []), "same", "calls", "saved", "rounds"]]
    for trial in trials:
        right = [f"{(trial.right or 0) / trial.votes:.2%}"] if known else []
        same, calls = f"{trial.same / trial.votes:.2%}", f"{trial.calls / trial.votes:.2f}"
        saved, rounds = f"{trial.saved:.1%}", f"{trial.rounds / trial.votes:.2f}"
        rows.append([trial.stop, *right, same, calls, saved, rounds])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows
    ]
    first = trials[0]
    votes, drawn = first.votes // max(1, orders), f", each in {orders} random orders" if orders else ""
    size = f"{first.voters / first.votes:.1f}".removesuffix(".0")
    head = f"{count(votes, 'vote')} of {size} voters{drawn}; calls and rounds are means"
    return "\n".join([head, "", *lines]) + "\n"


def as_json(trials: Sequence[Trial]) -> str:
    """A list of objects: sums over all votes."""
    return json.dumps([trial.model_dump(mode="json") for trial in trials], indent=2) + "\n"


def _vote(line: str, place: str) -> RecordedVote:
    try:
        held: Any = json.loads(line)
        if not isinstance(held, dict):
            raise ValueError("a vote is an object")
        return RecordedVote(_ballots(held), held.get("gold"))
    except (ValueError, RecursionError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise UsageError(f"{place}: {why}") from None


def _ballots(held: dict[str, Any]) -> list[Ballot]:
    if isinstance(held.get("ballots"), list):
        return [Ballot.model_validate(ballot) for ballot in held["ballots"]]
    choices = held.get("votes", held.get("samples"))
    named = choices if isinstance(choices, dict) else None
    if named is None and isinstance(choices, list):
        named = {f"#{number}": choice for number, choice in enumerate(choices, 1)}
    if named is None:
        raise ValueError('a vote needs "ballots", "votes" or "samples"')
    return [
        Ballot(voter=voter, order=i, status="abstained" if choice is None else "cast", choice=choice)
        for i, (voter, choice) in enumerate(named.items())
    ]
