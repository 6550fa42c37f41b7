"""Appraise a panel: what it is worth, which voters to drop or add, and the best panel at a price."""

import math
from collections.abc import Iterable, Mapping, Sequence

from langgraph_parallel.arguments import checked
from langgraph_parallel.counted import count
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.appraisal import Appraisal
from langgraph_parallel.reducers.votes.counting import as_tally
from langgraph_parallel.reducers.votes.learning import learn_blend
from langgraph_parallel.reducers.votes.panels.agreeing import effective_opinions
from langgraph_parallel.reducers.votes.panels.answers import Answers
from langgraph_parallel.reducers.votes.panels.deciding import PanelRule, flat
from langgraph_parallel.reducers.votes.panels.dependence import alike_pairs, effective_votes
from langgraph_parallel.reducers.votes.panels.market import Market
from langgraph_parallel.reducers.votes.rules import majority
from langgraph_parallel.reducers.votes.track_record import GradedVote, Labelled, grade_history

_LEAST_QUESTIONS = 10
"""Two for each fold."""
_AGREEMENT_LOST = 0.02
"""Default tolerance where shares are of agreement, which every dropped voter lowers."""


@checked
def appraise(
    history: Iterable[Labelled],
    *,
    panel: Sequence[str] | None = None,
    prices: Mapping[str, float] | None = None,
    budget: float | None = None,
    rule: PanelRule = "majority",
    tolerance: float | None = None,
) -> Appraisal:
    """Say what a panel of voters is worth, from votes in which all of them were heard.

    Shares of new questions are predicted by 5-fold cross-validation: which voters a smaller panel has, its
    size and its weights are chosen without the questions that judge it, so that choosing does not flatter.

    Args:
        history: ballots of all voters (of votes with `shadow=True`, or of voters that are only tried), and
            the true answer of each question; None if it is unknown. If none is known, voters are compared
            with the verdict of all of them, which says how much they agree and not how often they are right.
        panel: the names of the voters that are asked today, in their order; None for all. The others are
            candidates to add.
        prices: of one answer, by voter, in any currency. Others cost nothing; None if each costs 1.
        budget: the most that asking a panel once may cost; None for no limit.
        rule: `majority`, or `weighted` with weights as of `calibrate`, which needs true answers.
        tolerance: share that the pruned panel may lose, 0 to 1; None for 0 with true answers, else 0.02.

    Raises:
        UsageError: fewer than 10 questions can be used, a voter of `panel` or `prices` is not in the
            history, a number is out of range, or there are no true answers to learn weights from.
    """
    votes = list(history)
    graded, is_truth_known = _grade(votes)
    answers = _answers(graded)
    if rule == "weighted" and not is_truth_known:
        raise UsageError("rule is 'weighted', which needs true answers; add them, or appraise the majority")
    market = Market(
        answers=answers,
        prices=_prices(answers.voters, prices),
        blend=learn_blend(graded) if rule == "weighted" else None,
        tolerance=_tolerance(tolerance, is_truth_known=is_truth_known),
    )
    limit = None if budget is None else _budget(budget)
    seats = _seats(answers.voters, panel)
    whole, curve = market.held_out(seats), market.curve()
    as_it_is = market.choice(seats, flat(whole))
    return Appraisal(
        basis="accuracy" if is_truth_known else "agreement",
        rule=rule,
        questions=len(graded),
        left_out=len(votes) - len(graded),
        effective=(
            effective_votes(answers, seats) if is_truth_known else effective_opinions(graded, answers, seats)
        ),
        panel=as_it_is,
        pruned=market.pruned(curve, whole, as_it_is),
        affordable=None if limit is None else market.affordable(limit),
        choices=market.worth_their_price(curve),
        voters=market.voters(seats, whole),
        alike=alike_pairs(answers, seats),
    )


def _grade(history: Sequence[Labelled]) -> tuple[list[GradedVote], bool]:
    """Grade the votes that have a true answer; if none has one, all by the verdict of their majority."""
    try:
        known = [(ballots, truth) for ballots, truth in history if truth is not None]
        if known:
            return grade_history(known), True
        decided = [(ballots, majority()(as_tally(ballots)).choice) for ballots, _ in history]
    except UsageError:
        raise
    except (TypeError, ValueError):
        raise UsageError("the history must hold pairs: (ballots, true answer or None)") from None
    return grade_history((ballots, choice) for ballots, choice in decided if choice is not None), False


def _answers(graded: Sequence[GradedVote]) -> Answers:
    answers = Answers.of(graded)
    if len(graded) < _LEAST_QUESTIONS or not answers.voters:
        heard = len(graded) if answers.voters else 0
        raise UsageError(
            f"the history has {count(heard, 'question')} with answers that count; "
            f"expected at least {_LEAST_QUESTIONS}: record more votes"
        )
    return answers


def _prices(voters: Sequence[str], prices: Mapping[str, float] | None) -> Sequence[float]:
    if prices is None:
        return [1.0] * len(voters)
    _check_names(prices, voters, "prices")
    for voter, price in prices.items():
        _not_negative(price, f"prices[{voter!r}]")
    return [float(prices.get(voter, 0.0)) for voter in voters]


def _budget(budget: float) -> float:
    _not_negative(budget, "budget")
    return budget


def _tolerance(tolerance: float | None, *, is_truth_known: bool) -> float:
    if tolerance is None:
        return 0.0 if is_truth_known else _AGREEMENT_LOST
    if not 0 <= tolerance <= 1:
        raise UsageError(f"tolerance is {tolerance!r}; expected a share from 0 to 1")
    return tolerance


def _not_negative(number: float, name: str) -> None:
    if not (0 <= number < math.inf):
        raise UsageError(f"{name} is {number!r}; expected a finite number of at least 0")


def _seats(voters: Sequence[str], panel: Sequence[str] | None) -> Sequence[int]:
    if panel is None:
        return range(len(voters))
    if not panel:
        raise UsageError("panel is empty; name its voters, or leave it out to appraise all")
    _check_names(panel, voters, "panel")
    return [voters.index(voter) for voter in dict.fromkeys(panel)]


def _check_names(names: Iterable[str], voters: Sequence[str], argument: str) -> None:
    for name in names:
        if name not in voters:
            raise UsageError(f"{argument} has {name!r}, which cast no ballot; voters are {', '.join(voters)}")
