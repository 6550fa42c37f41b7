"""A governed model passes every standard test of LangChain that the model itself passes."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.server import ModelServer, Reply

pytest.importorskip("langchain_tests", reason="langchain-tests is not installed; CI has it")
ROOT = Path(__file__).parents[2]


@pytest.mark.needs_langchain_tests
def test_a_governed_model_passes_what_the_model_passes(server: ModelServer, tmp_path: Path) -> None:
    """Unit and integration tests, against the loopback server."""
    server.on("magic_function", Reply(json={"input": 3}))
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "tests/standard/suites.py"]
    command += [f"--junitxml={report}", "-o", "addopts=", "-o", "filterwarnings="]
    environment = os.environ | {"STANDARD_SERVER": server.url}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    passed: dict[str, set[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        suite = case.attrib["classname"].rpartition(".Test")[2]
        if len(case) == 0:
            passed.setdefault(suite, set()).add(case.attrib["name"])
    assert len(passed["PlainUnit"]) > 8, done.stdout
    assert len(passed["PlainIntegration"]) > 30, done.stdout
    assert passed["PlainUnit"] <= passed["GovernedUnit"], done.stdout
    assert passed["PlainIntegration"] <= passed["GovernedIntegration"], done.stdout
