"""What graphs answer in a conversation: results whole, reports bounded, failures first."""

from typing import Any

import pytest
from markdown_it import MarkdownIt

from langgraph_parallel.records import Call, Idea, RunReport, Support, Usage
from langgraph_parallel.report.reply import reply_markdown
from langgraph_parallel.report.wording import visible

NO_USAGE = Usage()


def report(status: Any = "ok", **failures: str) -> RunReport:
    """Return the measurements of a run."""
    calls: list[Call] = []
    return RunReport(
        wall_seconds=1,
        sequential_seconds=1,
        speedup=1,
        critical_path_seconds=1,
        call_p50_seconds=0,
        call_p95_seconds=0,
        status=status,
        branches={},
        failures=failures,
        retries=0,
        throttled_share=0,
        usage=NO_USAGE,
        wasted=NO_USAGE,
        calls=calls,
    )


def idea(number: int) -> Idea:
    """Return an idea."""
    return Idea(title=f"*T{number}*", text="Do it", by=["ann"], others=[], novelty=1, votes=Support(k=1, n=2))


def test_a_long_report_is_cut_between_paragraphs() -> None:
    """A block of code that is cut is closed, and the answer says that there is more."""
    markdown = "# Report\n\n````\n" + "\n\n".join(f"```\nline {i}\n```" for i in range(3000)) + "\n````\n"
    said = reply_markdown("review", {"markdown": markdown, "run_report": report()}, [])
    assert len(said) < 20_200
    assert said.endswith("````\n\nThe rest is left out here; the output of the graph has all of it.")
    assert reply_markdown("review", {"markdown": "# Short\n", "run_report": report()}, []) == "# Short"


def test_an_answer_of_a_model_is_whole_and_as_it_is() -> None:
    """A chat shows Markdown; JSON is a block of code."""
    text = "**Bold**\n\n" + "word " * 10_000
    assert reply_markdown("guarded", {"answer": text, "released": True, "run_report": report()}, []) == text
    said = reply_markdown("best_of", {"best": {"a": "ü"}, "missing": ["b"], "run_report": report()}, ["x"])
    assert said == '```\n{\n  "a": "ü"\n}\n```\n\nMissing: `b`.\n\nNot read: x.'


def test_ideas_are_numbered_and_escaped() -> None:
    """The first thirty are shown."""
    given = {"ideas": [idea(i) for i in range(40)], "missing": [], "run_report": report()}
    lines = reply_markdown("brainstorm", given, []).split("\n")
    assert lines[0] == r"1. **\*T0\***: Do it (`ann`; chosen by 1/2)"
    assert lines[29].startswith("30. ")
    assert lines[-1].startswith("10 more ideas.")


@pytest.mark.parametrize(
    ("kind", "output", "status", "first"),
    [
        ("voting", {}, "failed", "**This failed: there is no answer.**"),
        ("research", {"markdown": None}, "failed", "**This failed: there is no answer.**"),
        ("research", {"markdown": "# R"}, "failed", "**This failed.**"),
        ("briefing", {"markdown": "# B"}, "partial", "**Part of this failed.**"),
        ("briefing", {"markdown": None}, "partial", "**There is no answer.**"),
        ("best_of", {"best": None, "drafts": [1, 2], "missing": []}, "partial", "**Part of this failed.**"),
    ],
)
def test_what_failed_comes_first(kind: str, output: dict[str, Any], status: str, first: str) -> None:
    """With the causes, of which five are shown, as words that nothing makes links of."""
    failures = {f"branch {i}": f"refused by @host{i}" for i in range(7)}
    said = reply_markdown(kind, {**output, "run_report": report(status, **failures)}, []).split("\n\n")
    assert said[0] == first
    assert said[1].count("\n- ") == 5
    assert said[1].endswith("- 2 more causes")
    assert "@host" not in said[1]


@pytest.mark.parametrize(
    "name", ["vote[voting#1]", "a`b``@ann", "`", "@ann/#12", "</li>\n<img src=x>", "\x1b[2J"]
)
def test_names_of_branches_are_code(name: str) -> None:
    """They are readable where Markdown is not rendered, and nothing in them is active where it is."""
    run = RunReport.model_validate({**report("partial").model_dump(), "failures": {name: "*gone*", "x": "y"}})
    output = {"best": "A", "missing": [name], "run_report": run}
    said = reply_markdown("best_of", output, [])
    shown = " ".join(visible(name).split())
    spans = [
        child.content
        for token in MarkdownIt("commonmark").parse(said)
        for child in token.children or ()
        if child.type == "code_inline"
    ]
    assert spans == [shown, "x", shown]
    assert {t.type for t in MarkdownIt("commonmark").parse(said)}.isdisjoint({"html_block", "heading_open"})
    if "`" not in name and name == shown:
        assert f"- `{name}`: " in said
