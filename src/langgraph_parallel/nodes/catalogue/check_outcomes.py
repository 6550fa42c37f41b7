"""Outcomes of checks: read from branches, merged over the parts of a text, and summed up."""

from collections.abc import Iterable, Mapping, Sequence
from heapq import merge
from itertools import repeat
from typing import Any, Literal

from pydantic import ValidationError

from langgraph_parallel.counted import count
from langgraph_parallel.nodes.catalogue.checks import CLEAN, FLAG
from langgraph_parallel.nodes.text.quotes import locate
from langgraph_parallel.records import Branch, CheckOutcome, CheckStatus, Moderation, Span, Support, Verdict

_BY_SEVERITY: Sequence[CheckStatus] = ("flagged", "not_run", "undecided", "not_assessed", "clean")
_FILTERED = "the provider's content filter refused the text"
_UNREADABLE = "its answer is not a judgement"

_SPAN_FIELDS = set(Span.model_fields)
"""One set for all spans: each takes as much memory as the span."""
_Place = tuple[int, int]


def read_check(name: str, branch: Branch | None, text: str, offset: int = 0) -> CheckOutcome:
    """Return the outcome of a check on a text, or on a part of it.

    A worker's answer that is not a judgement leaves the check undecided: it may well have been a catch.

    Args:
        name: of the check.
        branch: of the check; None if it never started.
        text: that was judged.
        offset: index of this text in the whole text.
    """
    if branch is not None and branch.cause == "filter":
        # A verdict on the text, though not by the rule of this check.
        return CheckOutcome(check=name, status="undecided", reasons=[_FILTERED])
    if branch is None or not branch.ok:
        error = "it never started" if branch is None else branch.error or branch.status
        return CheckOutcome(check=name, status="not_run", error=error)
    by = sorted({call.target for call in branch.calls if call.kind == "model"})
    try:
        return _read_value(name, branch.value, text, offset).model_copy(update={"by": by})
    except (ValidationError, TypeError, ValueError, KeyError, AttributeError):
        return _unreadable(name, branch.value).model_copy(update={"by": by})


def read_patterns(name: str, branch: Branch | None, text: str) -> CheckOutcome:
    """Return the outcome of a check whose patterns searched a text.

    Args:
        name: of the check.
        branch: of the check; its value has `places`: start and end of each span in turn, by kind.
        text: the whole text.
    """
    outcome = read_check(name, branch, text)
    value = branch.value if branch is not None and branch.ok else None
    if not isinstance(value, dict) or not isinstance(value.get("places"), dict):
        return outcome
    by_kind: Any = value["places"]
    places = merge(*(zip(p[::2], p[1::2], repeat(kind), strict=False) for kind, p in by_kind.items()))
    # What of one place is last in the order of the kinds stands for it.
    kinds = {(start, end): kind for start, end, kind in places}
    spans = [
        Span.model_construct(_SPAN_FIELDS, start=start, end=end, text=text[start:end], kind=kind)
        for (start, end), kind in kinds.items()
    ]
    return outcome.model_copy(update={"spans": spans})


def merge_outcomes(outcomes: Sequence[CheckOutcome]) -> CheckOutcome:
    """Merge the outcomes of one check on the parts of a text: the most severe status counts."""
    status = min((outcome.status for outcome in outcomes), key=_BY_SEVERITY.index)
    decisive = [outcome for outcome in outcomes if outcome.status == status]
    errors = _distinct(outcome.error for outcome in outcomes if outcome.error)
    return CheckOutcome(
        check=outcomes[0].check,
        status=status,
        support=outcomes[0].support if len(outcomes) == 1 else None,
        confidence=_merge_confidences(decisive, status),
        reasons=_distinct(reason for outcome in decisive for reason in outcome.reasons),
        spans=sorted(
            _distinct_spans(span for outcome in outcomes for span in outcome.spans),
            key=lambda span: span.start,
        ),
        by=_distinct(by for outcome in outcomes for by in outcome.by),
        error="; ".join(errors) or None,
    )


def _merge_confidences(outcomes: Sequence[CheckOutcome], status: CheckStatus) -> float | None:
    """Return the confidence of outcomes with the same status; None if none is stated."""
    stated = [outcome.confidence for outcome in outcomes if outcome.confidence is not None]
    # One flagged part flags the text; but the text is only as clean as its least certain part.
    choose = max if status == "flagged" else min
    return choose(stated, default=None)


def build_moderation(outcomes: Iterable[CheckOutcome], notice: str = "") -> Moderation:
    """Sum up all checks: flagged if one flags, clean only if all ran completely and found nothing."""
    checked = list(outcomes)
    statuses = {outcome.status for outcome in checked}
    status: Literal["flagged", "clean", "needs_review"] = "needs_review"
    if "flagged" in statuses:
        status = "flagged"
    elif statuses == {"clean"} and not any(outcome.error for outcome in checked):
        status = "clean"
    return Moderation(status=status, outcomes=checked, notice=notice)


def _read_value(name: str, value: Any, text: str, offset: int) -> CheckOutcome:
    """Read what the worker of a check returned: a moderation, a vote, or a judgement."""
    if isinstance(value, dict) and isinstance(value.get("moderation"), dict):
        return _read_moderation(name, Moderation.model_validate(value["moderation"]))
    if isinstance(value, dict) and isinstance(value.get("verdict"), dict):
        return _read_vote(name, value, text, offset)
    return _read_judgement(name, value if isinstance(value, dict) else {"flagged": value}, text, offset)


def _read_moderation(name: str, moderation: Moderation) -> CheckOutcome:
    """Read a nested moderation; one that needs review is undecided."""
    statuses: Mapping[str, CheckStatus] = {"flagged": "flagged", "clean": "clean"}
    return CheckOutcome(
        check=name,
        status=statuses.get(moderation.status, "undecided"),
        reasons=[f"{flag.check}: {' '.join(flag.reasons) or flag.status}" for flag in moderation.flags],
        spans=[span for flag in moderation.flags for span in flag.spans],
    )


def _read_vote(name: str, value: Mapping[str, Any], text: str, offset: int) -> CheckOutcome:
    """Read a vote: the reasons and the spans are those of the ballots for the choice."""
    verdict = Verdict.model_validate(value["verdict"])
    if not verdict.decided or verdict.choice not in (FLAG, CLEAN):
        status: CheckStatus = "undecided" if verdict.cast else "not_run"
        error = None if verdict.cast else f"none of {count(verdict.asked, 'voter')} cast a ballot"
        return CheckOutcome(check=name, status=status, support=verdict.support, error=error)
    flagged = verdict.choice == FLAG
    supporting = [ballot for ballot in value["ballots"] if ballot.get("choice") == verdict.choice]
    spans = [span for ballot in supporting for span in _read_spans(name, ballot, text, offset)]
    return CheckOutcome(
        check=name,
        status="flagged" if flagged else "clean",
        support=Support(k=verdict.support.k, n=verdict.support.n),
        confidence=verdict.confidence,
        reasons=_distinct(reason for ballot in supporting for reason in _read_reasons(ballot)),
        spans=_distinct_spans(spans) if flagged else [],
    )


def _read_judgement(name: str, judgement: Mapping[str, Any], text: str, offset: int) -> CheckOutcome:
    """Read the judgement of one model or function."""
    if "choice" in judgement and judgement["choice"] is None:
        return CheckOutcome(check=name, status="undecided", reasons=_read_reasons(judgement))
    choice, confidence = judgement.get("choice"), judgement.get("confidence")
    flagged = choice == FLAG if choice in (FLAG, CLEAN) else judgement.get("flagged")
    if not isinstance(flagged, bool):
        return _unreadable(name, flagged)
    return CheckOutcome(
        check=name,
        status="flagged" if flagged else "clean",
        confidence=confidence if isinstance(confidence, int | float) and 0 <= confidence <= 1 else None,
        reasons=_read_reasons(judgement),
        spans=_read_spans(name, judgement, text, offset) if flagged else [],
    )


def _unreadable(name: str, value: object) -> CheckOutcome:
    """Return the outcome of a check whose worker ran, and whose answer cannot be read."""
    found = f"{_UNREADABLE}: {type(value).__name__}; expected True or False, or an object with 'flagged'"
    return CheckOutcome(check=name, status="undecided", error=found)


def _read_reasons(judgement: Mapping[str, Any]) -> list[str]:
    texts = [judgement.get(key) for key in ("reason", "rationale")]
    return [text.strip() for text in texts if isinstance(text, str) and text.strip()]


def _read_spans(check: str, judgement: Mapping[str, Any], text: str, offset: int) -> list[Span]:
    """Return the flagged characters: quotes that are in the text, and valid spans.

    The kind of a span is its own, else the name of the check.
    """
    kinds = dict.fromkeys(_locate_quotes(judgement, text), check)
    spans = judgement.get("spans")
    for span in spans if isinstance(spans, list) else []:
        place = _read_place(span, len(text))
        if place is not None:
            kind = span.get("kind") if isinstance(span, dict) else None
            kinds[place] = kind if isinstance(kind, str) else kinds.get(place, check)
    return [
        Span(start=start + offset, end=end + offset, text=text[start:end], kind=kind)
        for (start, end), kind in sorted(kinds.items())
    ]


def _locate_quotes(judgement: Mapping[str, Any], text: str) -> list[_Place]:
    notes = judgement.get("notes")
    quotes = judgement.get("quotes") or (notes.get("quotes") if isinstance(notes, dict) else None)
    if not isinstance(quotes, list):
        return []
    return [place for quote in quotes if isinstance(quote, str) for place in locate(quote, text)]


def _read_place(span: Any, length: int) -> _Place | None:
    """Return the offsets of a span, a pair or an object with `start` and `end`; None if it is not valid."""
    if isinstance(span, dict):
        span = [span.get("start"), span.get("end")]
    if not isinstance(span, list) or len(span) != 2:
        return None
    start, end = span
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
        return None
    return start, end


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _distinct_spans(spans: Iterable[Span]) -> list[Span]:
    """Return one span for each place."""
    return list({(span.start, span.end): span for span in spans}.values())
