"""The README: its code runs, and what it says of the command is so."""

import ast
import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import errors
from langgraph_parallel.cli import app
from tests.support.server import ModelServer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=[block.strip().splitlines()[-1][:40] for block in BLOCKS])
def test_the_code_in_the_readme_runs(
    code: str, model: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block is complete, and runs against a model server."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "my_aspect.md").write_text("# My aspect\n\nLook for it.\n")
    names: dict[str, Any] = {"__name__": "__main__"}
    compiled = compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(compiled, names)
    asyncio.run(running)
    if "limiter" not in names:  # a block that calls no model
        assert server.requests
        assert (
            names["out"]["run_report"].failures == {}
            if "run_report" in names["out"]
            else names["out"]["findings"]
        )


def test_the_output_in_the_readme_is_what_the_first_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line that is not shortened stands in the output, in this order."""
    monkeypatch.chdir(ROOT)
    assert app.run(["review", "examples/storefront"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    (shown,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    places = [
        out.find(" ".join(line.partition("...")[0].split()))
        for line in shown.splitlines()
        if line.strip("\n. ")
    ]
    assert -1 not in places
    assert places == sorted(places)


def test_every_option_of_the_command_is_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    """The table names what `--help` lists."""
    assert app.run(["review", "--help"]) == 0
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--engines"}
    assert options <= set(re.findall(r"--[a-z-]+", README))


def test_every_error_is_in_the_tree_of_the_docstring() -> None:
    """The drawing at the top of the errors module is complete."""
    kinds = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert errors.__doc__ is not None
    drawn = set(re.findall(r"[A-Z]\w+", errors.__doc__))
    assert {kind.__name__ for kind in kinds if not kind.__name__.startswith("_")} <= drawn
