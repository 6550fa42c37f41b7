"""The ballots on one question of a review, and what they contain."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from langgraph_parallel.records import Ballot, Claim, Lines, ReviewQuestion, Skipped
from langgraph_parallel.reducers.findings.packed import unpack
from langgraph_parallel.reducers.findings.support import VoterScope


@dataclass(frozen=True)
class Answered:
    """One question of a review, with its ballots."""

    question: ReviewQuestion
    ballots: Sequence[Ballot]
    """The ballots received, of any status; fewer than voters if the run was stopped."""
    error: str | None = None
    """The cause if the vote failed as a whole; else None."""

    @property
    def aspect(self) -> str:
        """The name of the aspect."""
        return self.question.aspect.name

    @property
    def cast(self) -> list[Ballot]:
        """The ballots that count."""
        return [ballot for ballot in self.ballots if ballot.cast]

    @property
    def judges(self) -> set[str]:
        """The models and engines behind the ballots."""
        return {judge for ballot in self.ballots for judge in _texts(ballot, "judges")}

    @property
    def unread(self) -> list[Skipped]:
        """The files that single voters could not read."""
        return [item for ballot in self.ballots for item in _unread(ballot)]

    def claims(self) -> Iterator[Claim]:
        """Iterate over the claims of all cast ballots."""
        for ballot in self.cast:
            if isinstance(ballot.choice, list):
                for item in ballot.choice:  # models give mappings, engines texts
                    if isinstance(item, str):
                        yield from unpack(item)
                    else:
                        yield Claim.model_validate(item)

    def scopes(self) -> Iterator[VoterScope]:
        """Iterate over the scopes of all cast ballots, without the files that a voter could not read."""
        for ballot in self.cast:
            blind_judges: dict[str, set[str]] = defaultdict(set)
            for item in _unread(ballot):
                blind_judges[item.path].add(item.by or "")
            judges, paths = set(_texts(ballot, "judges")), set(_texts(ballot, "paths"))
            scope = _texts(ballot, "scope") if "scope" in ballot.notes else None
            cleared = _cleared(ballot)
            for part in self.question.parts:
                # A family is blind only if all of its engines are: one engine suffices for its vote.
                is_blind = bool(judges) and judges <= blind_judges[part.path]
                if part.path in paths and not is_blind:
                    yield VoterScope(
                        aspect=self.aspect,
                        voter=ballot.voter,
                        path=part.path,
                        lines=None if part.whole else part.span,
                        scope=scope,
                        cleared=cleared.get(part.path, ()),
                    )


def _texts(ballot: Ballot, note: str) -> list[str]:
    value = ballot.notes.get(note)
    return [str(item) for item in value] if isinstance(value, list) else []


def _cleared(ballot: Ballot) -> Mapping[str, list[tuple[str, Lines]]]:
    """Return what a voter cleared, by path."""
    cleared: dict[str, list[tuple[str, Lines]]] = defaultdict(list)
    value = ballot.notes.get("cleared")
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            cleared[str(item["path"])].append((str(item["rule"]), Lines.model_validate(item["lines"])))
    return cleared


def _unread(ballot: Ballot) -> list[Skipped]:
    value = ballot.notes.get("unread")
    return [Skipped.model_validate(item) for item in value] if isinstance(value, list) else []
