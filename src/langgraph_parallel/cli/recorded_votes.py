"""Recorded votes: reading them, and the answers in them."""

import contextlib
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue, ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.normalise import NORMALISERS, Normaliser, as_normaliser, read_by


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
class AnswerFormat:
    """How recorded answers are read before they are compared.

    Attributes:
        normalise: applied to answers and to the true answer.
        abstain: answers that count as abstentions, by canonical key.
    """

    normalise: Normaliser | None
    abstain: frozenset[str]

    @classmethod
    def of(cls, normalise: Sequence[str] | None = None, abstain: Iterable[JsonValue] = ()) -> "AnswerFormat":
        """Build from options of the command line.

        Raises:
            UsageError: a normaliser is not valid.
        """
        return cls(_parse_normalisers(normalise), frozenset(map(canonical, abstain)))

    def read(self, number: int, vote: RecordedVote) -> RecordedVote:
        """Read the answers of a vote.

        Args:
            number: of the vote, for errors.
            vote: as it was recorded.

        Raises:
            UsageError: the true answer cannot be normalised.
        """
        gold = vote.gold
        if gold is not None and self.normalise is not None:
            gold = _normalise_or_none(self.normalise, gold)
            if gold is None:
                raise UsageError(
                    f"vote {number}: its gold {vote.gold!r} cannot be normalised; correct it, or "
                    "leave out --normalise"
                )
        return RecordedVote([self._read_ballot(ballot) for ballot in vote.ballots], gold)

    def _read_ballot(self, ballot: Ballot) -> Ballot:
        if not ballot.cast:
            return ballot
        choice = ballot.choice
        if canonical(choice) not in self.abstain and self.normalise is not None:
            choice = _normalise_or_none(self.normalise, choice)
        if choice is None or canonical(choice) in self.abstain:
            return ballot.model_copy(update={"status": "abstained", "choice": None, "said": ballot.choice})
        return ballot.model_copy(update={"choice": choice})


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
