"""What a recorded vote counts by: its rule and stop, read from their texts or changed."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.records.recorded_vote import RecordedVote
from langgraph_parallel.records.replayed import NotKnown
from langgraph_parallel.records.run_record import RecordedGraph, RunRecord
from langgraph_parallel.records.verdict import VerdictStatus
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.rules import Rule, as_counting, as_rule, ballot_form, weighted
from langgraph_parallel.reducers.votes.standing import PendingVoter, Standing
from langgraph_parallel.reducers.votes.stops import Stop, all_votes, as_stop, decided
from langgraph_parallel.reducers.votes.waves import Wave, as_wave
from langgraph_parallel.replays.changes import Changes

Outcome = tuple[JsonValue, VerdictStatus | None]
_LABEL = re.compile(r"answer \d+")


class VoteReader:
    """Reads how the votes of a record count, under changes.

    Args:
        record: of the run.
        changes: that it is replayed under.
    """

    def __init__(self, record: RunRecord, changes: Changes) -> None:
        self._record, self._changes = record, changes
        self.unknown: list[NotKnown] = []
        """Votes that are taken as recorded, and why."""
        self.counted: set[str] = set()
        """Ids of the graphs whose votes are counted again."""

    def can_count(self, row: RecordedGraph, path: tuple[str, ...]) -> bool:
        """Return whether a vote can be counted again; note why if it cannot, so that it is as recorded.

        Raises:
            UsageError: the stop does not fit the rule.
        """
        vote = row.vote
        assert vote is not None
        why = ""
        if row.invocation < len(self._record.invocations) - 1 and vote.status is None:
            why = "it was resumed; what was before is taken as recorded" if self._changes.of_votes else ""
            is_counted = False
        elif (stop := self.stop(vote)) is None:
            why, is_counted = f"its stop {vote.stop} is code, which cannot be replayed; pass stop=", False
        elif self._needs_contents(vote) and not isinstance(stop, all_votes):
            why = "its rule reads the answers themselves; record with Recording(..., contents=True)"
            is_counted = False
        else:
            is_counted = True
            self.counted.add(row.id)
            self._check(stop, self.rule(vote), row.name)
        if why:
            self.unknown.append(NotKnown(path=[*path], graph=row.name, why=why))
        return is_counted

    def _check(self, stop: Stop, rule: Rule | None, graph: str) -> None:
        if rule is None:
            return
        try:
            stop.check(rule)
        except UsageError as error:
            raise UsageError(f"{graph}: {error}") from None

    def rule(self, vote: RecordedVote) -> Rule | None:
        """Return the rule of a vote; None for code, which cannot be replayed."""
        if self._changes.rule is not None:
            return self._changes.rule
        try:
            return as_rule(vote.rule)
        except UsageError:
            return None

    def stop(self, vote: RecordedVote) -> Stop | None:
        """Return the stop of a vote; None for code, which cannot be replayed."""
        if self._changes.stop is not None:
            return self._changes.stop
        try:
            return as_stop(vote.stop or "all_votes")
        except UsageError:
            return None

    def wave(self, vote: RecordedVote) -> Wave:
        """Return the size of the waves of a vote."""
        return as_wave(vote.wave) if self._changes.wave is None else self._changes.wave

    def may_race(self, vote: RecordedVote) -> bool:
        """Return whether voters that are not needed any more are cancelled."""
        race = vote.race if self._changes.race is None else self._changes.race
        return race and not isinstance(self.stop(vote), all_votes)

    def voters(self, vote: RecordedVote) -> list[str]:
        """Return the voters that may be asked, in the order of asking."""
        size, names = self._changes.voters, list(vote.voters)
        if size is not None:
            names = [*names, *(f"#{number}" for number in range(len(names) + 1, size + 1))][:size]
        rule = self._changes.rule
        if rule is None and vote.asking:
            known = [*vote.asking, *(name for name in names if name not in vote.asking)]
            return [name for name in known if name in names]
        if not isinstance(rule, weighted) or not rule.weights:
            return names
        others = 1.0 if rule.others is None else rule.others
        return sorted(names, key=lambda name: -Fraction(rule.weights.get(name, others)))

    def standing(
        self, vote: RecordedVote, pending: Sequence[PendingVoter], kept: Sequence[Ballot]
    ) -> Standing:
        """Return the standing of a vote in which nobody was heard but voters of an earlier invocation."""
        counting = as_counting(self.rule(vote) or object())
        return Standing.of(Tally.of(kept), pending, counting, ties_matter=vote.ties_matter)

    def decide(self, vote: RecordedVote, ballots: Sequence[Ballot]) -> Outcome | str:
        """Return the outcome of a vote on these ballots; as a text, why it is not known."""
        if self._changes.rule is None and _same(ballots, ballots_of(vote)):
            return vote.choice, vote.status
        rule = self.rule(vote)
        if rule is None:
            return f"{vote.rule} decides, on other ballots than it did; code and models cannot be replayed"
        if self._needs_contents(vote):
            return "its rule reads the answers themselves; record with Recording(..., contents=True)"
        try:
            verdict = rule(Tally.of(ballots))
        except Exception as error:  # of the caller's rule
            raise UsageError(f"rule {rule.name} raised {type(error).__name__}: {error}") from error
        if not verdict.decided and vote.ties_matter:
            return "the rule is undecided there, and what decides instead cannot be replayed"
        return verdict.choice, verdict.status

    def settled(self, vote: RecordedVote, names: Sequence[str]) -> Outcome | None:
        """Return the outcome if it follows from the ballots that were heard, whatever others are; else None.

        Only stops are considered that never change the choice.
        """
        rule, stop = self.rule(vote), self.stop(vote)
        if rule is None or not isinstance(stop, all_votes | decided) or self._needs_contents(vote):
            return None
        orders = {name: order for order, name in enumerate(vote.voters)}
        standing = self.standing(
            vote, [PendingVoter(name, orders.get(name, place)) for place, name in enumerate(names)], ()
        )
        heard = [ballot for ballot in ballots_of(vote) if ballot.voter in names and is_heard(ballot)]
        for ballot in heard:
            standing.hear(ballot)
        if not heard or standing.missing_to_quorum or not standing.rule.settled(standing):
            return None
        verdict = rule(Tally.of(heard))
        return (verdict.choice, verdict.status) if verdict.decided else None

    def _needs_contents(self, vote: RecordedVote) -> bool:
        """Return whether the rule reads more of answers than whether they are equal, and they are labels."""
        rule = self.rule(vote)
        if rule is None or self._record.contents or not _reads_answers(rule):
            return False
        return any(_is_label(part) for ballot in vote.ballots for part in _parts(ballot.choice))


def ballots_of(vote: RecordedVote) -> list[Ballot]:
    """Return the recorded ballots of a vote."""
    names = set(Ballot.model_fields)
    return [Ballot(**{k: v for k, v in dict(each).items() if k in names}) for each in vote.ballots]


def is_heard(ballot: Ballot) -> bool:
    """Return whether a voter has ended by itself, in whatever way."""
    return ballot.status in ("cast", "abstained", "failed")


def _same(one: Sequence[Ballot], other: Sequence[Ballot]) -> bool:
    """Return whether the same ballots count."""

    def counted(ballots: Sequence[Ballot]) -> set[tuple[str, str]]:
        return {(ballot.voter, canonical(ballot.choice)) for ballot in ballots if ballot.cast}

    return counted(one) == counted(other)


def _reads_answers(rule: Any) -> bool:
    if ballot_form(rule) in ("number", "score") or rule.name == "most_similar" or hasattr(rule, "function"):
        return True
    inner = [getattr(rule, "rule", None), *(getattr(rule, "rules", None) or {}).values()]
    inner.append(getattr(rule, "others", None) if hasattr(rule, "rules") else None)
    return any(_reads_answers(as_rule(each)) for each in inner if each is not None)


def _parts(choice: JsonValue) -> Iterator[JsonValue]:
    if isinstance(choice, list | dict):
        for part in choice.values() if isinstance(choice, dict) else choice:
            yield from _parts(part)
    else:
        yield choice


def _is_label(choice: JsonValue) -> bool:
    return isinstance(choice, str) and _LABEL.fullmatch(choice) is not None
