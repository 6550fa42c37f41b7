"""Stops that count: each decides in integers or exact fractions."""

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.votes.rules import ballot_form
from langgraph_parallel.reducers.votes.standing import Standing
from langgraph_parallel.reducers.votes.stops.base import CountingStop, Stop


def whole(given: object, name: str, least: int = 1) -> int:
    """A count.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(given, int) or isinstance(given, bool) or given < least:
        raise UsageError(f"{name}({given!r}): pass a whole number from {least}")
    return given


class decided(Stop):  # noqa: N801 - called like the function that it stands for
    """When the choice is the same whatever the others say: exact, under every rule.

    The rule says when that is (`settled`). Under `majority`, with m ballots to come and the leader at c: no
    rival has c - m or more, a later one that would only draw level excepted, and m is at most c, because all
    of them may name a choice that nobody has named yet. A rule that cannot tell hears everybody.

    >>> from langgraph_parallel.records import Ballot, Tally
    >>> two = Tally.of(Ballot(voter=v, order=i, status="cast", choice="yes") for i, v in enumerate("ab"))
    >>> decided()(two, 1), decided()(two, 3)
    (True, False)
    """

    def is_enough(self, standing: Standing) -> bool:
        """As the rule says."""
        return standing.rule.settled(standing)

    def lacks(self, standing: Standing) -> int:
        """As the rule says."""
        return standing.rule.fewest(standing)

    def __str__(self) -> str:
        return "decided()"


class ahead_by(CountingStop):  # noqa: N801
    """When the leader is ahead by k ballots: first-to-ahead-by-k (MAKER, arXiv 2511.09030).

    Raises:
        UsageError: k is no whole number from 1.
    """

    def __init__(self, k: int) -> None:
        self.k = whole(k, "ahead_by")

    def is_enough(self, standing: Standing) -> bool:
        """By the leader and the one behind it."""
        lead, behind = standing.top_two()
        return lead - behind >= self.k

    def lacks(self, standing: Standing) -> int:
        """When all of them side with the leader."""
        lead, behind = standing.top_two()
        return self.k - (lead - behind)

    def __str__(self) -> str:
        return f"ahead_by({self.k})"


class window(CountingStop):  # noqa: N801
    """When w ballots in a row were all the same: early-stopping self-consistency (arXiv 2401.10480).

    Windows follow each other without overlapping, in the voters' order; what does not count is in none.

    Raises:
        UsageError: w is no whole number from 1.
    """

    def __init__(self, w: int) -> None:
        self.w = whole(w, "window")

    def is_enough(self, standing: Standing) -> bool:
        """Whether a complete window is of one mind."""
        said = [set(one.supported) for one in standing.heard]
        windows = (said[i : i + self.w] for i in range(0, len(said) - self.w + 1, self.w))
        return any(window[0] and all(one == window[0] for one in window) for window in windows)

    def lacks(self, standing: Standing) -> int:
        """What is missing in the window, unless there was one already."""
        return 0 if self.is_enough(standing) else self.w - len(standing.heard) % self.w

    def __str__(self) -> str:
        return f"window({self.w})"


class no_new_findings(Stop):  # noqa: N801
    """When n ballots in a row have named nothing that was not named before: for `union`.

    Raises:
        UsageError: n is no whole number from 1.
    """

    def __init__(self, n: int) -> None:
        self.n = whole(n, "no_new_findings")

    def check(self, rule: object) -> None:
        """The rule has to be one over lists."""
        if ballot_form(rule) != "list":
            raise UsageError(f"{self} waits for lists that name nothing new: use it with union or approval")

    def is_enough(self, standing: Standing) -> bool:
        """By the ballots since the last new item."""
        return self._since(standing) >= self.n

    def lacks(self, standing: Standing) -> int:
        """When none of them names anything new."""
        return self.n - self._since(standing)

    def _since(self, standing: Standing) -> int:
        seen: set[str] = set()
        since = 0
        for heard in standing.heard:
            since = 0 if heard.supported.keys() - seen else since + 1
            seen |= heard.supported.keys()
        return since

    def __str__(self) -> str:
        return f"no_new_findings({self.n})"
