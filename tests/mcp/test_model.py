"""The tools with a model, for a client of the newest protocol: votes, cancellation, people, several calls."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import types

from langgraph_parallel.testing import Gate, ModelServer, Reply
from tests.cli.support import PATIENCE, commit_all, write
from tests.mcp.support import Caller, Progress, connected, parameters

KEY = "sk-test-not-a-real-key"


@pytest.fixture(scope="module")
def model_server() -> Iterator[ModelServer]:
    """The model of all tests here, which it tells apart by their questions."""
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the server is told."""
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def answers() -> list[types.ElicitResult]:
    """What the person answers next."""
    return []


@pytest.fixture(scope="module")
def call(model_server: ModelServer, root: Path, answers: list[types.ElicitResult]) -> Iterator[Caller]:
    """A client of a server with a model and at most two requests at once, and a person beside it."""

    async def ask(context: Any, request: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(request, types.ElicitRequestFormParams)
        assert "a tie" in request.message
        assert request.requested_schema["properties"]["choice"]["enum"] == ["yes", "no"]
        return answers.pop()

    options = ["--root", str(root), "--model", "openai:test-model", "--concurrency", "2"]
    server = parameters(*options, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=model_server.url)
    with connected(server, elicitation_callback=ask) as caller:
        yield caller


def test_a_vote_is_decided_with_progress(call: Caller, model_server: ModelServer) -> None:
    """The verdict has its counts; progress grows with each voter, and ends at 1."""
    assert call.client.session.protocol_version == "2026-07-28"
    model_server.on("Is it warm?", Reply(json={"choice": "yes"}))
    steps: list[Progress] = []
    result = call.tool("vote", steps, question="Is it warm?", choices=["yes", "no"], rule="unanimous")
    data = result.structured_content
    assert (data["decided"], data["choice"], data["support"]) == (True, "yes", "3/3")
    assert data["counts"] == [{"choice": "yes", "votes": 3}]
    assert data["calls"] == 3
    done = [step[0] for step in steps]
    assert done == sorted(set(done))
    assert len(done) == 5
    assert done[-2] < 1
    assert steps[-1] == (1.0, 1.0, "vote: done")


def test_a_cancelled_call_closes_its_connections(call: Caller, model_server: ModelServer) -> None:
    """The model sees the client go, nothing is left in flight, and the server goes on serving."""
    never = Gate()
    model_server.on("Is it late?", Reply(json={"choice": "yes"}, gate=never))
    model_server.on("Is it early?", Reply(json={"choice": "no"}))
    before = model_server.cut_off
    running = call.begin("vote", {"question": "Is it late?", "choices": ["yes", "no"]})
    model_server.wait(lambda s: s.in_flight == 2, PATIENCE)
    running.cancel()
    model_server.wait(lambda s: s.in_flight == 0 and s.cut_off == before + 2, PATIENCE)
    result = call.tool("vote", question="Is it early?", choices=["yes", "no"])
    assert result.structured_content["choice"] == "no"
    assert len(model_server.asked("Is it late?")) == 2


def test_calls_run_at_once_and_share_the_limits(call: Caller, model_server: ModelServer) -> None:
    """While one call waits for its model, another runs, with the slot that the first leaves it."""
    later = Gate()
    model_server.on("Is it round?", Reply(json={"choice": "yes"}, gate=later))
    model_server.on("Is it flat?", Reply(json={"choice": "no"}))
    waiting = call.begin("vote", {"question": "Is it round?", "choices": ["yes", "no"], "voters": 1})
    model_server.wait(lambda s: s.in_flight == 1, PATIENCE)
    model_server.most_in_flight = 0
    second = call.tool("vote", question="Is it flat?", choices=["yes", "no"], rule="unanimous")
    assert second.structured_content["support"] == "3/3"
    assert model_server.most_in_flight == 2
    later.open()
    assert waiting.result(PATIENCE).structured_content["choice"] == "yes"


@pytest.mark.parametrize(
    ("answer", "decided", "outcome"),
    [
        (types.ElicitResult(action="accept", content={"choice": "no", "note": "I know it."}), "person", "no"),
        (types.ElicitResult(action="decline"), "person", None),
        (types.ElicitResult(action="accept", content={"choice": "perhaps"}), "person", None),
    ],
)
def test_an_undecided_vote_is_put_before_the_person(
    call: Caller,
    model_server: ModelServer,
    answers: list[types.ElicitResult],
    answer: types.ElicitResult,
    decided: str,
    outcome: str | None,
) -> None:
    """A choice of the form decides; to decline, or a choice that is none, leaves the vote undecided."""
    model_server.on("Is it tied?", Reply(json={"choice": "yes"}))
    model_server.on("Is it tied?", Reply(json={"choice": "no"}), times=1)
    answers.append(answer)
    asked = len(model_server.requests)
    result = call.tool(
        "vote", question="Is it tied?", choices=["yes", "no"], voters=2, on_undecided="ask_person"
    )
    data = result.structured_content
    assert (data["decided_by"], data["choice"] if data["decided"] else None) == (decided, outcome)
    assert len(model_server.requests) == asked + 2  # nobody was asked again after the person
    assert answers == []


def test_a_model_that_refuses_every_call_is_an_error(call: Caller, model_server: ModelServer) -> None:
    """The cause is in the first lines, with the way out, and no key."""
    model_server.on("Is it refused?", Reply(status=401))
    result = call.tool("vote", question="Is it refused?", choices=["yes", "no"])
    assert result.is_error
    text = result.content[0].text
    assert "no model answered:" in text
    assert "OPENAI_API_KEY" in text
    assert KEY not in text


def test_changes_since_a_revision_are_reviewed(
    call: Caller, root: Path, monkeypatch: pytest.MonkeyPatch, model_server: ModelServer
) -> None:
    """In the folder that the server was told, whatever its current one is; paths are relative to it."""
    monkeypatch.chdir(root)
    write({"a.py": "X = 1\n", "b.py": "Y = 1\n"})
    commit_all()
    write({"a.py": "X = 1\nassert eval('X')\n", "b.py": "Y = 2\n", ".env": "KEY=swordfish\n"})
    model_server.on("reviewer", Reply(json={"findings": []}))
    monkeypatch.chdir("/")
    result = call.tool("review", since="HEAD", paths=["a.py"], aspects=["security"])
    findings = result.structured_content["findings"]
    assert {(finding["path"], finding["line"]) for finding in findings} == {("a.py", 2)}
    prompts = "".join(request.prompt for request in model_server.asked("reviewer"))
    assert "eval" in prompts
    assert "Y = 2" not in prompts
