"""Votes to replay: recorded ones, in the format of `benchmarks/README.md`, or generated ones."""

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph_parallel.cli.replaying import RecordedVote, read_votes
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
        """How many each vote has at least."""
        return min(len(vote.ballots) for vote in self.votes)


def recorded(folder: Path) -> list[VoteSet]:
    """The sets in a folder: by file, and within it by model."""
    sets: dict[tuple[str, str], VoteSet] = {}
    for path in sorted((folder / "votes").glob("*.jsonl*")):
        for vote, line in zip(read_votes(path), _lines(path), strict=True):
            key = path.name.partition(".")[0], str(line.get("model", ""))
            is_panel = "panel" in key[1] or " x " in key[1]
            held = sets.setdefault(key, VoteSet(f"{key[0]} {key[1]}", panel=is_panel))
            held.votes.append(RecordedVote([_read(ballot) for ballot in vote.ballots], vote.gold))
            held.tokens.append(line.get("tokens") or [])
    return list(sets.values())


def _read(ballot: Ballot) -> Ballot:
    """A program that failed has given no answer."""
    return ballot.model_copy(update={"status": "abstained"}) if ballot.choice == "ERROR" else ballot


def _lines(path: Path) -> Iterator[dict[str, Any]]:

    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def generated() -> list[VoteSet]:
    """Voters who are right as often as a question is easy, and a panel of good and bad ones."""
    chance = random.Random(1)
    single, panel = VoteSet("generated voters"), VoteSet("generated panel", panel=True)
    skill = [chance.uniform(0.4, 0.9) for _ in range(15)]
    for _ in range(300):
        ease = chance.betavariate(1.2, 0.6)
        answers = chance.sample("12345", 4)
        _add(single, answers, [ease] * 40, chance)
        _add(panel, answers, [min(1.0, 0.5 * ease + 0.7 * able) for able in skill], chance)
    return [single, panel]


def _add(held: VoteSet, answers: Sequence[str], abilities: Sequence[float], chance: random.Random) -> None:
    """One vote: the first answer is right, the second the usual mistake."""
    right, *wrong = answers
    said = [right if chance.random() < able else chance.choices(wrong, [6, 2, 1])[0] for able in abilities]
    ballots = [Ballot(voter=f"#{i + 1}", order=i, status="cast", choice=c) for i, c in enumerate(said)]
    held.votes.append(RecordedVote(ballots, right))
    held.tokens.append([round(chance.lognormvariate(9, 0.4)) for _ in said])
