"""Closing of a review: one report from the ballots on all questions, even if some are missing."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fractions import Fraction

from langgraph_parallel.records import Aspect, Claim, Finding, Part, Review, Skipped, is_model_voter
from langgraph_parallel.reducers.findings.answered import Answered
from langgraph_parallel.reducers.findings.coverage import measure_coverage
from langgraph_parallel.reducers.findings.outcome import aspect_outcome
from langgraph_parallel.reducers.findings.unite import CONFIRM, unite

__all__ = ["Answered", "close_review"]


def close_review(
    answered: Iterable[Answered],
    *,
    aspects: Sequence[Aspect],
    skipped: Iterable[Skipped] = (),
    idle: Mapping[str, str] | None = None,
    min_support: Fraction = CONFIRM,
    joined: Iterable[tuple[str, str]] = (),
    upheld: Collection[str] = (),
    interrupted: bool = False,
    notice: str = "",
    weigh: Callable[[Claim], Claim] | None = None,
) -> Review:
    """Unite the claims of all voters, and account for everything that was not judged.

    Args:
        answered: all planned questions, with the ballots received so far.
        aspects: the requested aspects, in report order.
        skipped: files that were not planned.
        idle: reasons by aspect for aspects without a question.
        min_support: as in `unite`.
        joined: as in `unite`.
        upheld: as in `unite`.
        interrupted: whether the run was stopped before all voters had answered.
        notice: shown if there are judges, but no model among them.
        weigh: function from a claim to the claim with its doubt and severity in its place; None changes none.
    """
    answered = list(answered)
    parts_by_path = _group_parts(answered)
    claims = [claim for answer in answered for claim in answer.claims()]
    findings = unite(
        list(map(weigh, claims)) if weigh else claims,
        [scope for answer in answered for scope in answer.scopes()],
        min_support=min_support,
        joined=joined,
        upheld=upheld,
    )
    shown = [finding for finding in findings if _is_under_review(finding, parts_by_path.get(finding.path))]
    idle_reasons = dict(idle or {})
    judges = sorted({judge for answer in answered for judge in answer.judges})
    return Review(
        judged_by=judges,
        notice=_model_notice(answered, notice) if judges else "",
        findings=shown,
        aspects=[aspect_outcome(aspect.name, answered, idle_reasons.get(aspect.name)) for aspect in aspects],
        coverage=measure_coverage(
            answered,
            parts_by_path,
            skipped=skipped,
            outside_diff=len(findings) - len(shown),
        ),
        interrupted=interrupted,
    )


def _group_parts(answered: Iterable[Answered]) -> dict[str, list[Part]]:
    """Return the parts of all questions by path."""
    parts_by_path: dict[str, list[Part]] = defaultdict(list)
    for answer in answered:
        for part in answer.question.parts:
            parts_by_path[part.path].append(part)
    return parts_by_path


def _is_under_review(finding: Finding, parts: Sequence[Part] | None) -> bool:
    """Return whether a finding is on lines under review, by any claim; in an unknown file it is kept."""
    places = [finding.lines, *(claim.lines for claim in finding.provenance)]
    return not parts or any(part.under_review(lines) for part in parts for lines in places)


def _model_notice(answered: Sequence[Answered], no_models: str) -> str:
    """Return the notice that no model answered, or `no_models` if none was asked; empty if one answered."""
    ballots = [ballot for answer in answered for ballot in answer.ballots if is_model_voter(ballot.voter)]
    if any(ballot.cast for ballot in ballots):
        return ""
    if not any(is_model_voter(voter) for answer in answered for voter in answer.question.voters):
        return no_models
    cause = next((ballot.error for ballot in ballots if ballot.error), "the run was stopped")
    return f"No model answered ({cause}). All findings are from static engines."
