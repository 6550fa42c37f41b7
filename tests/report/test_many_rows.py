"""Reports of many hits and of many texts: short for people, complete as data."""

from langgraph_parallel.records import (
    Briefing,
    CheckOutcome,
    Citation,
    Digest,
    Feedback,
    FeedbackRow,
    Moderation,
    Span,
)
from langgraph_parallel.report.briefing import briefing_markdown
from langgraph_parallel.report.feedback import feedback_markdown
from langgraph_parallel.report.moderation import moderation_markdown


def moderation(*kinds: str) -> Moderation:
    """Return a moderation with a span of each kind, in this order."""
    spans = [Span(start=i, end=i + 1, text="x", kind=kind) for i, kind in enumerate(kinds)]
    return Moderation(status="flagged", outcomes=[CheckOutcome(check="spam", status="flagged", spans=spans)])


def test_few_spans_are_all_shown() -> None:
    """A report of 50 spans lists each of them, and counts none."""
    report = moderation_markdown(moderation(*["link"] * 50))
    assert report.count("characters ") == 50
    assert " more " not in report


def test_many_spans_are_counted_by_kind() -> None:
    """Of 100,000 spans the first of each kind are shown, a rare one too, and the rest is counted."""
    report = moderation_markdown(moderation(*["link"] * 60_000, "bait", *["shouting"] * 40_000))
    assert report.count("characters ") == 16 + 1 + 16
    assert "characters 60000-60001, bait" in report
    assert "99,968 more (link 59,984, shouting 39,984); the JSON report lists all" in report


def test_many_kinds_of_spans_do_not_make_a_long_report() -> None:
    """A check with kinds of its own, each span another one, has a short report that counts every span."""
    report = moderation_markdown(moderation(*(f"kind {number}" for number in range(5000))))
    assert len(report.splitlines()) < 60
    assert "4,990 more (" in report
    assert "4,980 other kinds" in report


def test_many_texts_are_counted() -> None:
    """A report on 10,000 texts shows the first ones, says how many there are, and where all of them are."""
    rows = [FeedbackRow(item=f"text {i}", text="Help!", urgency="high") for i in range(10_000)]
    feedback = Feedback(
        rows=rows, sentiments={}, urgencies={"high": 10_000}, topics={}, entities={}, quotes={}, not_judged={}
    )
    report = feedback_markdown(feedback)
    assert len(report.splitlines()) < 300
    assert "# Feedback: 10,000 texts" in report
    assert "9,975 more texts; the CSV and JSON reports have all." in report
    assert "9,800 more texts; the CSV and JSON reports have all." in report


def briefing(documents: int) -> Briefing:
    """Return a briefing on documents of three points each."""
    names = [f"notes-{number}.md" for number in range(documents)]
    digests = []
    for name in names:
        place = Citation(document=name, start=0, end=6, line=1, quote="A fact")
        digests.append(Digest(document=name, points=["A fact."] * 3, citations=[place] * 3))
    return Briefing(
        summary="Facts.",
        themes=[],
        contradictions=[],
        digests=digests,
        documents=names,
        missing=[],
        uncited=[],
        unsupported=[],
    )


def test_few_documents_are_all_shown() -> None:
    """A briefing on 25 documents has the points of each of them."""
    report = briefing_markdown(briefing(25))
    assert report.count("A fact.") == 75
    assert "the JSON report" not in report


def test_points_of_many_documents_are_counted() -> None:
    """A briefing on 1,000 documents shows the first ones, counts the rest, and names all."""
    report = briefing_markdown(briefing(1000))
    assert len(report.splitlines()) < 200
    assert report.count("A fact.") == 75
    assert "2,925 points of 975 more documents; the JSON report has all." in report
    assert all(f"notes-{number}.md" in report for number in range(1000))
