"""The command line: what it reads, what it prints, and how it exits."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.files import collect
from langgraph_parallel.errors import UsageError
from tests.support.server import Gate, ModelServer, Reply

ROOT = Path(__file__).parents[2]
UNSAFE = "import subprocess\n\n\ndef run(name):\n    subprocess.call('ls ' + name, shell=True)\n"
CLEAN = '"""A module."""\n\nLIMIT = 3\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(files: dict[str, str | bytes]) -> None:
    """Put files into the folder."""
    for name, text in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def git(*arguments: str) -> str:
    """Run git in the folder."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout


def test_the_first_command_of_the_readme(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The storefront is reviewed without a key: findings, coverage, who did the work, and the numbers."""
    monkeypatch.chdir(ROOT)
    assert run(["review", "examples/storefront"]) == 0
    out, err = capsys.readouterr()
    assert "examples/storefront/storefront/orders.py" in out
    assert "2/2 said by bandit B602, ruff S602, dlint DUO116" in out
    assert "not a language model" in out
    assert "OPENAI_API_KEY" in out
    assert "examples/storefront/logo.png (not source code)" in out
    assert "import_legacy.py (bandit, dlint, ruff, vulture: not valid Python" in " ".join(out.split())
    assert "one after another" in err
    assert "review[security]" in err


def test_two_runs_print_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the format, a report on standard output can be compared with the last one."""
    monkeypatch.chdir(ROOT)
    for form in ("text", "markdown", "json", "sarif"):
        outputs = []
        for _ in range(2):
            run(["review", "examples/storefront", "--format", form])
            outputs.append(capsys.readouterr().out)
        assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["review", "nowhere"], "no such path: nowhere"),
        (["review", "empty"], "nothing to review in empty"),
        (["review", "latin.py"], "cannot review latin.py: not UTF-8 text"),
        (["review", "binary.py"], "cannot review binary.py: binary"),
        (["review", "--aspects", "speed", "a.py"], "'speed' is not an aspect; choose one of"),
        (["review", "--aspects", "", "a.py"], "'' is not an aspect"),
        (["review", "--aspects", "missing.md", "a.py"], "cannot read the prompt missing.md"),
        (["review", "--model", "gpt", "a.py"], "'gpt' is not a model; write provider:model"),
        (["review", "--model", "openai:gpt-5-mini", "a.py"], "no key for openai:gpt-5-mini"),
        (["review", "--model", "acme:x", "a.py"], "needs langchain"),
        (["review", "--offline", "--model", "openai:x", "a.py"], "uses no model"),
        (["review", "--voters", "0", "a.py"], "--voters"),
        (["review", "--format", "pdf", "a.py"], "--format"),
        (["review", "--fail-on", "grave", "a.py"], "--fail-on"),
        (["review", "--output", "no/such/folder.txt", "a.py"], "there is no folder no/such"),
        (["review", "--output", ".", "a.py"], "is a folder"),
        (["review", "--bogus", "a.py"], "--bogus"),
        (["review"], "give files or folders"),
        (["review", "-", "a.py"], "reads a diff from standard input"),
        (["review", "--diff", "HEAD", "a.py"], "cannot compare with 'HEAD'"),
        (["review", "--diff=--output=x", "a.py"], "is not a revision"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], server: ModelServer
) -> None:
    """Nothing is printed but one line that says what is wrong, and no model is called."""
    write({"a.py": CLEAN, "latin.py": "x = 'é'".encode("latin-1"), "binary.py": b"x\0y"})
    Path("empty").mkdir()
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("langgraph-parallel: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert server.requests == []


def test_an_unreadable_file_is_an_error_if_named_and_skipped_if_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was asked for has to be read; what a folder holds may be left out, with the reason."""
    write({"src/a.py": CLEAN, "src/closed.py": CLEAN})
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.name == "closed.py":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert run(["review", "src/closed.py"]) == 2
    assert "cannot be read: Permission denied" in capsys.readouterr().err
    assert run(["review", "src"]) == 0
    assert "src/closed.py (cannot be read: Permission denied)" in " ".join(capsys.readouterr().out.split())


def test_what_is_no_file_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe is refused if it is named, and skipped if it is found; so is a name that is not UTF-8."""
    write({"src/a.py": CLEAN})
    os.mkfifo("src/pipe.py")
    with open(b"src/caf\xe9.py", "w") as file:
        file.write(CLEAN)
    assert run(["review", "src/pipe.py"]) == 2
    assert "cannot review src/pipe.py: not a regular file" in capsys.readouterr().err
    assert run(["review", "src", "--format", "json"]) == 0
    skipped = json.loads(capsys.readouterr().out)["coverage"]["skipped"]
    assert [(item["path"], item["reason"]) for item in skipped] == [
        ("src/caf?.py", "its name is not UTF-8"),
        ("src/pipe.py", "not a regular file"),
    ]


def test_fail_on_sets_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """1 when a confirmed finding is at least as grave, else 0."""
    write({"unsafe.py": UNSAFE, "clean.py": CLEAN, "low.py": "x = 1\n"})
    assert run(["review", "unsafe.py"]) == 0
    assert run(["review", "unsafe.py", "--fail-on", "high"]) == 1
    assert run(["review", "clean.py", "--fail-on", "low"]) == 0
    assert run(["review", "low.py", "--fail-on", "medium"]) == 0
    assert run(["review", "low.py", "--fail-on", "low"]) == 1


def test_what_nobody_judged_does_not_pass_a_gate(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that no engine can parse, and one that none reads, are not clean."""
    write({"broken.py": "def f(:\n", "app.js": "let x\n"})
    for name in ("broken.py", "app.js"):
        assert run(["review", name]) == 0
        assert "Nothing was judged." in capsys.readouterr().out
        assert run(["review", name, "--fail-on", "high"]) == 1
        assert "nothing passes --fail-on" in capsys.readouterr().err


def test_new_files_that_git_does_not_know_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """A diff does not show them, so the report says that they were left out; paths outside are refused."""
    write({"sub/a.py": CLEAN})
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    write({"sub/new.py": UNSAFE, "sub/a.py": CLEAN + "MORE = 1\n"})
    assert run(["review", "--diff", "HEAD"]) == 0
    assert "sub/new.py (not in git yet" in " ".join(capsys.readouterr().out.split())
    assert run(["review", "--diff", "HEAD", ".."]) == 2
    assert "looks below the current folder" in capsys.readouterr().err


def test_a_dead_endpoint_is_called_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused is not timed out, and a model that was asked is not said to be missing."""
    write({"unsafe.py": UNSAFE})
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("LANGGRAPH_PARALLEL_BACKOFF", "0")
    assert run(["review", "unsafe.py", "--aspects", "security", "--model", "openai:m", "--voters", "1"]) == 0
    out, err = capsys.readouterr()
    assert "Models were asked, and none has answered" in out
    assert "Connect call failed" in " ".join(err.split())
    assert "1 failed" in err


def test_output_goes_to_a_file_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output stays empty, and the run's numbers go where they are asked for."""
    write({"unsafe.py": UNSAFE})
    for form, mark in {"text": "Coverage", "markdown": "# Code review", "json": "{", "sarif": "{"}.items():
        assert run(["review", "unsafe.py", "--format", form, "--output", f"report.{form}"]) == 0
        assert capsys.readouterr().out == ""
        assert mark in Path(f"report.{form}").read_text()
    assert json.loads(Path("report.json").read_text())["run"] is None
    run(["review", "unsafe.py", "--format", "json", "--summary", "report"])
    out, err = capsys.readouterr()
    assert json.loads(out)["run"]["speedup"] > 0
    assert "one after another" not in err
    run(["review", "unsafe.py", "--summary", "none"])
    assert "one after another" not in "".join(capsys.readouterr())


def test_folders_are_read_as_git_would(capsys: pytest.CaptureFixture[str]) -> None:
    """.gitignore is respected at every level, and globs include and exclude."""
    write(
        {
            ".gitignore": "build/\n*.gen.py\n",
            "a.py": CLEAN,
            "b.gen.py": CLEAN,
            "build/c.py": CLEAN,
            "sub/.gitignore": "!keep.gen.py\nd.py\n",
            "sub/keep.gen.py": CLEAN,
            "sub/d.py": CLEAN,
            "sub/e.js": "let x = 1\n",
            "notes.txt": "hello\n",
            "node_modules/f.js": "x\n",
        }
    )
    Path("link.py").symlink_to("a.py")
    held = collect(["."])
    assert list(held.texts) == ["a.py", "sub/e.js", "sub/keep.gen.py"]
    reasons = {item.path: item.reason for item in held.skipped}
    assert reasons["build"] == reasons["b.gen.py"] == reasons["sub/d.py"] == "ignored by .gitignore"
    assert (reasons["notes.txt"], reasons["link.py"]) == ("not source code", "symbolic link")
    assert list(collect(["."], include=["*.txt"]).texts) == ["notes.txt"]
    assert list(collect(["."], exclude=["sub/", "*.txt"]).texts) == ["a.py"]
    assert list(collect(["notes.txt", "sub"]).texts) == ["notes.txt", "sub/e.js", "sub/keep.gen.py"]
    git("init", "-q")
    assert list(collect(["sub"]).texts) == ["sub/e.js", "sub/keep.gen.py"]
    with pytest.raises(UsageError, match="there is no such file"):
        collect(["build"], include=["*.rs"])


def test_diff_reviews_what_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """Only findings on changed lines are shown; the others are counted."""
    write({"a.py": UNSAFE, "b.py": UNSAFE, "c.txt": "hello\n"})
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    write({"a.py": UNSAFE + "\n\ndef more(text):\n    return eval(text)\n", "c.txt": "hello\nthere\n"})
    assert run(["review", "--diff", "HEAD", "--aspects", "security", "--format", "json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [(f["path"], f["lines"]["first"]) for f in report["findings"]] == [("a.py", 9)]
    assert report["coverage"]["outside_diff"] == 2
    assert (
        run(["review", "--diff", "HEAD", "--exclude", "a.py", "--aspects", "security", "--format", "json"])
        == 0
    )
    assert json.loads(capsys.readouterr().out)["findings"] == []
    assert run(["review", "--diff", "HEAD", "b.py"]) == 0
    assert "there was nothing to review" in capsys.readouterr().out
    assert run(["review", "--diff", "no-such-revision"]) == 2
    assert "cannot compare with 'no-such-revision'" in capsys.readouterr().err


def test_a_diff_on_standard_input_is_reviewed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files that are here are seen whole; a path that leads out of the folder is not followed."""
    import io

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
    assert "no unified diff" in capsys.readouterr().err


def test_models_vote_where_there_is_a_key(
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


def test_voters_that_fail_are_in_the_report_and_not_in_the_exit_code(
    model: str, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong key is not a crash: the report says that the models judged nothing, and why."""
    write({"unsafe.py": UNSAFE})
    server.always(Reply(status=401))
    assert run(["review", "unsafe.py", "--aspects", "security", "--no-engines"]) == 0
    out, err = capsys.readouterr()
    assert "security: not judged, 0 of 3 ballots, 3 failed" in out
    assert "Failed: vote[security#1] in review[security] unsafe.py" in " ".join(err.split())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_cleanly_and_prints_what_is_there(
    number: signal.Signals, model: str, server: ModelServer
) -> None:
    """Votes that were cut short count with the ballots that they had; every connection is closed."""
    write({"unsafe.py": UNSAFE})
    finding = {
        "path": "unsafe.py",
        "line": 5,
        "quote": "subprocess.call('ls ' + name, shell=True)",
        "severity": "high",
        "message": "Command injection",
        "explanation": "The name reaches a shell.",
        "suggestion": "Use a list.",
    }
    later, never = Gate(), Gate()
    server.always(Reply(json={"findings": [finding]}))
    server.on("one aspect only: **Security**", Reply(json={"findings": [finding]}, gate=later))
    server.on(lambda r: "reviewer 3 " in r.prompt and "**Correctness**" in r.prompt, Reply(gate=never))
    command = [sys.executable, "-c", "from langgraph_parallel.cli import main; main()"]
    options = ["--aspects", "security,correctness", "--no-engines", "--model", model, "--grace", "0.3"]
    process = subprocess.Popen(
        [*command, "review", "unsafe.py", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    server.wait(lambda s: len(s.requests) == 6 and s.in_flight == 4)
    later.open()  # two voters of correctness were heard before the vote on security closes
    assert process.stderr is not None
    assert process.stderr.readline() == "6 voters in 2 votes\n"
    assert "review[security] unsafe.py: 3 of 3 voters" in process.stderr.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "The run was stopped before all voters had answered." in out
    assert "Traceback" not in err
    assert "security: judged, 3 of 3 ballots" in out
    assert "correctness: partly judged, 2 of 3 ballots, 1 failed" in out
    assert "3/3 said by model#1 (test-model), model#2 (test-model), model#3 (test-model)" in " ".join(
        out.split()
    )
    server.wait(lambda s: s.in_flight == 0)


def test_without_the_extra_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare installation has the command, and it names the extra."""
    code = "import sys; sys.modules['typer'] = None\nfrom langgraph_parallel.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'langgraph-parallel[cli,offline]'" in done.stderr


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints it and ends with 0."""
    import langgraph_parallel

    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == langgraph_parallel.__version__
