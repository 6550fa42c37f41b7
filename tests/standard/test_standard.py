"""LangChain's standard tests: a governed model passes what the model passes, and our tools pass all."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.server import ModelServer, Reply

pytest.importorskip("langchain_tests", reason="langchain-tests is not installed; CI has it")
ROOT = Path(__file__).parents[2]


def run_suites(server: ModelServer, folder: Path, which: str) -> tuple[dict[str, set[str]], str]:
    """Return the tests that pass by suite, and all that pytest says."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "tests/standard/suites.py", "-k", which]
    command += [f"--junitxml={report}", "-o", "addopts=", "-o", "filterwarnings="]
    environment = os.environ | {"STANDARD_SERVER": server.url}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    passed: dict[str, set[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        suite = case.attrib["classname"].rpartition(".Test")[2]
        if len(case) == 0:
            passed.setdefault(suite, set()).add(case.attrib["name"])
    return passed, done.stdout


@pytest.mark.needs_langchain_tests
def test_a_governed_model_passes_what_the_model_passes(server: ModelServer, tmp_path: Path) -> None:
    """Unit and integration tests, against the loopback server."""
    server.on("magic_function", Reply(json={"input": 3}))
    passed, said = run_suites(server, tmp_path, "Plain or Governed")
    assert len(passed["PlainUnit"]) > 8, said
    assert len(passed["PlainIntegration"]) > 30, said
    assert passed["PlainUnit"] <= passed["GovernedUnit"], said
    assert passed["PlainIntegration"] <= passed["GovernedIntegration"], said


@pytest.mark.needs_langchain_tests
def test_the_tools_pass_all_tests_for_tools(server: ModelServer, tmp_path: Path) -> None:
    """Those for a graph, for details and for plans: sync and async, with and without a tool call."""
    passed, said = run_suites(server, tmp_path, "GraphTool or DetailsTool or PlanTool")
    for tool in ("GraphTool", "DetailsTool", "PlanTool"):
        assert len(passed[f"{tool}Unit"]) >= 5, said
        assert len(passed[f"{tool}Integration"]) >= 4, said
    assert " failed" not in said
    assert " error" not in said
    assert server.requests
