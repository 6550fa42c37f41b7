"""Votes to replay: recorded (`benchmarks/README.md` documents the format) or generated."""

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph_parallel.cli.recorded_votes import RecordedVote, read_votes
from langgraph_parallel.records import Ballot


@dataclass
class VoteSet:
    """Votes of the same voters on questions of one kind."""

    name: str
    panel: bool = False
    """Whether the n-th ballot of each vote is the same voter's."""
    votes: list[RecordedVote] = field(default_factory=list)
    tokens: list[Sequence[int]] = field(default_factory=list)

    @property
    def voters(self) -> int:
        """The least number of voters in a vote."""
        return min(len(vote.ballots) for vote in self.votes)


def recorded(folder: Path) -> list[VoteSet]:
    """Return the sets in a folder: one for each file and model."""
    sets: dict[tuple[str, str], VoteSet] = {}
    for path in sorted((folder / "votes").glob("*.jsonl*")):
        for vote, line in zip(read_votes(path), _lines(path), strict=True):
            key = path.name.partition(".")[0], str(line.get("model", ""))
            is_panel = "panel" in key[1] or " x " in key[1]
            vote_set = sets.setdefault(key, VoteSet(f"{key[0]} {key[1]}", panel=is_panel))
            vote_set.votes.append(RecordedVote([_read(ballot) for ballot in vote.ballots], vote.gold))
            vote_set.tokens.append(line.get("tokens") or [])
    return list(sets.values())


def _read(ballot: Ballot) -> Ballot:
    """Return the ballot; abstained if the program failed."""
    return ballot.model_copy(update={"status": "abstained"}) if ballot.choice == "ERROR" else ballot


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def generated() -> list[VoteSet]:
    """Return votes of voters that are right as often as a question is easy, and of a panel of mixed skill."""
    chance = random.Random(1)
    single, panel = VoteSet("generated voters"), VoteSet("generated panel", panel=True)
    skill = [chance.uniform(0.4, 0.9) for _ in range(15)]
    for _ in range(300):
        ease = chance.betavariate(1.2, 0.6)
        answers = chance.sample("12345", 4)
        _add(single, answers, [ease] * 40, chance)
        _add(panel, answers, [min(1.0, 0.5 * ease + 0.7 * able) for able in skill], chance)
    return [single, panel]


def _add(
    vote_set: VoteSet, answers: Sequence[str], abilities: Sequence[float], chance: random.Random
) -> None:
    """Add a vote; of the answers, the first is right, and the second is the most frequent mistake."""
    right, *wrong = answers
    choices = [right if chance.random() < able else chance.choices(wrong, [6, 2, 1])[0] for able in abilities]
    ballots = [Ballot(voter=f"#{i + 1}", order=i, status="cast", choice=c) for i, c in enumerate(choices)]
    vote_set.votes.append(RecordedVote(ballots, right))
    vote_set.tokens.append([round(chance.lognormvariate(9, 0.4)) for _ in choices])
