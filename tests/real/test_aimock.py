"""aimock, a mock server by others: answers, throttling, chaos."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from langgraph_parallel import Ask, Limits, create_voting
from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.doctor.record import Diagnosis
from langgraph_parallel.runtime.limiter_registry import reset_limits

pytestmark = pytest.mark.needs_aimock
PROGRAM = os.environ.get("AIMOCK", "")
FIXTURES = {
    "fixtures": [
        {
            "match": {"userMessage": "throttled", "sequenceIndex": 0},
            "response": {
                "error": {"message": "slow down", "type": "rate_limit_error"},
                "status": 429,
                "retryAfter": 1,
            },
        },
        {
            "match": {"userMessage": "cut"},
            "response": {"content": "The first half", "finishReason": "length"},
        },
        {
            "match": {"userMessage": "Is it?"},
            "response": {"content": 'Sure:\n```json\n{"rationale": "r", "choice": "Yes"}\n```'},
        },
        {"match": {}, "response": {"content": "fine"}},
    ]
}


@pytest.fixture
def mock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the server, and point the environment to it."""
    if not PROGRAM:
        pytest.skip("AIMOCK does not name the program llmock of @copilotkit/aimock; CI has it")
    (tmp_path / "fixtures.json").write_text(json.dumps(FIXTURES))
    command = [PROGRAM, "-p", "0", "-f", str(tmp_path / "fixtures.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "listening" in line)
            address = re.search(r"http://\S+", line)
            assert address is not None
            monkeypatch.setenv("OPENAI_BASE_URL", f"{address[0]}/v1")
            monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
            reset_limits()
            yield
        finally:
            process.terminate()


async def test_a_mock_server_by_others_is_understood(mock: None) -> None:
    """JSON in a fence is read, a 429 is waited for, and a cut answer is none."""
    limits = Limits(attempts=2, patience=20)
    graph = create_voting(model="openai:m", choices=["yes", "no"], voters=2, stop="all_votes", limits=limits)
    out = await graph.ainvoke({"question": "Is it?"})
    assert (out["verdict"].choice, out["verdict"].cast) == ("yes", 2)
    assert await Ask("{text}", model="openai:m", limits=limits).ainvoke("throttled") == "fine"
    with pytest.raises(Exception, match="cut off at its token limit"):
        await Ask("{text}", model="openai:m", limits=limits).ainvoke("cut")


def test_the_doctor_understands_it(mock: None, capsys: pytest.CaptureFixture[str]) -> None:
    """It answers and streams, lists models of its own, and ignores what it does not know."""
    assert run(["doctor", "--model", "openai:m", "--format", "json"]) in (
        0,
        1,
    )  # its fixtures give no records
    checks = {check.name: check for check in Diagnosis.model_validate_json(capsys.readouterr().out).checks}
    assert {checks[name].status for name in ("answers", "models", "streaming", "usage")} == {"ok"}
    assert checks["n"].value == "ignored"
