"""Checks of a text: what each is told, how its answer is read, and what all of them come to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue, ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.text.quotes import locate
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.records import (
    Branch,
    CheckOutcome,
    CheckStatus,
    Moderation,
    Span,
    Support,
    Verdict,
)

FLAG, CLEAN = "flag", "clean"


class Noted(BaseModel):
    """What breaks the rule."""

    quotes: list[str] = Field(description="The words that break the rule, copied exactly.")


class Judged(BaseModel):
    """The judgement of one check."""

    rationale: str = Field(description="Why, in a sentence.")
    choice: Literal["flag", "clean"] | None = Field(description="null if you cannot tell.")
    confidence: float | None = Field(None, ge=0, le=1, description="How sure you are, 0 to 1.")
    notes: Noted


@dataclass(frozen=True)
class Check:
    """One check: a rule that models judge by, or a worker of your own.

    Args:
        criteria: what breaks the rule, for models.
        worker: instead: gets the text, and returns whether it is flagged, or an object with `flagged`, and if
            it likes `reason`, `confidence`, and `quotes` or `spans` (pairs of character numbers).
        voters: how many models judge; the majority flags.

    Raises:
        UsageError: both or none of them, or no voter.
    """

    criteria: str = ""
    worker: WorkerLike | None = None
    voters: int = 1

    def __post_init__(self) -> None:
        if bool(self.criteria.strip()) == (self.worker is not None):
            raise UsageError("a check has criteria for models, or a worker; pass one of them")
        if self.voters < 1:
            raise UsageError(f"voters is {self.voters}; a check needs at least one")


CheckLike = str | Check | WorkerLike


def as_check(given: CheckLike) -> Check:
    """Take a check, or make one of criteria or of a worker."""
    if isinstance(given, Check):
        return given
    return Check(given) if isinstance(given, str) else Check(worker=given)


def read_check(name: str, branch: Branch | None, text: str, offset: int = 0) -> CheckOutcome:
    """What one check came to on one text, or on a part of it.

    What cannot be read as a judgement is no judgement: the check was not run.

    Args:
        name: of the check.
        branch: what came of it; None where it never began.
        text: that it has judged.
        offset: of this text in the whole.
    """
    if branch is None or not branch.ok:
        why = "never begun" if branch is None else branch.error or branch.status
        return CheckOutcome(check=name, status="not_run", error=why)
    by = sorted({call.target for call in branch.calls if call.kind == "model"})
    try:
        return _judged(name, branch.value, text, offset).model_copy(update={"by": by})
    except (ValidationError, TypeError, ValueError, KeyError, AttributeError):
        return CheckOutcome(check=name, status="not_run", error="its answer is no judgement", by=by)


def _judged(name: str, value: Any, text: str, offset: int) -> CheckOutcome:
    if isinstance(value, dict) and isinstance(value.get("moderation"), dict):
        return _of_moderation(name, Moderation.model_validate(value["moderation"]))
    if isinstance(value, dict) and isinstance(value.get("verdict"), dict):
        return _of_vote(name, value, text, offset)
    held = value if isinstance(value, dict) else {"flagged": value}
    flagged = held.get("choice") == FLAG if held.get("choice") in (FLAG, CLEAN) else held.get("flagged")
    if "choice" in held and held["choice"] is None:
        return CheckOutcome(check=name, status="undecided", reasons=_reasons(held))
    if not isinstance(flagged, bool):
        return CheckOutcome(check=name, status="not_run", error="its answer is no judgement")
    confidence = held.get("confidence")
    return CheckOutcome(
        check=name,
        status="flagged" if flagged else "clean",
        confidence=confidence if isinstance(confidence, int | float) and 0 <= confidence <= 1 else None,
        reasons=_reasons(held),
        spans=_spans(name, held, text, offset) if flagged else [],
    )


def joined(outcomes: Sequence[CheckOutcome]) -> CheckOutcome:
    """One outcome of a check from those on the parts of a text: any flag flags, and any gap is a gap."""
    order: Sequence[CheckStatus] = ("flagged", "not_run", "undecided", "not_assessed", "clean")
    status = min((outcome.status for outcome in outcomes), key=order.index)
    told = [outcome for outcome in outcomes if outcome.status == status]
    sure = [outcome.confidence for outcome in told if outcome.confidence is not None]
    gaps = [outcome.error for outcome in outcomes if outcome.error]
    return CheckOutcome(
        check=outcomes[0].check,
        status=status,
        support=told[0].support if len(outcomes) == 1 else None,
        confidence=max(sure, default=None) if status == "flagged" else min(sure, default=None),
        reasons=list(dict.fromkeys(reason for outcome in told for reason in outcome.reasons)),
        spans=sorted(
            {(s.start, s.end): s for outcome in outcomes for s in outcome.spans}.values(),
            key=lambda s: s.start,
        ),
        by=list(dict.fromkeys(by for outcome in outcomes for by in outcome.by)),
        error="; ".join(dict.fromkeys(gaps)) or None,
    )


def build_moderation(outcomes: Iterable[CheckOutcome], notice: str = "") -> Moderation:
    """Any flag flags; nothing is clean that was not wholly checked."""
    held = list(outcomes)
    statuses = {outcome.status for outcome in held}
    gaps = any(outcome.error for outcome in held)
    clean = statuses == {"clean"} and not gaps
    status: Any = "flagged" if "flagged" in statuses else "clean" if clean else "needs_review"
    return Moderation(status=status, outcomes=held, notice=notice)


def _of_moderation(name: str, made: Moderation) -> CheckOutcome:
    """A moderation as a check: what it leaves open is undecided."""
    statuses: Mapping[str, CheckStatus] = {"flagged": "flagged", "clean": "clean"}
    return CheckOutcome(
        check=name,
        status=statuses.get(made.status, "undecided"),
        reasons=[f"{one.check}: {' '.join(one.reasons) or one.status}" for one in made.flags],
        spans=[span for one in made.flags for span in one.spans],
    )


def _of_vote(name: str, value: Mapping[str, Any], text: str, offset: int) -> CheckOutcome:
    verdict = Verdict.model_validate(value["verdict"])
    if not verdict.decided or verdict.choice not in (FLAG, CLEAN):
        status: CheckStatus = "undecided" if verdict.cast else "not_run"
        why = None if verdict.cast else f"no ballot from {verdict.asked} of {verdict.asked} voters"
        return CheckOutcome(check=name, status=status, support=verdict.support, error=why)
    behind = [ballot for ballot in value["ballots"] if ballot.get("choice") == verdict.choice]
    spans = [span for ballot in behind for span in _spans(name, ballot, text, offset)]
    return CheckOutcome(
        check=name,
        status="flagged" if verdict.choice == FLAG else "clean",
        support=Support(k=verdict.support.k, n=verdict.support.n),
        confidence=verdict.confidence,
        reasons=list(dict.fromkeys(reason for ballot in behind for reason in _reasons(ballot))),
        spans=list({(s.start, s.end): s for s in spans}.values()) if verdict.choice == FLAG else [],
    )


def _reasons(held: Mapping[str, Any]) -> list[str]:
    said = [held.get(name) for name in ("reason", "rationale")]
    return [text.strip() for text in said if isinstance(text, str) and text.strip()]


def _spans(kind: str, held: Mapping[str, Any], text: str, offset: int) -> list[Span]:
    notes = held.get("notes") if isinstance(held.get("notes"), dict) else {}
    quotes = held.get("quotes") or (notes or {}).get("quotes")
    quotes = quotes if isinstance(quotes, list) else []
    found = [span for quote in quotes if isinstance(quote, str) for span in locate(quote, text)]
    given = held.get("spans") if isinstance(held.get("spans"), list) else []
    found += [place for pair in given or [] if (place := _pair(pair, len(text))) is not None]
    named = dict.fromkeys(found, kind)
    for one in given or []:
        if isinstance(one, dict) and isinstance(one.get("kind"), str) and (place := _pair(one, len(text))):
            named[place] = one["kind"]
    return [
        Span(start=start + offset, end=end + offset, text=text[start:end], kind=name)
        for (start, end), name in sorted(named.items())
    ]


def _pair(given: JsonValue, length: int) -> tuple[int, int] | None:
    if isinstance(given, dict):
        given = [given.get("start"), given.get("end")]
    if not isinstance(given, list) or len(given) != 2:
        return None
    start, end = given
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
        return None
    return start, end
