"""What `--fail-on` stops at on the command line, and what it says."""

import json
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.review.gate import judge_gate
from langgraph_parallel.offline import ACCEPTED, IN_TESTS
from langgraph_parallel.records import AspectOutcome, Coverage, Review, Skipped
from tests.cli.support import UNSAFE, commit_all, write

SECURITY = ["--aspects", "security", "--summary", "none", "--no-keep"]
ASSERTS = "def test_one(x):\n    assert x\n    assert x > 1  # noqa: S101\n"


def findings(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """Return the findings of the JSON report."""
    run(["review", *arguments, *SECURITY, "--format", "json"])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["findings"]
    return found


def test_asserts_in_tests_are_one_finding_of_a_file_and_fail_a_gate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The report has a line for them all, in doubt; the gate says why it fails and what passes them."""
    write({"tests/test_a.py": ASSERTS * 400, "tests/test_b.py": ASSERTS})
    assert run(["review", "tests", *SECURITY, "--fail-on", "low"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("No findings; 2 unconfirmed: 2 low.")
    assert said.out.count("assert") == 2  # in the message and in the doubt of one line
    assert "S101 x 2 in 2 files" in said.out
    assert said.err.splitlines()[-1] == (
        "langgraph-parallel: uses of assert in 2 test files fail --fail-on, "
        "since bandit reports them (B101); --ignore S101, or ignore in [tool.langgraph-parallel], passes them"
    )
    found = findings(capsys, "tests")
    assert [(one["path"], one["lines"]["first"], one["doubt"]) for one in found] == [
        ("tests/test_a.py", 2, IN_TESTS),
        ("tests/test_b.py", 2, IN_TESTS),
    ]
    assert found[0]["message"] == "Use of assert, the first of 800 in this file"


def test_filters_and_marks_act_on_asserts_in_tests(capsys: pytest.CaptureFixture[str]) -> None:
    """As on any finding; asserts that bandit is told to pass are apart from the others."""
    write({"tests/test_a.py": ASSERTS, "tests/test_b.py": "assert True  # nosec B101\n"})
    assert run(["review", "tests", *SECURITY, "--fail-on", "medium"]) == 0
    assert run(["review", "tests", *SECURITY, "--fail-on", "low", "--ignore", "S101"]) == 0
    assert run(["review", "tests", *SECURITY, "--fail-on", "low", "--ignore", "B101"]) == 0
    assert run(["review", "tests", *SECURITY, "--fail-on", "low", "--select", "S6"]) == 0
    capsys.readouterr()
    assert run(["review", "tests", *SECURITY, "--fail-on", "low", "--min-severity", "medium"]) == 1
    assert "below --min-severity also fail" in capsys.readouterr().err
    assert run(["review", "tests/test_b.py", *SECURITY, "--fail-on", "low"]) == 0
    capsys.readouterr()
    assert [one["doubt"] for one in findings(capsys, "tests")] == [IN_TESTS, ACCEPTED]
    write({"tests/test_a.py": ASSERTS + UNSAFE})
    assert run(["review", "tests", *SECURITY, "--fail-on", "low"]) == 1
    assert "uses of assert in 1 test file also fail --fail-on" in capsys.readouterr().err


def test_of_a_change_the_new_asserts_count(capsys: pytest.CaptureFixture[str]) -> None:
    """Not those that were there, wherever the first one of the file is."""
    write({"tests/test_a.py": ASSERTS})
    commit_all()
    write({"tests/test_a.py": ASSERTS + "\n\ndef f(x):\n    assert x\n"})
    (found,) = findings(capsys, "--diff", "HEAD")
    assert (found["lines"]["first"], "the first of" in found["message"]) == (7, False)
    write({"tests/test_a.py": ASSERTS + "\n\nx = 1\n"})
    assert run(["review", "--diff", "HEAD", *SECURITY, "--fail-on", "low"]) == 0


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("subprocess.call(\n    name,\n    shell=True,\n)  # nosec", 0),
        ("subprocess.call(  # nosec B602\n    name,\n    shell=True,\n)", 0),
        ("subprocess.call(\n    name,\n    shell=True,\n)  # noqa", 1),
        ("subprocess.call(name, shell=True)  # nosec B603", 1),
        ("subprocess.call(name, shell=True)  # NOSEC", 1),
        ("subprocess.call('# nosec' + name, shell=True)", 1),
        ("subprocess.call(name, shell=True)  # nosec subprocess_popen_with_shell_equals_true", 0),
    ],
)
def test_bandit_says_itself_which_comment_it_obeys(
    call: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Statements of several lines, names of tests, and texts that only look like a mark."""
    write({"a.py": f"import subprocess\n\n\ndef f(name):\n    {call}\n"})
    assert run(["review", "a.py", *SECURITY, "--ignore", "B404", "--fail-on", "low"]) == code


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "koi8-r", "euc-jp"])
def test_a_file_in_another_encoding_is_read_as_it_declares(
    encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below a folder and in a change, in the first line or the second."""
    comment = {"koi8-r": "привет", "euc-jp": "日本"}.get(encoding, "déjà vu")
    text = f"#!/usr/bin/python\n# -*- coding: {encoding} -*-\n# {comment}\n"
    write({"src/a.py": text.encode(encoding), "src/b.py": b"# \xff\xfe\n"})
    commit_all()
    write({"src/a.py": (text + UNSAFE).encode(encoding)})
    assert run(["review", "src", *SECURITY, "--fail-on", "high"]) == 1
    assert "b.py (not UTF-8 text)" in " ".join(capsys.readouterr().out.split())
    assert run(["review", "--diff", "HEAD", *SECURITY, "--fail-on", "high"]) == 1


@pytest.mark.parametrize("name", ["a.pyw", "A.PY", "tool"])
def test_a_python_program_is_one_by_any_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of Windows, in capitals, and a script that says what runs it; bandit reads all of them."""
    write({name: f"#!/usr/bin/env python3\n{UNSAFE}"})
    assert run(["review", name, *SECURITY, "--fail-on", "high"]) == 1
    assert f"{name}\n" in capsys.readouterr().out


def test_a_file_that_is_too_large_fails_a_gate(capsys: pytest.CaptureFixture[str]) -> None:
    """Bandit would read it; the message says how to leave it out."""
    write({"src/a.py": "x = 1\n", "src/table.py": "# nothing\n" * 100_001, "src/notes.md": "x\n" * 500_001})
    assert run(["review", "src", *SECURITY, "--fail-on", "high"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "langgraph-parallel: src/table.py could not be read (larger than 1,000,000 bytes), "
        "so --fail-on fails; --exclude leaves such files out"
    )
    assert run(["review", "src", *SECURITY, "--fail-on", "high", "--exclude", "table.py"]) == 0


@pytest.mark.parametrize(
    ("by", "failed", "fails"), [("bandit", True, True), ("bandit", False, False), ("dlint", True, False)]
)
def test_a_gate_fails_if_bandit_itself_has_failed(by: str, failed: bool, fails: bool) -> None:
    """A file that bandit cannot parse it passes over itself; a run that broke says nothing of any file."""
    judged = AspectOutcome(
        name="security",
        status="judged",
        voters=["bandit"],
        asked=1,
        cast=1,
        abstained=0,
        failed=0,
        reasons=[],
    )
    unread = [
        Skipped(path=path, reason="exited with code -11", by=by, failed=failed) for path in ("a.py", "b.py")
    ]
    coverage = Coverage(files=["a.py"], lines=1, skipped=[], not_reviewed=[], unread=unread)
    review = Review(judged_by=[by], findings=[], aspects=[judged], coverage=coverage)
    gate = judge_gate(review, review, review, "low")
    assert gate.fails is fails
    note = "a.py and 1 other could not be read by bandit (exited with code -11), so --fail-on fails"
    assert [*gate.notes] == [f"{note}; run it again"] * fails
