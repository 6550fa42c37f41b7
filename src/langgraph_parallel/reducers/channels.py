"""Channel reducers: two values in, one out, run on every update of a channel.

Each is a pure, named function whose zero is the empty value of its type, so that a channel can seed
itself. None mutates an argument. The merges are idempotent: what was applied before a crash may be
applied again after it.

    messages: Annotated[dict[str, Branch], merge_branches]
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from langgraph_parallel.records import Branch, Call, Claim, Usage

T = TypeVar("T")


def merge_branches(left: Mapping[str, Branch], right: Mapping[str, Branch]) -> dict[str, Branch]:
    """Unite branches by id. Of two records of one branch the later attempt stands.

    Identity `{}`; associative, commutative, idempotent.
    """
    return _merge(left, right, _branch_rank)


def merge_calls(left: Mapping[str, Call], right: Mapping[str, Call]) -> dict[str, Call]:
    """Unite calls by id, so that none is ever counted twice.

    Identity `{}`; associative, commutative, idempotent.
    """
    return _merge(left, right, _call_rank)


def union_claims(left: Iterable[Claim], right: Iterable[Claim]) -> list[Claim]:
    """Unite claims, equal ones once, in one canonical order: file, line, voter, wording.

    Identity `[]` on lists that are in that order; associative, commutative, idempotent. Claims that
    differ in anything stay apart here: `unite` decides which of them mean the same.
    """
    return sorted({claim.model_dump_json(): claim for claim in (*left, *right)}.values(), key=claim_order)


def add_usage(left: Usage, right: Usage) -> Usage:
    """Add tokens. Identity `Usage()`; associative, commutative; a sum, so **not** idempotent.

    Use it where updates are applied once; where they may come again, keep calls with `merge_calls`.
    """
    return left + right


def claim_order(claim: Claim) -> tuple[str, int, int, str, str, str]:
    """The canonical order of claims, which no order of arrival can change."""
    return (
        claim.path,
        claim.lines.first,
        claim.lines.last,
        claim.aspect,
        claim.voter,
        claim.model_dump_json(),
    )


def _merge(
    left: Mapping[str, T], right: Mapping[str, T], rank: Callable[[T], tuple[object, ...]]
) -> dict[str, T]:
    merged = dict(left)
    for key, value in right.items():
        held = merged.get(key)
        if held is None or (value is not held and rank(value) > rank(held)):
            merged[key] = value
    return merged


def _branch_rank(branch: Branch) -> tuple[object, ...]:
    return branch.attempt, branch.ok, branch.ended, repr(branch)


def _call_rank(call: Call) -> tuple[object, ...]:
    return call.attempt, call.ended, repr(call)
