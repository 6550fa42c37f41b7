"""The structured results of the tools: small, with a schema, and true about what they leave out."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from langgraph_parallel.records import (
    Briefing,
    Citation,
    Feedback,
    Moderation,
    Research,
    Review,
    RunReport,
    Verdict,
)
from langgraph_parallel.report.review.fold import Fold, by_gravity
from langgraph_parallel.report.run import cause_lines
from langgraph_parallel.report.wording import count


class Result(BaseModel):
    """What every tool gives."""

    run: str = Field(description="Id of the run; the whole report is langgraph-parallel://runs/{run}.")
    status: str = Field(description="ok; partial if something failed; failed if no branch succeeded.")
    notice: str = Field("", description="How the result was made, if not by a model.")
    problems: list[str] = Field([], description="What was not read or not judged, and why.")
    calls: int = Field(0, description="Calls to models and engines.")
    usd: float | None = Field(None, description="Cost in US dollars; null if a price is not known.")
    usd_alone: float | None = Field(
        None, description="What the same calls would have cost alone, if that is known and more."
    )
    left_out: dict[str, int] = Field(
        {},
        description="Number of entries that each list lacks, as the result is bounded; the report has them.",
    )


class ReviewFinding(BaseModel):
    """A defect."""

    path: str
    line: int
    severity: str
    aspect: str
    message: str
    suggestion: str
    support: str = Field(description="Voters that report it, of those that could have.")
    confirmed: bool


class ReviewResult(Result):
    """Findings, the gravest first."""

    confirmed: int = Field(description="Number of confirmed findings.")
    unconfirmed: int = Field(description="Number of findings with too little support.")
    findings: list[ReviewFinding]


class BriefTheme(BaseModel):
    """A theme, and the places that support it."""

    title: str
    text: str
    sources: list[str]


class BriefConflict(BaseModel):
    """A contradiction between two documents."""

    about: str
    first: str
    second: str


class BriefResult(Result):
    """A briefing."""

    summary: str
    themes: list[BriefTheme]
    contradictions: list[BriefConflict]


class ModerateCheck(BaseModel):
    """The outcome of one check."""

    check: str
    status: str
    reasons: list[str]
    quotes: list[str]


class ModerateResult(Result):
    """The outcome of all checks."""

    outcome: str = Field(description="flagged, clean or needs_review.")
    checks: list[ModerateCheck]


class VoteCount(BaseModel):
    """The ballots for one choice."""

    choice: Any
    votes: int


class VoteResult(Result):
    """A verdict."""

    decided: bool
    choice: Any = Field(description="What was chosen; null if nothing was.")
    support: str = Field(description="Voters for the choice, of the ballots cast.")
    outcome: str = Field(description="decided, tied, below_threshold or no_quorum.")
    decided_by: str = Field(description="rule or person.")
    counts: list[VoteCount]
    dissent: list[str] = Field(description="Voters for other choices, with their reasons.")


class FeedbackResult(Result):
    """Numbers of texts."""

    texts: int
    sentiments: dict[str, int]
    urgencies: dict[str, int]
    topics: list[VoteCount] = Field(description="Topics with their number of texts, the most frequent first.")
    urgent: list[str] = Field(description="Names of the texts of high urgency.")


class ResearchReference(BaseModel):
    """A reference of the text."""

    number: int
    source: str
    quote: str


class ResearchResult(Result):
    """An answer with references."""

    text: str
    references: list[ResearchReference]
    missing: list[str] = Field(description="Topics about which nothing was found.")


def review_result(review: Review, shared: Mapping[str, Any]) -> ReviewResult:
    """Return the result of a review: confirmed findings first, then by gravity; repeats are not folded."""
    aspects = [outcome.name for outcome in review.aspects]
    ordered = [
        fold.head
        for findings in (review.confirmed, review.unconfirmed)
        for fold in by_gravity([Fold((finding,)) for finding in findings], aspects)
    ]
    unread = [f"{item.path}: {item.reason}" for item in review.uncovered]
    return ReviewResult(
        **_with_problems(shared, review.notice, unread),
        confirmed=len(review.confirmed),
        unconfirmed=len(review.unconfirmed),
        findings=[
            ReviewFinding(
                path=finding.path,
                line=finding.lines.first,
                severity=finding.severity,
                aspect=finding.aspect,
                message=finding.message,
                suggestion=finding.suggestion,
                support=str(finding.support),
                confirmed=finding.confirmed,
            )
            for finding in ordered
        ],
    )


def brief_result(briefing: Briefing, shared: Mapping[str, Any]) -> BriefResult:
    """Return the result of a briefing."""
    return BriefResult(
        **_with_problems(shared, briefing.notice, [f"not used: {name}" for name in briefing.missing]),
        summary=briefing.summary,
        themes=[
            BriefTheme(title=theme.title, text=theme.text, sources=[*map(_cited, theme.citations)])
            for theme in briefing.themes
        ],
        contradictions=[
            BriefConflict(about=one.about, first=_cited(one.first), second=_cited(one.second))
            for one in briefing.contradictions
        ],
    )


def moderate_result(moderation: Moderation, shared: Mapping[str, Any]) -> ModerateResult:
    """Return the result of a moderation."""
    errors = [f"{outcome.check}: {outcome.error}" for outcome in moderation.outcomes if outcome.error]
    return ModerateResult(
        **_with_problems(shared, moderation.notice, errors),
        outcome=moderation.status,
        checks=[
            ModerateCheck(
                check=outcome.check,
                status=outcome.status,
                reasons=outcome.reasons,
                quotes=[span.text for span in outcome.spans],
            )
            for outcome in moderation.outcomes
        ],
    )


def vote_result(verdict: Verdict, shared: Mapping[str, Any]) -> VoteResult:
    """Return the result of a vote."""
    return VoteResult(
        **_with_problems(shared, "", verdict.warnings),
        decided=verdict.decided,
        choice=verdict.choice,
        support=str(verdict.support),
        outcome=verdict.status,
        decided_by=verdict.decided_by,
        counts=[VoteCount(choice=one.choice, votes=one.votes) for one in verdict.counts],
        dissent=[f"{one.voter}: {_text(one.choice)}. {one.rationale}".rstrip() for one in verdict.dissent],
    )


def feedback_result(feedback: Feedback, shared: Mapping[str, Any]) -> FeedbackResult:
    """Return the result of an analysis of feedback."""
    open_ones = [f"{count(number, 'text')} without {name}" for name, number in feedback.not_judged.items()]
    return FeedbackResult(
        **_with_problems(shared, feedback.notice, open_ones),
        texts=len(feedback.rows),
        sentiments=feedback.sentiments,
        urgencies=feedback.urgencies,
        topics=[VoteCount(choice=topic, votes=number) for topic, number in feedback.topics.items()],
        urgent=[row.item for row in feedback.rows if row.urgency == "high"],
    )


def research_result(research: Research, shared: Mapping[str, Any]) -> ResearchResult:
    """Return the result of a research."""
    return ResearchResult(
        **_with_problems(shared, research.notice, []),
        text=research.text,
        references=[
            ResearchReference(number=one.number, source=one.source, quote=one.shown or one.quote)
            for one in research.references
        ],
        missing=research.missing,
    )


def shared_fields(run: str, report: RunReport, problems: Sequence[str]) -> dict[str, Any]:
    """Return what every result has.

    Args:
        run: id of the run.
        report: of the run.
        problems: what is known before the result is: of files that were not read.
    """
    return {
        "run": run,
        "status": report.status,
        "calls": len(report.calls),
        "usd": report.usd,
        "usd_alone": report.usd_alone if report.savings.total > 0 else None,
        "problems": [*problems, *cause_lines(report)],
    }


def _with_problems(shared: Mapping[str, Any], notice: str, more: Sequence[str]) -> dict[str, Any]:
    return {**shared, "notice": notice, "problems": [*shared["problems"], *more]}


def _cited(citation: Citation) -> str:
    return f"{citation.document}:{citation.line}: {citation.shown or citation.quote}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
