"""Dawid and Skene: voters' confusions, and the truth behind their ballots, from ballots alone."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from pydantic import JsonValue

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

_LEAST = 1e-10
"""A probability that was never seen is not quite impossible."""
_GAIN = 1e-5
_MOST = 100
"""Choices: each voter's confusion is a square of them."""

Confusion = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By voter and true choice: the probability of each choice that it makes."""


@dataclass(frozen=True)
class dawid_skene(BaseRule):  # noqa: N801 - rules read like functions where they are used
    """The choice that is most probable, given how each voter confuses choices; made by `fit_dawid_skene`.

    `counts` has the probabilities as weights; confidence is that of the choice. A voter that was not in the
    fit does not count, nor does a choice that nobody made there. Of equals the earliest voter's.

    Ballots are taken for independent given the truth. Judges that err together break that, and then this is
    worse than a majority: opt in only where you have measured it.
    """

    confusion: Confusion = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)

    def joint(self, made: Iterable[tuple[str, str]]) -> dict[str, float]:
        """The logarithm of the probability of each truth together with what these voters have chosen."""
        logs = {key: math.log(max(share, _LEAST)) for key, share in self.prior.items()}
        for voter, choice in made:
            for key in logs:
                logs[key] += math.log(max(self.confusion[voter][key].get(choice, 0.0), _LEAST))
        return logs

    def __call__(self, tally: Tally) -> Verdict:
        """Decide; see the class."""
        cast = [ballot for ballot in usable(tally) if self._counts(ballot)]
        chances = _normalised(self.joint((b.voter, canonical(b.choice)) for b in cast)) if cast else {}
        made = group_by_choice(cast)
        order = sorted(made, key=lambda group: -chances[canonical(group.choice)])
        groups = [Group(g.choice, g.ballots, Fraction(chances[canonical(g.choice)])) for g in order]
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
        return verdict.model_copy(update={"confidence": chances[canonical(verdict.choice)]})

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Its choice, if it counts."""
        return {canonical(ballot.choice): 1} if self._counts(ballot) else None

    def _counts(self, ballot: Ballot) -> bool:
        known = ballot.voter in self.confusion
        return known and is_usable(ballot) and canonical(ballot.choice) in self.prior


class DawidSkene(Record):
    """What a fit has found out."""

    prior: dict[str, float]
    """How frequent each choice is as the truth, by canonical key."""
    confusion: dict[str, dict[str, dict[str, float]]]
    """By voter and true choice: the probability of each choice that it makes."""
    posteriors: list[dict[str, float]]
    """For each question that was given, the probability of each choice; empty where nobody voted."""
    choices: dict[str, JsonValue]
    """The choices by their keys."""

    def answers(self) -> list[JsonValue]:
        """The most probable choice of each question; None where nobody voted."""
        best = [max(held, key=lambda key: held[key]) if held else None for held in self.posteriors]
        return [None if key is None else self.choices[key] for key in best]

    def rule(self) -> dawid_skene:
        """The rule that decides further questions by what was found out about the voters."""
        return dawid_skene(self.confusion, self.prior)


def fit_dawid_skene(tallies: Iterable[Ballots], *, iterations: int = 100) -> DawidSkene:
    """Find out how voters confuse choices, and what is true, from their ballots on many questions.

    Expectation and maximization, from the share of votes (Dawid and Skene, Applied Statistics 28, 1979),
    until the likelihood gains less than 0.00001, or so many iterations.

    Args:
        tallies: the ballots on each question, of the same voters, with the same choices.
        iterations: at most.

    Raises:
        UsageError: no ballot was cast, or for more than 100 choices.
    """
    if iterations < 1:
        raise UsageError(f"iterations is {iterations}; it must be at least 1")
    ballots = [usable(as_tally(tally)) for tally in tallies]
    made = [[(ballot.voter, canonical(ballot.choice)) for ballot in held] for held in ballots]
    choices = {canonical(ballot.choice): ballot.choice for held in ballots for ballot in held}
    if not choices:
        raise UsageError("no ballot was cast; there is nothing to fit")
    if len(choices) > _MOST:
        raise UsageError(
            f"the ballots hold {len(choices)} choices; Dawid and Skene's needs few that all questions share, "
            f"at most {_MOST}: normalise the answers, or weigh the voters by `calibrate`"
        )
    posteriors = [
        {key: sum(c == key for _, c in held) / len(held) for key in choices} if held else {} for held in made
    ]
    likelihood = -math.inf
    for _ in range(iterations):
        prior = _prior(posteriors, choices)
        rule = dawid_skene(_confusion(made, posteriors, choices), prior)
        logs = [rule.joint(held) if held else {} for held in made]
        posteriors = [_normalised(held) for held in logs]
        found = math.fsum(_log_sum(held) for held in logs if held)
        if found - likelihood < _GAIN:
            break
        likelihood = found
    return DawidSkene(
        prior=dict(rule.prior),
        confusion={v: {k: dict(m) for k, m in rows.items()} for v, rows in rule.confusion.items()},
        posteriors=posteriors,
        choices=choices,
    )


def _prior(posteriors: Sequence[Mapping[str, float]], choices: Iterable[str]) -> dict[str, float]:
    held = [posterior for posterior in posteriors if posterior]
    return {key: math.fsum(posterior[key] for posterior in held) / len(held) for key in choices}


def _confusion(
    made: Sequence[Sequence[tuple[str, str]]],
    posteriors: Sequence[Mapping[str, float]],
    choices: Sequence[str] | Mapping[str, JsonValue],
) -> Confusion:
    counts: dict[str, dict[str, dict[str, float]]] = {}
    for held, posterior in zip(made, posteriors, strict=True):
        for voter, choice in held:
            rows = counts.setdefault(voter, {key: dict.fromkeys(choices, 0.0) for key in choices})
            for key in choices:
                rows[key][choice] += posterior[key]
    for rows in counts.values():
        for row in rows.values():
            clipped = {choice: max(count, _LEAST) for choice, count in row.items()}
            total = math.fsum(clipped.values())
            row |= {choice: count / total for choice, count in clipped.items()}
    return counts


def _log_sum(logs: Mapping[str, float]) -> float:
    most = max(logs.values())
    return most + math.log(math.fsum(math.exp(value - most) for value in logs.values()))


def _normalised(logs: Mapping[str, float]) -> dict[str, float]:
    """Probabilities from their logarithms, which may lack a common term."""
    total = _log_sum(logs) if logs else 0.0
    return {key: math.exp(value - total) for key, value in logs.items()}
