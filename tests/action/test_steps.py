"""The steps of action.yml, as a runner takes them, on a repository and a code host of the test."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.support import CLEAN, UNSAFE, git, write
from tests.support.code_host import TOKEN, CodeHost
from tests.support.composite import ACTION, ROOT, STEPS, Job
from tests.support.server import ModelServer, Reply

SHA = "0123456789abcdef0123456789abcdef01234567"


def begin() -> None:
    """Make a repository of the current folder, whose branch main has code with a finding."""
    write({"old.py": UNSAFE, "pyproject.toml": "[tool.langgraph-parallel]\naspects = ['security']\n"})
    git("init", "-qb", "main")
    git("add", ".")
    git("commit", "-qm", "base")
    git("checkout", "-qb", "topic")


def push(files: dict[str, str | bytes]) -> None:
    """Commit changes on the branch topic, and check out its merge with main, as a pull request does."""
    git("checkout", "-q", "topic")
    write(files)
    git("add", ".")
    git("commit", "-qm", "change")
    git("checkout", "-q", "--detach", "main")
    git("merge", "-q", "--no-ff", "-m", "merge", "topic")


def job(host: CodeHost, event: str = "pull_request", **variables: str) -> Job:
    """Return a job for an event."""
    runner = Path("../runner")
    runner.mkdir(exist_ok=True)
    content: dict[str, Any] = {"pull_request": {"number": 7, "head": {"sha": SHA}}} if event != "push" else {}
    (runner / "event.json").write_text(json.dumps(content))
    environ = {
        "GITHUB_API_URL": host.url,
        "GITHUB_EVENT_NAME": event,
        "GITHUB_EVENT_PATH": str((runner / "event.json").absolute()),
        "GITHUB_REPOSITORY": "place/project",
        "GITHUB_RUN_ID": "42",
        "GITHUB_SERVER_URL": "https://example.org",
    }
    return Job(runner.absolute(), environ | variables)


def test_the_second_push_updates_the_comment_of_the_first(host: CodeHost) -> None:
    """The first push fails the gate and is uploaded as SARIF; the second mends it, in the same comment."""
    begin()
    push({"new file.py": UNSAFE})
    first = job(host).run(TOKEN, fail_on="high", sarif="true")
    assert (first.code, first.output("exit-code")) == (1, "1")
    (comment,) = host.comments
    assert "`new file.py`" in comment["body"]
    assert "old.py" not in comment["body"]
    uploaded = first.used["github/codeql-action/upload-sarif"]
    assert uploaded["category"] == "langgraph-parallel/review"
    results = json.loads(Path(uploaded["sarif_file"]).read_text())["runs"][0]["results"]
    places = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in results]
    assert {(place["uri"], place["uriBaseId"]) for place in places} == {("new%20file.py", "%SRCROOT%")}
    push({"new file.py": CLEAN})
    second = job(host).run(TOKEN, fail_on="high")
    assert (second.code, [*second.used]) == (0, ["actions/setup-python"])
    assert host.changes == ["POST", "PATCH"]
    assert "No findings" in comment["body"]


def test_a_fork_gets_its_report_in_the_summary_and_the_same_verdict(host: CodeHost) -> None:
    """The token of a fork may only read."""
    host.writes = False
    begin()
    push({"new.py": UNSAFE})
    done = job(host).run(TOKEN, fail_on="high")
    assert (done.code, host.comments) == (1, [])
    assert done.summary.startswith("# Code review")
    assert "`new.py`" in done.summary
    assert "::notice::No comment: the token may not write it." in done.log


def test_a_model_is_asked_once_for_all_formats(host: CodeHost, server: ModelServer) -> None:
    """Keys are variables of the job; neither they nor the token are in what the job writes."""
    quote = UNSAFE.splitlines()[-1].strip()
    finding = {"path": "new.py", "line": 5, "quote": quote, "message": "Hello @team, see #1"}
    server.always(Reply(json={"findings": [finding]}))
    begin()
    push({"new.py": UNSAFE})
    key = "sk-test-not-a-real-key"
    done = job(host, OPENAI_API_KEY=key, OPENAI_BASE_URL=server.url).run(
        TOKEN, model="openai:test-model", args="--voters 2 --no-engines", sarif="true"
    )
    assert (done.code, len(server.requests)) == (0, 2)
    (comment,) = host.comments
    assert "Hello @&#8203;team, see #&#8203;1" in comment["body"]
    written = [Path(done.output(name)).read_text() for name in ("markdown", "json", "sarif")]
    assert all("Hello" in text for text in written)
    assert not any(
        secret in text for secret in (key, TOKEN) for text in [*written, done.log, str(host.comments)]
    )


def test_a_model_that_does_not_answer_fails_the_job(host: CodeHost, server: ModelServer) -> None:
    """The log says why. An earlier comment stays, and names the commit that it is about."""
    server.always(Reply(status=401, json={"error": {"message": "Incorrect API key provided"}}))
    begin()
    push({"new.py": CLEAN})
    done = job(host, OPENAI_API_KEY="sk-wrong", OPENAI_BASE_URL=server.url).run(
        TOKEN, model="openai:test-model", args="--voters 2 --no-engines"
    )
    assert (done.code, done.output("exit-code"), host.requests) == (2, "2", [])
    assert "check OPENAI_API_KEY" in done.log
    assert "::error::The review made no report" in done.log
    assert "sk-wrong" not in done.log


HOSTILE = 'open("{}", "a").write(__file__)\n'
MODULES = [
    "sitecustomize",
    "usercustomize",
    "typer",
    "httpx2",
    "tenacity",
    "langgraph_parallel/__init__",
    "ruff",
]


def test_nothing_of_a_pull_request_acts(host: CodeHost, tmp_path: Path) -> None:
    """No module of it is imported, no line of the log is a command of the runner, and nobody is mentioned."""
    ran = tmp_path / "ran"
    begin()
    push({f"{module}.py": HOSTILE.format(ran) for module in MODULES})
    push(
        {
            "::error::x.py": "import os\nos.system('@team' + input())\n",
            "a.py": 'import os\n\nTEXT = """\n::add-mask::x\n::set-output name=exit-code::0\n"""\n'
            "os.system('::error::@team' + input())\n::error::broken\n",
            "$(touch ran).py": "x = eval(input())  # @team\n",
        }
    )
    done = job(host).run(TOKEN, paths="$(touch ran).py\n.\n", fail_on="high")
    assert done.code == 1
    assert not ran.exists()
    assert not Path("ran").exists()
    (end,) = re.findall(r"^::stop-commands::(\w{32})$", done.log, re.MULTILINE)
    before, rest = done.log.split(f"::stop-commands::{end}\n")
    quoted, after = rest.split(f"::{end}::\n")
    assert "::error::" in quoted
    assert "::" not in before + after
    (comment,) = host.comments
    outside = re.sub(r"^(`{3,})\n.*?^\1$|`[^`\n]+`", "", comment["body"], flags=re.DOTALL | re.MULTILINE)
    assert "@team" in comment["body"]
    assert "@team" not in outside


def test_another_event_reviews_all_code_for_the_summary(host: CodeHost) -> None:
    """A push has no pull request to compare with, or to comment on."""
    begin()
    done = job(host, "push").run(TOKEN, fail_on="high")
    assert (done.code, host.requests) == (1, [])
    assert "`old.py`" in done.summary


def test_documents_alone_do_not_fail_a_gate_without_a_model(host: CodeHost) -> None:
    """Static engines read Python only; a change of other files gives them nothing to judge."""
    begin()
    push({"notes.md": "# Notes\n"})
    done = job(host).run(TOKEN, fail_on="low")
    assert (done.code, host.changes) == (0, ["POST"])
    assert "there was nothing to review" in host.comments[0]["body"]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("pull_request", "::error::The checkout is not a merge commit with its parents"),
        ("pull_request_target", "::error::What pull_request_target checks out is not the pull request"),
    ],
)
def test_a_checkout_that_is_not_the_pull_request_is_refused(host: CodeHost, event: str, message: str) -> None:
    """Otherwise only a part of it would be reviewed, in silence; with a revision it can be reviewed."""
    begin()
    push({"one.py": UNSAFE})
    git("checkout", "-q", "topic")
    refused = job(host, event).run(TOKEN)
    assert (refused.code, host.requests, refused.summary) == (2, [], "")
    assert message in refused.log
    named = job(host, event).run(TOKEN, diff="main...HEAD")
    assert named.code == 0
    assert "`one.py`" in host.comments[0]["body"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"fail_on": "grave"}, "--fail-on"),
        (
            {"args": "--voters '"},
            "::error::The input args cannot be split as in a shell: No closing quotation.",
        ),
        ({"paths": "--output=x.py"}, "there is no file or folder --output=x.py"),
        ({"diff": "no-such-revision"}, "cannot compare with 'no-such-revision'"),
    ],
)
def test_a_wrong_input_is_an_error_of_the_step(host: CodeHost, inputs: dict[str, str], message: str) -> None:
    """It is named, and nothing is commented."""
    begin()
    push({"one.py": CLEAN})
    done = job(host).run(TOKEN, **inputs)
    assert (done.code, host.requests) == (2, [])
    assert message in done.log


def test_no_script_has_an_expression_in_its_text() -> None:
    """Inputs and events reach scripts as variables; other actions are pinned, and each input is used."""
    for step in STEPS:
        assert "${{" not in step.get("run", "")
        assert re.fullmatch(r"[\w-]+/[\w/-]+@(v\d+|[0-9a-f]{40})", step.get("uses", "a/b@v1"))
    used = set(re.findall(r"inputs\.([\w-]+)", json.dumps(STEPS)))
    assert used == set(ACTION["inputs"])


def test_the_example_of_a_workflow_uses_what_there_is() -> None:
    """It gives known inputs, the permissions that they need, and both parents of the merge."""
    workflow = yaml.safe_load((ROOT / "examples" / "review.yml").read_text())
    (steps,) = [job["steps"] for job in workflow["jobs"].values()]
    checkout, review = steps
    assert set(review["with"]) <= set(ACTION["inputs"])
    assert checkout["with"] == {"fetch-depth": 2, "persist-credentials": False}
    assert workflow[True] == "pull_request"  # YAML 1.1 reads the key `on` as true
    assert workflow["permissions"] == {
        "contents": "read",
        "pull-requests": "write",
        "security-events": "write",
    }
