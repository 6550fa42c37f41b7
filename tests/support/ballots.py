"""Ballots, tallies, and the denominators of a verdict."""

from typing import Any

from pydantic import JsonValue

from langgraph_parallel.records import Ballot, BallotStatus, Tally, Verdict


def ballot(
    voter: str, choice: JsonValue, order: int = 0, status: BallotStatus = "cast", **fields: Any
) -> Ballot:
    """Build one voter's ballot."""
    return Ballot.model_validate(
        {"voter": voter, "choice": choice, "order": order, "status": status, **fields}
    )


def tally(*choices: JsonValue, **fields: Any) -> Tally:
    """Build one cast ballot for each choice, by voters v0, v1 and so on."""
    return Tally.of(ballot(f"v{i}", choice, i, **fields) for i, choice in enumerate(choices))


def tally_with_failures(*choices: JsonValue) -> Tally:
    """Build one ballot for each choice, by voters v0, v1 and so on; None has failed."""
    return Tally.of(
        ballot(f"v{i}", choice, i, "failed" if choice is None else "cast") for i, choice in enumerate(choices)
    )


def tally_of_rankings(*rankings: str) -> Tally:
    """Build ballots from texts such as "abc", from best to worst."""
    lists: list[JsonValue] = [list(ranking) for ranking in rankings]
    return tally(*lists)


def not_cast(*statuses: BallotStatus) -> Tally:
    """Build ballots that are not cast but hold "yes", by voters f0, f1 and so on, after all others."""
    return Tally.of(ballot(f"f{i}", "yes", 50 + i, status) for i, status in enumerate(statuses))


def denominators(verdict: Verdict) -> int:
    """Return the number of ballots that the verdict accounts for."""
    return (
        verdict.cast
        + verdict.abstained
        + verdict.failed
        + verdict.timed_out
        + verdict.cancelled
        + verdict.skipped
    )
