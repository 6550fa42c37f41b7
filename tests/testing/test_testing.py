"""`langgraph_parallel.testing`: a model in memory, a server on loopback, and their fixtures."""

import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from langgraph_parallel import Ask, Section, create_review, create_sectioning, create_voting
from langgraph_parallel.testing import FakeModel, ModelServer, Reply
from tests.support.providers import ProviderServer

PATIENCE = 120.0
OF_A_USER = """
import pytest
from langgraph_parallel import create_voting
from langgraph_parallel.testing import Reply


async def test_served(served_model, model_server):
    model_server.on("Is it?", Reply(json={"choice": "yes"}))
    out = await create_voting(model=served_model, choices=["yes", "no"]).ainvoke({"question": "Is it?"})
    assert out["verdict"].choice == "yes"
    assert len(model_server.asked("Is it?")) == 2


async def test_fake(fake_model):
    fake_model.on("Is it?", {"choice": "no"})
    out = await create_voting(model=fake_model, choices=["yes", "no"]).ainvoke({"question": "Is it?"})
    assert out["verdict"].choice == "no"
"""
"""Tests that a user would write."""


async def test_a_fake_model_answers_by_the_prompt() -> None:
    """Text, fields and errors are chosen by what stands in the prompt, in any order of the calls."""
    model = FakeModel({"water": "It is wet.", "iron": TimeoutError("too hot")}, default="I do not know.")
    graph = create_sectioning(
        planner=lambda text: [Section(id=one, title=one, content=one) for one in text.split()],
        worker=Ask("Say something about {content}.", model=model),
        limits={"attempts": 1},
    )
    out = await graph.ainvoke({"content": "iron water air"})
    values = {key: branch.value for key, branch in out["branches"].items() if branch.ok}
    assert values == {"water": "It is wet.", "air": "I do not know."}
    assert out["missing"] == ["iron"]
    assert len(model.asked("iron")) == 1
    assert len(model.prompts) == 3


async def test_the_last_rule_that_matches_wins() -> None:
    """A general answer comes first, exceptions after it; a function of the prompt is a rule, too."""
    model = FakeModel({"Is it?": {"choice": "yes"}})
    model.on(lambda prompt: "voter 2" in prompt.lower(), {"choice": "no"})
    model.on("never asked", "unused")
    assert (await model.ainvoke("Is it?")).text == '{"choice": "yes"}'
    out = await create_voting(model=model, choices=["yes", "no"], stop="all_votes").ainvoke(
        {"question": "Is it?"}
    )
    assert out["verdict"].counts["yes"] == 2 if "no" in out["verdict"].counts else 3


async def test_structured_questions_without_a_rule_get_the_smallest_answer() -> None:
    """A review, with its nested schema, runs on a fake model that was told nothing."""

    class Answer(BaseModel):
        city: str
        sizes: list[int]

    model = FakeModel()
    assert await model.with_structured_output(Answer).ainvoke("Where?") == Answer(city="ok", sizes=[])
    review = create_review(model=model, aspects=["style"], engines=False)
    out = await review.ainvoke({"files": {"a.py": "x = 1\n"}})
    assert out["run_report"].status == "complete" or out["run_report"].failures == {}


async def test_a_server_and_a_fake_model_give_the_same_verdict(model: str, server: ModelServer) -> None:
    """What is told to one in words of the prompt can be told to the other."""
    server.on("Is it?", Reply(json={"choice": "yes"}))
    fake = FakeModel({"Is it?": {"choice": "yes"}})
    verdicts = []
    for asked in (model, fake):
        out = await create_voting(model=asked, choices=["yes", "no"]).ainvoke({"question": "Is it?"})
        verdicts.append((out["verdict"].choice, out["verdict"].asked, str(out["verdict"].support)))
    assert verdicts[0] == verdicts[1]


def test_the_fixtures_serve_tests_of_others(tmp_path: Path) -> None:
    """A test file of a user, with nothing but the plugin named, passes in a process of its own."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["langgraph_parallel.testing.fixtures"]\n')
    (tmp_path / "test_mine.py").write_text(OF_A_USER)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-o",
        "asyncio_mode=auto",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.parametrize("name", ["FakeModel", "Gate", "ModelServer", "Reply", "Request"])
def test_what_is_offered_is_documented(name: str) -> None:
    """Each public name has a docstring of its own."""
    import langgraph_parallel.testing as testing

    assert name in testing.__all__
    assert getattr(testing, name).__doc__


def test_no_port_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system offers a port that a server of this process has had, the next one gets another."""
    offered: list[int] = []
    listen = socket.create_server

    def again(address: tuple[str, int], **options: Any) -> Any:
        listening = listen(address, **options)
        if len(offered) == 1:  # not opened again in fact: another process may have it by now
            offered.append(offered[0])
            return SimpleNamespace(getsockname=lambda: (address[0], offered[0]), close=listening.close)
        offered.append(listening.getsockname()[1])
        return listening

    monkeypatch.setattr("langgraph_parallel.testing.server._PORTS", set())  # of all tests before this one
    monkeypatch.setattr(socket, "create_server", again)
    with ModelServer() as first:
        pass
    with ModelServer() as second:
        assert offered[:2] == [first.port] * 2
        assert second.port == offered[2] != first.port


@pytest.mark.parametrize("serve", [ModelServer, ProviderServer])
def test_a_server_that_cannot_listen_says_so(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is raised to whoever starts it, who would wait for ever otherwise."""

    def refuse(address: tuple[str, int], **options: Any) -> Any:
        raise OSError("no port is left")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(OSError, match="no port is left"), serve():
        pass
