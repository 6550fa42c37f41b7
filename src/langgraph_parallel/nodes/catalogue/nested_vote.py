"""The vote below a section, read from the value of its branch."""

from typing import Any, NamedTuple

from langgraph_parallel.records import Ballot, Branch, Verdict


class NestedVote(NamedTuple):
    """The verdict and the ballots of a vote."""

    verdict: Verdict
    ballots: list[Ballot]


def read_vote(branch: Branch | None) -> NestedVote | None:
    """Return the vote of a branch; None if the branch did not end `ok`, or has no verdict."""
    value: Any = branch.value if branch is not None and branch.ok else None
    if not isinstance(value, dict) or not value.get("verdict"):
        return None
    return NestedVote(
        Verdict.model_validate(value["verdict"]), [Ballot.model_validate(item) for item in value["ballots"]]
    )
