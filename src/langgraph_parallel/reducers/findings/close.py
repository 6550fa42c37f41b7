"""Close a review: from the ballots of all its votes to one report. Pure, so that it also closes a part."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from pydantic import JsonValue

from langgraph_parallel.records import (
    Aspect,
    AspectOutcome,
    Ballot,
    Claim,
    Coverage,
    Finding,
    Lines,
    Part,
    Review,
    ReviewQuestion,
    Skipped,
)
from langgraph_parallel.reducers.findings.unite import CONFIRM, VoterScope, unite


@dataclass(frozen=True)
class Answered:
    """One question of a review and the ballots that it got; `error` where its vote failed as a whole."""

    question: ReviewQuestion
    ballots: Sequence[Ballot]
    error: str | None = None


def close_review(
    answered: Iterable[Answered],
    *,
    aspects: Sequence[Aspect],
    skipped: Iterable[Skipped] = (),
    left_out: Iterable[Skipped] = (),
    idle: Mapping[str, str] | None = None,
    confirm: Fraction = CONFIRM,
    joined: Iterable[tuple[str, str]] = (),
    interrupted: bool = False,
    notice: str = "",
) -> Review:
    """Unite what the voters said, and account for everything that nobody said.

    Args:
        answered: all questions that were planned, with the ballots that are there.
        aspects: those that were asked for, in order.
        skipped: files that nobody was to look at.
        left_out: parts that a limit left out.
        idle: aspects without a question, and why.
        confirm: as in `unite`.
        joined: as in `unite`.
        interrupted: the run was stopped before all voters had answered.
        notice: shown where somebody judged, and no model was among them.
    """
    answered = list(answered)
    parts: dict[str, list[Part]] = defaultdict(list)
    for answer in answered:
        for part in answer.question.parts:
            parts[part.path].append(part)
    findings = unite(
        [claim for answer in answered for ballot in answer.ballots for claim in _claims(ballot)],
        [panel for answer in answered for panel in _panels(answer)],
        confirm=confirm,
        joined=joined,
    )
    left_out = list(left_out)
    reasons = {item.by: item.reason for item in left_out if item.by} | dict(idle or {})
    shown = [finding for finding in findings if _under_review(finding, parts)]
    judges = sorted(
        {judge for answer in answered for ballot in answer.ballots for judge in _list(ballot, "judges")}
    )
    by_model = any(b.voter.startswith("model#") for answer in answered for b in answer.ballots if b.cast)
    return Review(
        judged_by=judges,
        notice="" if by_model or not judges else _no_model(answered) or notice,
        findings=shown,
        aspects=[_outcome(aspect.name, answered, reasons.get(aspect.name)) for aspect in aspects],
        coverage=_coverage(answered, parts, skipped, left_out, len(findings) - len(shown)),
        interrupted=interrupted,
    )


def _no_model(answered: Sequence[Answered]) -> str:
    """What to say where models were asked, and none has answered; empty where none was asked."""
    ballots = [
        ballot for answer in answered for ballot in answer.ballots if ballot.voter.startswith("model#")
    ]
    if not any(voter.startswith("model#") for answer in answered for voter in answer.question.voters):
        return ""
    cause = next((ballot.error for ballot in ballots if ballot.error), "the run was stopped")
    return f"Models were asked, and none has answered ({cause}). What is here is from static engines alone."


def _claims(ballot: Ballot) -> list[Claim]:
    if not (ballot.cast and isinstance(ballot.choice, list)):
        return []
    return [Claim.model_validate(claim) for claim in ballot.choice]


def _panels(answer: Answered) -> Iterable[VoterScope]:
    """Who judged what: a voter that could not read a file has no seat there."""
    for ballot in answer.ballots:
        if not ballot.cast:
            continue
        blind: dict[str, set[str]] = defaultdict(set)
        for item in _unread(ballot):
            blind[item.path].add(item.by or "")
        judges, paths = set(_list(ballot, "judges")), set(_list(ballot, "paths"))
        for part in answer.question.parts:
            if part.path in paths and not (judges and judges <= blind[part.path]):
                yield VoterScope(
                    aspect=answer.question.aspect.name,
                    voter=ballot.voter,
                    path=part.path,
                    lines=None if part.whole else part.span,
                    scope=_list(ballot, "scope") or None,
                )


def _under_review(finding: Finding, parts: Mapping[str, Sequence[Part]]) -> bool:
    """Whether a finding stands on changed lines; one that names an unknown file is kept, in doubt."""
    held = parts.get(finding.path)
    return not held or any(part.under_review(finding.lines) for part in held)


def _outcome(name: str, answered: Sequence[Answered], idle: str | None) -> AspectOutcome:
    mine = [answer for answer in answered if answer.question.aspect.name == name]
    ballots = [ballot for answer in mine for ballot in answer.ballots]
    cast = [ballot for ballot in ballots if ballot.cast]
    abstained = sum(ballot.status == "abstained" for ballot in ballots)
    asked = sum(len(answer.question.voters) for answer in mine)
    causes = [ballot.error or ballot.status for ballot in ballots if not ballot.cast]
    causes += [answer.error for answer in mine if answer.error]
    if missing := asked - len(ballots):
        causes.append(f"{missing} of {asked} voters were not heard")
    status: Literal["judged", "partly judged", "not judged"] = "partly judged"
    if not cast:
        status = "not judged"
    elif len(cast) == asked:
        status = "judged"
    return AspectOutcome(
        name=name,
        status=status,
        voters=list(dict.fromkeys(ballot.voter for ballot in cast)),
        asked=asked,
        cast=len(cast),
        abstained=abstained,
        failed=asked - len(cast) - abstained,
        reasons=list(dict.fromkeys([*([idle] if idle else []), *causes])),
    )


def _coverage(
    answered: Sequence[Answered],
    parts: Mapping[str, Sequence[Part]],
    skipped: Iterable[Skipped],
    left_out: Iterable[Skipped],
    outside: int,
) -> Coverage:
    seats = {(panel.path, panel.lines) for answer in answered for panel in _panels(answer)}
    files = sorted({path for path, _ in seats})
    unread = [item for answer in answered for ballot in answer.ballots for item in _unread(ballot)]
    judged = {answer.question.aspect.name for answer in answered if any(b.cast for b in answer.ballots)}
    lost = [
        Skipped(
            path=part.path,
            lines=None if part.whole else part.span,
            reason=answer.error
            or next((b.error for b in answer.ballots if b.error), None)
            or "no voter was heard",
            by=answer.question.aspect.name,
        )
        for answer in answered
        if answer.question.aspect.name in judged and not any(ballot.cast for ballot in answer.ballots)
        for part in answer.question.parts
    ]
    return Coverage(
        files=files,
        lines=sum(_lines_seen(seats, path, parts[path]) for path in files),
        skipped=_sorted(skipped),
        not_reviewed=_sorted([*left_out, *lost]),
        unread=_sorted(unread),
        outside_diff=outside,
    )


def _lines_seen(seats: Iterable[tuple[str, Lines | None]], path: str, parts: Sequence[Part]) -> int:
    """How many lines of a file some voter has seen."""
    spans = {lines for held, lines in seats if held == path}
    if None in spans:
        return max(len(part.lines) for part in parts if part.whole)
    return len({n for lines in spans if lines for n in range(lines.first, lines.last + 1)})


def _list(ballot: Ballot, note: str) -> list[str]:
    value: JsonValue = ballot.notes.get(note)
    return [str(item) for item in value] if isinstance(value, list) else []


def _unread(ballot: Ballot) -> list[Skipped]:
    value = ballot.notes.get("unread")
    return [Skipped.model_validate(item) for item in value] if isinstance(value, list) else []


def _sorted(items: Iterable[Skipped]) -> list[Skipped]:
    first = {item.model_dump_json(): item for item in items}
    return [first[key] for key in sorted(first, key=lambda key: (first[key].path, key))]
