"""Traces: every branch has a readable name, at every level."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.support.server import ModelServer
from tests.support.trace_sink import TraceSink

ROOT = Path(__file__).parents[2]


IMPATIENT = "import urllib3; urllib3.Retry.sleep = lambda *_: None; "
"""Code by which LangSmith's client does not rest between its attempts, at the end of the process."""


def _review(sink: TraceSink, tmp_path: Path, *options: str, before: str = "") -> None:
    """Run the command line with tracing to the sink, in a process that runs some code before."""
    (tmp_path / "app.py").write_text("import os\nos.system('ls ' + input())\n")
    environment = os.environ | {
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_ENDPOINT": sink.url,
        "LANGSMITH_API_KEY": "lsv2_not_a_real_key",
        "LANGSMITH_DISABLE_RUN_COMPRESSION": "true",
        "NO_PROXY": "127.0.0.1",
    }
    command = [
        sys.executable,
        "-c",
        f"{before}from langgraph_parallel.cli import main; main()",
        "review",
        "app.py",
        *options,
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_run_tree_of_a_review_by_models(model: str, server: ModelServer, tmp_path: Path) -> None:
    """Review > review[security] app.py > vote[security#2], each with tags and metadata."""
    with TraceSink() as sink:
        _review(sink, tmp_path, "--model", model, "--aspects", "security,style", "--voters", "2")
    (root,) = sink.children(None)
    assert root["name"] == "review"
    assert sink.children(root["id"])[0]["name"] == "plan"
    voters = Counter(run["name"] for run in sink.runs.values() if run["name"].startswith("vote["))
    assert voters == {
        "vote[security#1]": 1,
        "vote[security#2]": 1,
        "vote[security#static]": 1,
        "vote[style#1]": 1,
        "vote[style#2]": 1,
        "vote[style#static]": 1,
    }
    (second,) = sink.named("vote[security#2]")
    assert second["run_type"] == "llm"
    assert sink.ancestors(second) == ["review", "review[security] app.py"]
    assert {"langgraph-parallel:section", "langgraph-parallel:voter"} <= set(second["tags"])
    metadata = second["extra"]["metadata"]
    assert (metadata["branch"], metadata["branch_kind"]) == ("model#2", "voter")
    (section,) = sink.named("review[security] app.py")
    assert section["extra"]["metadata"]["branch"] == "security/1"
    assert all(run.get("end_time") for run in sink.runs.values())
    assert "sk-test-not-a-real-key" not in str(sink.runs)


def test_engines_have_named_runs_too(tmp_path: Path) -> None:
    """Without a model the voters are engines, and the tree has the same shape."""
    with TraceSink() as sink:
        _review(sink, tmp_path, "--offline", "--aspects", "security")
    (voter,) = sink.named("vote[security#dlint]")
    assert sink.ancestors(voter) == ["review", "review[security] app.py"]


def test_a_dead_endpoint_does_not_fail_the_run(tmp_path: Path) -> None:
    """A review succeeds although no server receives its trace."""
    sink = TraceSink()
    sink._server.server_close()
    _review(sink, tmp_path, "--offline", "--aspects", "style", before=IMPATIENT)
