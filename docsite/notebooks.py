"""Execute the notebooks, and compare what their cells show with what is stored, or store it.

    uv run python -m docsite.notebooks            # exit code 1 if an output has changed
    uv run python -m docsite.notebooks --write    # store the outputs, and docs/pictures/

Text is compared word for word, pictures by their kind. A cell with the tag `timing` shows what depends on
time: only the kinds of its outputs are compared. The picture of a cell with the tag `picture` is stored for
the documents too. Kernels run without keys, endpoints and settings of the environment.
"""

import argparse
import base64
import difflib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
PICTURES = ROOT / "docs" / "pictures"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SECONDS = 120
"""Maximum seconds for one cell."""
_SETTINGS = ("OPENAI_", "ANTHROPIC_", "GOOGLE_", "LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_PORT = re.compile(r"127\.0\.0\.1:\d+")

Notebook = dict[str, Any]
Output = dict[str, Any]


def read(path: Path) -> Notebook:
    """Read a notebook."""
    notebook: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def run(path: Path) -> Notebook:
    """Return a notebook with the outputs of a new kernel, normalised.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell has raised.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.km = client.create_kernel_manager()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    with TemporaryDirectory() as folder:
        # Sockets in a folder of this user: a port could be reached by all users of the machine.
        client.km.transport, client.km.ip = "ipc", f"{folder}/kernel"
        client.execute(env=environment)
    return normalised(json.loads(nbformat.writes(notebook)))


def normalised(notebook: Notebook) -> Notebook:
    """Return a notebook without what differs between runs: versions, times, ports, cuts in printed text."""
    cells = []
    for number, cell in enumerate(notebook["cells"], 1):
        tags = cell["metadata"].get("tags", [])
        kept = {
            "cell_type": cell["cell_type"],
            "id": f"cell-{number}",
            "metadata": {"tags": tags} if tags else {},
            "source": _lines(cell["source"]),
        }
        if cell["cell_type"] == "code":
            kept |= {"execution_count": cell["execution_count"], "outputs": _merged(cell["outputs"])}
        cells.append(kept)
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def changes(stored: Notebook, executed: Notebook) -> Iterator[str]:
    """Iterate over the cells whose output has changed, each with the lines that differ."""
    for number, (before, after) in enumerate(zip(stored["cells"], executed["cells"], strict=True), 1):
        if before["cell_type"] != "code":
            continue
        is_timing = "timing" in before["metadata"].get("tags", [])
        old, new = (_shown(cell["outputs"], is_timing) for cell in (before, after))
        if old != new:
            lines = difflib.unified_diff(old, new, "stored", "executed", lineterm="", n=1)
            yield f"cell {number}:\n" + "\n".join(lines)


def warnings(notebook: Notebook) -> Iterator[str]:
    """Iterate over what cells have written to standard error, where warnings go: a notebook has none."""
    for number, cell in enumerate(notebook["cells"], 1):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                yield f"cell {number} writes to standard error:\n" + "".join(output["text"])


def dump(notebook: Notebook) -> str:
    """Return a notebook as it is stored."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def pictures(name: str, notebook: Notebook) -> Iterator[tuple[str, bytes]]:
    """Iterate over the pictures for the documents: their file names and contents."""
    for cell in notebook["cells"]:
        if "picture" in cell["metadata"].get("tags", []):
            for output in cell["outputs"]:
                if "image/png" in output.get("data", {}):
                    yield f"{name}.png", base64.b64decode("".join(output["data"]["image/png"]))


def check(path: Path, *, write: bool, execute: Callable[[Path], Notebook] = run) -> list[str]:
    """Execute a notebook; return what has changed, and what cells have raised or warned of.

    Args:
        path: of the notebook.
        write: whether the outputs and pictures are stored.
        execute: runs a notebook.
    """
    from nbclient.exceptions import CellExecutionError

    try:
        executed = execute(path)
    except CellExecutionError as error:
        return [f"{path.name}: {_COLOUR.sub('', str(error))}"]
    if found := [f"{path.name}, {warning}" for warning in warnings(executed)]:
        return found
    if write:
        path.write_text(dump(executed), encoding="utf-8")
        PICTURES.mkdir(parents=True, exist_ok=True)
        for name, content in pictures(path.stem, executed):
            (PICTURES / name).write_bytes(content)
        return []
    return [f"{path.name}, {change}" for change in changes(read(path), executed)]


def main() -> int:
    """Check or store the outputs of all notebooks, or of those that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/")
    parser.add_argument("--write", action="store_true", help="store the outputs")
    arguments = parser.parse_args()
    import matplotlib.font_manager  # noqa: F401 - makes its list of fonts, which it otherwise does in a cell

    found: list[str] = []
    for path in arguments.notebooks or sorted(FOLDER.glob("*.ipynb")):
        found += check(path, write=arguments.write)
        print(f"{path.name} executed", flush=True)
    for change in found:
        print(f"\n{change}", file=sys.stderr)
    if found and not arguments.write:
        print("\nIf the new outputs are right: python -m docsite.notebooks --write", file=sys.stderr)
    return 1 if found else 0


def _shown(outputs: list[Output], is_timing: bool) -> list[str]:
    """Return the lines to compare: the kind of each output, and its text unless it depends on time."""
    lines = []
    for output in outputs:
        data = {output["name"]: output["text"]} if "text" in output else output.get("data", {})
        for kind, content in sorted(data.items()):
            lines.append(f"{output['output_type']} {kind}")
            if not is_timing and not kind.startswith("image/"):
                lines += "".join(content).splitlines()
    return lines


def _merged(outputs: list[Output]) -> list[Output]:
    """Join text that was printed in pieces: the kernel may cut it anywhere."""
    merged: list[Output] = []
    for output in outputs:
        if output["output_type"] == "stream":
            if merged and merged[-1].get("name") == output["name"]:
                merged[-1]["text"] = _lines("".join(merged[-1]["text"]) + "".join(output["text"]))
            else:
                merged.append({**output, "text": _lines(output["text"])})
            continue
        data = {kind: content if isinstance(content, dict) else _lines(content)
                for kind, content in output.get("data", {}).items()}  # fmt: skip
        merged.append({**output, "data": data, "metadata": {}})
    return merged


def _lines(text: str | list[str]) -> list[str]:
    return _PORT.sub("127.0.0.1:PORT", "".join(text)).splitlines(keepends=True)


if __name__ == "__main__":
    sys.exit(main())
