"""The choice with the most support: one vote each, or weighted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import group_by_choice, is_usable, usable
from langgraph_parallel.reducers.votes.rules.base import BaseRule, GoesBy, Ties
from langgraph_parallel.reducers.votes.rules.ties import elect_leader
from langgraph_parallel.reducers.votes.search import first_number
from langgraph_parallel.reducers.votes.standing import Amount, PendingVoter, Standing


@dataclass(frozen=True, kw_only=True)
class Plurality(BaseRule):
    """The choice with the greatest support; a ballot supports each choice at most once."""

    goes_by: ClassVar[GoesBy] = "ballots"
    ties: Ties = "earliest"

    def settled(self, standing: Standing) -> bool:
        """Return whether no rival, nor a choice without a ballot so far, can overtake the leader.

        A rival that draws level loses to a leader with an earlier voter, unless ties matter.
        """
        if not standing.to_come:
            return True
        leaders, weight_to_come = standing.leaders, standing.worths.total
        if standing.worths.unknown or leaders.leader is None:
            return False
        # A pending voter that comes before the leader's earliest one can still win a draw for its choice.
        draws_are_open = self._ties_are_open(standing) or standing.earliest_to_come < leaders.leader_first[0]
        # All may name a choice without a ballot so far, which would come after the leader.
        ahead_of_new, ahead = leaders.lead - weight_to_come, leaders.lead - leaders.behind - weight_to_come
        if ahead_of_new < 0 or ahead < 0 or (draws_are_open and not (ahead_of_new and ahead)):
            return False
        if ahead:
            return True
        runner_up = leaders.earliest_runner_up()
        return runner_up is None or runner_up >= leaders.leader_first

    def fewest(self, standing: Standing) -> int:
        """Return the further ballots that settle the vote if all of them side with the leader."""
        worths = standing.worths
        if worths.unknown:
            return standing.to_come
        lead = standing.leaders.lead - standing.leaders.behind - worths.total
        must_be_ahead = self._ties_are_open(standing)

        def would_settle(number: int) -> bool:
            # Each ballot for the leader is one less that its rivals can get.
            ahead = lead + 2 * worths.of_next(number)
            return ahead > 0 or (ahead == 0 and not must_be_ahead)

        return first_number(would_settle, standing.to_come)

    def decides(self, standing: Standing) -> bool | None:
        """Return whether there is a quorum and one choice leads."""
        return not standing.missing_to_quorum and standing.leaders.lead > standing.leaders.behind

    def _ties_are_open(self, standing: Standing) -> bool:
        """Return whether a tie is not the same outcome as the leader's win."""
        return self.ties == "none" or standing.ties_matter


@dataclass(frozen=True, kw_only=True)
class majority(Plurality):  # noqa: N801 - rules read like functions where they are used
    """The choice with the most votes, not necessarily more than half (see `threshold`).

    On a tie the status is `tied`, and the choice is the earliest voter's among the leaders, or None with
    `ties="none"`.
    """

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast = usable(tally)
        return elect_leader(self, tally, cast, group_by_choice(cast), ties=self.ties)


@dataclass(frozen=True)
class weighted(Plurality):  # noqa: N801
    """The choice with the greatest sum of weights, added exactly. Ties as in `majority`.

    A voter's weight is that in `weights`, else `others`, else that of its ballot, by default 1. Learn weights
    with `reducers.votes.calibration`. A weight belongs to the model that a voter was to ask: a ballot of its
    fallback gets at most the least weight above 0 of `weights` and `others`. A ballot of weight 0 does not
    count; a vote with only such ballots is `no_quorum`. Voters in `weights` are asked in descending order of
    weight. A stop knows the worth of a ballot to come only if the voter's weight is in `weights` or `others`.

    Raises:
        UsageError: a weight is not a finite number >= 0.
    """

    goes_by: ClassVar[GoesBy] = "weights"
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight by voter."""
    others: float | None = field(default=None, kw_only=True)
    """Weight of voters that are not in `weights`; None to use the weight of the ballot."""
    ties: Ties = field(default="earliest", kw_only=True)
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for voter, weight in self.weights.items():
            _check_weight(weight, f"weights[{voter!r}]")
        if self.others is not None:
            _check_weight(self.others, "others")
        # Exact sums: float sums depend on the order of the ballots, and lose the digits that break a tie.
        exact = {voter: Fraction(weight) for voter, weight in self.weights.items()}
        object.__setattr__(self, "_exact_weights", exact)
        object.__setattr__(self, "_exact_others", None if self.others is None else Fraction(self.others))
        known = [*exact.values(), *([] if self.others is None else [Fraction(self.others)])]
        object.__setattr__(self, "_least", min(filter(None, known), default=None))

    def weight(self, ballot: Ballot) -> Fraction:
        """Return the weight of a ballot."""
        weight = self.most(PendingVoter(ballot.voter, ballot.order))
        if weight is None:
            return Fraction(ballot.weight)
        least: Fraction | None = self._least  # type: ignore[attr-defined]
        return min(weight, least) if ballot.instead_of and least is not None else weight

    def most(self, pending: PendingVoter) -> Fraction | None:
        """Return the weight of a voter; None if only its ballot will say."""
        exact: Mapping[str, Fraction] = self._exact_weights  # type: ignore[attr-defined]
        others: Fraction | None = self._exact_others  # type: ignore[attr-defined]
        return exact.get(pending.voter, others)

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return the ballot's weight for its choice."""
        weight = self.weight(ballot)
        return {canonical(ballot.choice): weight} if weight and is_usable(ballot) else None

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast = [ballot for ballot in usable(tally) if self.weight(ballot)]
        return elect_leader(self, tally, cast, group_by_choice(cast, self.weight), ties=self.ties)


def _check_weight(weight: float, label: str) -> None:
    if not (math.isfinite(weight) and weight >= 0):
        raise UsageError(f"{label} is {weight}; expected a finite number of at least 0")
