"""Code blocks of the README and of `docs/`, and how those for a shell are run."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
LANGUAGES = {"python", "shell", "text", "yaml"}
"""What blocks are in: `text` is output of a command, `yaml` for pre-commit."""
_INSTALLED = """
import sys
from importlib.metadata import metadata, requires, version
from packaging.requirements import Requirement

for asked in map(Requirement, sys.argv[2:]):
    assert asked.extras <= set(metadata(asked.name).get_all("Provides-Extra") or ()), asked
    for needed in map(Requirement, requires(asked.name) or ()):
        if needed.marker and any(needed.marker.evaluate({"extra": extra}) for extra in asked.extras):
            assert needed.specifier.contains(version(needed.name), prereleases=True), needed
"""
_COMMANDS = """
pip() { "$PYTHON" -c "$INSTALLED" "$@"; }
langgraph-parallel() { "$PYTHON" -m langgraph_parallel "$@"; }
"""
"""Commands of blocks: nothing is installed, but whether it is, is checked."""


class Block(NamedTuple):
    """A fenced block of a document."""

    document: str
    language: str
    code: str

    @property
    def id(self) -> str:
        """Document and last line."""
        return f"{self.document}: {self.code.strip().splitlines()[-1][:40]}"


def blocks(language: str | None = None) -> list[Block]:
    """Return the blocks of all documents but the generated reference; those in one language if it is given.

    A block's `document` is its path below `docs/`, or `README.md`.
    """
    found = []
    pages = [path for path in (ROOT / "docs").rglob("*.md") if "reference" not in path.parts]
    for path in (ROOT / "README.md", *sorted(pages)):
        name = path.relative_to(ROOT / "docs" if path in pages else ROOT).as_posix()
        for kind, code in re.findall(r"^```(\w*)\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE):
            found.append(Block(name, kind, code))
    return [block for block in found if language in (None, block.language)]


def run_shell(
    block: Block, folder: Path, addresses: Mapping[str, str], then: str = "", **variables: str
) -> str:
    """Run a block in a shell, and what it says on standard error.

    Args:
        block: for a shell.
        folder: in which it runs.
        addresses: what stands in the block, and where it is here.
        then: code of Python that is run after it, with the variables that the block has exported.
        variables: of the environment.
    """
    code = block.code
    for written, here in addresses.items():
        code = code.replace(written, here)
    after = '"$PYTHON" -c "$THEN"' if then else ""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("LANGSMITH_")}
    own = {"PYTHON": sys.executable, "INSTALLED": _INSTALLED, "THEN": then}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{_COMMANDS}\n{code}\n{after}"],
        cwd=folder,
        env={**kept, "NO_PROXY": "127.0.0.1", **own, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr
