"""The package as it is installed and imported: names, links, weight."""

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import langgraph_parallel

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "langgraph_parallel"


def _run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_public_names_are_sorted_and_there() -> None:
    """`__all__` is in order, and every name in it exists."""
    assert langgraph_parallel.__all__ == sorted(langgraph_parallel.__all__)
    assert all(hasattr(langgraph_parallel, name) for name in langgraph_parallel.__all__)


def test_importing_it_loads_no_provider_no_engine_and_no_terminal() -> None:
    """Providers, rich and the engines are imported when they are used."""
    heavy = {
        "openai",
        "langchain_openai",
        "aiohttp",
        "rich",
        "typer",
        "pathspec",
        "bandit",
        "flake8",
        "unidiff",
    }
    base = "import sys, langgraph.graph, langchain_core.language_models; before = set(sys.modules)"
    loaded = _run(f"{base}; import langgraph_parallel; print(*(set(sys.modules) - before))").split()
    assert not heavy & set(loaded)


@pytest.mark.parametrize("package", ["reducers", "records"])
def test_pure_packages_import_no_graph_library(package: str) -> None:
    """Reducers and records know nothing of LangGraph or LangChain."""
    for path in (SOURCE / package).rglob("*.py"):
        text = path.read_text()
        assert "import langgraph." not in text
        assert "from langgraph." not in text
        assert "langchain" not in text


def test_imports_point_one_way() -> None:
    """From graphs to nodes, runtime, reducers and records; nothing imports what uses it."""
    order = ["records", "reducers", "prompts", "runtime", "offline", "report", "nodes", "graphs", "cli"]
    for level, package in enumerate(order):
        above = order[level + 1 :]
        for path in (SOURCE / package).rglob("*.py"):
            text = path.read_text()
            for other in above:
                assert f"from langgraph_parallel.{other}" not in text, f"{path} imports {other}"


def test_the_examples_in_docstrings_are_so() -> None:
    """Every `>>>` in the package gives what it shows."""
    tried = 0
    for module in pkgutil.walk_packages(langgraph_parallel.__path__, "langgraph_parallel."):
        failed, examples = doctest.testmod(importlib.import_module(module.name))
        assert failed == 0, module.name
        tried += examples
    assert tried > 10


@pytest.mark.parametrize("name", ["graphs", "nodes", "reducers", "prompts"])
def test_root_links_lead_to_the_packages(name: str) -> None:
    """The folders at the root are relative links into the package."""
    link = ROOT / name
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == (SOURCE / name).resolve()
