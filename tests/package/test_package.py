"""The package as it is installed and imported: names, links, weight."""

import ast
import doctest
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import langgraph_parallel

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "langgraph_parallel"


def _run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def _typed_names() -> dict[str, str]:
    """The module of each name that the top level imports for type checkers only."""
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The modules that a file imports, and whether it does so when it is imported itself."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in tree.body
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node in tree.body


def test_public_names_are_few_sorted_and_there() -> None:
    """`__all__` is in order, one screen long, and every name in it exists."""
    assert langgraph_parallel.__all__ == sorted(langgraph_parallel.__all__)
    assert len(langgraph_parallel.__all__) <= 50
    assert all(hasattr(langgraph_parallel, name) for name in langgraph_parallel.__all__)
    assert dir(langgraph_parallel) == langgraph_parallel.__all__


def test_type_checkers_see_the_names_that_are_imported_lazily() -> None:
    """The import for type checkers and the table for run time agree on every name and its module."""
    lazy = {name: f"langgraph_parallel.{module}" for name, module in langgraph_parallel._MODULES.items()}
    lazy |= dict.fromkeys(langgraph_parallel._NAMESPACES, "langgraph_parallel")
    assert _typed_names() == lazy
    assert {*lazy, "__version__"} == set(langgraph_parallel.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """The lazy top level answers like any module."""
    with pytest.raises(AttributeError, match="has no attribute 'create_nothing'"):
        getattr(langgraph_parallel, "create_" + "nothing")


def test_importing_it_loads_nothing_else() -> None:
    """The top level imports a name when it is first used."""
    loaded = _run("import sys, langgraph_parallel; print(*sys.modules)").split()
    assert not {"langgraph", "langchain_core", "pydantic", "asyncio"} & set(loaded)


def test_the_reports_load_no_terminal() -> None:
    """Rich is imported with the one report that needs it."""
    loaded = "import sys, langgraph_parallel.report as r; print('rich' in sys.modules, bool(r.text_report))"
    assert _run(loaded) == "False True"
    with pytest.raises(AttributeError, match="has no attribute 'no_report'"):
        getattr(importlib.import_module("langgraph_parallel.report"), "no_" + "report")


def test_building_a_vote_loads_no_provider_no_engine_and_no_terminal() -> None:
    """Providers, rich and the engines are imported when they are used."""
    heavy = {
        "openai",
        "langchain_openai",
        "aiohttp",
        "genai_prices",
        "rich",
        "typer",
        "pathspec",
        "bandit",
        "flake8",
    }
    base = "import sys, langgraph.graph, langchain_core.language_models; before = set(sys.modules)"
    ours = "from langgraph_parallel import create_voting; create_voting(voters=[len])"
    loaded = _run(f"{base}; {ours}; print(*(set(sys.modules) - before))").split()
    assert not heavy & set(loaded)


@pytest.mark.parametrize("package", ["reducers", "records"])
def test_pure_packages_import_no_graph_library(package: str) -> None:
    """Reducers and records know nothing of LangGraph or LangChain."""
    for path in (SOURCE / package).rglob("*.py"):
        text = path.read_text()
        assert "import langgraph." not in text
        assert "from langgraph." not in text
        assert "langchain" not in text


ROOMS = [
    "counted",
    "records",
    "errors",
    "arguments",
    "reducers",
    "answers",
    "prompts",
    "runtime",
    "replays",
    "offline",
    "report",
    "nodes.text",
    "nodes.work",
    "nodes.fan_out",
    "nodes.vote",
    "nodes.flow",
    "nodes.review",
    "nodes.catalogue",
    "graphs",
    "control",
    "watching",
    "chat_ui",
    "tools",
    "mcp",
    "testing",
    "reading",
    "catalogue",
    "scale",
    "evaluation",
    "cli",
]
"""The rooms of the package; each may import those before it, and none that comes after it."""
PUBLIC = {
    "agents",
    "completion",
    "limiting",
    "media",
    "plan",
    "recording",
    "rules",
    "split",
    "stops",
    "synthesize",
    "votes",
}
"""Namespaces for users; nothing inside imports them."""


def _files(room: str) -> list[Path]:
    place = SOURCE / room.replace(".", "/")
    return [place.with_suffix(".py")] if place.with_suffix(".py").exists() else list(place.rglob("*.py"))


def test_every_module_is_in_a_room() -> None:
    """A new folder or file must be given its place in the direction of imports."""
    known = {path for room in ROOMS for path in _files(room)}
    known |= {SOURCE / f"{name}.py" for name in PUBLIC} | {SOURCE / "__init__.py", SOURCE / "__main__.py"}
    assert {path for path in SOURCE.rglob("*.py") if path not in known} <= {SOURCE / "nodes" / "__init__.py"}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    """From the shell to graphs, nodes, runtime, reducers and records; nothing imports what uses it."""
    above = [*ROOMS[ROOMS.index(room) + 1 :], *PUBLIC]
    forbidden = tuple(f"langgraph_parallel.{other}." for other in above)
    for path in _files(room):
        for module, _ in _imports(path):
            assert not f"{module}.".startswith(forbidden), f"{path} imports {module}"


DISTRIBUTIONS = {
    "bs4": "beautifulsoup4",
    "langgraph.checkpoint": "langgraph-checkpoint",
    "langgraph.checkpoint.sqlite": "langgraph-checkpoint-sqlite",
    "langgraph.prebuilt": "langgraph-prebuilt",
    "markdown_it": "markdown-it-py",
}
"""The distribution of a module, where its name is not that of the module's first part."""
PROGRAMS = {"bandit", "dlint", "ruff", "vulture"}
"""Static engines, which are run, not imported."""


def _distribution(module: str) -> str:
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        if name := DISTRIBUTIONS.get(".".join(parts[:end])):
            return name
    return parts[0].replace("_", "-")


def _requirements(listed: Iterable[str]) -> set[str]:
    return {re.split(r"[\[<>=;]", one)[0].strip() for one in listed}


def _third_party(paths: Iterable[Path], *, at_once: bool) -> set[str]:
    """The distributions that files import: at once when they are imported, or at any time."""
    ours = {*sys.stdlib_module_names, "langgraph_parallel"}
    imported = {module for path in paths for module, early in _imports(path) if early or not at_once}
    return {_distribution(module) for module in imported if module.split(".")[0] not in ours}


def test_what_is_imported_is_declared_and_only_that() -> None:
    """Every import belongs to a requirement; every requirement is imported, or a program that is run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = _requirements(project["dependencies"])
    extras = set().union(*map(_requirements, project["optional-dependencies"].values()))
    assert _third_party(SOURCE.rglob("*.py"), at_once=False) == (core | extras) - PROGRAMS
    shell = [SOURCE / "cli", SOURCE / "report" / "console.py", SOURCE / "report" / "review" / "text.py"]
    shell.append(SOURCE / "nodes" / "work" / "middleware.py")  # imported when it is first used
    shell.append(SOURCE / "testing" / "fixtures.py")  # imported by pytest
    sinks = SOURCE / "scale" / "sinks"  # imported by the sinks that need them
    shell += [sinks / f"{name}.py" for name in ("parquet_file", "postgres_session", "postgres_table")]
    shell.append(SOURCE / "scale" / "engines" / "dask_plugin.py")  # imported by schedulers
    shell.append(SOURCE / "mcp")  # imported by the command that serves
    shell.append(SOURCE / "chat_ui")  # imported by the Agent Server
    shell += [SOURCE / "reading" / "files.py", SOURCE / "reading" / "ignores.py"]  # imported with a folder
    library = [path for path in SOURCE.rglob("*.py") if not any(path.is_relative_to(room) for room in shell)]
    assert _third_party(library, at_once=True) <= core


def test_modules_and_functions_are_short() -> None:
    """No module has more than 300 lines, and no function more than 60 below its docstring."""
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                documented = ast.get_docstring(node) is not None and len(node.body) > 1
                first = node.body[1 if documented else 0].lineno
                lines = (node.end_lineno or node.lineno) - first + 1
                assert lines <= 60, f"{path}: {node.name}"


def test_the_examples_in_docstrings_are_so() -> None:
    """Every `>>>` in the package gives what it shows."""
    tried = 0
    for path in SOURCE.rglob("*.py"):
        if ">>> " not in path.read_text():
            continue
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        failed, examples = doctest.testmod(importlib.import_module(name))
        assert failed == 0, name
        tried += examples
    assert tried > 10


@pytest.mark.parametrize("name", ["graphs", "nodes", "reducers", "prompts"])
def test_root_links_lead_to_the_packages(name: str) -> None:
    """The folders at the root are relative links into the package."""
    link = ROOT / name
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == (SOURCE / name).resolve()
