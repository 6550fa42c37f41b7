"""Ballots: the form that a voter's answer has, and how a ballot is parsed from a branch."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, JsonValue

from langgraph_parallel.arguments import check_fields
from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.render import nested_answer
from langgraph_parallel.records import Ballot, Branch, Tally
from langgraph_parallel.records.numbers import exact
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import score
from langgraph_parallel.reducers.votes.normalise import Normaliser, NormaliserLike, find_choice, read_by
from langgraph_parallel.reducers.votes.rules import Form
from langgraph_parallel.runtime.redact import describe

_SHOWN = 80
"""Characters of an answer that an error quotes."""


@dataclass(frozen=True)
class BallotFormat:
    """The form of a voter's answer.

    Args:
        schema: pydantic model of a model voter's answer; by default rationale, choice and confidence.
        field: the field of the answer that is the choice.
        normalise: how answers are normalised before they are counted: `text`, `number`, `option`, `boxed`,
            `without_articles`, a function such as `votes.without_units("km")`, or a list of these, applied in
            order. A ballot that it cannot read abstains. Of a list or a mapping each part is normalised.

    Raises:
        UsageError: `field` is not a field of the schema.
    """

    schema: type[BaseModel] | None = None
    field: str = "choice"
    normalise: NormaliserLike | None = None

    def __post_init__(self) -> None:
        check_fields(self, "ballot.")
        if self.schema is not None and self.field not in self.schema.model_fields:
            known = ", ".join(self.schema.model_fields)
            raise UsageError(
                f"ballot.field is {self.field!r}; expected a field of {self.schema.__name__}: {known}"
            )


@dataclass(frozen=True)
class BallotParser:
    """Parses ballots from the branches of a vote.

    A voter returns its choice, or an object that holds the choice under `field` and optionally `confidence`
    (0 to 1), `rationale`, `weight` (>= 0) and `notes`. None is an abstention; so is an answer that cannot be
    normalised or is not among the choices: never a guess. A branch that did not end ok gives a ballot of the
    same status, which supports nothing.
    """

    choices: Sequence[JsonValue] | None = None
    """The valid answers; None if any answer is valid."""
    field: str = "choice"
    """The field of a voter's answer that is the choice."""
    normalise: Normaliser | None = None
    form: Form = "one"
    """What the rule reads from a ballot: one answer, a list, a ranking, a number, or parts."""

    def tally(self, branches: Iterable[Branch]) -> Tally:
        """Return the ballots of these branches."""
        return Tally.of(map(self.ballot, branches))

    def ballot(self, branch: Branch) -> Ballot:
        """Return the ballot of one branch."""
        base: dict[str, Any] = {"voter": branch.id, "order": branch.order, "attempt": branch.attempt}
        if (last := branch.last_answer) is not None and last.instead_of:
            base |= {"model": last.target, "instead_of": last.instead_of}
        if branch.status != "ok":
            return Ballot(**base, status=branch.status, error=branch.error)
        answer, extras = _split(branch.value, self.field)
        left_out: list[JsonValue] = [*branch.notes]
        if left_out:
            extras["notes"] = {**extras.get("notes", {}), "left_out": left_out}
        if answer is None:
            error = self._why_null(branch) or extras.get("rationale") or "gave no choice"
            return Ballot(**base, **extras, status="abstained", error=error)
        try:
            _check_weight(branch, self.field)
            choice, refused = self._choice(answer)
        except _InvalidBallot as invalid:
            return Ballot(**base, **extras, status="abstained", said=answer, error=str(invalid))
        if refused:
            extras["notes"] = {**extras.get("notes", {}), "left_out": [*left_out, *refused]}
        changed = None if canonical(choice) == canonical(answer) else answer
        return Ballot(**base, **extras, status="cast", choice=choice, said=changed)

    def _why_null(self, branch: Branch) -> str:
        """Return the note that says why there is no choice; empty if there is none."""
        place = "the answer " if branch.value is None else f"{self.field} "
        return next((note for note in branch.notes if note.startswith(place)), "")

    def _choice(self, answer: JsonValue) -> tuple[JsonValue, list[str]]:
        """Return the choice, and why items of a list were left out: a bad label costs only itself."""
        if self.form in ("list", "ranking"):
            if not isinstance(answer, list):
                raise _InvalidBallot(f"{_quote(answer)} is not a list, which the rule needs")
            return self._items(answer)
        if self.form in ("items", "fields"):
            return self._parts(answer)
        choice = self._item(answer)
        if self.form == "number" and exact(choice) is None:
            raise _InvalidBallot(f"{_quote(choice)} is not a number, which the rule needs")
        if self.form == "score" and score(choice) is None:
            raise _InvalidBallot(f"{_quote(choice)} is not a number, True or False, which the rule needs")
        return choice, []

    def _parts(self, answer: JsonValue) -> tuple[JsonValue, list[str]]:
        """Return a list or a mapping with its parts read, null where that fails, and why it fails."""
        kind, needed = (list, "a list") if self.form == "items" else (dict, "a mapping")
        if not isinstance(answer, kind):
            raise _InvalidBallot(f"{_quote(answer)} is not {needed}, which the rule needs")
        refused: list[str] = []

        def read(name: object, said: JsonValue) -> JsonValue:
            try:
                return None if said is None else self._item(said)
            except _InvalidBallot as invalid:
                refused.append(f"{name}: {invalid}")
                return None

        if isinstance(answer, list):
            items = [read(place, said) for place, said in enumerate(answer)]
            choice: JsonValue = items
        else:
            assert isinstance(answer, dict)
            choice = {name: read(name, said) for name, said in answer.items()}
        if refused and len(refused) == len(answer):
            raise _InvalidBallot(refused[0])
        return choice, refused

    def _items(self, answer: list[JsonValue]) -> tuple[JsonValue, list[str]]:
        """Return the items of a list that can be read, and why others were left out."""
        kept: dict[str, JsonValue] = {}
        every: list[JsonValue] = []
        refused: list[str] = []
        for said in answer:
            try:
                item = self._item(said)
            except _InvalidBallot as invalid:
                refused.append(str(invalid))
                continue
            every.append(item)
            if self.form == "ranking" and canonical(item) in kept:
                refused.append(f"{_quote(said)} is named more than once; its first place counts")
            kept.setdefault(canonical(item), item)
        if refused and not kept:
            raise _InvalidBallot(refused[0])
        return [*kept.values()] if self.form == "ranking" else every, refused

    def _item(self, answer: JsonValue) -> JsonValue:
        """Normalise an answer, and match it with a choice."""
        normal = self._normalised(answer)
        if normal is None:
            raise _InvalidBallot(f"{_quote(answer)} cannot be read as an answer")
        if self.choices is None:
            return normal
        choice = find_choice(normal, self.choices)
        if choice is None:  # the choices may only match once they are normalised as well
            alike = [choice for choice in self.choices if self._matches(choice, normal)]
            choice = alike[0] if len(alike) == 1 else None
        if choice is None:
            raise _InvalidBallot(f"{_quote(normal)} is not one of {', '.join(map(str, self.choices))}")
        return choice

    def _matches(self, choice: JsonValue, normal: JsonValue) -> bool:
        with contextlib.suppress(_InvalidBallot):
            return canonical(self._normalised(choice)) == canonical(normal)
        return False

    def _normalised(self, answer: JsonValue) -> JsonValue:
        if self.normalise is None:
            return answer
        try:
            return read_by(self.normalise, answer)
        except Exception as error:  # the function may be the caller's
            raise _InvalidBallot(f"{_quote(answer)} cannot be normalised: {describe(error)}") from None


class _InvalidBallot(Exception):
    """An answer that does not count."""


def _quote(answer: JsonValue) -> str:
    text = repr(answer)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _split(value: JsonValue, field: str) -> tuple[JsonValue, dict[str, Any]]:
    """Split a voter's answer (also a nested graph's) into its choice and the fields beside it."""
    if isinstance(value, dict) and field not in value:
        verdict = value.get("verdict")
        if isinstance(verdict, dict) and "choice" in verdict:
            value, field = verdict, "choice"  # a nested vote: its choice, with its confidence
        else:
            value = nested_answer(value)
    if not isinstance(value, dict) or field not in value:
        return value, {}
    extras: dict[str, Any] = {}
    if (confidence := _as_weight(value.get("confidence"))) is not None and confidence <= 1:
        extras["confidence"] = confidence
    if (weight := _as_weight(value.get("weight"))) is not None:
        extras["weight"] = weight
    if isinstance(rationale := value.get("rationale"), str):
        extras["rationale"] = rationale
    if isinstance(notes := value.get("notes"), dict):
        extras["notes"] = notes
    return value[field], extras


def _check_weight(branch: Branch, field: str) -> None:
    """Reject a ballot with an invalid weight: it must not count as a full vote."""
    if not isinstance(branch.value, dict) or field not in branch.value:
        return
    weight = branch.value.get("weight")
    if weight is not None and _as_weight(weight) is None:
        raise _InvalidBallot(f"its weight is {_quote(weight)}; expected a number >= 0")
    for note in branch.notes:
        if note.startswith("weight "):  # what could not be read is null, and null is no weight
            raise _InvalidBallot(f"its {note}; expected a number >= 0")


def _as_weight(value: JsonValue) -> float | None:
    """Return a finite number of at least 0; None for anything else."""
    number = exact(value)
    if number is None or number < 0:
        return None
    with contextlib.suppress(OverflowError):
        return float(number)
    return None
