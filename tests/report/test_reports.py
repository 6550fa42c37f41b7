"""Reports: a review as text, Markdown, JSON and SARIF, each escaped for its format."""

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from markdown_it import MarkdownIt

from langgraph_parallel.cli.writing import render_markdown
from langgraph_parallel.records import (
    AspectOutcome,
    Call,
    Claim,
    Coverage,
    Finding,
    Lines,
    Review,
    RunReport,
    Skipped,
    Support,
    Usage,
)
from langgraph_parallel.reducers.findings.unite import VoterScope, unite
from langgraph_parallel.report import text_report
from langgraph_parallel.report.markdown import escape, escape_text
from langgraph_parallel.report.review.json import ReviewDocument, json_report, json_schema
from langgraph_parallel.report.review.markdown import markdown_report
from langgraph_parallel.report.review.sarif import sarif_report
from langgraph_parallel.report.run import run_lines, run_summary

ROOT = Path(__file__).parents[2]
HOSTILE = "\x1b[2J`x` <img src=x onerror=1> [a](http://evil) @team | **b** \u202e[bold]x[/bold] ```"


def finding(**changes: Any) -> Finding:
    """Return a finding that two of three voters report."""
    claim = {
        "voter": "model#1",
        "source": "model#1 (m)",
        "aspect": "security",
        "path": "app.py",
        "lines": Lines(first=3, last=4),
        "severity": "high",
        "message": "A message",
        "explanation": "An explanation",
        "suggestion": "A suggestion",
        "quote": "x = 1",
    }
    second = {"voter": "model#2", "source": "model#2 (m)"}
    claims = [Claim.model_validate(claim | changes), Claim.model_validate(claim | changes | second)]
    seats = [VoterScope("security", f"model#{i}", str(changes.get("path", "app.py"))) for i in (1, 2, 3)]
    return unite(claims, seats)[0]


def review(*findings: Finding, **changes: Any) -> Review:
    """Return a review with these findings."""
    outcome = AspectOutcome(
        name="security", status="partly judged", voters=["model#1"], asked=3, cast=2, abstained=0, failed=1,
        reasons=["TimeoutError: no answer"],
    )  # fmt: skip
    coverage = Coverage(
        files=["app.py"],
        lines=10,
        skipped=[Skipped(path="logo.png", reason="binary")],
        not_reviewed=[],
        unread=[],
    )
    return Review.model_validate(
        {"judged_by": ["m"], "findings": list(findings), "aspects": [outcome], "coverage": coverage} | changes
    )


def run() -> RunReport:
    """Return a run report."""
    call = Call(
        id="1", kind="model", target="m", started=0, ended=2, usage=Usage(input_tokens=1200, output_tokens=30)
    )
    return RunReport(
        wall_seconds=2,
        sequential_seconds=6,
        speedup=3,
        critical_path_seconds=2,
        call_p50_seconds=2,
        call_p95_seconds=2,
        branches={"failed": 1, "ok": 2},
        failures={"vote[security#3]": "TimeoutError"},
        retries=1,
        throttled_share=0.25,
        usage=call.usage,
        wasted=Usage(),
        calls=[call],
    )


def test_the_text_report_is_complete() -> None:
    """It shows severity, aspect, place, support, sources, quote, why, fix, dissent, coverage and aspects."""
    text = text_report(review(finding()))
    for expected in (
        "1 finding: 1 high.",
        "app.py",
        "high    security, line 3-4, 2/3 reported by model#1 (m), model#2 (m)",
        "A message",
        "│ x = 1",
        "why: An explanation",
        "fix: A suggestion",
        "not reported by model#3",
        "Read 1 file, 10 lines; skipped 1: logo.png (binary).",
        "security: partly judged, 2 of 3 ballots, 1 failed (TimeoutError: no answer)",
    ):
        assert expected in text


def test_the_text_report_is_in_order() -> None:
    """Confirmed findings come first, then unconfirmed ones, coverage and the run."""
    doubtful = finding(path="b.py", message="Doubtful", doubt="the line that it quotes is not in the file")
    text = text_report(review(finding(), doubtful), run())
    places = [
        text.index(word)
        for word in ("A message", "Unconfirmed", "Doubtful", "(in doubt: ", "Coverage", "Run")
    ]
    assert places == sorted(places)


def test_the_run_summary_starts_with_the_speedup() -> None:
    """It shows wall time, sequential time, speed-up, branches, calls, retries, tokens and failures."""
    assert run_summary(run()).splitlines() == [
        "2.0 s; sequentially 6.0 s: 3.0 times as fast.",
        "3 branches (1 failed, 2 ok); 1 model call; 1 retry; 25% of calls throttled.",
        "1,200 tokens in, 30 out.",
        "Failed: vote[security#3]: TimeoutError",
    ]


def test_reports_without_a_run_report_are_reproducible() -> None:
    """The same review gives the same bytes; with a run report they differ."""
    for render in (text_report, markdown_report, json_report, sarif_report):
        assert render(review(finding())) == render(review(finding()))
        assert render(review(finding()), run()) != render(review(finding()))


def test_content_cannot_control_the_terminal() -> None:
    """Escape sequences, direction marks and rich markup are shown as text."""
    hostile = finding(message=HOSTILE, quote=HOSTILE, suggestion=HOSTILE, path="a\x1b[31m.py")
    for color in (False, True):
        text = text_report(review(hostile), color=color)
        assert "\\x1b[2J" in text
        assert "\x1b[2J" not in text
        assert "\u202e" not in text
        assert "[bold]x[/bold]" in text


def test_content_is_not_active_in_markdown() -> None:
    """It contains no HTML, links, mentions or table cells, and code cannot close its fence."""
    hostile = finding(message=HOSTILE, quote=HOSTILE, suggestion=HOSTILE)
    text = markdown_report(review(hostile))
    outside = text.split("````")[0] + text.split("````")[2]
    assert "<img" not in outside
    assert not re.search(r"(?<!\\)\]\(", outside)
    assert "@team" not in outside
    assert "http://" not in outside
    assert "**b**" not in outside
    assert "````\n" in text


ACTIVE = re.compile(r"@\w|[#!]\d|GH-\d|https?://|ftp://|www\.|^\s*/\w", re.IGNORECASE)
"""What code hosts act on in the text of a page, which they search when entities and escapes are decoded."""


@pytest.mark.parametrize(
    "text",
    [
        "ask @octo-cat, (@org/team) or me@example.org",
        "\\@team and &#64;team and @@team",
        "see #12, other/place#3, GH-4 and gh-5, or !6",
        "at https://example.org/x.png, HTTP://EXAMPLE.ORG, _www.example.org and ftp://example.org",
        "<https://example.org> and [a](https://example.org) and ![a](https://example.org/x.png)",
        "/approve this",
        "<img src=https://example.org/x.png> &lt;b&gt; <!-- x -->",
    ],
)
def test_text_notifies_nobody_and_refers_to_nothing(text: str) -> None:
    """As a page shows it, it reads as it was, but for spaces of no width where something would begin."""
    tokens = MarkdownIt("commonmark").parse(escape_text(text))
    shown = [child for token in tokens for child in token.children or []]
    assert {child.type for child in shown} <= {"text", "text_special"}
    page = "".join(child.content for child in shown)
    assert not ACTIVE.search(page)
    assert page.replace("\u200b", "") == text


def test_a_number_with_a_point_begins_a_line_as_it_is() -> None:
    """Only what is a list for a page gets a space of no width; a text for a terminal has none at all."""
    assert escape_text("1.5 s") == "1.5 s"
    assert escape_text("2) s").startswith("&#8203;2")
    assert render_markdown(
        f"- {escape_text('/approve 1. item')}\n\n{escape_text('1. item')}\n", Path("x")
    ) == ("\n • /approve 1. item\n\n1. item\n")


def test_a_run_of_kept_answers_says_that_no_model_was_called() -> None:
    """Else it would sound as if something had been missed."""
    nothing = run().model_copy(update={"calls": []})
    assert "; no model call; " in run_lines(nothing.model_copy(update={"kept": 3}))[1]
    assert "; no calls seen; " in run_lines(nothing)[1]


@pytest.mark.parametrize(
    "start", ["# head", "- item", "+ item", "1. item", "=== line", "> quote", "/command"]
)
def test_markdown_text_never_starts_a_block(start: str) -> None:
    """Text from a voter stays a paragraph, and underscores inside words are not escaped."""
    text = markdown_report(review(finding(explanation=f"{start} with a_name_in_it")))
    line = next(line for line in text.splitlines() if line.endswith("with a_name_in_it"))
    assert not re.match(r"\s*([#>+=/-]|\d+[.)])", line)


def test_escaped_text_controls_no_terminal() -> None:
    """Control and direction characters are shown, not sent."""
    assert escape("a\x1b[2Jb\u202ec") == "a\\\\x1b\\[2Jb\\\\u202ec"


def test_escaped_text_starts_no_fence_and_no_heading() -> None:
    """The marks of both are escaped."""
    assert escape("~~~") == "\\~\\~\\~"
    assert escape("# x").startswith("\\#")


def test_json_reads_back_and_fits_its_documented_schema() -> None:
    """The schema in `docs` is up to date, and a report validates against it."""
    written = json.loads((ROOT / "docs" / "review.schema.json").read_text())
    assert written == json_schema()
    text = json_report(review(finding()), run())
    jsonschema.validate(json.loads(text), written, cls=jsonschema.Draft202012Validator)
    assert ReviewDocument.model_validate_json(text).findings == [finding()]


def sarif(*findings: Finding, root: Path | None = None) -> dict[str, Any]:
    """Return a SARIF log of these findings, with all optional parts."""
    coverage = Coverage(
        files=["app.py"], lines=1, skipped=[Skipped(path="a b.png", reason="binary")],
        not_reviewed=[Skipped(path="c.py", reason="limit", by="style")],
        unread=[Skipped(path="/abs/d.py", reason="syntax", by="ruff")],
    )  # fmt: skip
    log: dict[str, Any] = json.loads(sarif_report(review(*findings, coverage=coverage), run(), root=root))
    return log


def test_sarif_contains_what_code_hosts_show() -> None:
    """Level, rule, place, fingerprint and support are in their SARIF properties."""
    log = sarif(finding(rule="S602"), finding(path="dir/b c.py", severity="low", doubt="no such line"))
    (first, second) = log["runs"][0]["results"]
    assert (first["level"], first["ruleId"], first["rank"]) == ("error", "S602", 66.7)
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "app.py"
    assert (place["region"]["startLine"], place["region"]["endLine"]) == (3, 4)
    assert first["partialFingerprints"] == {"finding/v1": finding(rule="S602").id}
    assert (second["level"], second["properties"]["confirmed"]) == ("note", False)
    assert second["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "dir/b%20c.py"
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in (first, second)] == ["S602", "review/security"]
    notes = [
        note["message"]["text"] for note in log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    ]
    assert notes[1:] == [
        "not reviewed by style: limit",
        "could not be read by ruff: syntax",
        "skipped: binary",
    ]


@pytest.mark.needs_schema
@pytest.mark.skipif(
    "SARIF_SCHEMA" not in os.environ, reason="SARIF_SCHEMA does not name the official schema; CI has it"
)
@pytest.mark.parametrize("root", [None, Path("/a repository")])
@pytest.mark.parametrize("count", [0, 2])
def test_sarif_is_valid_by_the_official_schema(count: int, root: Path | None) -> None:
    """A log with findings and a log without fit the schema of SARIF 2.1.0."""
    schema = json.loads(Path(os.environ["SARIF_SCHEMA"]).read_text())
    log = sarif(*[finding(rule="S602"), finding(path="b.py", message=HOSTILE)][:count], root=root)
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(log)] == []
    broken = log | {"version": "1.0"}
    assert not validator.is_valid(broken)  # the schema is not vacuous


def test_an_empty_review_is_rendered() -> None:
    """Without findings and voters, every format renders, and says so."""
    empty = review(
        judged_by=[], aspects=[], coverage=Coverage(files=[], lines=0, skipped=[], not_reviewed=[], unread=[])
    )
    assert "No findings." in text_report(empty)
    assert "Not judged by any voter." in markdown_report(empty)
    assert json.loads(json_report(empty))["findings"] == []
    assert json.loads(sarif_report(empty))["runs"][0]["results"] == []


def test_an_interrupted_review_says_so() -> None:
    """A reader must not mistake a partial review for a complete one."""
    cut = review(finding(), interrupted=True)
    assert "was stopped" in text_report(cut)
    assert "was stopped" in markdown_report(cut)
    assert json.loads(sarif_report(cut))["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_support_prints_as_a_fraction() -> None:
    """It prints as `2/3`; the share is 0 if no voter could support it."""
    assert (str(Support(k=2, n=3)), Support(k=0, n=0).share) == ("2/3", 0.0)
