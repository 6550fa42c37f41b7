"""Ballots: how the answers of voters are read."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.records import Ballot, Branch, Tally
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.normalise import Normaliser, find_choice, read_by
from langgraph_parallel.reducers.votes.rules import Form
from langgraph_parallel.runtime.redact import describe

_SHOWN = 80
"""Characters of an answer that an error quotes."""


@dataclass(frozen=True)
class BallotParser:
    """How the ballots of a vote are read out of its branches.

    A voter may return its choice as it is, or an object that has it under `field`, and beside it
    `confidence` (0 to 1), `rationale`, `weight` and `notes`. None is an abstention; so is what cannot be
    normalised, or is not among the choices: never a guess. A branch that did not end ok is a ballot of that
    status, and supports nothing.
    """

    choices: Sequence[JsonValue] | None = None
    """The valid answers."""
    field: str = "choice"
    """The field of a voter's answer that is the choice."""
    normalise: Normaliser | None = None
    form: Form = "one"
    """Whether a ballot holds one answer, or a list of them."""

    def tally(self, branches: Iterable[Branch]) -> Tally:
        """The ballots of these branches."""
        return Tally.of(map(self.ballot, branches))

    def ballot(self, branch: Branch) -> Ballot:
        """The ballot of one branch."""
        base: dict[str, Any] = {"voter": branch.id, "order": branch.order, "attempt": branch.attempt}
        if branch.status != "ok":
            return Ballot(**base, status=branch.status, error=branch.error)
        said, extras = _read(branch.value, self.field)
        if said is None:
            error = extras.get("rationale") or "gave no choice"
            return Ballot(**base, **extras, status="abstained", error=error)
        try:
            _check_weight(branch.value, self.field)
            choice = self._choice(said)
        except _Unreadable as unreadable:
            return Ballot(**base, **extras, status="abstained", said=said, error=str(unreadable))
        changed = None if canonical(choice) == canonical(said) else said
        return Ballot(**base, **extras, status="cast", choice=choice, said=changed)

    def _choice(self, said: JsonValue) -> JsonValue:
        if self.form in ("list", "ranking"):
            if not isinstance(said, list):
                raise _Unreadable(f"{_shown(said)} is no list, which the rule needs")
            return [self._one(item) for item in said]
        choice = self._one(said)
        if self.form == "number" and (isinstance(choice, bool) or not isinstance(choice, int | float)):
            raise _Unreadable(f"{_shown(choice)} is no number, which the rule needs")
        return choice

    def _one(self, said: JsonValue) -> JsonValue:
        choice = self._normalised(said)
        if choice is None:
            raise _Unreadable(f"{_shown(said)} could not be read as an answer")
        if self.choices is None:
            return choice
        found = find_choice(choice, self.choices)
        if found is None and (alike := [held for held in self.choices if self._is(held, choice)]):
            found = alike[0] if len(alike) == 1 else None
        if found is None:
            listed = ", ".join(map(str, self.choices))
            raise _Unreadable(f"{_shown(choice)} is not one of {listed}")
        return found

    def _is(self, held: JsonValue, choice: JsonValue) -> bool:
        """Whether one of the choices is this answer, once it is normalised as well."""
        with contextlib.suppress(_Unreadable):
            return canonical(self._normalised(held)) == canonical(choice)
        return False

    def _normalised(self, said: JsonValue) -> JsonValue:
        if self.normalise is None:
            return said
        try:
            return read_by(self.normalise, said)
        except Exception as error:  # a function of the caller's
            raise _Unreadable(f"{_shown(said)} could not be normalised: {describe(error)}") from None


class _Unreadable(Exception):
    """An answer that is none."""


def _shown(said: JsonValue) -> str:
    text = repr(said)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _read(value: JsonValue, field: str) -> tuple[JsonValue, dict[str, Any]]:
    verdict = value.get("verdict") if isinstance(value, dict) and field not in value else None
    if isinstance(verdict, dict) and "choice" in verdict:
        value, field = verdict, "choice"  # a vote of ours is a voter: what it chose is its choice
    elif (
        isinstance(value, dict) and field not in value and set(value) == {"result", "missing", "unreferenced"}
    ):
        value = value["result"]  # so is a sectioning: what it made may be a choice, or have one
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


def _check_weight(value: JsonValue, field: str) -> None:
    """A weight that is none must not be worth a full vote."""
    weight = value.get("weight") if isinstance(value, dict) and field in value else None
    if weight is not None and not _is_weight(weight):
        raise _Unreadable(f"its weight is {_shown(weight)}, which is no number from 0")


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _is_share(value: object) -> bool:
    return _is_weight(value) and isinstance(value, int | float) and value <= 1
