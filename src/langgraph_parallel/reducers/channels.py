"""Channel reducers: pure functions that merge two values of a channel on every update.

The identity of each is the empty value of its type, so that a channel can seed itself. No reducer mutates
its arguments. The merges are idempotent: an update may be applied again after a crash.

    messages: Annotated[dict[str, Branch], merge_branches]
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from langgraph_parallel.records import Branch, Call, Claim

T = TypeVar("T")


def merge_branches(left: Mapping[str, Branch], right: Mapping[str, Branch]) -> dict[str, Branch]:
    """Merge branches by id; the later attempt of a branch replaces the earlier one.

    Identity `{}`; associative, commutative, idempotent.
    """
    return _merge(left, right, _branch_precedence)


def merge_calls(left: Mapping[str, Call], right: Mapping[str, Call]) -> dict[str, Call]:
    """Merge calls by id, so that no call is counted twice.

    Identity `{}`; associative, commutative, idempotent.
    """
    return _merge(left, right, _call_precedence)


def merge_all_branches(updates: Iterable[Mapping[str, Branch]]) -> dict[str, Branch]:
    """Merge many updates as `merge_branches` does, in one pass: pairs would copy the result each time."""
    return _merge_all(updates, _branch_precedence)


def merge_all_calls(updates: Iterable[Mapping[str, Call]]) -> dict[str, Call]:
    """Merge many updates as `merge_calls` does, in one pass."""
    return _merge_all(updates, _call_precedence)


def union_claims(left: Iterable[Claim], right: Iterable[Claim]) -> list[Claim]:
    """Return all distinct claims in canonical order (`claim_order`).

    Identity `[]` on lists in canonical order; associative, commutative, idempotent. Claims that differ in
    any field stay apart: `unite` decides which of them describe the same defect.
    """
    by_text = {claim.model_dump_json(): claim for claim in (*left, *right)}
    return [by_text[text] for text in sorted(by_text, key=lambda text: _claim_order(by_text[text], text))]


def claim_order(claim: Claim) -> tuple[str, int, int, str, str, str]:
    """Return the sort key of the canonical order: file, lines, aspect, voter, then all other fields."""
    return _claim_order(claim, claim.model_dump_json())


def _claim_order(claim: Claim, text: str) -> tuple[str, int, int, str, str, str]:
    return claim.path, claim.lines.first, claim.lines.last, claim.aspect, claim.voter, text


def _merge(
    left: Mapping[str, T], right: Mapping[str, T], precedence: Callable[[T], tuple[object, ...]]
) -> dict[str, T]:
    return _merge_all([left, right], precedence)


def _merge_all(
    updates: Iterable[Mapping[str, T]], precedence: Callable[[T], tuple[object, ...]]
) -> dict[str, T]:
    following = iter(updates)
    merged = dict(next(following, {}))
    for update in following:
        _add(merged, update, precedence)
    return merged


def _add(
    merged: dict[str, T], update: Mapping[str, T], precedence: Callable[[T], tuple[object, ...]]
) -> None:
    """Merge an update into a dictionary of the caller's own."""
    for key, value in update.items():
        current = merged.get(key)
        if current is None or (value is not current and precedence(value) > precedence(current)):
            merged[key] = value


# The precedences end with the whole record: without a total order, merging would not be commutative.
# `repr`, not JSON: JSON writes infinity as null, and would rank two different values as equal.


def _branch_precedence(branch: Branch | Mapping[str, Any]) -> tuple[object, ...]:
    """Return what ranks a branch; a LangGraph server reads states as JSON, with mappings for records."""
    if isinstance(branch, Mapping):
        return branch["attempt"], branch["status"] == "ok", branch["ended"], repr(branch)
    return branch.attempt, branch.ok, branch.ended, repr(branch)


def _call_precedence(call: Call | Mapping[str, Any]) -> tuple[object, ...]:
    if isinstance(call, Mapping):
        return call["attempt"], call["ended"], repr(call)
    return call.attempt, call.ended, repr(call)
