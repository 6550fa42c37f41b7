"""Ties: the one place where a leading choice is elected, and where a tie for the lead is decided.

Ranked rules order equal candidates first, in `ranked._tie_break_keys`.
"""

from collections.abc import Sequence

from langgraph_parallel.records import Ballot, Tally, Verdict, VerdictStatus
from langgraph_parallel.reducers.votes.counting import Group, build_verdict
from langgraph_parallel.reducers.votes.rules.base import BaseRule, Ties


def decide_tie(contenders: Sequence[Group], ties: Ties) -> tuple[VerdictStatus, Group | None]:
    """Return the status of a vote, and the group that is elected, if any.

    No contender is `below_threshold`. Two leaders of equal weight are `tied`: "earliest" still elects the
    first of them, "none" elects no group.

    Args:
        contenders: choices that may win, the heaviest first; of equals, the one that the rule prefers.
        ties: what a tie elects.
    """
    if not contenders:
        return "below_threshold", None
    leader, *rivals = contenders
    if not rivals or rivals[0].weight < leader.weight:
        return "decided", leader
    return "tied", leader if ties == "earliest" else None


def elect_leader(
    rule: BaseRule,
    tally: Tally,
    cast: Sequence[Ballot],
    groups: Sequence[Group],
    *,
    ties: Ties,
    contenders: Sequence[Group] | None = None,
) -> Verdict:
    """Build the verdict of a rule under which the heaviest choice wins.

    Args:
        rule: gives the name and the quorum.
        tally: all ballots.
        cast: those that count under the rule.
        groups: all choices, the heaviest first; of equals, the one that the rule prefers.
        ties: what a tie elects.
        contenders: choices that may win, in the same order; None for all.
    """
    status, leader = decide_tie(groups if contenders is None else contenders, ties)
    return build_verdict(
        rule.name,
        tally,
        cast,
        status=status if len(cast) >= rule.quorum else "no_quorum",
        choice=leader.choice if leader else None,
        groups=groups,
        backers=leader.ballots if leader else [],
    )
