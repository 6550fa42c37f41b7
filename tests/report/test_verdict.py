"""A verdict as Markdown."""

from langgraph_parallel.report.voting import verdict_markdown
from langgraph_parallel.rules import by_field, majority, mean
from tests.support.ballots import tally


def test_a_mean_is_shown_with_its_error() -> None:
    """And its interval; other choices have none."""
    shown = verdict_markdown(mean()(tally(1, 2, 6)))
    assert shown.startswith("**3** (0/3, by mean)")
    assert "Standard error 1.52753, -3.57241 to 9.57241 (95%)." in shown
    assert "Standard error" not in verdict_markdown(mean()(tally(1)))
    assert "Standard error" not in verdict_markdown(majority()(tally(1, 2)))


def test_parts_are_shown_with_what_became_of_each() -> None:
    """So that a reader sees which are undecided."""
    verdict = by_field({"n": "mean", "c": "unanimous"})(tally({"n": 1, "c": "x"}, {"n": 3, "c": "y"}))
    shown = [[cell.strip() for cell in line.split("|")] for line in verdict_markdown(verdict).splitlines()]
    assert ["", "part", "choice", "support", "status", "rule", ""] in shown
    assert ["", "n", "2", "0/2", "decided", "mean", ""] in shown
    assert ["", "c", "no choice", "0/2", "below threshold", "unanimous", ""] in shown
