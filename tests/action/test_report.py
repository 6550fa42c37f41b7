"""The comment of the action: one for each name, updated and never repeated, and what happens without it."""

import json
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_none

from action import report
from tests.support.code_host import BOT, EVE, MOST, TOKEN, CodeHost

MARK = "<!-- langgraph-parallel: review -->"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait between attempts."""
    monkeypatch.setattr(report, "wait_exponential_jitter", lambda **_: wait_none())


def publish(host: CodeHost, text: str = "# Code review\n", number: int | None = 7, **variables: str) -> int:
    """Run the step for a report."""
    Path("report.md").write_text(text)
    head = {"sha": "0123456789abcdef0123456789abcdef01234567"}
    event: dict[str, Any] = {} if number is None else {"pull_request": {"number": number, "head": head}}
    Path("event.json").write_text(json.dumps(event))
    environ = {
        "REPORT": "report.md",
        "INPUT_NAME": "review",
        "INPUT_COMMENT": "true",
        "INPUT_TOKEN": TOKEN,
        "GITHUB_API_URL": host.url,
        "GITHUB_EVENT_PATH": "event.json",
        "GITHUB_REPOSITORY": "place/project",
        "GITHUB_RUN_ID": "42",
        "GITHUB_SERVER_URL": "https://example.org",
        "GITHUB_STEP_SUMMARY": "summary.md",
    }
    return report.main(environ | variables)


def summary() -> str:
    """Return the summary of the job."""
    return Path("summary.md").read_text() if Path("summary.md").exists() else ""


def test_a_comment_is_written_once_and_then_updated(host: CodeHost) -> None:
    """It says which commit it is about; the report is not in the summary as well."""
    host.add("Hello")
    assert publish(host, "# First\n") == 0
    assert publish(host, "# Second\n") == 0
    assert [comment["id"] for comment in host.comments] == [100, 101]
    assert host.comments[1]["body"] == (
        f"{MARK}\n# Second\n\nCommit 0123456789ab, [run](https://example.org/place/project/actions/runs/42)\n"
    )
    assert host.changes == ["POST", "PATCH"]
    assert summary() == ""


def test_the_comment_is_found_on_any_page(host: CodeHost) -> None:
    """A long discussion has several."""
    for number in range(230):
        host.add(f"number {number}")
    publish(host)
    for number in range(120):
        host.add(f"later {number}")
    publish(host)
    assert host.changes == ["POST", "PATCH"]


def test_each_name_has_a_comment_of_its_own(host: CodeHost) -> None:
    """Two reviews of one pull request do not overwrite each other, even if one name starts the other."""
    for name in ("review", "review 2", "review", "review 2"):
        publish(host, f"# {name}\n", INPUT_NAME=name)
    assert host.changes == ["POST", "POST", "PATCH", "PATCH"]
    assert ["# review\n" in host.comments[0]["body"], "# review 2\n" in host.comments[1]["body"]] == [
        True
    ] * 2


@pytest.mark.parametrize("author", [BOT, {"login": "ann", "type": "User"}])
def test_comments_of_others_are_never_changed(host: CodeHost, author: dict[str, str]) -> None:
    """The mark alone does not make a comment ours, and a bot that quotes it does not either."""
    host.author = author
    host.add(f"{MARK}\nof somebody else", EVE)
    host.add(f"> {MARK}\nquoted", author)
    host.add("by a deleted account")["user"] = None
    before = json.dumps(host.comments)
    publish(host)
    publish(host)
    assert json.dumps(host.comments[:3]) == before
    assert host.changes == ["POST", "PATCH"]


@pytest.mark.parametrize("failures", [[502], [429, 503], [500, 500, 500]])
def test_passing_failures_are_retried(host: CodeHost, failures: list[int]) -> None:
    """Servers fail, and ask for patience."""
    host.failures = failures
    publish(host)
    assert len(host.comments) == 1
    assert summary() == ""


def test_a_lost_answer_does_not_repeat_the_comment(host: CodeHost) -> None:
    """The comment was written although the request seemed to fail: the next attempt finds it."""
    host.lost = 1
    publish(host)
    assert len(host.comments) == 1
    assert host.changes == ["POST", "PATCH"]


def test_a_fork_gets_the_report_in_the_summary(host: CodeHost, capsys: pytest.CaptureFixture[str]) -> None:
    """Its token may only read; this is no failure, and nothing is retried."""
    host.writes = False
    assert publish(host, "# Report\n") == 0
    assert (host.comments, summary(), host.changes) == ([], "# Report\n", ["POST"])
    out = capsys.readouterr().out
    assert out.startswith("::notice::No comment: the token may not write it.")
    assert "'permissions: pull-requests: write', which pull requests from forks do not get" in out


@pytest.mark.parametrize("failure", ["down", "wrong token", "away"])
def test_what_cannot_be_commented_is_in_the_summary(
    host: CodeHost, failure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A host that is down or cannot be reached costs neither the report nor the job; no token is shown."""
    host.failures = [503] * 20 if failure == "down" else []
    wrong: dict[str, dict[str, Any]] = {
        "wrong token": {"INPUT_TOKEN": "secret-of-another-place"},
        "away": {"GITHUB_API_URL": "http://127.0.0.1:9/api"},
    }
    assert publish(host, "# Report\n", **wrong.get(failure, {})) == 0
    assert (host.comments, summary()) == ([], "# Report\n")
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert out.startswith("::warning::No comment: ")
    assert not any(secret in out + err for secret in (TOKEN, "secret-of-another-place"))


@pytest.mark.parametrize("options", [{"INPUT_COMMENT": "false"}, {"number": None}])
def test_the_summary_has_the_report_where_no_comment_is_due(host: CodeHost, options: dict[str, Any]) -> None:
    """It is not wanted, or there is no pull request."""
    assert publish(host, "# Report\n", **options) == 0
    assert (summary(), host.requests) == ("# Report\n", [])


@pytest.mark.parametrize("name", ["", "a --> b", "a\nb", "x" * 51, "<b>"])
def test_a_name_must_fit_into_the_mark(host: CodeHost, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It must not end the mark."""
    assert publish(host, INPUT_NAME=name) == 2
    assert capsys.readouterr().out.startswith("::error::The input name is not valid: expected ")
    assert host.requests == []


@pytest.mark.parametrize(
    "text", ["paragraph of some words", "```\ncode\n\nmore code\n```", "ein Wörtchen, 中文 🙂"]
)
def test_a_long_report_is_cut_between_blocks(host: CodeHost, text: str) -> None:
    """The comment says so, never ends inside of code, and the summary has all of it."""
    report_text = "# Report\n\n" + f"{text}\n\n" * 6000
    publish(host, report_text)
    (comment,) = host.comments
    body: str = comment["body"]
    kept, _, rest = body.removeprefix(f"{MARK}\n").partition("\n> The report is longer than a comment may be")
    assert report_text.startswith(kept)
    assert kept.removeprefix("# Report\n\n").replace(f"{text}\n\n", "") == ""
    assert MOST - 500 < len(body.encode()) <= MOST
    assert "Commit 0123456789ab" in rest
    assert summary() == report_text


@pytest.mark.parametrize(
    "text", ["```\n" + "code\n\n" * 20_000 + "```\n", "x" * 100_000, "````\n```\n\n" * 9000]
)
def test_a_report_without_a_place_to_cut_is_left_out(host: CodeHost, text: str) -> None:
    """The comment then refers to the summary alone."""
    publish(host, text)
    (comment,) = host.comments
    assert comment["body"].startswith(f"{MARK}\n\n> The report is longer than a comment may be")
    assert summary() == text
