"""The command `review`: what it reports, where to, and its exit code."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.offline import engines
from langgraph_parallel.offline.process import run_module
from tests.cli.support import CLEAN, UNSAFE, commit_all, write
from tests.support.server import ModelServer, Reply

ROOT = Path(__file__).parents[2]


def test_the_first_command_of_the_readme(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The storefront is reviewed without a key: findings, coverage, who did the work, and the statistics."""
    monkeypatch.chdir(ROOT)
    assert run(["review", "examples/storefront"]) == 0
    out, err = capsys.readouterr()
    assert "Paths are relative to examples/storefront." in out
    assert "\nstorefront/orders.py\n" in out
    assert "2/2 reported by bandit B602, ruff S602, dlint DUO116" in out
    assert "not a language model" in out
    assert "OPENAI_API_KEY" in out
    assert " logo.png (not source code)" in out
    assert "import_legacy.py (bandit, dlint, ruff, vulture: not valid Python" in " ".join(out.split())
    assert "sequentially" in err
    assert "review[security]" in err


def test_the_first_high_finding_of_the_example_is_on_the_first_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal of 80 columns and 24 lines shows its place, its line, and what it is."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("langgraph_parallel.cli.review.destination.width_for", lambda _: 80)
    assert run(["review", "examples/storefront"]) == 0
    screen = capsys.readouterr().out.splitlines()[:24]
    assert max(map(len, screen)) <= 80
    place = next(number for number, line in enumerate(screen) if line.startswith("  high "))
    assert "storefront/orders.py" in screen[:place]
    assert any("Probable use of insecure hash" in line for line in screen[place:])


def test_two_runs_print_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In every format, a report on standard output can be compared with the previous one."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(engines, "run_module", run_module)  # of which no output is remembered
    for form in ("text", "markdown", "json", "sarif"):
        outputs = []
        for _ in range(2):
            run(["review", "examples/storefront", "--format", form])
            outputs.append(capsys.readouterr().out)
        assert outputs[0] == outputs[1]


def test_fail_on_sets_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """1 if a confirmed finding has at least this severity, else 0."""
    write({"unsafe.py": UNSAFE, "clean.py": CLEAN, "low.py": "x = 1\n"})
    assert run(["review", "unsafe.py"]) == 0
    assert run(["review", "unsafe.py", "--fail-on", "high"]) == 1
    assert run(["review", "clean.py", "--fail-on", "low"]) == 0
    assert run(["review", "low.py", "--fail-on", "medium"]) == 0
    assert run(["review", "low.py", "--fail-on", "low"]) == 1


def test_an_unjudged_review_fails_the_gate(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that no engine can parse, and one that no engine reads, are not clean."""
    write({"broken.py": "def f(:\n", "app.js": "let x\n"})
    for name in ("broken.py", "app.js"):
        assert run(["review", name]) == 0
        assert "Nothing was judged." in capsys.readouterr().out
        assert run(["review", name, "--fail-on", "high"]) == 1
        assert "nothing was judged, so --fail-on fails" in capsys.readouterr().err


def test_an_unreachable_endpoint_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused connection is not called a time-out, and the model is not called missing."""
    write({"unsafe.py": UNSAFE})
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BACKOFF", "0")
    assert run(["review", "unsafe.py", "--aspects", "security", "--model", "openai:m", "--voters", "1"]) == 0
    out, err = capsys.readouterr()
    assert "No model answered" in out
    assert "Connect call failed" in " ".join(err.split())
    assert "1 failed" in err


def test_output_goes_to_a_file_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output stays empty, and the statistics go where they are asked for."""
    write({"unsafe.py": UNSAFE})
    for form, mark in {"text": "Coverage", "markdown": "# Code review", "json": "{", "sarif": "{"}.items():
        assert run(["review", "unsafe.py", "--format", form, "--output", f"report.{form}"]) == 0
        assert capsys.readouterr().out == ""
        assert mark in Path(f"report.{form}").read_text()
    assert json.loads(Path("report.json").read_text())["run"] is None
    run(["review", "unsafe.py", "--format", "json", "--summary", "report"])
    out, err = capsys.readouterr()
    assert json.loads(out)["run"]["speedup"] > 0
    assert "sequentially" not in err
    run(["review", "unsafe.py", "--summary", "none"])
    assert "sequentially" not in "".join(capsys.readouterr())


def test_one_run_writes_reports_in_several_formats(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each file has what a run of its own would print in its format, and no voter is asked again for it."""
    server.always(Reply(json={"findings": []}))
    write({"unsafe.py": UNSAFE})
    command = ["review", "unsafe.py", "--model", model, "--aspects", "security", "--voters", "2"]
    alone = {}
    for name, form in {"a.txt": "text", "a.md": "markdown", "a.json": "json", "a.sarif": "sarif"}.items():
        assert run([*command, "--format", form]) == 0
        alone[name] = capsys.readouterr().out
    requests = len(server.requests) // len(alone)
    server.requests.clear()
    assert run([*command, *(option for name in alone for option in ("--also", name))]) == 0
    assert len(server.requests) == requests == 2
    assert capsys.readouterr().out == alone["a.txt"]
    assert {name: Path(name).read_text() for name in alone} == alone


def test_diff_reviews_what_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """Only findings on changed lines are shown; the others are counted."""
    write({"a.py": UNSAFE, "b.py": UNSAFE, "c.txt": "hello\n"})
    commit_all()
    write({"a.py": UNSAFE + "\n\ndef more(text):\n    return eval(text)\n", "c.txt": "hello\nthere\n"})
    options = ["--diff", "HEAD", "--aspects", "security", "--format", "json"]
    assert run(["review", *options]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [(f["path"], f["lines"]["first"]) for f in report["findings"]] == [("a.py", 9)]
    assert report["coverage"]["outside_diff"] == 2
    assert run(["review", *options, "--exclude", "a.py"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []
    assert run(["review", "--diff", "HEAD", "b.py"]) == 0
    assert "there was nothing to review" in capsys.readouterr().out
    assert run(["review", "--diff", "no-such-revision"]) == 2
    assert "cannot compare with 'no-such-revision'" in capsys.readouterr().err


def test_new_files_that_git_does_not_track_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """A diff does not show them, so the report says that they were left out; paths outside are refused."""
    write({"sub/a.py": CLEAN})
    commit_all()
    write({"sub/new.py": UNSAFE, "sub/a.py": CLEAN + "MORE = 1\n"})
    assert run(["review", "--diff", "HEAD"]) == 0
    assert "sub/new.py (not in git yet" in " ".join(capsys.readouterr().out.split())
    assert run(["review", "--diff", "HEAD", ".."]) == 2
    assert "looks below the current folder" in capsys.readouterr().err


def test_a_diff_on_standard_input_is_reviewed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files that exist are seen whole; a path that leads out of the folder is not followed."""
    write({"a.py": UNSAFE})
    added = "".join(f"+{line}\n" for line in UNSAFE.splitlines())
    diff = f"--- /dev/null\n+++ b/a.py\n@@ -0,0 +1,5 @@\n{added}"
    monkeypatch.setattr(sys, "stdin", io.StringIO(diff))
    assert run(["review", "-", "--aspects", "security", "--format", "json"]) == 0
    assert {f["rule"] for f in json.loads(capsys.readouterr().out)["findings"]} == {"S404", "S602"}
    outside = diff.replace("b/a.py", "b/../../etc/passwd")
    monkeypatch.setattr(sys, "stdin", io.StringIO(outside))
    assert run(["review", "-", "--aspects", "security"]) == 0
    assert "Read 0 files" in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n"))
    assert run(["review", "-"]) == 2
    assert "unified diff" in capsys.readouterr().err


def test_models_vote_if_there_is_a_key(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a key the same command asks models, with the engines as one more voter; --offline does not."""
    write({"unsafe.py": UNSAFE})
    assert run(["review", "unsafe.py", "--aspects", "security,style", "--voters", "2"]) == 0
    out, _ = capsys.readouterr()
    assert len(server.requests) == 4
    assert {request.body["model"] for request in server.requests} == {"gpt-5-mini"}
    assert "Judged by bandit, dlint, gpt-5-mini, ruff, vulture." in out
    assert "not a language model" not in out
    assert run(["review", "unsafe.py", "--offline"]) == 0
    assert len(server.requests) == 4


def test_a_review_that_no_model_answered_fails(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong key is not a crash, and no finding is no clean bill: one line says how often and why."""
    write({"unsafe.py": UNSAFE})
    server.always(Reply(status=401))
    assert run(["review", "unsafe.py", "--aspects", "security", "--no-engines"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"there is no review: 3 x 401 from {server.url}: check OPENAI_API_KEY" in " ".join(err.split())
