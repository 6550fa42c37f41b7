"""Stops that count ballots: exact, in integers or fractions."""

from langgraph_parallel.arguments import at_least
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.votes.rules import ballot_form
from langgraph_parallel.reducers.votes.standing import Standing
from langgraph_parallel.reducers.votes.stops.base import CountingStop, Stop
from langgraph_parallel.reducers.votes.stops.rows import EqualWindows, NewItems


class decided(Stop):  # noqa: N801 - called like the function that it stands for
    """Stops when no further ballot can change the choice: exact, under every rule.

    The rule knows when (`settled`). Under `majority`, with m ballots to come and the leader at c: no rival
    has c - m or more, except that a later one may draw level, and m is at most c, because all of them may
    name a choice without a ballot so far. Under a rule that cannot tell, all voters are heard.

    >>> from langgraph_parallel.records import Ballot, Tally
    >>> two = Tally.of(Ballot(voter=v, order=i, status="cast", choice="yes") for i, v in enumerate("ab"))
    >>> decided()(two, 1), decided()(two, 3)
    (True, False)
    """

    def is_enough(self, standing: Standing) -> bool:
        """Return whether the rule's choice is settled."""
        return standing.rule.settled(standing)

    def lacks(self, standing: Standing) -> int:
        """Return the rule's lower bound."""
        return standing.rule.fewest(standing)

    def __str__(self) -> str:
        return "decided()"


class ahead_by(CountingStop):  # noqa: N801
    """Stops when the leader is k ballots ahead: first-to-ahead-by-k (MAKER, arXiv 2511.09030).

    Raises:
        UsageError: `k` is not an integer of at least 1.
    """

    def __init__(self, k: int) -> None:
        at_least(k, "k")
        self.k = k

    def is_enough(self, standing: Standing) -> bool:
        """Return whether the leader is k ballots ahead of the runner-up."""
        lead, behind = standing.top_two()
        return lead - behind >= self.k

    def lacks(self, standing: Standing) -> int:
        """Return the further ballots that suffice if all side with the leader."""
        lead, behind = standing.top_two()
        return self.k - (lead - behind)

    def __str__(self) -> str:
        return f"ahead_by({self.k})"


class window(CountingStop):  # noqa: N801
    """Stops when w ballots in a row are equal: early-stopping self-consistency (arXiv 2401.10480).

    Windows are consecutive and do not overlap, in the voters' order. Only ballots that count are in them.

    Raises:
        UsageError: `w` is not an integer of at least 1.
    """

    def __init__(self, w: int) -> None:
        at_least(w, "w")
        self.w = w

    def is_enough(self, standing: Standing) -> bool:
        """Return whether all ballots of a complete window are equal."""
        # From fixed starts, not at every ballot: overlapping windows would find w equal ballots sooner.
        return standing.view(EqualWindows, self.w).found

    def lacks(self, standing: Standing) -> int:
        """Return the ballots missing in the current window; 0 after a window of equal ballots."""
        return 0 if self.is_enough(standing) else self.w - len(standing.heard) % self.w

    def __str__(self) -> str:
        return f"window({self.w})"


class no_new_findings(Stop):  # noqa: N801
    """Stops when n ballots in a row name only items that were named before: for `union` and `approval`.

    Raises:
        UsageError: `n` is not an integer of at least 1.
    """

    def __init__(self, n: int) -> None:
        at_least(n, "n")
        self.n = n

    def check(self, rule: object) -> None:
        """Check that the ballots are lists.

        Raises:
            UsageError: they are not.
        """
        if ballot_form(rule) != "list":
            raise UsageError(f"{self} waits for lists that name nothing new; use it with union or approval")

    def is_enough(self, standing: Standing) -> bool:
        """Return whether the last n ballots named nothing new."""
        return standing.view(NewItems).ballots_since >= self.n

    def lacks(self, standing: Standing) -> int:
        """Return the further ballots that suffice if none of them names a new item."""
        return self.n - standing.view(NewItems).ballots_since

    def __str__(self) -> str:
        return f"no_new_findings({self.n})"
