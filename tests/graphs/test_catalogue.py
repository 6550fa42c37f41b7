"""The catalogue as a whole: every pattern of its example runs, and is exported, listed and documented."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import langgraph_parallel
from langgraph_parallel import create_map_reduce, create_research
from tests.support.server import ModelServer, Reply

ROOT = Path(__file__).parents[2]


def example() -> ModuleType:
    """Load the example that runs all patterns."""
    spec = importlib.util.spec_from_file_location("catalogue", ROOT / "examples" / "catalogue.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NAMES = list(example().CATALOGUE)


@pytest.mark.parametrize("name", NAMES)
async def test_it_runs_and_prints_its_report(
    name: str,
    model: str,
    server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It asks the model that the environment names."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    server.on("Divide a question", Reply(json={"topics": [{"title": "Oslo", "brief": "the shop"}]}))
    await example().main([name])
    out = capsys.readouterr().out
    assert out.startswith(f"== {name}\n")
    assert "'ok'" in out
    assert server.requests


@pytest.mark.parametrize("name", NAMES)
async def test_without_a_model_it_runs_or_says_why_not(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A pattern without an offline mode prints one line."""
    await example().main([name])
    out = capsys.readouterr().out
    assert "'ok'" in out or out.splitlines()[1].startswith("no model: ")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_exported_listed_and_documented(name: str) -> None:
    """It has a factory, an entry for Studio, a page with a drawing and an example, and a changelog entry."""
    factory = f"create_{name}"
    assert factory in langgraph_parallel.__all__
    assert name in json.loads((ROOT / "langgraph.json").read_text())["graphs"]
    page = (ROOT / "docs" / "patterns" / f"{name}.md").read_text()
    assert f"![The graph: {page.splitlines()[0].removeprefix('# ')}](../drawings/{name}.svg)" in page
    assert re.search(rf"```python\n[^`]* = {factory}\(", page)
    assert f"`{factory}`" in (ROOT / "CHANGELOG.md").read_text()


async def test_five_hundred_files_and_items() -> None:
    """They are worked on in one fan-out."""
    files = {f"f{i}": f"The pump of station {i} was replaced." for i in range(500)}
    out = await create_research(offline=True).ainvoke({"question": "station 77", "files": files})
    assert out["research"].references[0].source.startswith("f77,")
    total: Any = await create_map_reduce(worker=lambda item: item, synthesizer=sum).ainvoke(
        {"items": [1] * 500}
    )
    assert total["result"] == 500
