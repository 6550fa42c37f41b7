"""Gather: what the branches brought, as the join reads it."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.records import Ballot, Branch, Tally
from langgraph_parallel.reducers import canonical


def in_order(branches: Mapping[str, Branch]) -> list[Branch]:
    """Branches as they were planned, whichever finished first."""
    return sorted(branches.values(), key=lambda branch: (branch.order, branch.id))


def tally_of(
    branches: Iterable[Branch], *, choices: Collection[JsonValue] | None = None, field: str = "choice"
) -> Tally:
    """Read the ballots out of the branches of a vote.

    A voter may return its choice as it is, or an object that has it under `field`, and beside it
    `confidence` (0 to 1), `rationale`, `weight` and `notes`. None is an abstention; so is what is not
    among the choices. A branch that did not end ok is a ballot of that status, and supports nothing.
    """
    known = None if choices is None else {canonical(choice): choice for choice in choices}
    return Tally.of(_ballot(branch, known, field) for branch in branches)


def _ballot(branch: Branch, known: Mapping[str, JsonValue] | None, field: str) -> Ballot:
    base: dict[str, Any] = {"voter": branch.id, "order": branch.order, "attempt": branch.attempt}
    if branch.status != "ok":
        return Ballot(**base, status=branch.status, error=branch.error)
    choice, extras = _read(branch.value, field)
    if choice is None:
        return Ballot(**base, **extras, status="abstained", error=extras.get("rationale") or "gave no choice")
    if known is not None:
        if (key := canonical(choice)) not in known:
            listed = ", ".join(map(str, known.values()))
            return Ballot(**base, **extras, status="abstained", error=f"{choice!r} is not one of {listed}")
        choice = known[key]
    return Ballot(**base, **extras, status="cast", choice=choice)


def _read(value: JsonValue, field: str) -> tuple[JsonValue, dict[str, Any]]:
    if isinstance(value, dict) and isinstance(verdict := value.get("verdict"), dict):
        value = verdict  # a vote of ours is a voter: what it decided is its choice
    if not isinstance(value, dict) or field not in value:
        return value, {}
    extras: dict[str, Any] = {}
    if _is_share(confidence := value.get("confidence")):
        extras["confidence"] = confidence
    if _is_weight(weight := value.get("weight")):
        extras["weight"] = weight
    if isinstance(rationale := value.get("rationale"), str):
        extras["rationale"] = rationale
    if isinstance(notes := value.get("notes"), dict):
        extras["notes"] = notes
    return value[field], extras


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _is_share(value: object) -> bool:
    return _is_weight(value) and isinstance(value, int | float) and value <= 1
