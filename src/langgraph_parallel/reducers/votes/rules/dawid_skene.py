"""Dawid and Skene: how voters confuse choices, and the true answers, estimated from ballots alone."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from pydantic import JsonValue

from langgraph_parallel.arguments import at_least, checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally, Verdict, VerdictStatus
from langgraph_parallel.records.base import Record
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import (
    Ballots,
    Group,
    as_tally,
    build_verdict,
    group_by_choice,
    is_usable,
    usable,
)
from langgraph_parallel.reducers.votes.rules.base import BaseRule
from langgraph_parallel.reducers.votes.standing import Amount

_MIN_PROBABILITY = 1e-10
"""A choice that was never seen is improbable, but not impossible: its logarithm must be finite."""
_MIN_GAIN = 1e-5
"""Gain of the log-likelihood below which the fit has converged."""
_MAX_CHOICES = 100
"""Each voter's confusion matrix is quadratic in the number of choices."""

Confusion = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By voter and true choice: the probability of each choice of the voter."""
VoterChoice = tuple[str, str]
"""A voter, and the canonical key of its choice."""
Probabilities = Mapping[str, float]
"""By canonical key of a choice."""


@dataclass(frozen=True)
class dawid_skene(BaseRule):  # noqa: N801 - rules read like functions where they are used
    """The most probable choice, given how each voter confuses choices. Built by `fit_dawid_skene`.

    `counts` has the probabilities as weights; confidence is that of the choice. A voter that was not in the
    fit does not count, nor does a choice that was not, nor the ballot of a voter's fallback. Of equally
    probable choices, the one with more ballots wins, then the earliest voter's.

    Assumes that ballots are independent given the truth. Judges that err together break that, and make it
    worse than a majority: opt in only where you have measured it.
    """

    confusion: Confusion = field(default_factory=dict)
    prior: Probabilities = field(default_factory=dict)

    def joint(self, votes: Iterable[VoterChoice]) -> dict[str, float]:
        """Return, for each true choice, the log-probability of it and of these votes."""
        # Logarithms: the product of many small probabilities would underflow.
        logs = {key: math.log(max(share, _MIN_PROBABILITY)) for key, share in self.prior.items()}
        for voter, choice in votes:
            for key in logs:
                logs[key] += math.log(max(self.confusion[voter][key].get(choice, 0.0), _MIN_PROBABILITY))
        return logs

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        cast = [ballot for ballot in usable(tally) if self._counts(ballot)]
        votes = [(ballot.voter, canonical(ballot.choice)) for ballot in cast]
        posterior = _normalise_logs(self.joint(votes)) if cast else {}
        groups = [
            Group(group.choice, group.ballots, Fraction(posterior[canonical(group.choice)]))
            for group in group_by_choice(cast)
        ]
        groups.sort(key=lambda group: -group.weight)
        status: VerdictStatus = "decided" if len(cast) >= self.quorum else "no_quorum"
        verdict = build_verdict(
            self.name,
            tally,
            cast,
            status=status,
            choice=groups[0].choice if groups else None,
            groups=groups,
            backers=groups[0].ballots if groups else [],
        )
        if status != "decided":
            return verdict
        return verdict.model_copy(update={"confidence": posterior[canonical(verdict.choice)]})

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return one vote for the ballot's choice, if the ballot counts."""
        return {canonical(ballot.choice): 1} if self._counts(ballot) else None

    def _counts(self, ballot: Ballot) -> bool:
        is_known_voter = ballot.voter in self.confusion and not ballot.instead_of
        return is_known_voter and is_usable(ballot) and canonical(ballot.choice) in self.prior


class DawidSkene(Record):
    """A fit of Dawid and Skene's model."""

    prior: dict[str, float]
    """How frequent each choice is as the truth, by canonical key."""
    confusion: dict[str, dict[str, dict[str, float]]]
    """By voter and true choice: the probability of each choice of the voter."""
    posteriors: list[dict[str, float]]
    """For each question, the probability of each choice; empty for a question without ballots."""
    choices: dict[str, JsonValue]
    """Choices by canonical key."""

    def answers(self) -> list[JsonValue]:
        """Return the most probable choice of each question; None for a question without ballots."""
        return [
            self.choices[max(posterior, key=posterior.__getitem__)] if posterior else None
            for posterior in self.posteriors
        ]

    def rule(self) -> dawid_skene:
        """Return the rule that decides further questions of the same voters."""
        return dawid_skene(self.confusion, self.prior)


@checked
def fit_dawid_skene(tallies: Iterable[Ballots], *, iterations: int = 100) -> DawidSkene:
    """Estimate how voters confuse choices, and the true answers, from ballots on many questions.

    Expectation maximization from the shares of votes (Dawid and Skene, Applied Statistics 28, 1979), until
    the log-likelihood gains less than 0.00001, or for `iterations`.

    Args:
        tallies: the ballots on each question, of the same voters, with the same choices.
        iterations: maximum number, at least 1.

    Raises:
        UsageError: no ballot was cast, there are more than 100 choices, or `iterations` is less than 1.
    """
    at_least(iterations, "iterations")
    ballots_by_question = [
        [ballot for ballot in usable(as_tally(tally)) if not ballot.instead_of] for tally in tallies
    ]
    choices = {canonical(b.choice): b.choice for ballots in ballots_by_question for b in ballots}
    _check_number_of_choices(len(choices))
    votes_by_question = [[(b.voter, canonical(b.choice)) for b in ballots] for ballots in ballots_by_question]
    rule, posteriors = _maximise_likelihood(votes_by_question, choices, iterations)
    return DawidSkene(
        prior=dict(rule.prior),
        confusion={v: {k: dict(row) for k, row in rows.items()} for v, rows in rule.confusion.items()},
        posteriors=posteriors,
        choices=choices,
    )


def _check_number_of_choices(number: int) -> None:
    if not number:
        raise UsageError("no ballot was cast; pass votes in which voters gave choices")
    if number > _MAX_CHOICES:
        raise UsageError(
            f"the ballots hold {number} choices; Dawid and Skene's model supports at most {_MAX_CHOICES}, "
            "shared by all questions: normalise the answers, or weight the voters with `calibrate`"
        )


def _maximise_likelihood(
    votes_by_question: Sequence[Sequence[VoterChoice]], choices: Collection[str], iterations: int
) -> tuple[dawid_skene, list[dict[str, float]]]:
    """Return the fitted rule, and the probability of each choice by question."""
    posteriors = [_vote_shares(votes, choices) for votes in votes_by_question]
    likelihood = -math.inf
    for _ in range(iterations):
        rule = dawid_skene(
            _estimate_confusion(votes_by_question, posteriors, choices), _estimate_prior(posteriors, choices)
        )
        logs = [rule.joint(votes) if votes else {} for votes in votes_by_question]
        posteriors = [_normalise_logs(question) for question in logs]
        previous, likelihood = likelihood, math.fsum(_log_sum(question) for question in logs if question)
        if likelihood - previous < _MIN_GAIN:
            break
    return rule, posteriors


def _vote_shares(votes: Sequence[VoterChoice], choices: Iterable[str]) -> dict[str, float]:
    if not votes:
        return {}
    return {key: sum(choice == key for _, choice in votes) / len(votes) for key in choices}


def _estimate_prior(posteriors: Sequence[Probabilities], choices: Iterable[str]) -> Probabilities:
    answered = [posterior for posterior in posteriors if posterior]
    return {key: math.fsum(posterior[key] for posterior in answered) / len(answered) for key in choices}


def _estimate_confusion(
    votes_by_question: Sequence[Sequence[VoterChoice]],
    posteriors: Sequence[Probabilities],
    choices: Collection[str],
) -> Confusion:
    counts: dict[str, dict[str, dict[str, float]]] = {}
    for votes, posterior in zip(votes_by_question, posteriors, strict=True):
        for voter, choice in votes:
            rows = counts.setdefault(voter, {key: dict.fromkeys(choices, 0.0) for key in choices})
            for key in choices:
                rows[key][choice] += posterior[key]
    for rows in counts.values():
        for row in rows.values():
            clipped = {choice: max(count, _MIN_PROBABILITY) for choice, count in row.items()}
            total = math.fsum(clipped.values())
            row |= {choice: count / total for choice, count in clipped.items()}
    return counts


def _log_sum(logs: Mapping[str, float]) -> float:
    """Return the logarithm of the sum of probabilities that are given as logarithms."""
    greatest = max(logs.values())  # factored out, so that no exponential underflows to a sum of 0
    return greatest + math.log(math.fsum(math.exp(value - greatest) for value in logs.values()))


def _normalise_logs(logs: Mapping[str, float]) -> dict[str, float]:
    """Return the probabilities for logarithms that may lack a common term."""
    total = _log_sum(logs) if logs else 0.0
    return {key: math.exp(value - total) for key, value in logs.items()}
